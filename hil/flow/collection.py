"""Collecting infusate: the beaker is weighed at a fixed interval while bath and pump are watched.

A collection that is interrupted goes on from the weighings that were kept, as a further stretch::

    stretch 1  |--|--|--|--   killed     bath brought back     stretch 2  |--|--|--|
                           ^ last weighing kept                           ^ first weighing

What was delivered between the stretches is in the beaker, but not in the result: nobody watched the bath. The same goes
for a gap, which a computer leaves that slept or was held up.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, sqrt
from typing import Any

from hil.bench import Bench
from hil.errors import BenchFault
from hil.flow.collection_watch import CollectionWatch
from hil.flow.gravimetry import Gravimetry, ReferenceVessel, gravimetric_flow
from hil.instruments.balance import Balance, Weighing
from hil.instruments.bath import Bath
from hil.procedure import Procedure
from protocols.messages import HistoryRecord

__all__ = ["ESTIMATE_WINDOW_H", "Collection", "HourlyEstimate", "Sample", "Stretch", "collect", "has_begun"]

Progress = Callable[[str, float], None]

ESTIMATE_WINDOW_H = 6
"""Over which the pump estimates its flow."""

_ESTIMATE_MS = ESTIMATE_WINDOW_H * 3_600_000
_SETTLING_PARTS, _RESTING_PARTS = 60, 4
"""Of the interval: how long a balance is waited for within a collection, and at its ends."""
_LATE = 0.4
"""Of the interval: a weighing that comes later has left a gap. Curves take what is more punctual."""
_MOST_GAPS = 3
"""So many in one go may be accidents."""


@dataclass(frozen=True)
class Sample:
    """One look at the bench."""

    time_ms: int
    """Bench time of the weighing."""
    mass_g: float
    bath_c: float
    pump_uptime_ms: int
    history_next: int
    """Number of the pump's next hourly record: those before it had been written."""
    pump_temperature_c: float
    reference_g: float | None = None
    """Of the vessel that only evaporates, if there is one."""
    alarms: tuple[str, ...] = ()
    """Names of the pump's alarm conditions that held."""
    stable: bool = True
    """Whether the balance, and that of the reference vessel, said that they were at rest."""


@dataclass(frozen=True)
class Stretch:
    """What was weighed in one go."""

    samples: tuple[Sample, ...]
    history_from: int
    """Number of the first of the pump's hourly records in it."""


@dataclass(frozen=True)
class HourlyEstimate:
    """What the pump took its flow to be over six hours."""

    end_ms: int
    """Bench time at the end of the six hours."""
    flow_ml_per_day: float


@dataclass(frozen=True)
class Collection:
    """All samples of a collection, in equal steps of time, and the pump's own estimates of the flow in it."""

    samples: tuple[Sample, ...]
    estimates: tuple[HourlyEstimate, ...]
    interval_ms: int
    stretches: int = 1
    """In how many it was collected; more than one if it was interrupted, or has gaps."""

    @property
    def stretches_text(self) -> str:
        """For a note: in how many stretches it was collected; nothing if in one."""
        return f"; collected in {self.stretches} stretches" if self.stretches > 1 else ""

    @property
    def restless_text(self) -> str:
        """For a note: how many weighings were taken from a balance that was not at rest; nothing if none was."""
        restless = sum(not sample.stable for sample in self.samples)
        return f"; the balance was not at rest at {restless} of {len(self.samples)} weighings" if restless else ""

    @classmethod
    def of(cls, stretches: Sequence[Stretch], history: Sequence[HistoryRecord], interval_ms: int) -> "Collection":
        """Stretches joined without what lies between them: later times and masses are moved to where the last ended.

        An hourly estimate counts if all that the pump made it of lies within one stretch.
        """
        samples: list[Sample] = [stretches[0].samples[0]]
        estimates: list[HourlyEstimate] = []
        for stretch in stretches:
            begin, joint = stretch.samples[0], samples[-1]
            earlier_ms, lighter_g = begin.time_ms - joint.time_ms, begin.mass_g - joint.mass_g
            samples += [
                replace(
                    each,
                    time_ms=each.time_ms - earlier_ms,
                    mass_g=each.mass_g - lighter_g,
                    reference_g=_moved(each.reference_g, begin.reference_g, joint.reference_g),
                )
                for each in stretch.samples[1:]
            ]
            estimates += [
                replace(each, end_ms=each.end_ms - earlier_ms) for each in _estimates(history, stretch.samples)
            ]
        return cls(tuple(samples), tuple(estimates), interval_ms, len(stretches))

    def weighed(self, setup: Gravimetry) -> Gravimetry:
        """``setup`` for this many stretches: each has two weighings of its own, and drops that hang on at its ends."""
        more = sqrt(self.stretches)
        return replace(
            setup,
            readability_g=setup.readability_g * more,
            u_repeatability_g=setup.u_repeatability_g * more,
            u_linearity_g=setup.u_linearity_g * more,
            drop_volume_nl=setup.drop_volume_nl * more,
            u_time_s=setup.u_time_s * more,
            beaker_volume_ml=setup.beaker_volume_ml * more,
        )

    def weighed_beside(self, vessel: ReferenceVessel) -> ReferenceVessel:
        """The same of the reference ``vessel``, which is weighed with the beaker."""
        more = sqrt(self.stretches)
        return replace(
            vessel,
            readability_g=vessel.readability_g * more,
            u_repeatability_g=vessel.u_repeatability_g * more,
            u_linearity_g=vessel.u_linearity_g * more,
        )


