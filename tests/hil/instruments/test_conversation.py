"""No driver takes a late answer, a half one, or another instrument's, for the answer to its question."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import BenchFault, InstrumentFault
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.balance_sbi import SbiBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.instruments.multimeter_scpi import RigolMultimeter, ScpiMultimeter
from hil.instruments.pressure_pace import PacePressureController
from hil.instruments.supply_scpi import KeysightSupply, RigolSupply
from hil.recording.tap import TappedLink, WireSink
from tests.depth import tries
from tests.hil.instruments.desk import Bench

_WHO = {"mt-sics": b'I4 A "B1"\r\n', "sbi": b"BCE224I\r\n", "julabo": b"JULABO X\r\n", "scpi": b"A,B,C,D\n"}

Case = tuple[Callable[..., Any], str, str, bytes, bytes, bytes]
CASES: dict[str, Case] = {
    # driver, its verb, who answers, what comes late, what comes half, what comes in time; in time is always 22.
    "mt-sics": (MtSicsBalance, "weigh", "mt-sics", b"S S      11.11 g\r\n", b"S S      22", b"S S      22.00 g\r\n"),
    "sbi": (SbiBalance, "weigh", "sbi", b"+    11.110 g  \r\n", b"+    22.", b"+    22.000 g  \r\n"),
    "julabo": (JulaboBath, "temperature_c", "julabo", b"11.11\r\n", b"22.", b"22.00\r\n"),
    "keysight": (ScpiMultimeter, "voltage_v", "scpi", b"+1.111E+01\n", b"+2.2", b"+2.200E+01\n"),
    "rigol": (RigolMultimeter, "voltage_v", "scpi", b"1.111E+01\n", b"2.2", b"2.200E+01\n"),
    "keysight-supply": (KeysightSupply, "voltage_v", "scpi", b"+1.111E+01\n", b"+2.2", b"+2.200E+01\n"),
    "rigol-supply": (RigolSupply, "voltage_v", "scpi", b"11.111\n", b"22.", b"22.000\n"),
    "pace": (
        PacePressureController,
        "pressure_kpa",
        "scpi",
        b":SENS:PRES 11.1\n",
        b":SENS:PRES 2",
        b":SENS:PRES 22.0\n",
    ),
}


class Slow:
    """An instrument that answers in order, each answer after a delay and perhaps in two pieces."""

    def __init__(self, who: bytes, reading: bytes, delays_ms: list[int], half: bytes = b"") -> None:
        self._who, self._reading, self._half = who, reading, half
        self._delays_ms = list(delays_ms)
        self._due: list[tuple[int, bytes]] = []
        self.readings_asked = 0

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Put the answer, and what is left of its delay, behind those under way."""
        text = data.strip().upper()
        if b"SYST:ERR" in text:
            answer = b'0,"No error"\n'
        elif b"UNIT" in text:
            answer = b":UNIT:PRES KPA\n"
        elif text in {b"@", b"\x1bX1_", b"VERSION", b"*IDN?"}:
            answer = self._who
        else:
            self.readings_asked += 1
            answer = self._reading
        delay_ms = self._delays_ms.pop(0) if self._delays_ms else 0
        at_ms = max([now_ms + delay_ms, *(at for at, _ in self._due)])
        if self._half and answer is self._reading and delay_ms:
            self._due.append((now_ms, self._half))
            answer = answer.removeprefix(self._half)
        self._due.append((at_ms, answer))
        return self.emit(now_ms)

    def next_emit_ms(self) -> int | None:
        """When the next answer is due."""
        return self._due[0][0] if self._due else None

    def emit(self, now_ms: int) -> bytes:
        """What is due."""
        said = b"".join(answer for at_ms, answer in self._due if at_ms <= now_ms)
        self._due = [one for one in self._due if one[0] > now_ms]
        return said


