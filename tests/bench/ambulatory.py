"""The pump that the benchmarks run: a year at home, with a refill every three weeks."""

from pathlib import Path

import numpy as np

from firmware_model.events import EventKind, PumpEvent
from firmware_model.firmware.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS
from firmware_model.physics.course import Course
from firmware_model.physics.interventions import Aspiration, FaultChange, Filling
from firmware_model.profile import PumpProfile, load_profile
from firmware_model.pump import Pump

__all__ = ["DAY_MS", "PROFILE", "ambulatory_course", "ambulatory_pump", "raised", "run_days"]

DAY_MS = 86_400_000
_HOUR_MS = HOUR_SAMPLES * SAMPLE_PERIOD_MS
_REFILL_DAYS = 21
_FILL_NL = 28_000_000
PROFILE = load_profile(Path(__file__).parents[2] / "fixtures" / "pumps" / "generic-30ml.toml")


def ambulatory_course(days: int, seed: int) -> Course:
    """Body temperature with its daily rhythm, weather, and an arterial pressure that differs from hour to hour."""
    hours = np.arange(days * 24 + 1)
    chance = np.random.default_rng(seed)
    weather = np.interp(hours, np.arange(0, days * 24 + 25, 24), chance.uniform(-0.8, 0.8, days + 2))
    return Course(
        start_ms=hours * _HOUR_MS,
        temperature_c=36.9 + 0.3 * np.cos(2 * np.pi * (hours - 17) / 24),
        ambient_kpa=101.325 + weather,
        outlet_kpa=12.4 + 0.4 * chance.uniform(-1, 1, hours.size),
    )


def ambulatory_pump(
    course: Course,
    *,
    seed: int,
    passes_over: bool = True,
    profile: PumpProfile = PROFILE,
    faults: tuple[FaultChange, ...] = (),
) -> Pump:
    """A full pump in that course; ``faults`` of its flow path come at their times."""
    pump = Pump(
        profile,
        seed=seed,
        serial_number="BENCH",
        start_utc_ms=1_767_225_600_000,
        surroundings=course,
        passes_over=passes_over,
    )
    for fault in faults:
        pump.foresee(fault)
    return pump


def run_days(pump: Pump, days: int) -> list[PumpEvent]:
    """Let it run, with its refills; gives all that was logged."""
    refills = range(_REFILL_DAYS, days, _REFILL_DAYS)
    for day in refills:
        pump.foresee(Aspiration(day * DAY_MS + 480_000))
        pump.foresee(Filling(day * DAY_MS + 840_000, _FILL_NL, 22.0))
    pump.foreseen_ms = days * DAY_MS
    events: list[PumpEvent] = []
    for day in refills:
        at_ms = day * DAY_MS
        pump.command(at_ms).begin_refill(at_ms)
        firmware = pump.command(at_ms + 480_000)
        firmware.returned(at_ms + 480_000, pump.plant.condition(at_ms + 480_000).returned_nl)
        firmware = pump.command(at_ms + 1_200_000)
        firmware.filled(at_ms + 1_200_000, _FILL_NL)
        firmware.complete_refill(at_ms + 1_200_000)
        events += pump.take_events()
    pump.wake(days * DAY_MS)
    return events + pump.take_events()


def raised(events: list[PumpEvent]) -> list[str]:
    """Names of the alarms that were raised."""
    return [str(event.as_json()["alarm"]) for event in events if event.entry.kind is EventKind.ALARM_RAISED]