def collect(
    bench: Bench,
    balance: Balance,
    bath: Bath,
    *,
    hours: float,
    interval_min: float,
    progress: Progress,
    stretch_h: float = 0.0,
    reference: Balance | None = None,
    procedure: Procedure | None = None,
    ends_count: bool = True,
) -> Collection:
    """Weigh the beaker every ``interval_min`` for ``hours``; the first sample is taken at once.

    A ``reference`` balance is read right after the beaker's. Samples are due at whole intervals from the first, so one
    late reading does not shift the rest. With ``procedure`` every sample is kept before the next is waited for, and a
    collection that was killed goes on from those: for what is left of ``hours``, or longer until one of its stretches
    has lasted ``stretch_h``. It goes on in the same way behind a gap.

    Where the ``ends_count``, a flow is worked out from the first weighing and the last, which must then be at rest;
    where they do not, a curve is. Raises InstrumentFault if they do not come to rest, and BenchFault, as soon as it is
    seen, for a gap in a curve, for too many gaps, or if a balance or the bath tells of something that neither pump nor
    air can have done.
    """
    interval_ms = round(interval_min * 60_000)
    asked, whole = round(hours * 3_600_000 / interval_ms), round(stretch_h * 3_600_000 / interval_ms)
    scales, stretches = _Scales(balance, reference, interval_ms), _kept(procedure)
    watch = CollectionWatch(bench.loaded.profile, bench.loaded.file.environment, bench.balance_table, bath.trouble)
    gap_ms = _LATE * interval_ms if procedure is not None or not ends_count else inf  # what has ends only may have gaps
    seen: list[Sample] = []
    gaps = 0
    while (steps := _steps_left(stretches, asked, whole)) or not stretches:
        done, history_from = _steps(stretches), bench.pump.read_status().history_next
        _keep(procedure, {"history_from": history_from})
        samples: list[Sample] = []
        for sample, late_ms in _weighings(bench, scales, bath, steps, ends_count=ends_count):
            if late_ms > gap_ms:
                gaps += 1
                samples = _until_rest(samples)
                if not ends_count or gaps > _MOST_GAPS or len(samples) < 2:
                    raise BenchFault(_gap(sample, late_ms, interval_min, gaps))
                share = (done + len(samples) - 1) / (done + steps)
                progress(f"collecting: a gap, one weighing was {late_ms / 60_000:.3g} min late", share)
                break
            samples.append(sample)
            seen.append(sample)
            watch.check(seen)
            _keep(procedure, asdict(sample))
            if number := len(samples) - 1:
                _show(procedure, bench, samples)
                passed_h = (done + number) * interval_ms / 3_600_000
                share = (done + number) / (done + steps)
                progress(f"collecting: {sample.mass_g:.4f} g after {passed_h:.1f} h", share)
        stretches.append(Stretch(tuple(samples), history_from))
    return Collection.of(stretches, bench.pump.read_history(stretches[0].history_from), interval_ms)


def _steps(stretches: Sequence[Stretch]) -> int:
    return sum(len(stretch.samples) - 1 for stretch in stretches)


def _steps_left(stretches: Sequence[Stretch], asked: int, whole: int) -> int:
    """How many intervals are still to be collected: of those ``asked`` for, or until one stretch has ``whole``."""
    done = _steps(stretches)
    lacks_whole = bool(stretches) and max(len(stretch.samples) - 1 for stretch in stretches) < whole
    return max(whole if lacks_whole else 0, asked - done)


def _weighings(
    bench: Bench, scales: "_Scales", bath: Bath, steps: int, *, ends_count: bool
) -> Iterator[tuple[Sample, int]]:
    """A stretch's samples, each with how late it came, in ms."""
    begin = _sample(bench, scales, bath, at_rest=ends_count)
    yield begin, 0
    for number in range(1, steps + 1):
        due_ms = begin.time_ms + number * scales.interval_ms
        bench.sleep_until(due_ms)
        sample = _sample(bench, scales, bath, at_rest=ends_count and number == steps)
        yield sample, sample.time_ms - due_ms


def _gap(sample: Sample, late_ms: int, interval_min: float, gaps: int) -> str:
    often = f", the {gaps}. gap" if gaps > 1 else ""
    return (
        f"the collection has a gap: the weighing at {sample.time_ms / 3_600_000:.3f} h came {late_ms / 60_000:.3g} min "
        f"late, one is due every {interval_min:g} min{often}; what held the rig up? Did the computer sleep?"
    )


