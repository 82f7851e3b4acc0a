"""A pump in C, written from the reference and the vectors, against the rig's conformance procedures.

As it is it passes all of them; built with a mistake it fails, and the finding names the mistake.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from hil.pump.programmer import Programmer
from tests.command_line import pumprig

pytestmark = [pytest.mark.peer, pytest.mark.system]

_ROOT = Path(__file__).parents[2]
_SOURCE = Path(__file__).parent / "c_pump" / "pump.c"
_BENCH = """
name = "c-peer"

[pump]
link = "{link}"
profile = "{profile}"
serial_number = "IND-000271"

[environment]
room_temperature_c = 22.0
u_room_temperature_c = 0.5
relative_humidity_percent = 45.0
u_relative_humidity_percent = 5.0
ambient_kpa = 101.325
u_ambient_kpa = 0.05
outlet_kpa = 12.4
u_outlet_kpa = 0.1
evaporation_ug_per_s = 0.0
u_evaporation_ug_per_s = 0.1
drop_volume_nl = 0
"""


@contextmanager
def _running(folder: Path, *mistakes: str) -> Iterator[str]:
    """Build it, run it, and give the path of its port."""
    binary = folder / "pump"
    flags = [f"-D{mistake}" for mistake in mistakes]
    compiler = [
        "gcc",
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O2",
        *flags,
        "-o",
        str(binary),
        str(_SOURCE),
    ]
    subprocess.run(compiler, check=True, capture_output=True, timeout=60)
    with subprocess.Popen([str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def _judged(folder: Path, link: str, procedure: str = "protocol-conformance") -> dict[str, str]:
    """Outcome, and what was found, of each procedure that was not skipped: of all that judge a protocol, or of one."""
    bench = folder / "bench.toml"
    profile = _ROOT / "fixtures" / "pumps" / "generic-30ml.toml"
    bench.write_text(_BENCH.format(link=link, profile=profile), encoding="utf-8")
    done = pumprig(["run", procedure, "--bench", bench, "--out", folder / "runs", "--json"], timeout=280)
    manifest = json.loads(done.stdout)
    pages = {page["name"]: page for page in manifest["procedures"]}
    return {
        name: page["outcome"] if page["outcome"] == "pass" else f"{page['outcome']}: {page['problem']}"
        for name, page in pages.items()
        if page["outcome"] != "skipped"
    }


def test_it_passes_every_procedure(tmp_path: Path) -> None:
    """All but staged commands, which it lacks, and what needs a key."""
    with _running(tmp_path) as link:
        judged = _judged(tmp_path, link)
    assert judged == dict.fromkeys(
        (
            "protocol-unasked",
            "protocol-framing",
            "protocol-oversize",
            "protocol-sequence",
            "protocol-errors",
            "protocol-values",
            "protocol-flow",
            "protocol-timing",
            "protocol-repeats",
            "protocol-subscriptions",
            "protocol-chains",
        ),
        "pass",
    )


@pytest.mark.deep
@pytest.mark.parametrize(
    ("mistake", "procedure", "finding"),
    [
        ("WRONG_CRC", "protocol-framing", "CrcMismatch"),
        ("WRONG_ENDIAN", "protocol-values", "are integers big-endian"),
        ("WRONG_SEQUENCE", "protocol-sequence", "after Identify (seq "),
        ("WRONG_LATE", "protocol-timing", "slowest-answer"),
        ("WRONG_ERRORS", "protocol-errors", "silence came after unknown opcode 0x0c"),
        ("WRONG_TELEMETRY", "protocol-errors", "not silence, after telemetry is nothing to answer"),
        ("WRONG_REPEAT", "protocol-repeats", "SetClock came again"),
    ],
)
def test_a_mistake_is_found(tmp_path: Path, mistake: str, procedure: str, finding: str) -> None:
    """The procedure that is there for it fails, and says what was wrong."""
    with _running(tmp_path, mistake) as link:
        judged = _judged(tmp_path, link, procedure)
    assert judged[procedure].startswith(("fail: ", "error: "))
    assert finding in judged[procedure]


def test_a_programmer_works_with_it(tmp_path: Path) -> None:
    """Status, clock, alarms, and an event log whose chain fits, by the verbs that any pump has."""
    with _running(tmp_path) as path, open_link(path, SerialSettings(baud=115_200)) as link:
        pump = Programmer(link)
        assert pump.identify().serial_number == "IND-000271"
        assert pump.read_alarms().alarms == ()
        for number in range(30):
            pump.set_clock(1_767_225_600_000 + number)
        events = pump.read_events()
        assert [event.seq for event in events] == list(range(33))
        assert len(pump.read_diagnostics().__dict__) == 10
