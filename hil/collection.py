"""Collecting infusate: the beaker is weighed at a fixed interval while bath and pump are watched."""

from collections.abc import Callable
from dataclasses import dataclass

from hil.bench import Bench
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.bath_julabo import JulaboBath
from protocols.messages import HistoryRecord

__all__ = ["Collection", "Sample", "collect"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Sample:
    """One look at the bench."""

    time_ms: int
    """Bench time of the weighing."""
    mass_g: float
    bath_c: float
    pump_uptime_ms: int
    pump_temperature_c: float
    reference_g: float | None = None
    """Of the vessel that only evaporates, if there is one."""


@dataclass(frozen=True)
class Collection:
    """All samples of a collection, in equal steps of time, and the pump's own hourly records of it."""

    samples: tuple[Sample, ...]
    history: tuple[HistoryRecord, ...]
    interval_ms: int


def collect(
    bench: Bench,
    balance: MtSicsBalance,
    bath: JulaboBath,
    *,
    hours: float,
    interval_min: float,
    progress: Progress,
    reference: MtSicsBalance | None = None,
) -> Collection:
    """Weigh the beaker every ``interval_min`` for ``hours``; the first sample is taken at once.

    A ``reference`` balance is read right after the beaker's.

    Samples are due at whole intervals from the first, so one late reading does not shift the rest.
    """
    interval_ms = round(interval_min * 60_000)
    count = round(hours * 3_600_000 / interval_ms)
    history_from = bench.pump.read_status().history_next
    samples = [_sample(bench, balance, bath, reference)]
    for number in range(1, count + 1):
        bench.sleep_until(samples[0].time_ms + number * interval_ms)
        samples.append(_sample(bench, balance, bath, reference))
        passed_h = number * interval_ms / 3_600_000
        progress(f"collecting: {samples[-1].mass_g:.4f} g after {passed_h:.1f} h", number / count)
    return Collection(tuple(samples), tuple(bench.pump.read_history(history_from)), interval_ms)


def _sample(bench: Bench, balance: MtSicsBalance, bath: JulaboBath, reference: MtSicsBalance | None) -> Sample:
    weighing = balance.weigh()
    time_ms = bench.now_ms()
    reference_g = None if reference is None else reference.weigh().mass_g
    status = bench.pump.read_status()
    return Sample(
        time_ms=time_ms,
        mass_g=weighing.mass_g,
        bath_c=bath.temperature_c(),
        pump_uptime_ms=status.uptime_ms,
        pump_temperature_c=status.temperature_mc / 1000,
        reference_g=reference_g,
    )
