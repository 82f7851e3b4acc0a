"""The battery: charge that is drawn by sleep, samples and radio, and the voltage that is left."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.profile import BatteryProfile
from protocols.compiled import compiled

__all__ = ["Battery", "BatteryTable", "voltages_mv"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]
BatteryTable = tuple[Times, Values, int, tuple[int, int, int], Values]
"""What ``voltages_mv`` takes behind times and samples."""

_PC_PER_UC = 1_000_000
_PC_PER_MAH = 3_600 * 10**9
_NA_PER_UA = 1000
SAMPLE_PERIOD_MS = 60_000
_MS_PER_DAY, _SAMPLES_PER_DAY = 86_400_000, 1440
_ROOM = 16
"""For loads, at first; it doubles."""


class _Load(NamedTuple):
    """What was drawn up to a time, and what sleep draws from then on."""

    since_ms: int
    since_sample: int
    drawn_pc: int
    sleep_na: int
    fed_mv: float | None = None
    """A bench's supply in the battery's place; None if there is none."""


@compiled
def voltages_mv(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    times_ms: Times,
    samples: Times,
    loads: Times,
    fed_mv: Values,
    count: int,
    charges_pc: tuple[int, int, int],
    curve: Values,
) -> Values:
    """Voltage at rising times with their samples.

    ``loads`` are columns of ``_Load``, of which the first ``count`` are in use, with what feeds them (NaN: nothing);
    ``charges_pc`` what a sample takes, what the cell holds, and what it gives until it is empty; ``curve`` the percents
    of a discharge and its voltages.
    """
    sample_pc, capacity_pc, empty_pc = charges_pc
    found = np.empty(times_ms.size)
    load = max(0, np.searchsorted(loads[0, :count], times_ms[0]) - 1) if times_ms.size else 0
    for place in range(times_ms.size):
        while load + 1 < count and loads[0, load + 1] < times_ms[place]:
            load += 1
        found[place] = fed_mv[load]
        if np.isnan(fed_mv[load]):
            # No longer than until the cell is empty, or years of a large drain would outgrow 64 bits.
            slept_ms = min(times_ms[place] - loads[0, load], empty_pc // max(1, loads[3, load]) + 1)
            slept_pc = slept_ms * loads[3, load]
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
    """A primary cell that only ever gives, until it is empty.

    Charge is in whole picocoulombs: any order of adding up is the same.
    """

    def __init__(self, profile: BatteryProfile) -> None:
        """Begin full, at time 0, before the first sample."""
        self._capacity_pc = round(profile.capacity_mah * _PC_PER_MAH)
        self._sample_pc = round(profile.sample_uc * _PC_PER_UC)
        self._byte_pc = round(profile.radio_uc_per_byte * _PC_PER_UC)
        self._empty_pc = math.ceil(self._capacity_pc * profile.discharge[-1][0] / 100)
        self._sleep_na = round(profile.sleep_ua * _NA_PER_UA)
        self._curve = np.array(profile.discharge, dtype=np.float64).T.copy()
        self._last = _Load(0, 0, 0, self._sleep_na)
        self._loads, self._fed_mv, self._count = np.empty((4, _ROOM), dtype=np.int64), np.empty(_ROOM), 0
        """A column for each load, and there is room for more."""
        self._append(self._last)

    @property
    def day_bytes(self) -> int:
        """Bytes of radio that take as much charge as a day of sleep and samples."""
        day_pc = _MS_PER_DAY * self._sleep_na + _SAMPLES_PER_DAY * self._sample_pc
        return day_pc // self._byte_pc if self._byte_pc else 1 << 40

    @property
    def mean_current_na(self) -> int:
        """What sleep and samples draw now, the radio left out, averaged by the capacitor at the terminals."""
        return self._last.sleep_na + self._sample_pc // SAMPLE_PERIOD_MS

    def feed(self, now_ms: int, sample: int, supply_mv: float | None) -> None:
        """Have a supply stand in for the cell from now on; None puts the cell back."""
        self._begin(now_ms, sample, 0, self._last.sleep_na, supply_mv)

    def drawn_pc(self, now_ms: int, sample: int) -> int:
        """Charge drawn until ``now_ms`` and before sample number ``sample`` (counted since the first boot)."""
        return self._drawn_since(self._last, now_ms, sample)

    def set_drain(self, now_ms: int, sample: int, drain_ua: float) -> None:
        """Have a fault draw ``drain_ua`` beside what sleep draws, from now on."""
        self._begin(now_ms, sample, 0, self._sleep_na + round(drain_ua * _NA_PER_UA), self._last.fed_mv)

    def radio(self, now_ms: int, sample: int, byte_count: int) -> None:
        """Draw what receiving or sending so many bytes takes."""
        load = self._last
        self._begin(now_ms, sample, byte_count * self._byte_pc, load.sleep_na, load.fed_mv)

    def voltage_mv(self, now_ms: int, sample: int) -> float:
        """Voltage under load at a time, with the number of its sample."""
        return self._voltage_mv(self._load(self._place(now_ms)), now_ms, sample)

    @property
    def table(self) -> BatteryTable:
        """As compiled code takes it."""
        return self._loads, self._fed_mv, self._count, (self._sample_pc, self._capacity_pc, self._empty_pc), self._curve

    def extremes_mv(self, begin: tuple[int, int], end: tuple[int, int]) -> tuple[float, float]:
        """The lowest and the highest voltage between two times, each with its sample.

        A cell's only falls; a supply's jumps.
        """
        (begin_ms, begin_sample), (end_ms, _) = begin, end
        first, last = self._place(begin_ms), self._place(end_ms + 1)
        loads = [self._load(place) for place in range(first, last + 1)]
        found = [self._voltage_mv(loads[0], begin_ms, begin_sample)]
        ends = [*(min((load.since_ms, load.since_sample), end) for load in loads[1:]), end]
        for load, until in zip(loads, ends, strict=True):
            since = max(load.since_ms, begin_ms), max(load.since_sample, begin_sample)
            found += (self._voltage_mv(load, *time) for time in (since, until))
        return min(found), max(found)

    def forget(self, before_ms: int) -> None:
        """Forget loads that no time after ``before_ms`` needs."""
        first = self._place(before_ms)
        kept = self._count - first
        self._loads[:, :kept], self._fed_mv[:kept] = (block[..., first : self._count] for block in self._blocks)
        self._count = kept

    @property
    def _blocks(self) -> tuple[Times, Values]:
        return self._loads, self._fed_mv

    def _load(self, place: int) -> _Load:
        since_ms, since_sample, drawn_pc, sleep_na = self._loads[:, place].tolist()
        fed_mv = float(self._fed_mv[place])
        return _Load(since_ms, since_sample, drawn_pc, sleep_na, None if math.isnan(fed_mv) else fed_mv)

    def _place(self, now_ms: int) -> int:
        """Of the load just before a time."""
        return max(0, int(np.searchsorted(self._loads[0, : self._count], now_ms)) - 1)

    def _begin(self, now_ms: int, sample: int, extra_pc: int, sleep_na: int, fed_mv: float | None) -> None:
        drawn_pc = min(self.drawn_pc(now_ms, sample) + extra_pc, self._empty_pc)
        load = _Load(now_ms, sample, drawn_pc, sleep_na, fed_mv)
        if self._last.since_ms == now_ms and self._count > 1:
            self._count -= 1
        self._append(load)

    def _append(self, load: _Load) -> None:
        if self._count == self._fed_mv.size:
            self._loads, self._fed_mv = (np.concatenate([block, block], axis=-1) for block in self._blocks)
        self._loads[:, self._count] = load[:4]
        self._fed_mv[self._count] = math.nan if load.fed_mv is None else load.fed_mv
        self._count += 1
        self._last = load

    def _drawn_since(self, load: _Load, now_ms: int, sample: int) -> int:
        return load.drawn_pc + (now_ms - load.since_ms) * load.sleep_na + (sample - load.since_sample) * self._sample_pc

    def _voltage_mv(self, load: _Load, now_ms: int, sample: int) -> float:
        if load.fed_mv is not None:
            return load.fed_mv
        return float(_on_curve(self._curve, self._drawn_since(load, now_ms, sample) / self._capacity_pc * 100))
