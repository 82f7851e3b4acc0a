"""The battery: charge that is drawn by sleep, samples and radio, and the voltage that is left."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_model.compiled import compiled
from firmware_model.profile import BatteryProfile

__all__ = ["Battery", "BatteryTable", "voltages_mv"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]
BatteryTable = tuple[Times, Values, tuple[int, int], Values]
"""What ``voltages_mv`` takes behind times and samples."""

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


@compiled
def voltages_mv(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    times_ms: Times, samples: Times, loads: Times, fed_mv: Values, charges_pc: tuple[int, int], curve: Values
) -> Values:
    """Voltage at rising times with their samples.

    ``loads`` are columns of ``_Load``, with what feeds them (NaN: nothing); ``charges_pc`` what a sample takes and what
    the cell holds; ``curve`` the percents of a discharge and its voltages.
    """
    sample_pc, capacity_pc = charges_pc
    found = np.empty(times_ms.size)
    load = 0
    for place in range(times_ms.size):
        while load + 1 < loads.shape[1] and loads[0, load + 1] < times_ms[place]:
            load += 1
        found[place] = fed_mv[load]
        if np.isnan(fed_mv[load]):
            slept_pc = (times_ms[place] - loads[0, load]) * loads[3, load]
            sampled_pc = (samples[place] - loads[1, load]) * sample_pc
            found[place] = _on_curve(curve, (loads[2, load] + slept_pc + sampled_pc) / capacity_pc * 100)
    return found


@compiled
def _on_curve(curve: Values, percent: float) -> float:
    """Straight lines between the points of a discharge; beyond its ends it stays what it is there."""
    percents, voltages_mv = curve[0], curve[1]
    after = np.searchsorted(percents, percent, side="right")
    if after == 0:
        return float(voltages_mv[0])
    if after == percents.size:
        return float(voltages_mv[after - 1])
    slope = (voltages_mv[after] - voltages_mv[after - 1]) / (percents[after] - percents[after - 1])
    return float(slope * (percent - percents[after - 1]) + voltages_mv[after - 1])


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
        self._curve = np.array(profile.discharge, dtype=np.float64).T.copy()
        self._table: BatteryTable | None = None

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
        return self._drawn_since(self._loads[-1], now_ms, sample)

    def set_drain(self, now_ms: int, sample: int, drain_ua: float) -> None:
        """Have a fault draw ``drain_ua`` beside what sleep draws, from now on."""
        self._begin(now_ms, sample, 0, self._sleep_na + round(drain_ua * _NA_PER_UA), self._loads[-1].fed_mv)

    def radio(self, now_ms: int, sample: int, byte_count: int) -> None:
        """Draw what receiving or sending so many bytes takes."""
        load = self._loads[-1]
        self._begin(now_ms, sample, byte_count * self._byte_pc, load.sleep_na, load.fed_mv)

    def voltage_mv(self, now_ms: int, sample: int) -> float:
        """Voltage under load at a time, with the number of its sample."""
        load = next(load for load in reversed(self._loads) if load.since_ms < now_ms or load is self._loads[0])
        return self._voltage_mv(load, now_ms, sample)

    @property
    def table(self) -> BatteryTable:
        """As compiled code takes it."""
        if self._table is None:
            loads = np.array([(each.since_ms, each.since_sample, each.drawn_pc, each.sleep_na) for each in self._loads])
            fed_mv = np.array([np.nan if each.fed_mv is None else each.fed_mv for each in self._loads])
            self._table = loads.T.copy(), fed_mv, (self._sample_pc, self._capacity_pc), self._curve
        return self._table

    def extremes_mv(self, begin: tuple[int, int], end: tuple[int, int]) -> tuple[float, float]:
        """The lowest and the highest voltage between two times, each with its sample.

        A cell's only falls; a supply's jumps.
        """
        (begin_ms, begin_sample), (end_ms, end_sample) = begin, end
        first = max(0, self._place(begin_ms))
        found = [self._voltage_mv(self._loads[first], begin_ms, begin_sample)]
        for load, after in zip(self._loads[first:], [*self._loads[first + 1 :], None], strict=True):
            if load.since_ms > end_ms:
                break
            until = (end_ms, end_sample) if after is None else min((after.since_ms, after.since_sample), end)
            since = max(load.since_ms, begin_ms), max(load.since_sample, begin_sample)
            found += (self._voltage_mv(load, *time) for time in (since, until))
        return min(found), max(found)

    def forget(self, before_ms: int) -> None:
        """Forget loads that no time after ``before_ms`` needs."""
        del self._loads[: max(0, self._place(before_ms))]
        self._table = None

    def _place(self, now_ms: int) -> int:
        places = [index for index, load in enumerate(self._loads) if load.since_ms < now_ms]
        return places[-1] if places else 0

    def _begin(self, now_ms: int, sample: int, extra_pc: int, sleep_na: int, fed_mv: float | None) -> None:
        load = _Load(now_ms, sample, self.drawn_pc(now_ms, sample) + extra_pc, sleep_na, fed_mv)
        if self._loads[-1].since_ms == now_ms and len(self._loads) > 1:
            self._loads.pop()
        self._loads.append(load)
        self._table = None

    def _drawn_since(self, load: _Load, now_ms: int, sample: int) -> int:
        return load.drawn_pc + (now_ms - load.since_ms) * load.sleep_na + (sample - load.since_sample) * self._sample_pc

    def _voltage_mv(self, load: _Load, now_ms: int, sample: int) -> float:
        if load.fed_mv is not None:
            return load.fed_mv
        return float(_on_curve(self._curve, self._drawn_since(load, now_ms, sample) / self._capacity_pc * 100))
