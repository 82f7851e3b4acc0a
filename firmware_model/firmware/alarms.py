"""The firmware's alarms as two tables: what each alarm is, and which conditions raise it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple

from firmware_model.firmware.configuration import Configuration
from protocols.messages import Alarms

__all__ = [
    "ALARMS",
    "CONDITIONS",
    "LONGEST_REACH",
    "PRIORITIES",
    "AlarmKind",
    "Condition",
    "Debounce",
    "Priority",
    "Quantity",
    "Rhythm",
    "Term",
]


class Priority(StrEnum):
    """As IEC 60601-1-8 ranks alarm conditions."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Rhythm(IntEnum):
    """How often a quantity is renewed: every so many samples."""

    SAMPLE = 1
    HOUR = 60


_T, _R, _O, _A, _V, _B = (1 << index for index in range(6))
"""The sensors, one bit each, in the order of ``Readings``."""


class _QuantityRow(NamedTuple):
    number: int
    rhythm: Rhythm
    sensors: int = 0
    """Whose readings it comes from: if one of them was at an end of its range, the quantity says nothing."""
    reach: int = 1
    """From how many samples, up to the present one."""
    fewest: int | None = None
    """With so many since the windows began it says something already; None: with all of them."""


class Quantity(_QuantityRow, Enum):
    """What conditions look at. In the firmware's units: m degrees Celsius, Pa, nL, nL/day, mV, ms."""

    TEMPERATURE = (0, Rhythm.SAMPLE, _T)
    OUTLET = (1, Rhythm.SAMPLE, _O)
    """Gauge."""
    AMBIENT = (2, Rhythm.SAMPLE, _A)
    """Absolute."""
    VOLUME = (3, Rhythm.SAMPLE, _V, 15, 1)
    """Mean of the last samples."""
    VOLUME_STEP = (4, Rhythm.SAMPLE, _V, 16)
    """Reading less that of a quarter of an hour ago."""
    OUTLET_PULSE = (5, Rhythm.SAMPLE, _O, 11)
    """How far the outlet's reading five samples ago stands out above both that ten samples ago and the present one."""
    AT_END_OF_RANGE = (6, Rhythm.SAMPLE)
    """How many sensors' readings are at an end of their range."""
    FLOW = (7, Rhythm.HOUR, _V, 315)
    """Slope of the volume over six hours."""
    UNEXPLAINED_FLOW = (8, Rhythm.HOUR, _T | _R | _O | _A | _V, 315)
    """That flow less the one that pressures and restrictor make, over the same hours."""
    DRIVE_PRESSURE = (9, Rhythm.HOUR, _T | _R | _V, 15)
    """Reservoir pressure less what the propellant should give at its temperature and volume."""
    HOURLY_VOLUME = (10, Rhythm.HOUR, _V, 15)
    HOURLY_OUTLET = (11, Rhythm.HOUR, _O, 15)
    RESERVE = (12, Rhythm.HOUR, _V, 315, 15)
    """Volume above residual, less what the warning time takes at label flow or at the estimated one if that is more."""
    BATTERY = (13, Rhythm.HOUR, _B, 15)
    ROUGHNESS = (14, Rhythm.HOUR, 0, 15)
    """Of the worst sensor: median of second differences over the last samples, in permille of what is allowed."""
    UNRESPONSIVE = (15, Rhythm.HOUR)
    """How many sensors do not answer to their own test stimulus."""
    CLOCK_STEP = (16, Rhythm.HOUR)
    """How much further than the uptime the clock went since the hour before."""
    DAMAGE = (17, Rhythm.HOUR)
    """How many records in the memory are damaged."""


LONGEST_REACH = max(quantity.reach for quantity in Quantity)
"""So many samples, up to the present one, does what conditions look at come from."""
Limit = Callable[[Configuration], int]


@dataclass(frozen=True)
class Term:
    """One quantity beyond a limit: true beyond ``raise_at``, false again from ``clear_at`` on the other side."""

    quantity: Quantity
    above: bool
    raise_at: Limit
    clear_at: Limit