def _show(procedure: Procedure | None, bench: Bench, samples: list[Sample]) -> None:
    """Tell who waits of the flow so far; worked out only when somebody looks."""
    if procedure is None:
        return
    first, last = samples[0], samples[-1]

    def flow() -> str:
        from hil.flow.delivery import gravimetry_of  # noqa: PLC0415 - it imports this module

        loaded = bench.loaded
        setup = gravimetry_of(loaded.profile, bench.balance_table, loaded.file.environment)
        grams, passed_ms = last.mass_g - first.mass_g, last.time_ms - first.time_ms
        found = gravimetric_flow(grams, passed_ms, setup, conversion=1.0, conditions=())
        u = found.expanded_uncertainty_ml_per_day
        return f"{found.flow_ml_per_day:.3f} +- {u:.3f} mL/day as collected (k = 2)"

    procedure.observer.seen("flow", flow)
    procedure.observer.seen("alarms", lambda: ", ".join(last.alarms) or "none")


def has_begun(procedure: Procedure) -> bool:
    """Whether ``procedure`` goes on with a collection: then the beaker must not be tared."""
    return bool(_kept(procedure))


def _kept(procedure: Procedure | None) -> list[Stretch]:
    """The stretches that were kept, but for those of one weighing: from one alone nothing follows."""
    found: list[tuple[int, list[Sample]]] = []
    for each in [] if procedure is None else procedure.kept("collection"):
        if "history_from" in each:
            found.append((each["history_from"], []))
        else:
            found[-1][1].append(Sample(**{**each, "alarms": tuple(each["alarms"])}))
    rested = [(history_from, _until_rest(samples)) for history_from, samples in found]
    return [Stretch(tuple(samples), history_from) for history_from, samples in rested if len(samples) > 1]


def _until_rest(samples: list[Sample]) -> list[Sample]:
    """``samples`` up to the last that was at rest: it is the stretch's last weighing, for the run was killed."""
    last = max((number for number, sample in enumerate(samples) if sample.stable), default=-1)
    return samples[: last + 1]


def _keep(procedure: Procedure | None, data: dict[str, Any]) -> None:
    if procedure is not None:
        procedure.keep("collection", data)


def _moved(reading_g: float | None, begin_g: float | None, joint_g: float | None) -> float | None:
    """A reading of a further stretch, as if the balance had stood still in between; None if there is none."""
    return None if reading_g is None or begin_g is None or joint_g is None else reading_g - begin_g + joint_g


def _estimates(history: Sequence[HistoryRecord], samples: Sequence[Sample]) -> Iterator[HourlyEstimate]:
    """The pump's estimates whose six hours lie between the first and the last of ``samples``, dated in bench time.

    Uptime begins anew with every restart. So a record is dated by a sample of the same start of the firmware: the first
    that found it written, or the one before, if the pump restarted in between. (A start that no sample saw was over
    within one interval: too short for an estimate.)
    """
    written = [sample.history_next for sample in samples]
    for record in history:
        place = bisect_right(written, record.seq)
        if not record.flow_valid or not 0 < place < len(samples):
            continue
        restarted = samples[place].pump_uptime_ms < record.end_uptime_ms
        seen = samples[place - 1] if restarted else samples[place]
        end_ms = seen.time_ms - seen.pump_uptime_ms + record.end_uptime_ms
        if samples[0].time_ms + _ESTIMATE_MS <= end_ms <= samples[-1].time_ms:
            yield HourlyEstimate(end_ms, record.flow_nl_per_day / 1e6)


@dataclass(frozen=True)
class _Scales:
    """The balance under the beaker, and that under the reference vessel if there is one."""

    balance: Balance
    reference: Balance | None
    interval_ms: int

    def weigh(self, balance: Balance, *, at_rest: bool) -> Weighing:
        """What ``balance`` shows, at rest if it comes to rest in time. Raises InstrumentFault if it must and does not.

        A weighing within a collection may be late by little, or its curve is bent; one at its end is worth the wait.
        """
        if not at_rest:
            return balance.weigh_settling(self.interval_ms // _SETTLING_PARTS)
        weighing = balance.weigh_settling(self.interval_ms // _RESTING_PARTS)
        return weighing if weighing.stable else balance.weigh_stable()


def _sample(bench: Bench, scales: _Scales, bath: Bath, *, at_rest: bool) -> Sample:
    weighing = scales.weigh(scales.balance, at_rest=at_rest)
    time_ms = bench.now_ms()
    reference = None if scales.reference is None else scales.weigh(scales.reference, at_rest=at_rest)
    status = bench.pump.read_status()
    return Sample(
        time_ms=time_ms,
        mass_g=weighing.mass_g,
        bath_c=bath.temperature_c(),
        pump_uptime_ms=status.uptime_ms,
        history_next=status.history_next,
        pump_temperature_c=status.temperature_mc / 1000,
        reference_g=None if reference is None else reference.mass_g,
        stable=weighing.stable and (reference is None or reference.stable),
        alarms=tuple(str(alarm.name).lower().replace("_", "-") for alarm in status.alarms),
    )