class Sink(WireSink):
    """What the tap heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []

    def write(self, wire: str, direction: str, time_ms: int, data: bytes) -> None:  # noqa: ARG002 - a sink's shape
        """Keep it."""
        self.heard.append((direction, data))

    def note(self, time_ms: int, text: str) -> None:
        """Not needed."""


def reading_of(answer: Any) -> float:
    """The number in what a verb gives."""
    return float(getattr(answer, "mass_g", answer))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("late_ms", [3100, 3400, 5900, 9000])
def test_a_late_answer_is_never_the_answer_to_the_next_command(name: str, late_ms: int) -> None:
    """The first answer comes after its timeout; the next verb gives the second one, however late the first was."""
    driver, verb, who, late, _, in_time = CASES[name]
    bench = Bench()
    device = Slow(_WHO[who], late, [0, late_ms])
    instrument = driver(bench.link(device), bench)
    with pytest.raises(InstrumentFault, match="does not answer"):
        getattr(instrument, verb)()
    device._reading = in_time
    for _ in range(3):
        try:
            answer = getattr(instrument, verb)()
        except InstrumentFault:
            continue
        assert reading_of(answer) == 22.0
        return
    pytest.fail("the conversation did not begin anew")


@pytest.mark.parametrize("name", CASES)
def test_half_an_answer_is_kept_as_evidence_and_its_end_is_no_answer(name: str) -> None:
    """12.3, a pause, then 45: neither 12.3 nor 45 is ever given, and the recording has both."""
    driver, verb, who, _, half, in_time = CASES[name]
    bench, sink = Bench(), Sink()
    device = Slow(_WHO[who], in_time, [0, 3500], half)
    instrument = driver(TappedLink(bench.link(device), name, sink, bench), bench)
    with pytest.raises(InstrumentFault, match=r"only .* came"):
        getattr(instrument, verb)()
    assert ("timeout", half) in sink.heard
    assert reading_of(getattr(instrument, verb)()) == 22.0
    assert device.readings_asked == 2
    heard = b"".join(data for direction, data in sink.heard if direction in {"rx", "timeout"})
    assert heard.count(half) == 2


@pytest.mark.parametrize("name", CASES)
def test_an_instrument_that_was_exchanged_is_a_fault_of_the_bench(name: str) -> None:
    """Another identity after a timeout: nothing more is asked of it."""
    driver, verb, who, _, _, in_time = CASES[name]
    bench = Bench()
    device = Slow(_WHO[who], in_time, [0, 10**9])
    instrument = driver(bench.link(device), bench)
    with pytest.raises(InstrumentFault):
        getattr(instrument, verb)()
    device._due.clear()
    device._who = _WHO[who].replace(b"B1", b"B2").replace(b"X", b"Z").replace(b"BCE", b"MSE").replace(b"C,D", b"C,E")
    with pytest.raises(BenchFault, match=r"answers where .* was before"):
        getattr(instrument, verb)()
    assert device.readings_asked == 1


@pytest.mark.parametrize("name", CASES)
@given(delays_ms=st.lists(st.sampled_from([0, 0, 100, 1900, 2500, 3100, 4000, 7000]), max_size=12))
@settings(max_examples=tries(50))
def test_whatever_comes_late_no_answer_is_off_by_one(name: str, delays_ms: list[int]) -> None:
    """Every reading that is given was asked for by the verb that gives it: readings are numbered, none comes twice."""
    driver, verb, who, _, _, in_time = CASES[name]
    bench = Bench()
    device = Slow(_WHO[who], in_time, delays_ms)
    instrument = driver(bench.link(device), bench)
    for number in range(1, 8):
        device._reading = in_time.replace(b"22", f"{number:02}".encode()).replace(b"2.2", f"{number}.0".encode())
        try:
            answer = getattr(instrument, verb)()
        except InstrumentFault:
            continue
        expected = reading_of(number * 10 if b"E+01" in in_time else number)
        assert reading_of(answer) == expected
