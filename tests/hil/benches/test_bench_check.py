"""``pumprig bench check`` over real wires: what is silent, in alarm, overloaded or there twice is said, and soon."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hil.benches.bench_check import check_bench
from hil.benches.bench_file import load_bench
from hil.benches.check_line import CheckLine
from hil.shipped import shipped
from tests.hil.instruments.served import served

pytestmark = pytest.mark.system

BALANCE = {b"@": b'I4 A "B77"', b"I4": b'I4 A "B77"', b"I2": b'I2 A "XPR226"', b"I3": b'I3 A "2.10"'}
BATH = {
    b"version": b"JULABO TYPE F25",
    b"status": b"03 REMOTE START",
    b"in_mode_05": b"1",
    b"in_sp_00": b"37.00",
    b"in_pv_00": b"36.98",
}
PACE = {
    b"*IDN?": b"*IDN GE Druck,Pace5000 User Interface,3258801,02.02.03",
    b":OUTP:STAT?": b":OUTP:STAT 0",
    b":SENS:PRES?": b":SENS:PRES 1013.2500000",
    b":UNIT:PRES?": b":UNIT:PRES MBAR",
}


END, ECHO = b"\x00end", b"\x00echo"


class Says:
    """An instrument that says what it was told to, as a manual prints it; to a list one answer after the other.

    Under the key ``END`` is what ends its lines, under ``ECHO`` whether it sends back what it hears.
    """

    def __init__(self, answers: Mapping[bytes, bytes | list[bytes]]) -> None:
        self._end = bytes(answers.get(END, b"\r\n"))  # type: ignore[arg-type] # one end, no list
        self._echoes = ECHO in answers
        self._answers = {
            command: answer if isinstance(answer, list) else [answer] for command, answer in answers.items()
        }

    def receive(self, now_ms: int, data: bytes) -> bytes:  # noqa: ARG002 - the shape of a device
        """The answers to whole commands."""
        said = data if self._echoes else b""
        for command in data.replace(b"\r", b"\n").split(b"\n"):
            answers = self._answers.get(command.strip())
            if answers:
                said += (answers.pop(0) if len(answers) > 1 else answers[0]) + self._end
        return said

    def next_emit_ms(self) -> None:
        """Never."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device
        """Nothing."""
        return b""


@contextmanager
def bench_of(folder: Path, says: Mapping[str, Mapping[bytes, bytes | list[bytes]]]) -> Iterator[Path]:
    """A copy of the full bench's file with these roles only, each behind a wire of its own."""
    text = shipped("benches/full.toml").read_text(encoding="utf-8")
    head, *tables = text.split("\n[")
    kept = [table for table in tables if not table.startswith(("instruments", "world")) or _role(table) in says]
    with ExitStack() as cleanup:
        whole = "\n[".join([head, *kept])
        for role, answers in {"pump": {}, **says}.items():
            name = cleanup.enter_context(served(Says(answers), "serial-pty" if role != "bath" else "serial-socket"))
            whole = whole.replace(f'"sim:{role}"', f'"{name}"')
        path = folder / "bench.toml"
        path.write_text(whole, encoding="utf-8")
        yield path


def _role(table: str) -> str:
    return table.partition("]")[0].partition(".")[2]


def checked(path: Path) -> dict[str, CheckLine]:
    """The lines by name."""
    return {line.name: line for line in check_bench(load_bench(path))}


def test_what_instruments_read_is_told(tmp_path: Path) -> None:
    """Each reading in its own unit; a multimeter is not read, for that would change its function."""
    says = {"balance": {**BALANCE, b"SI": b"S D      12.3456 g"}, "bath": BATH, "outlet_pressure": PACE}
    with bench_of(tmp_path, says) as path:
        lines = checked(path)
    assert {name: line.state for name, line in lines.items() if line.state} == {
        "balance": "12.34560 g, not at rest",
        "bath": "running at 37.00 C, water 36.98 C",
        "outlet_pressure": "output off, 101.325 kPa",
    }
    assert {name for name, line in lines.items() if line.problem} == {"pump"}


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize(
    ("role", "says", "problem"),
    [
        ("bath", {**BATH, b"status": b"-01 LOW LEVEL ALARM"}, "it says -01 LOW LEVEL ALARM"),
        ("bath", {**BATH, b"in_pv_00": b"---.--"}, "expected a number in reply to in_pv_00"),
        ("balance", {**BALANCE, b"SI": b"S +"}, r"the balance refused SI \(\+\): overload"),
        ("balance", {**BALANCE, b"SI": b"S S   12345.67 ct"}, "set its display to g"),
        ("outlet_pressure", {**PACE, b":SENS:PRES?": b":SENS:PRES 9.91E37"}, "beyond its range"),
    ],
)
def test_an_instrument_that_cannot_measure_is_amiss(
    tmp_path: Path, role: str, says: Mapping[bytes, bytes], problem: str
) -> None:
    """It answers and is the right one, but a run would end by it: said now, beside who it is."""
    with bench_of(tmp_path, {role: says}) as path:
        line = checked(path)[role]
    assert re.search(problem, line.problem), line.problem
    assert line.found
    assert line.timing is not None


def test_echo_line_end_and_dialect_are_named(tmp_path: Path) -> None:
    """A balance that echoes, a bath that ends its lines with CR, and a Rigol under the Keysight driver."""
    rigol = {b"*IDN?": b"RIGOL TECHNOLOGIES,DP832,DP8C1234,00.01.14", b"OUTP? (@1)": b"0"}
    says = {"balance": {**BALANCE, ECHO: b""}, "bath": {**BATH, END: b"\r"}, "supply": rigol}
    with bench_of(tmp_path, says) as path:
        lines = checked(path)
    assert (
        "our own b'I2' comes back: the balance echoes what it is told (switch its echo off)" in lines["balance"].problem
    )
    assert "the bath ends its lines with CR alone; set it to CR LF" in lines["bath"].problem
    assert 'instruments.supply.driver: RIGOL TECHNOLOGIES DP832 answers; write "rigol"' in lines["supply"].problem


def test_a_command_that_somebody_got_wrong_is_no_alarm(tmp_path: Path) -> None:
    """Its code goes once it was read."""
    status: list[bytes] = [b"-08 INVALID COMMAND", b"03 REMOTE START"]
    with bench_of(tmp_path, {"bath": {**BATH, b"status": status}}) as path:
        assert checked(path)["bath"].problem == ""


def test_two_links_to_one_instrument_are_amiss(tmp_path: Path) -> None:
    """One controller for both pressures: whoever reads the second reads the first."""
    with bench_of(tmp_path, {"ambient_pressure": PACE, "outlet_pressure": PACE}) as path:
        lines = checked(path)
    assert lines["ambient_pressure"].problem == ""
    assert "this is the ambient_pressure, which /dev/pts/" in lines["outlet_pressure"].problem


def test_silent_devices_cost_no_more_than_the_slowest_of_them(tmp_path: Path) -> None:
    """Five of them, three seconds or six each, are asked at once, and stand in the order of the file."""
    roles = ("balance", "reference_balance", "bath", "ambient_pressure", "multimeter")
    with bench_of(tmp_path, {role: {} for role in roles}) as path:
        began = time.monotonic()
        lines = checked(path)
        took_s = time.monotonic() - began
    assert [name for name, line in lines.items() if "does not answer" in line.problem][-5:] == list(roles)
    assert took_s < 15, "one after the other they take 25 s"
