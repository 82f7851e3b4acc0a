"""The bath driver against lewis' Julabo, a simulator that nobody here wrote, as a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.clock import WallClock
from hil.instruments.bath_julabo import JulaboBath
from hil.links.open_link import open_link
from tests.peers.processes import free_port, wait_until_listening

pytestmark = [pytest.mark.peer, pytest.mark.system]


@pytest.fixture
def lewis(tmp_path: Path) -> Iterator[int]:
    """The port of a running ``lewis julabo``."""
    port, control = free_port(), free_port()
    log = (tmp_path / "lewis.log").open("wb")
    process = subprocess.Popen(
        [
            str(Path(sys.executable).parent / "lewis"),
            "julabo",
            "-p",
            f"julabo-version-1: {{bind_address: 127.0.0.1, port: {port}}}",
            "-r",
            f"127.0.0.1:{control}",
        ],
        stdout=log,
        stderr=log,
    )
    wait_until_listening(port)
    yield port
    process.terminate()
    process.wait(timeout=10)
    log.close()


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize("resource", ["socket://127.0.0.1:{}", "TCPIP::127.0.0.1::{}::SOCKET"])
def test_driver_works_against_a_bath_that_nobody_here_wrote(lewis: int, resource: str) -> None:
    """Identify, set, read back, start, watch it warm, stop; by pyserial and by VISA."""
    with open_link(resource.format(lewis), JulaboBath.SERIAL) as link:
        bath = JulaboBath(link, WallClock(rate=20))  # lewis needs no quarter of a second between commands
        assert "JULABO" in bath.identify().version.upper()
        bath.set_point(37.0)
        assert bath.set_point_c() == 37.0
        bath.start()
        first_c = bath.temperature_c()
        time.sleep(1.0)
        assert bath.temperature_c() >= first_c
        bath.stop()
