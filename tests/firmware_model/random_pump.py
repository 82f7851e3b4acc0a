"""Random stories of a pump: surroundings, faults, refills, telecommands and failures, from one number."""

import random
from typing import Any

import numpy as np

from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.firmware.firmware import CommandRefused
from firmware_model.physics.course import Course
from firmware_model.physics.interventions import Aspiration, Filling
from firmware_model.profile import PumpProfile
from firmware_model.pump import Pump

__all__ = ["DAY_MS", "HOUR_MS", "Deed", "Story", "random_story"]

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
START_UTC_MS = 1_767_225_600_000
Deed = tuple[int, str, tuple[Any, ...]]


class Story:
    """What happens to a pump, and when."""

    def __init__(self, days: int, course: Course, deeds: list[Deed], seed: int, volume_ml: float | None = None) -> None:
        self.days, self.course, self.seed, self.volume_ml = days, course, seed, volume_ml
        self.deeds = sorted(deeds, key=lambda deed: deed[0])

    def tell(
        self, kind: type[Pump], profile: PumpProfile, looks: tuple[int, ...] = ()
    ) -> tuple[list[Any], bytes, Pump]:
        """Events, memory image and the pump itself, at the end; ``looks`` are times of more wake-ups in between."""
        pump = kind(
            profile,
            seed=self.seed,
            serial_number="STORY",
            start_utc_ms=START_UTC_MS,
            surroundings=self.course,
            volume_ml=self.volume_ml,
        )
        for at_ms, verb, details in self.deeds:
            if verb == "refill":
                pump.foresee(Aspiration(at_ms + 300_000))
                pump.foresee(Filling(at_ms + 600_000, details[0], details[1]))
        steps: list[Deed] = [*self.deeds, *((look, "look", ()) for look in looks)]
        for at_ms, verb, details in self.deeds:
            if verb == "refill" and details[2]:
                steps += [(at_ms, "begin", ()), (at_ms + 300_000, "returned", ()), (at_ms + 900_000, "done", details)]
        for at_ms, verb, details in sorted(steps, key=lambda step: step[0]):
            if at_ms <= self.days * DAY_MS:
                try:
                    _do(pump, at_ms, verb, details)
                except CommandRefused:
                    continue
        pump.wake(self.days * DAY_MS)
        return pump.take_events(), pump.memory_image(self.days * DAY_MS), pump


def _do(pump: Pump, at_ms: int, verb: str, details: tuple[Any, ...]) -> None:
    match verb:
        case "inject":
            pump.inject(at_ms, *details)
        case "look":
            pump.wake(at_ms)
            pump.reservoir_nl(at_ms)
        case "begin":
            pump.command(at_ms).begin_refill(at_ms)
        case "returned":
            pump.command(at_ms).returned(at_ms, pump.plant.condition(at_ms).returned_nl)
        case "done":
            firmware = pump.command(at_ms)
            firmware.filled(at_ms, details[0])
            firmware.complete_refill(at_ms)
        case "acknowledge":
            pump.command(at_ms).acknowledge(at_ms)
        case "set-clock":
            pump.command(at_ms).set_clock(at_ms, START_UTC_MS + at_ms)
        case "self-test":
            pump.command(at_ms).test_self(at_ms)
        case "shelve":
            pump.command(at_ms).shelve(at_ms)


def random_story(number: int, days: tuple[int, ...] = (1, 1, 1, 2)) -> Story:
    """Story number ``number``."""
    chance = random.Random(number)  # noqa: S311 - nothing secret
    length = chance.choice(days)
    deeds: list[Deed] = []
    for _ in range(chance.randint(1, 6)):
        kind = PUMP_FAULTS[chance.choice(sorted(PUMP_FAULTS))]
        value = chance.uniform(kind.lower, kind.upper) if chance.random() < 0.5 else kind.default
        value = {
            "memory-bit-flip": float(chance.randrange(600_000)),
            "intrusion": float(chance.randint(1, 20)),
            "firmware-hang": float(chance.randint(1, 4)),
        }.get(kind.name, value)
        at_ms = chance.randrange(length * DAY_MS)
        deeds.append((at_ms, "inject", (kind.name, value)))
        if chance.random() < 0.5:
            mended = max(kind.lower, 0.0)
            deeds.append((chance.randrange(at_ms, length * DAY_MS), "inject", (kind.name, mended)))
    deeds += [
        (
            chance.randrange(length * DAY_MS),
            "refill",
            (chance.choice([5_000_000, 28_000_000]), chance.choice([4.0, 22.0]), chance.random() < 0.8),
        )
        for _ in range(chance.randint(0, 2))
    ]
    deeds += [
        (chance.randrange(length * DAY_MS), chance.choice(["acknowledge", "set-clock", "self-test"]), ())
        for _ in range(chance.randint(0, 3))
    ]
    return Story(length, _course(chance, length), deeds, seed=number, volume_ml=chance.choice([None, None, 7.0, 3.0]))


def _course(chance: random.Random, days: int) -> Course:
    hours = np.arange(days * 24 + 2)
    fever = chance.choice([0.0, 0.0, 1.5]) * (np.abs(hours - 30) < 12)
    flight = chance.choice([0.0, 0.0, 25.0]) * (np.abs(hours - 40) < 6)
    shift = chance.choice([0, 0, 7 * 60_000])
    return Course(
        hours * HOUR_MS + shift * (hours > 0),
        36.9 + 0.3 * np.cos(2 * np.pi * (hours - 17) / 24) + fever,
        101.3 + chance.uniform(0, 1) * np.sin(hours / 50) - flight,
        12.4 + 0.4 * np.sin(hours * 7.7),
    )
