"""The balance driver against mt-sics-emulator, a balance that nobody here wrote, as a process of its own."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.clock import WallClock
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.links.open_link import open_link
from tests.peers.processes import free_port, wait_until_listening

pytestmark = [pytest.mark.peer, pytest.mark.system]


@pytest.fixture
def emulator() -> Iterator[tuple[int, int]]:
    """The TCP port and the control port of a running emulator of an XS204."""
    port, control = free_port(), free_port()
    program = str(Path(sys.executable).parent / "mtsics-tcp")
    process = subprocess.Popen(
        [program, "--host", "127.0.0.1", "--port", str(port), "--control-port", str(control), "--profile", "mt-xs204"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until_listening(port)
    wait_until_listening(control)
    yield port, control
    process.terminate()
    process.wait(timeout=10)


def put_on(control: int, mass_g: float) -> None:
    """Put ``mass_g`` on the emulator's pan."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{control}/weight",
        data=json.dumps({"value": mass_g, "snap": True}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - as above
    time.sleep(0.2)


@pytest.mark.parametrize("resource", ["socket://127.0.0.1:{}", "TCPIP::127.0.0.1::{}::SOCKET"])
def test_driver_works_against_a_balance_that_nobody_here_wrote(emulator: tuple[int, int], resource: str) -> None:
    """Identify, weigh, tare, weigh net; by pyserial and by VISA."""
    port, control = emulator
    with open_link(resource.format(port), MtSicsBalance.SERIAL) as link:
        balance = MtSicsBalance(link, WallClock())
        assert balance.identify().serial_number == "B246813579"
        put_on(control, 50.0)
        assert balance.weigh_stable().mass_g == pytest.approx(50.0, abs=0.001)
        balance.tare()
        assert balance.weigh().mass_g == pytest.approx(0.0, abs=0.001)
        put_on(control, 51.25)
        assert balance.weigh_stable().mass_g == pytest.approx(1.25, abs=0.001)
