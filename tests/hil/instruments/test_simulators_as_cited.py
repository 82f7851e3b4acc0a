"""Simulated instruments say what manuals print: drivers and simulators cannot merely agree with each other."""

import re
from typing import Any

import pytest

from hil.virtual_bench.device import Device
from hil.virtual_bench.pressure_line import PressureLine
from hil.virtual_bench.sim_balance_sbi import SimulatedSbiBalance
from hil.virtual_bench.sim_multimeter import SimulatedMultimeter, SimulatedRigolMultimeter
from hil.virtual_bench.sim_pace import SimulatedPace
from hil.virtual_bench.sim_supply import SimulatedKeysightSupply, SimulatedRigolSupply
from hil.virtual_bench.supply_output import SupplyOutput
from tests.protocols.instruments.corpus import corpus

_QUOTED = re.compile(r'^[^"]*"[^"]*"$')


def simulated(name: str) -> Device:
    """The simulated counterpart of a corpus."""
    output = SupplyOutput(load_a=lambda _: 0.02)
    made: dict[str, Any] = {
        "pace": lambda: SimulatedPace(PressureLine()),
        "scpi-multimeter-keysight": lambda: SimulatedMultimeter(lambda _: 1.0, lambda _: 1.0, 1),
        "scpi-multimeter-rigol": lambda: SimulatedRigolMultimeter(lambda _: 1.0, lambda _: 1.0, 1),
        "scpi-supply-keysight": lambda: SimulatedKeysightSupply(output),
        "scpi-supply-rigol": lambda: SimulatedRigolSupply(output),
    }
    return made[name]()  # type: ignore[no-any-return]


_SCPI = ("pace", "scpi-multimeter-keysight", "scpi-multimeter-rigol", "scpi-supply-keysight", "scpi-supply-rigol")
_EXCHANGES = [(name, cited) for name in _SCPI for cited in corpus(name)["exchange"]]
_SETTINGS = [(name, cited) for name in _SCPI for cited in corpus(name)["setting"]]


@pytest.mark.parametrize(
    ("name", "cited"), _EXCHANGES, ids=lambda value: value if isinstance(value, str) else value["command"]
)
def test_it_answers_every_cited_query_with_the_cited_header(name: str, cited: dict[str, Any]) -> None:
    """One line, the header that the real one repeats, and nothing in the error queue."""
    device = simulated(name)
    line = device.receive(1000, cited["command"].encode() + b"\n").decode()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    repeats = cited["reply"].startswith((":", "*"))
    assert line.split(" ")[0] == cited["reply"].split(" ")[0] if repeats else line[0] not in ":*"
    if cited["kind"] == "error":
        assert _QUOTED.match(line.strip())
    assert "No error" in device.receive(1000, b"SYST:ERR?\n").decode()


def numbers_apart(text: str) -> list[str | float]:
    """Words and numbers of a reply: how many digits an instrument shows is not what is cited."""
    return [
        float(part) if re.fullmatch(r"[+-]?\d+(\.\d+)?(E[+-]\d+)?", part) else part for part in re.split("[ ,]", text)
    ]


@pytest.mark.parametrize(
    ("name", "cited"), _SETTINGS, ids=lambda value: value if isinstance(value, str) else value["command"]
)
def test_it_takes_every_cited_setting(name: str, cited: dict[str, Any]) -> None:
    """A setting is silent, and what is asked afterwards is answered as cited."""
    device = simulated(name)
    assert device.receive(1000, cited["command"].encode() + b"\n") == b""
    reply = device.receive(1000, cited["asked"].encode() + b"\n").decode().strip()
    assert numbers_apart(reply) == numbers_apart(cited["reply"])


@pytest.mark.parametrize("cited", corpus("sbi")["command"], ids=lambda cited: cited["name"])
def test_the_sbi_balance_answers_what_real_ones_answer(cited: dict[str, Any]) -> None:
    """It prints and introduces itself; taring and zeroing are silent."""
    device = SimulatedSbiBalance(serial_number="1", load_g=lambda _: 12.0, seed=1)
    assert bool(device.receive(0, cited["bytes"].encode())) is cited["answered"]


def test_sbi_prints_have_sixteen_characters() -> None:
    """Sign, nine for the value, a space, three for the unit, CR, LF: as manuals number them."""
    device = SimulatedSbiBalance(serial_number="1", load_g=lambda _: 12.0, seed=1)
    line = device.receive(0, b"\x1bP\r\n")
    assert len(line) == 16
    assert re.fullmatch(rb"\+[ \d.]{9} g  \r\n", line)
    heavy = SimulatedSbiBalance(serial_number="1", load_g=lambda _: 500.0, seed=1)
    assert len(heavy.receive(0, b"\x1bP\r\n")) == 16


@pytest.mark.parametrize("name", _SCPI)
def test_an_unknown_query_gets_no_reply(name: str) -> None:
    """Silence, and -113 in the queue."""
    device = simulated(name)
    assert device.receive(0, b"FRED?\n") == b""
    assert '-113,"Undefined header"' in device.receive(0, b"SYST:ERR?\n").decode()
