"""What happens to balance and bath during a collection is said of them, and never of the pump."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from hil.bench import Bench, open_bench
from hil.benches.bench_file import load_bench
from hil.benches.wiring import SimulatedWiring
from hil.errors import BenchFault, InstrumentFault
from hil.flow.collection import Collection, Sample, collect
from hil.flow.collection_watch import CollectionWatch
from hil.recording.tap import WireSink
from hil.shipped import shipped
from hil.virtual_bench.device import Device

BENCH = load_bench(shipped("benches/simulated.toml"))
HOUR_MS, QUARTER_MS = 3_600_000, 900_000


class Nowhere(WireSink):
    """A recording that nobody reads."""

    def write(self, *said: object) -> None:
        """Forget it."""

    def note(self, time_ms: int, text: str) -> None:
        """Forget it."""


class Restless:
    """A simulated balance in a draught: whatever it weighs between two bench times is dynamic."""

    def __init__(self, balance: Device, from_ms: int, to_ms: int) -> None:
        self._balance, self._from_ms, self._to_ms = balance, from_ms, to_ms

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """What the balance says, but not at rest; S, which waits for that, gets no answer."""
        said = self._balance.receive(now_ms, data)
        if not self._from_ms <= now_ms < self._to_ms:
            return said
        return b"" if data == b"S\r\n" else said.replace(b"S S ", b"S D ")

    def next_emit_ms(self) -> int | None:
        """As the balance."""
        return self._balance.next_emit_ms()

    def emit(self, now_ms: int) -> bytes:
        """As the balance."""
        return self._balance.emit(now_ms)


@contextmanager
def warm_bench(draught_ms: tuple[int, int] = (0, 0)) -> Iterator[Bench]:
    """The simulated bench after two hours, its bath at 37 C and its balance tared."""
    with ExitStack() as cleanup:
        wiring = SimulatedWiring(BENCH, 1, ())
        devices = dict(wiring._world.devices)
        devices["balance"] = Restless(devices["balance"], *draught_ms)
        wiring._world.devices = devices
        bench = open_bench(BENCH, wiring, Nowhere(), cleanup, seed=1)
        assert bench.bath is not None
        assert bench.balance is not None
        bench.bath.set_point(37.0)
        bench.bath.start()
        bench.sleep_until(2 * HOUR_MS)
        bench.balance.tare()
        yield bench


def collected(bench: Bench, hours: float, meddle: Callable[[], None] = lambda: None) -> Collection:
    """A collection from now on, somebody meddling at half time."""
    assert bench.bath is not None
    assert bench.balance is not None
    half_ms = bench.now_ms() + hours * HOUR_MS / 2
    done: list[bool] = []

    def progress(_: str, __: float) -> None:
        if not done and bench.now_ms() > half_ms:
            done.append(True)
            meddle()

    return collect(bench, bench.balance, bench.bath, hours=hours, interval_min=15, progress=progress)


def test_a_balance_that_somebody_tares_ends_the_collection() -> None:
    """The mass falls to nothing: the fault is the balance's, told at the next weighing and not a day later."""
    with warm_bench() as bench:
        assert bench.balance is not None
        began_ms = bench.now_ms()
        with pytest.raises(BenchFault, match=r"balance: 0\.\d+ g, 0\.\d+ g 15 min before: .*tared, switched off"):
            collected(bench, 8, bench.balance.tare)
        assert bench.now_ms() - began_ms < 5 * HOUR_MS


def test_a_bath_that_stops_ends_the_collection() -> None:
    """A bath that cools says so itself; before, the flow of 24 C counted as the pump's at 37 C."""
    with warm_bench() as bench:
        assert bench.bath is not None
        with pytest.raises(InstrumentFault, match=r"bath: at \d+\.\d\d C, 3[67]\.\d\d C when the collection began"):
            collected(bench, 8, bench.bath.stop)


