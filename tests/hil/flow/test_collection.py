"""Collections that were interrupted, by the rig or by the pump: what weighings and the pump's estimates are worth."""

import numpy as np
import pytest

from hil.flow.collection import Collection, Sample, Stretch
from hil.flow.gravimetry import ReferenceVessel
from protocols.messages import Alarms, HistoryRecord

_STEP_MS, _STRETCHES, _U_G = 3_600_000, 9, 2e-3


def collected(reference_g: np.ndarray) -> Collection:
    """Stretches of two weighings each, in which the reference vessel read so much; shape (stretches, 2)."""
    return Collection.of(
        [
            Stretch(
                tuple(
                    Sample((10 * place + step) * _STEP_MS, 0.0, 37.0, step * _STEP_MS, 0, 37.0, float(read_g))
                    for step, read_g in enumerate(stretch)
                ),
                0,
            )
            for place, stretch in enumerate(reference_g)
        ],
        [],
        _STEP_MS,
    )


def test_a_vessel_that_was_weighed_more_often_is_less_sure() -> None:
    """The uncertainty of its change is that of changes that were simulated, reading by reading."""
    random, changes_g = np.random.default_rng(1), []
    for _ in range(2000):
        collection = collected(random.normal(5.0, _U_G, (_STRETCHES, 2)))
        changes_g.append((collection.samples[-1].reference_g or 0.0) - (collection.samples[0].reference_g or 0.0))
    vessel = ReferenceVessel(0.0, 0.0, _U_G, 0.0, 0.0, 0.0, 0.0)
    weighed = collection.weighed_beside(vessel)
    assert np.std(changes_g) == pytest.approx(np.sqrt(2) * weighed.u_repeatability_g, rel=0.05)
    assert collected(np.ones((1, 2))).weighed_beside(vessel) == vessel


def sample_at(minutes: int, started: list[int]) -> Sample:
    """A look at a pump whose firmware started at these minutes, and which writes a record for every full hour since."""
    starts = [start for start in started if start <= minutes]
    written = sum((min(end, minutes) - start) // 60 for start, end in zip(starts, [*starts[1:], minutes], strict=True))
    return Sample(minutes * 60_000, 0.0, 37.0, (minutes - starts[-1]) * 60_000, written, 37.0)


def hourly_records(started: list[int], until: int) -> list[HistoryRecord]:
    """What that pump has written; each flow is the minute at which it was written, in mL/day."""
    ends = [
        (minute, minute - start)
        for start, end in zip(started, [*started[1:], until + 1], strict=True)
        for minute in range(start + 60, end, 60)
    ]
    return [
        HistoryRecord(
            seq=seq, end_uptime_ms=uptime * 60_000, volume_nl=0, flow_nl_per_day=minute * 1_000_000,
            flow_valid=uptime >= 360, temperature_mc=0, reservoir_pa=0, outlet_pa=0, ambient_pa=0, alarms=Alarms(0),
        )
        for seq, (minute, uptime) in enumerate(ends)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "started",
    [[0], [0, 637], [0, 637, 640, 1003], [0, 601]],
    ids=["never", "once", "three times", "right after a record"],
)
def test_estimates_of_a_pump_that_restarts_are_dated_right(started: list[int]) -> None:
    """Uptime begins anew with every restart, yet each estimate that counts ends when it was made."""
    samples = tuple(sample_at(minutes, started) for minutes in range(20, 1461, 15))
    found = Collection.of([Stretch(samples, 0)], hourly_records(started, 1460), 15 * 60_000).estimates
    assert [each.end_ms / 60_000 for each in found] == [each.flow_ml_per_day for each in found]
    made = [record for record in hourly_records(started, 1455) if record.flow_valid]
    assert len(found) == sum(record.flow_nl_per_day >= 380_000_000 for record in made) >= 7
