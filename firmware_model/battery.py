"""The battery: charge that is drawn by sleep, samples and radio, and the voltage that is left."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware_model.profile import BatteryProfile

__all__ = ["Battery"]

_PC_PER_UC = 1_000_000
_PC_PER_MAH = 3_600 * 10**9
_NA_PER_UA = 1000
SAMPLE_PERIOD_MS = 60_000
_MS_PER_DAY, _SAMPLES_PER_DAY = 86_400_000, 1440


@dataclass(frozen=True)
class _Load:
    """What was drawn up to a time, and what sleep draws from then on."""

    since_ms: int
    since_sample: int
    drawn_pc: int
    sleep_na: int
    fed_mv: float | None = None
    """A bench's supply in the battery's place; None if there is none."""


class Battery:
    """A primary cell that only ever gives. Charge is in whole picocoulombs: any order of adding up is the same."""

    def __init__(self, profile: BatteryProfile) -> None:
        """Begin full, at time 0, before the first sample."""
        self._profile = profile
        self._capacity_pc = round(profile.capacity_mah * _PC_PER_MAH)
        self._sample_pc = round(profile.sample_uc * _PC_PER_UC)
        self._byte_pc = round(profile.radio_uc_per_byte * _PC_PER_UC)
        self._sleep_na = round(profile.sleep_ua * _NA_PER_UA)
        self._loads = [_Load(0, 0, 0, self._sleep_na)]
        self._percents = np.array([percent for percent, _ in profile.discharge])
        self._voltages_mv = np.array([voltage_mv for _, voltage_mv in profile.discharge], dtype=np.float64)

    @property
    def day_bytes(self) -> int:
        """Bytes of radio that take as much charge as a day of sleep and samples."""
        day_pc = _MS_PER_DAY * self._sleep_na + _SAMPLES_PER_DAY * self._sample_pc
        return day_pc // self._byte_pc if self._byte_pc else 1 << 40

    @property
    def mean_current_na(self) -> int:
        """What sleep and samples draw now, the radio left out, averaged by the capacitor at the terminals."""
        return self._loads[-1].sleep_na + self._sample_pc // SAMPLE_PERIOD_MS

    def feed(self, now_ms: int, sample: int, supply_mv: float | None) -> None:
        """Have a supply stand in for the cell from now on; None puts the cell back."""
        self._begin(now_ms, sample, 0, self._loads[-1].sleep_na, supply_mv)

    def drawn_pc(self, now_ms: int, sample: int) -> int:
        """Charge drawn until ``now_ms`` and before sample number ``sample`` (counted since the first boot)."""
        return int(self._drawn_since(self._loads[-1], now_ms, sample))

    def set_drain(self, now_ms: int, sample: int, drain_ua: float) -> None:
        """Have a fault draw ``drain_ua`` beside what sleep draws, from now on."""
        self._begin(now_ms, sample, 0, self._sleep_na + round(drain_ua * _NA_PER_UA), self._loads[-1].fed_mv)

    def radio(self, now_ms: int, sample: int, byte_count: int) -> None:
        """Draw what receiving or sending so many bytes takes."""
        load = self._loads[-1]
        self._begin(now_ms, sample, byte_count * self._byte_pc, load.sleep_na, load.fed_mv)

    def voltage_mv(self, now_ms: Any, sample: Any) -> Any:
        """Voltage under load at a time, or at rising times with their samples."""
        if isinstance(now_ms, int):
            load = next(load for load in reversed(self._loads) if load.since_ms < now_ms or load is self._loads[0])
            return float(self._voltage_mv(load, now_ms, sample))
        first = max(0, self._place(int(np.min(now_ms))))
        voltage_mv = self._voltage_mv(self._loads[first], now_ms, sample)
        for load in self._loads[first + 1 :]:
            voltage_mv = np.where(now_ms > load.since_ms, self._voltage_mv(load, now_ms, sample), voltage_mv)
        return voltage_mv

    def extremes_mv(self, begin: tuple[int, int], end: tuple[int, int]) -> tuple[float, float]:
        """The lowest and the highest voltage between two times, each with its sample.

        A cell's only falls; a supply's jumps.
        """
        (begin_ms, begin_sample), (end_ms, end_sample) = begin, end
        first = max(0, self._place(begin_ms))
        found = [float(self._voltage_mv(self._loads[first], begin_ms, begin_sample))]
        for load, after in zip(self._loads[first:], [*self._loads[first + 1 :], None], strict=True):
            if load.since_ms > end_ms:
                break
            until = (end_ms, end_sample) if after is None else min((after.since_ms, after.since_sample), end)
            since = max(load.since_ms, begin_ms), max(load.since_sample, begin_sample)
            found += (float(self._voltage_mv(load, *time)) for time in (since, until))
        return min(found), max(found)

    def forget(self, before_ms: int) -> None:
        """Forget loads that no time after ``before_ms`` needs."""
        del self._loads[: max(0, self._place(before_ms))]

    def _place(self, now_ms: int) -> int:
        places = [index for index, load in enumerate(self._loads) if load.since_ms < now_ms]
        return places[-1] if places else 0

    def _begin(self, now_ms: int, sample: int, extra_pc: int, sleep_na: int, fed_mv: float | None) -> None:
        load = _Load(now_ms, sample, self.drawn_pc(now_ms, sample) + extra_pc, sleep_na, fed_mv)
        if self._loads[-1].since_ms == now_ms and len(self._loads) > 1:
            self._loads.pop()
        self._loads.append(load)

    def _drawn_since(self, load: _Load, now_ms: Any, sample: Any) -> Any:
        return load.drawn_pc + (now_ms - load.since_ms) * load.sleep_na + (sample - load.since_sample) * self._sample_pc

    def _voltage_mv(self, load: _Load, now_ms: Any, sample: Any) -> Any:
        if load.fed_mv is not None:
            return load.fed_mv
        drawn_pc = self._drawn_since(load, now_ms, sample)
        return np.interp(drawn_pc / self._capacity_pc * 100, self._percents, self._voltages_mv)