class Debounce(NamedTuple):
    """Raised when all terms held for n of the last m renewals; cleared when they did not for m in a row."""

    n: int
    m: int


@dataclass(frozen=True)
class Condition:
    """One row: its terms, all of which must hold, raise an alarm. A row without terms is raised by an event."""

    name: str
    alarm: Alarms
    terms: tuple[Term, ...] = ()
    debounce: Callable[[Configuration], Debounce] = lambda _: Debounce(1, 1)
    in_service: bool = True
    """Whether it is judged during a refill, too."""
    breaks_windows: bool = False
    """Whether it means that earlier volumes say nothing of the flow."""

    @property
    def rhythm(self) -> Rhythm:
        """How often it is judged."""
        return self.terms[0].quantity.rhythm


@dataclass(frozen=True)
class AlarmKind:
    """What an alarm is. A latching one stays until somebody acknowledges it, even if its cause is gone."""

    priority: Priority
    latching: bool = False
    needs_more_than_a_look: bool = False
    """Whether somebody must mend its cause (set the clock), and to acknowledge it is not enough."""


ALARMS: Mapping[Alarms, AlarmKind] = {
    Alarms.LOW_RESERVOIR: AlarmKind(Priority.LOW),
    Alarms.EMPTY: AlarmKind(Priority.MEDIUM),
    Alarms.FLOW_HIGH: AlarmKind(Priority.HIGH),
    Alarms.FLOW_LOW: AlarmKind(Priority.MEDIUM),
    Alarms.OCCLUSION: AlarmKind(Priority.HIGH),
    Alarms.LEAK: AlarmKind(Priority.HIGH),
    Alarms.PROPELLANT_LOSS: AlarmKind(Priority.HIGH),
    Alarms.OVER_TEMPERATURE: AlarmKind(Priority.MEDIUM),
    Alarms.AMBIENT_PRESSURE: AlarmKind(Priority.LOW),
    Alarms.SENSOR_FAULT: AlarmKind(Priority.MEDIUM),
    Alarms.BATTERY_LOW: AlarmKind(Priority.LOW),
    Alarms.END_OF_SERVICE: AlarmKind(Priority.MEDIUM, latching=True),
    Alarms.MEMORY_FAULT: AlarmKind(Priority.MEDIUM, latching=True),
    Alarms.CLOCK_LOST: AlarmKind(Priority.LOW, latching=True, needs_more_than_a_look=True),
    Alarms.UNEXPECTED_ACCESS: AlarmKind(Priority.HIGH, latching=True),
    Alarms.TAMPERING: AlarmKind(Priority.MEDIUM, latching=True),
    Alarms.UNEXPECTED_RESTART: AlarmKind(Priority.LOW, latching=True),
    Alarms.REFILL_MISMATCH: AlarmKind(Priority.HIGH, latching=True),
}
"""Priorities are assumed; they rank by what may happen to the patient if nobody comes."""

PRIORITIES: Mapping[Alarms, Priority] = {alarm: kind.priority for alarm, kind in ALARMS.items()}


def _above(quantity: Quantity, raise_at: Limit, hysteresis: Limit = lambda _: 0) -> Term:
    return Term(quantity, True, raise_at, lambda c: raise_at(c) - hysteresis(c))


def _below(quantity: Quantity, raise_at: Limit, hysteresis: Limit = lambda _: 0) -> Term:
    return Term(quantity, False, raise_at, lambda c: raise_at(c) + hysteresis(c))


def _flow_high(permille: Limit) -> Limit:
    return lambda c: c.label_flow_nl_per_day + c.label_share(permille(c))


def _flow_low(permille: Limit) -> Limit:
    return lambda c: c.label_flow_nl_per_day - c.label_share(permille(c))


def _hysteresis(c: Configuration) -> int:
    return c.label_share(c.flow_hysteresis_permille)


def _flow_debounce(c: Configuration) -> Debounce:
    return Debounce(c.flow_debounce_n, c.flow_debounce_m)


def _cross(c: Configuration) -> int:
    return c.label_share(c.cross_check_permille)


