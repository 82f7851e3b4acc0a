"""A plain firmware: every sample taken, every reading kept, everything worked out anew from the lists each time.

It shares the tables (which conditions there are, and their limits), telecommands and memory with the firmware that it
checks; and nothing of how readings become quantities, how conditions are debounced, or how samples are passed over.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import floor
from typing import Any, cast

import numpy as np

from firmware_model.electronics.sensors import Readings
from firmware_model.firmware.alarms import CONDITIONS, Condition, Quantity, Rhythm
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.firmware import Firmware
from firmware_model.firmware.pump_memory import HISTORY_DTYPE
from firmware_model.physics.fluids import infusate_viscosity_pa_s, vapour_pressure_kpa, water_viscosity_pa_s
from firmware_model.profile import PumpProfile
from firmware_model.pump import Pump
from protocols.messages import Alarms, Mode

__all__ = ["PlainPump"]

_SENSORS = 6
_TEMPERATURES = [min(512 * step, 60_000) / 1000 for step in range(119)]


@dataclass
class _Row:
    """One condition, with its judgements: the number of each, and whether the condition was there."""

    place: int
    condition: Condition
    judged: list[tuple[int, bool]] = field(default_factory=list)
    active: bool = False
    since: int = 0


class _Rows:
    """All rows: what the telecommands ask of the state of the alarms."""

    def __init__(self) -> None:
        self.rows = [_Row(place, row) for place, row in enumerate(CONDITIONS) if row.terms]

    def active_for(self, alarm: Alarms) -> bool:
        return any(row.active and row.condition.alarm == alarm for row in self.rows)

    def forget(self, quantity: Quantity) -> None:
        for row in self.rows:
            if any(term.quantity is quantity for term in row.condition.terms):
                row.active, row.judged = False, []


class PlainFirmware(Firmware):
    """See above. ``profile`` is set by the pump's class."""

    profile: PumpProfile

    def __init__(self, *args: Any, **options: Any) -> None:
        self.kept: dict[int, Readings] = {}
        self.bad: list[list[int]] = [[] for _ in range(_SENSORS)]
        self.hour_means: dict[int, Readings] = {}
        super().__init__(*args, **options)
        self.state = _Rows()  # type: ignore[assignment]

    def _configure(self, configuration: Configuration) -> None:
        self.configuration = configuration

    def sample(self, readings: Readings, unresponsive: int) -> None:
        number = self.sample_count
        now_ms = self.started_ms + number * 60_000
        self.sample_count += 1
        self.readings = readings
        self.kept[number] = readings
        ended = [sensor for sensor in range(_SENSORS) if self._out_of_range(number, sensor)]
        for sensor in ended:
            self.bad[sensor].append(number)
        at_end = len(ended)
        self._decide(now_ms, Rhythm.SAMPLE, number, number, self._of_sample(number, at_end))
        self.hours_alarms |= self.active
        if number and number % 60 == 0:
            self._close_hour(now_ms, number, unresponsive)
        if self.mode is Mode.SELF_TEST:
            self._self_test(now_ms, at_end, unresponsive)
        self._timers(now_ms)
        if self._restart_due:
            self._restart_windows()

    def _restart_windows(self) -> None:
        super()._restart_windows()
        self.hour_means.clear()

    def _out_of_range(self, number: int, sensor: int) -> bool:
        table = self.profile.sensors
        profile = (
            table.temperature,
            table.reservoir_pressure,
            table.outlet_pressure,
            table.ambient_pressure,
            table.bellows,
            table.battery,
        )[sensor]
        value = self.kept[number][sensor]
        return bool(value <= profile.lower or value >= profile.upper)

    def _last(self, number: int, count: int) -> list[Readings]:
        """The last readings, but none from before the windows began."""
        return [
            self.kept[n] for n in range(number - count + 1, number + 1) if n >= self.restarted_at and n in self.kept
        ]

    def _of_sample(self, number: int, at_end: int) -> dict[Quantity, int]:
        now, last = self.kept[number], self._last(number, 16)
        quantities = {
            Quantity.TEMPERATURE: now.temperature_mc,
            Quantity.OUTLET: now.outlet_pa,
            Quantity.AMBIENT: now.ambient_pa,
            Quantity.VOLUME: _mean([r.bellows_nl for r in last[-15:]]),
            Quantity.AT_END_OF_RANGE: at_end,
        }
        if len(last) == 16:
            quantities[Quantity.VOLUME_STEP] = now.bellows_nl - last[0].bellows_nl
        if len(last) >= 11:
            quantities[Quantity.OUTLET_PULSE] = last[-6].outlet_pa - max(now.outlet_pa, last[-11].outlet_pa)
        return quantities

    def _close_hour(self, now_ms: int, number: int, unresponsive: int) -> None:
        last = self._last(number, 15)
        mean = Readings(*(_mean([reading[sensor] for reading in last]) for sensor in range(_SENSORS)))
        quantities: dict[Quantity, int] = {Quantity.UNRESPONSIVE: unresponsive}
        flow: int | None = None
        if len(last) == 15:
            self.hour_means[number] = mean
            hours = [self.hour_means.get(number - 60 * back) for back in range(5, -1, -1)]
            label_reserve = self.configuration.low_reservoir_nl
            reserve = label_reserve
            if all(hour is not None for hour in hours):
                means = [hour for hour in hours if hour is not None]
                flow = _round(
                    Fraction(24 * sum(w * m.bellows_nl for w, m in zip((5, 3, 1, -1, -3, -5), means, strict=True)), 35)
                )
                flows = [self._pressure_flow(m) for m in means]
                driven = _round(Fraction(sum(w * f for w, f in zip((5, 13, 17, 17, 13, 5), flows, strict=True)), 70))
                quantities[Quantity.FLOW] = flow
                quantities[Quantity.UNEXPLAINED_FLOW] = flow - driven
                reserve = max(label_reserve, floor(Fraction(flow * self.configuration.low_reservoir_hours, 24)))
            quantities[Quantity.RESERVE] = mean.bellows_nl - self.configuration.residual_nl - reserve
            quantities[Quantity.DRIVE_PRESSURE] = mean.reservoir_pa - self._expected_pa(mean)
            quantities[Quantity.HOURLY_VOLUME] = mean.bellows_nl
            quantities[Quantity.HOURLY_OUTLET] = mean.outlet_pa
            quantities[Quantity.BATTERY] = mean.battery_mv
            quantities[Quantity.ROUGHNESS] = max(self._roughness(last, sensor) for sensor in range(_SENSORS - 1))
        ahead_ms = self.clock.utc_ms(now_ms) - now_ms
        quantities[Quantity.CLOCK_STEP] = ahead_ms - self._clock_ahead_ms
        self._clock_ahead_ms = ahead_ms
        self.clock.has_jumped = False
        damage = quantities[Quantity.DAMAGE] = self.memory.damage()
        self._decide(now_ms, Rhythm.HOUR, number // 60, number, quantities)
        if damage:
            self._repair(now_ms, damage)
        record = np.zeros(1, dtype=HISTORY_DTYPE)
        record["end_uptime_ms"] = number * 60_000
        record["boot_count"] = self.counters.boots
        record["volume_nl"], record["temperature_mc"] = mean.bellows_nl, mean.temperature_mc
        record["reservoir_pa"], record["outlet_pa"] = mean.reservoir_pa, mean.outlet_pa
        record["ambient_pa"], record["alarms"] = mean.ambient_pa, int(self.hours_alarms | self.active)
        if flow is not None:
            record["flow_nl_per_day"], record["flow_valid"] = flow, True
        self.memory.keep_hours(record)
        self.hours_alarms = self.active

    def _table(self, values: list[int], temperature_mc: int) -> int:
        """A table every 512 m degrees Celsius, up to 60 C, with straight lines that are rounded down."""
        inside = min(max(temperature_mc, 0), 60_000)
        step, rest = divmod(inside, 512)
        low, high = values[step], values[step + 1]
        return low + floor(Fraction((high - low) * rest, 512))

    @cached_property
    def _vapour(self) -> list[int]:
        return [round(vapour_pressure_kpa(self.profile.propellant, t) * 1000) for t in _TEMPERATURES]

    @cached_property
    def _per_pa(self) -> list[int]:
        scale = 65_536 * 86_400 * 10**12 / self.profile.restrictor_pa_s_per_m3
        infusate, water = self.profile.infusate, water_viscosity_pa_s(37.0)
        thin = [water / infusate_viscosity_pa_s(t, infusate.glycerin_percent, infusate.base) for t in _TEMPERATURES]
        return [round(each * scale) for each in thin]

    def _expected_pa(self, mean: Readings) -> int:
        capacity = round(self.profile.capacity_ml * 1e6)
        spring = capacity - round((self.profile.residual_ml + self.profile.stop_region_ml) * 1e6)
        droop = floor(
            Fraction(round(self.profile.droop_kpa * 1000) * min(max(capacity - mean.bellows_nl, 0), spring), spring)
        )
        return self._table(self._vapour, mean.temperature_mc) - droop

    def _pressure_flow(self, mean: Readings) -> int:
        driving = mean.reservoir_pa - mean.ambient_pa - mean.outlet_pa
        if self.profile.below_outlet == "check-valve":
            driving = max(driving, 0)
        return floor(Fraction(driving * self._table(self._per_pa, mean.temperature_mc), 65_536))

    def _roughness(self, last: list[Readings], sensor: int) -> int:
        values = [reading[sensor] for reading in last]
        table = self.profile.sensors
        profile = (
            table.temperature,
            table.reservoir_pressure,
            table.outlet_pressure,
            table.ambient_pressure,
            table.bellows,
        )[sensor]
        allowed = round(13 * 8 * (profile.noise + profile.resolution / 2))
        bends = sorted(abs(values[k - 1] - 2 * values[k] + values[k + 1]) for k in range(1, 14))
        return floor(Fraction(1000 * 13 * bends[6], allowed))

    def _decide(self, now_ms: int, rhythm: Rhythm, number: int, sample: int, quantities: dict[Quantity, int]) -> None:
        known = {
            quantity: value
            for quantity, value in quantities.items()
            if not any(
                quantity.sensors >> sensor & 1 and any(n > sample - quantity.reach for n in self.bad[sensor])
                for sensor in range(_SENSORS)
            )
        }
        changed = []
        for row in self.state.rows:  # type: ignore[attr-defined]
            if row.condition.rhythm is not rhythm or (self.mode is Mode.SERVICE and not row.condition.in_service):
                continue
            if self._turns(row, number, known):
                row.active = not row.active
                row.since, row.judged = number, []
                changed.append(row)
        for row in changed:
            if row.active:
                self._raise(now_ms, row.condition.alarm, row.place)
                self._restart_due |= row.condition.breaks_windows
            elif not self.state.active_for(row.condition.alarm):
                self.board.release(now_ms, row.condition.alarm)
                self._keep_counters()

    def _turns(self, row: _Row, number: int, known: dict[Quantity, int]) -> bool:
        terms, configuration = row.condition.terms, self.configuration
        n, m = row.condition.debounce(configuration)
        can_say = all(term.quantity in known for term in terms)
        if not row.active:
            there = can_say and all(
                known[t.quantity] > t.raise_at(configuration)
                if t.above
                else known[t.quantity] < t.raise_at(configuration)
                for t in terms
            )
            row.judged.append((number, there))
            del row.judged[: -2 * m]
            return there and sum(was for at, was in row.judged if at > number - m) >= n
        stays = not can_say or all(
            known[t.quantity] > t.clear_at(configuration) if t.above else known[t.quantity] < t.clear_at(configuration)
            for t in terms
        )
        row.judged.append((number, stays))
        lasted = max((at for at, was in row.judged if was), default=row.since)
        return number - lasted >= m


def _mean(values: list[int]) -> int:
    return _round(Fraction(sum(values), len(values)))


def _round(value: Fraction) -> int:
    """To the nearest, halves upwards."""
    return floor(value + Fraction(1, 2))


class PlainPump(Pump):
    """A pump on which the plain firmware runs."""

    def __init__(self, profile: PumpProfile, **options: Any) -> None:
        self.firmware_class = cast("type[Firmware]", type("PlainFirmwareOf", (PlainFirmware,), {"profile": profile}))
        super().__init__(profile, passes_over=False, **options)
