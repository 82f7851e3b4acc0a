"""A computer that sleeps or is held up in the middle of a collection: it goes on, or is refused at once."""

from collections.abc import Callable

import pytest

from hil.bench import Bench
from hil.errors import BenchFault
from hil.flow.collection import Collection, collect
from hil.flow.delivery import delivery_of, gravimetry_of
from hil.procedure import Procedure
from hil.runs.observer import Silent
from tests.hil.flow.test_collection_watch import BENCH, HOUR_MS, QUARTER_MS, warm_bench


def collected(bench: Bench, held_up_h: Callable[[int], float], *, ends_count: bool = True) -> Collection:
    """Three hours of weighings every quarter; after the n-th the rig is held up for so many hours."""
    assert bench.balance is not None
    assert bench.bath is not None
    weighed: list[str] = []

    def progress(activity: str, _: float) -> None:
        weighed.append(activity)
        bench.sleep(hours=held_up_h(len(weighed)))

    return collect(
        bench, bench.balance, bench.bath, hours=3, interval_min=15, progress=progress, ends_count=ends_count,
        procedure=Procedure.of("weigh", None, Silent()),
    )  # fmt: skip


def test_a_collection_goes_on_behind_a_gap() -> None:
    """Two hours of sleep are not in the result; all that was asked for is, and the curve is drawn without a gap."""
    with warm_bench() as bench:
        began_ms = bench.now_ms()
        found = collected(bench, lambda number: 2.0 if number == 5 else 0.0)
        took_h = (bench.now_ms() - began_ms) / HOUR_MS
    assert (found.stretches, found.stretches_text) == (2, "; collected in 2 stretches")
    assert found.samples[-1].time_ms - found.samples[0].time_ms == pytest.approx(12 * QUARTER_MS, abs=60_000)
    assert 5.0 < took_h < 5.5
    table = BENCH.file.instruments.balance
    assert table is not None
    setup = gravimetry_of(BENCH.profile, table, BENCH.file.environment)
    volume_ml = delivery_of(found, setup).volume_ml
    assert volume_ml[-1] == pytest.approx(3 / 24, rel=0.02)


def test_a_beaker_that_was_touched_in_a_gap_is_told() -> None:
    """The last weighing before it and the first behind it are compared."""
    with warm_bench() as bench:
        assert bench.balance is not None
        tare = bench.balance.tare

        def held_up_h(number: int) -> float:
            if number != 10:
                return 0.0
            tare()
            return 0.5

        with pytest.raises(BenchFault, match=r"balance: .*was the balance tared"):
            collected(bench, held_up_h)


def test_a_gap_in_a_curve_ends_it_at_once() -> None:
    """Nothing can be drawn through it, and whoever waits is not kept waiting to the end."""
    with warm_bench() as bench:
        began_ms = bench.now_ms()
        with pytest.raises(BenchFault, match=r"has a gap: the weighing at .* h came 45 min late.*computer sleep"):
            collected(bench, lambda number: 1.0 if number == 2 else 0.0, ends_count=False)
        assert bench.now_ms() - began_ms < 2 * HOUR_MS


@pytest.mark.parametrize("every", [1, 3])
def test_a_rig_that_cannot_keep_up_is_told_so_soon(every: int) -> None:
    """Weighings that are late again and again end a collection, which otherwise would never end."""
    with warm_bench() as bench:
        began_ms = bench.now_ms()
        with pytest.raises(BenchFault, match=r"has a gap: .*(min late, one is due every 15 min|the 4\. gap)"):
            collected(bench, lambda number: 0.5 if number % every == 0 else 0.0)
        assert bench.now_ms() - began_ms < 6 * HOUR_MS