def _hours(n: int, m: int) -> Callable[[Configuration], Debounce]:
    return lambda _: Debounce(n, m)


_samples = _hours
_Q = Quantity
_HOLDS_INFUSATE = _above(_Q.HOURLY_VOLUME, lambda c: c.empty_nl + c.volume_hysteresis_nl)
_NOT_OVERFULL = _below(_Q.HOURLY_VOLUME, lambda c: c.capacity_nl + c.volume_hysteresis_nl)

CONDITIONS: tuple[Condition, ...] = (
    # Every sample.
    Condition(
        "volume below empty",
        Alarms.EMPTY,
        (_below(_Q.VOLUME, lambda c: c.empty_nl, lambda c: c.volume_hysteresis_nl),),
        in_service=False,
    ),
    Condition(
        "outlet pressure high",
        Alarms.OCCLUSION,
        (_above(_Q.OUTLET, lambda c: c.occlusion_pa, lambda c: c.outlet_hysteresis_pa),),
        _samples(8, 10),
    ),
    Condition(
        "temperature high",
        Alarms.OVER_TEMPERATURE,
        (_above(_Q.TEMPERATURE, lambda c: c.over_temperature_mc, lambda c: c.temperature_hysteresis_mc),),
        _samples(10, 15),
    ),
    Condition(
        "ambient pressure low",
        Alarms.AMBIENT_PRESSURE,
        (_below(_Q.AMBIENT, lambda c: c.ambient_low_pa, lambda c: c.ambient_hysteresis_pa),),
        _samples(10, 15),
    ),
    Condition(
        "ambient pressure high",
        Alarms.AMBIENT_PRESSURE,
        (_above(_Q.AMBIENT, lambda c: c.ambient_high_pa, lambda c: c.ambient_hysteresis_pa),),
        _samples(10, 15),
    ),
    Condition(
        "reading at the end of its range",
        Alarms.SENSOR_FAULT,
        (_above(_Q.AT_END_OF_RANGE, lambda _: 0),),
        _samples(5, 5),
    ),
    Condition(
        "volume fell by a needle",
        Alarms.UNEXPECTED_ACCESS,
        (_below(_Q.VOLUME_STEP, lambda c: -c.access_nl),),
        in_service=False,
        breaks_windows=True,
    ),
    Condition(
        "volume rose by a needle",
        Alarms.UNEXPECTED_ACCESS,
        (_above(_Q.VOLUME_STEP, lambda c: c.access_nl),),
        in_service=False,
        breaks_windows=True,
    ),
    Condition(
        "pressure pulse at the outlet",
        Alarms.UNEXPECTED_ACCESS,
        (_above(_Q.OUTLET_PULSE, lambda c: c.outlet_pulse_pa),),
        in_service=False,
    ),
    # Every hour.
    Condition(
        "reserve used up",
        Alarms.LOW_RESERVOIR,
        (_below(_Q.RESERVE, lambda _: 0, lambda c: c.volume_hysteresis_nl),),
        in_service=False,
    ),
    Condition(
        "flow above label",
        Alarms.FLOW_HIGH,
        (_above(_Q.FLOW, _flow_high(lambda c: c.flow_high_permille), _hysteresis),),
        _flow_debounce,
        in_service=False,
    ),
    Condition(
        "flow below label",
        Alarms.FLOW_LOW,
        (_below(_Q.FLOW, _flow_low(lambda c: c.flow_low_permille), _hysteresis),),
        _flow_debounce,
        in_service=False,
    ),
    Condition(
        "more leaves than the restrictor should pass",
        Alarms.LEAK,
        (
            _above(_Q.UNEXPLAINED_FLOW, _cross, _hysteresis),
            _above(_Q.FLOW, _flow_high(lambda c: c.cross_check_permille), _hysteresis),
        ),
        _hours(3, 4),
        in_service=False,
    ),
    Condition(
        "outlet pressure low",
        Alarms.LEAK,
        (_below(_Q.HOURLY_OUTLET, lambda c: c.outlet_low_pa, lambda c: c.outlet_hysteresis_pa),),
        _hours(2, 3),
    ),
    Condition(
        "drive pressure low, and so is flow",
        Alarms.PROPELLANT_LOSS,
        (
            _below(_Q.DRIVE_PRESSURE, lambda c: -c.drive_pressure_pa, lambda c: c.drive_pressure_pa // 3),
            _below(_Q.FLOW, _flow_low(lambda c: c.flow_low_permille * 2 // 3), _hysteresis),
            _HOLDS_INFUSATE,
        ),
        _hours(2, 3),
        in_service=False,
    ),
    Condition(
        "drive pressure low, but flow is not",
        Alarms.SENSOR_FAULT,
        (
            _below(_Q.DRIVE_PRESSURE, lambda c: -c.drive_pressure_pa, lambda c: c.drive_pressure_pa // 3),
            _above(_Q.FLOW, _flow_low(lambda c: c.flow_low_permille // 3), _hysteresis),
            _HOLDS_INFUSATE,
        ),
        _hours(3, 4),
        in_service=False,
    ),
    Condition(
        "drive pressure high",
        Alarms.SENSOR_FAULT,
        (
            _above(_Q.DRIVE_PRESSURE, lambda c: c.drive_pressure_pa, lambda c: c.drive_pressure_pa // 3),
            _NOT_OVERFULL,
            _HOLDS_INFUSATE,
        ),
        _hours(3, 4),
    ),
    Condition(
        "less leaves than pressures say, but enough",
        Alarms.SENSOR_FAULT,
        (
            _below(_Q.UNEXPLAINED_FLOW, lambda c: -_cross(c), _hysteresis),
            _above(_Q.FLOW, _flow_low(lambda c: c.flow_low_permille // 3), _hysteresis),
        ),
        _hours(3, 4),
        in_service=False,
    ),
    Condition(
        "more leaves than pressures say, but not too much",
        Alarms.SENSOR_FAULT,
        (
            _above(_Q.UNEXPLAINED_FLOW, _cross, _hysteresis),
            _below(_Q.FLOW, _flow_high(lambda _: 0), _hysteresis),
        ),
        _hours(3, 4),
        in_service=False,
    ),
    Condition("a sensor is rough", Alarms.SENSOR_FAULT, (_above(_Q.ROUGHNESS, lambda _: 1000),), _hours(2, 3)),
    Condition("a sensor is dead", Alarms.SENSOR_FAULT, (_above(_Q.UNRESPONSIVE, lambda _: 0),), _hours(2, 2)),
    Condition(
        "battery low",
        Alarms.BATTERY_LOW,
        (_below(_Q.BATTERY, lambda c: c.battery_low_mv, lambda c: c.battery_hysteresis_mv),),
        _hours(3, 3),
    ),
    Condition(
        "battery at its end",
        Alarms.END_OF_SERVICE,
        (_below(_Q.BATTERY, lambda c: c.end_of_service_mv, lambda c: c.battery_hysteresis_mv),),
        _hours(3, 3),
    ),
    Condition("clock went ahead", Alarms.CLOCK_LOST, (_above(_Q.CLOCK_STEP, lambda c: c.clock_step_ms),)),
    Condition("clock went back", Alarms.CLOCK_LOST, (_below(_Q.CLOCK_STEP, lambda c: -c.clock_step_ms),)),
    Condition("memory damaged", Alarms.MEMORY_FAULT, (_above(_Q.DAMAGE, lambda _: 0),)),
    # By events.
    Condition("clock unset", Alarms.CLOCK_LOST),
    Condition("memory damaged at start", Alarms.MEMORY_FAULT),
    Condition("started anew", Alarms.UNEXPECTED_RESTART),
    Condition("bellows and syringe disagree", Alarms.REFILL_MISMATCH),
    Condition("telecommands refused", Alarms.TAMPERING),
)
"""A new condition is a new row. Their order is that in which they are judged, and their place is what the log keeps."""


def condition_number(name: str) -> int:
    """Place of the condition of that name in the table."""
    return next(index for index, condition in enumerate(CONDITIONS) if condition.name == name)