@pytest.mark.parametrize("draught_h", [(1.999, 2.02), (4.99, 5.03)], ids=["at its begin", "at its end"])
def test_the_ends_of_a_collection_are_at_rest(draught_h: tuple[float, float]) -> None:
    """A draught of a minute or two at either end is waited for."""
    tared_ms, settled_ms = 2 * HOUR_MS, round(draught_h[1] * HOUR_MS)
    begin_ms = max(tared_ms, round(draught_h[0] * HOUR_MS))
    draught = (begin_ms + 30_000 if begin_ms == tared_ms else begin_ms, settled_ms)
    with warm_bench(draught) as bench:
        bench.sleep_until(tared_ms + 45_000)
        found = collected(bench, 3)
    ends = (found.samples[0], found.samples[-1])
    assert all(sample.stable for sample in ends)
    assert any(settled_ms <= sample.time_ms < settled_ms + 2000 for sample in ends)
    assert found.restless_text == ""


def test_a_balance_that_does_not_come_to_rest_at_the_end_is_a_fault() -> None:
    """There is no flow without a last weighing."""
    with warm_bench((round(4.9 * HOUR_MS), 9 * HOUR_MS)) as bench, pytest.raises(InstrumentFault, match="not settle"):
        collected(bench, 3)


def test_a_draught_within_a_collection_costs_no_more_than_its_weighings() -> None:
    """They are kept for the curve, are said to be what they are, and are taken in time."""
    with warm_bench((round(3.1 * HOUR_MS), round(3.6 * HOUR_MS))) as bench:
        found = collected(bench, 3)
    restless = [sample for sample in found.samples if not sample.stable]
    assert len(restless) == 2
    assert found.restless_text == "; the balance was not at rest at 2 of 13 weighings"
    due_ms = [found.samples[0].time_ms + number * QUARTER_MS for number in range(13)]
    assert all(abs(s.time_ms - due) < 20_000 for s, due in zip(found.samples, due_ms, strict=True))


def look(minutes: int, mass_g: float, *, reference_g: float | None = None, stable: bool = True) -> Sample:
    """A weighing."""
    return Sample(minutes * 60_000, mass_g, 37.0, 0, 0, 37.0, reference_g=reference_g, stable=stable)


WATCH = CollectionWatch(BENCH.profile, BENCH.file.environment, BENCH.file.instruments.balance, lambda: "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([look(0, 0.1), look(15, 0.05)], r"^balance: 0\.05000 g, 0\.10000 g 15 min before"),
        (
            [look(0, 0.1), look(15, 0.2, stable=False), look(30, 0.05)],
            r"^balance: 0\.05000 g, 0\.10000 g 30 min before",
        ),
        ([look(0, 0.0), look(15, 12.0), look(30, 55.0)], r"^balance: 55 g, 0 g .* more than the 30 mL"),
        (
            [look(0, 0.1, reference_g=5.0), look(15, 0.1, reference_g=5.1)],
            r"^reference_balance: 5\.10000 g, 5\.00000 g",
        ),
        ([look(0, 0.1, reference_g=5.0), look(15, 0.1, reference_g=0.0)], r"^reference_balance: 0\.00000 g"),
    ],
)
def test_what_no_pump_does_is_the_balance(samples: list[Sample], said: str) -> None:
    """Less in the beaker than the air can take, or more than a pump holds."""
    for number in range(2, len(samples)):
        WATCH.check(samples[:number])
    with pytest.raises(BenchFault, match=said):
        WATCH.check(samples)


@pytest.mark.parametrize(
    "samples",
    [
        [look(0, 0.0)],
        [look(0, 0.1), look(15, 0.0995)],
        [look(0, 0.1), look(360, 0.07)],
        [look(0, 0.1), look(15, -5.0, stable=False)],
        [look(0, 0.0), look(15, 0.01), look(30, 20.0)],
        [look(0, 0.1, reference_g=5.0), look(15, 0.1, reference_g=4.99)],
    ],
    ids=["first", "evaporates", "six hours", "draught", "bolus", "vessel evaporates"],
)
def test_what_a_pump_or_the_air_can_do_is_left_to_the_measurement(samples: list[Sample]) -> None:
    """A pump that has stopped or has broken must fail by its flow, not end as a fault of the bench."""
    WATCH.check(samples)
