"""The SBI balance and its driver, over a virtual wire."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import BenchFault, InstrumentFault
from hil.instruments.balance_sbi import SbiBalance
from hil.virtual_bench.sim_balance import SimulatedBalance
from hil.virtual_bench.sim_balance_sbi import SimulatedSbiBalance
from protocols.instruments import mt_sics, sbi
from tests.hil.instruments.desk import Bench, Scripted


def simulated(load_g: Callable[[int], float]) -> tuple[Bench, SbiBalance]:
    """A driver on a simulated balance."""
    bench = Bench()
    return bench, SbiBalance(bench.link(SimulatedSbiBalance(serial_number="37454321", load_g=load_g, seed=4)), bench)


def test_it_weighs_what_is_on_it() -> None:
    """Identity, a weight within noise and drift, and a net weight of nothing after taring."""
    bench, balance = simulated(lambda _: 55.0)
    assert balance.identify().serial_number == "37454321"
    assert balance.weigh().mass_g == pytest.approx(55.0, abs=0.0003)
    balance.tare()
    bench.sleep_ms(60_000)
    assert balance.weigh().mass_g == pytest.approx(0.0, abs=0.0002)


def test_a_blank_unit_is_a_weight_that_is_not_stable() -> None:
    """While the load changes the unit is not printed; taring waits until it is."""
    bench, balance = simulated(lambda now_ms: 10.0 + min(now_ms, 5000) / 1000)
    balance.weigh()
    bench.sleep_ms(500)
    assert not balance.weigh().stable
    balance.tare()
    assert bench.time_ms > 5000


def test_overload_is_said_in_words() -> None:
    """High becomes a sentence, not a number."""
    _, balance = simulated(lambda _: 500.0)
    with pytest.raises(InstrumentFault, match="prints HIGH: overload"):
        balance.weigh()


@given(load_g=st.floats(0, 119), now_ms=st.integers(0, 10**10))
def test_both_protocols_show_the_same_weight(load_g: float, now_ms: int) -> None:
    """One load cell stands behind both: drift, noise and quantisation are the same, digit for digit."""
    one = SimulatedSbiBalance(serial_number="A", load_g=lambda _: load_g, seed=7)
    other = SimulatedBalance(serial_number="B", load_g=lambda _: load_g, seed=7)
    printed = sbi.parse_print(one.receive(now_ms, b"\x1bP\r\n"))
    weight = mt_sics.parse_weight(other.receive(now_ms, b"SI\r\n"), "SI")
    assert isinstance(printed, sbi.PrintedWeight)
    assert isinstance(weight, mt_sics.Weight)
    assert (printed.value, printed.stable) == (weight.value, weight.stable)


def test_drift_is_a_course_over_days_that_nobody_disturbs_by_looking() -> None:
    """In ten days the zero wanders by more than the noise and less than 0.3 mg, whoever looks in between."""
    watched, alone = (SimulatedSbiBalance(serial_number="A", load_g=lambda _: 50.0, seed=3) for _ in range(2))
    days = [sbi.parse_print(watched.receive(day * 86_400_000, b"\x1bP\r\n")) for day in range(11)]
    assert days[-1] == sbi.parse_print(alone.receive(864_000_000, b"\x1bP\r\n"))
    values = [float(print_.value) for print_ in days if isinstance(print_, sbi.PrintedWeight)]
    assert 0.00008 < max(values) - min(values) < 0.0003


def test_a_balance_that_does_not_tare_is_a_fault() -> None:
    """Control commands are silent: only the next weights tell that nothing happened."""
    bench = Bench()
    model, heavy = b"BCE224I\r\n", b"+    55.000 g  \r\n"
    balance = SbiBalance(bench.link(Scripted(model, heavy, b"", *[heavy] * 30)), bench)
    with pytest.raises(InstrumentFault, match=r"told to tare and shows 55\.0 g"):
        balance.tare()


class _SlowToTare:
    """Tares two seconds after it was told; until then it shows what it showed before."""

    def __init__(self) -> None:
        self._shown_g = 0.08
        self._tared_at_ms: int | None = None

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """A model, a weight, or nothing."""
        name = data.removeprefix(b"\x1b").removesuffix(b"\r\n").decode()
        if name == sbi.TARE:
            self._tared_at_ms = now_ms + 2000
        if self._tared_at_ms is not None and now_ms >= self._tared_at_ms:
            self._shown_g = 0.0
        return {sbi.MODEL: b"BCE224I\r\n", sbi.PRINT: f"+{self._shown_g:10.4f} g  \r\n".encode()}.get(name, b"")

    def next_emit_ms(self) -> None:
        """Never."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device
        """Nothing."""
        return b""


def test_a_tare_that_takes_its_time_is_waited_for() -> None:
    """Where the pan shows next to nothing already, a weight of next to nothing does not say that it has tared."""
    bench = Bench()
    balance = SbiBalance(bench.link(_SlowToTare()), bench)
    assert balance.weigh().mass_g == 0.08
    balance.tare()
    assert balance.weigh().mass_g == 0.0


def test_a_balance_that_adjusts_itself_is_asked_again() -> None:
    """Cal.Int. passes by itself."""
    bench = Bench()
    device = Scripted(b"BCE224I\r\n", b"   Cal.Int.   \r\n", b"+    55.000 g  \r\n")
    assert SbiBalance(bench.link(device), bench).weigh().mass_g == 55.0
    assert bench.time_ms == 500


def test_an_older_balance_tells_its_model_only() -> None:
    """A balance that is silent to the other questions has no serial number, and weighs all the same."""
    bench = Bench()
    model = b"PMA7501-X00V1\r\n"
    device = Scripted(model, model, b"", model, b"", model, b"+    55.000 g  \r\n")
    balance = SbiBalance(bench.link(device), bench)
    told = balance.identify()
    assert (told.model, told.serial_number, told.version) == ("PMA7501-X00V1", "", "")
    assert balance.weigh().mass_g == 55.0


def test_another_balance_of_the_same_model_is_noticed() -> None:
    """Once the serial number is known, a balance that was exchanged meanwhile is a fault of the bench."""
    bench = Bench()
    texts = [b"BCE224I\r\n", b"BCE224I\r\n", b"111\r\n", b"1.0\r\n"]
    balance = SbiBalance(bench.link(Scripted(*texts, b"", b"222\r\n", b"222\r\n")), bench)
    balance.identify()
    with pytest.raises(InstrumentFault, match="does not answer"):
        balance.weigh()
    with pytest.raises(BenchFault, match="'222' answers where '111' was before"):
        balance.weigh()


def test_balance_in_other_units_is_refused() -> None:
    """A display set to ounces must not be taken for grams."""
    bench = Bench()
    balance = SbiBalance(bench.link(Scripted(b"BCE224I\r\n", b"+    55.000 oz \r\n")), bench)
    with pytest.raises(InstrumentFault, match="shows oz; set its display to g"):
        balance.weigh()
