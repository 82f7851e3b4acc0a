"""What weighings say of a pump's start: when its flow is nearly steady, and what it failed to deliver until then."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.measurement import BudgetLine

__all__ = ["Estimate", "StartUp"]

WINDOW_MIN = 12.0
"""Over which a flow is fitted: some sixteen drops at 1 mL/day."""

_PHASES = 32
"""At which drops are let fall, to see what they do."""


@dataclass(frozen=True)
class Estimate:
    """A number with its expanded uncertainty (k = 2) and where that comes from."""

    value: float
    expanded_uncertainty: float
    budget: tuple[BudgetLine, ...]

    @classmethod
    def of(cls, value: float, budget: Sequence[BudgetLine]) -> "Estimate":
        """``value``, whose inputs are independent."""
        return cls(value, 2 * math.sqrt(math.fsum(line.contribution**2 for line in budget)), tuple(budget))


@dataclass(frozen=True)
class StartUp:
    """Volumes since a refill on a grid of equal steps, and the steady flow that they tend to. ``u_`` is standard."""

    time_min: NDArray[np.float64]
    volume_ul: NDArray[np.float64]
    """Collected since the first of them; corrected for buoyancy and evaporation."""
    steady_ul_per_min: float
    u_steady_share: float
    """Of the steady flow, as far as it is not an error of the volumes as well."""
    u_scale_share: float
    """Of volumes and steady flow alike, and of the start's bath against that of the steady flow."""
    u_bath_share: float
    drop_ul: float
    u_weighing_ul: float
    u_start_min: float
    """Of the time at which the refill was done."""
    time_constant_min: float
    """With which the flow is taken to approach its steady value: for uncertainties only."""

    def flows_ul_per_min(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times and flows: slopes of straight lines fitted over the window around each time."""
        offsets = self._offsets_min()
        half = offsets.size // 2
        return self.time_min[half:-half], self._slopes(self.volume_ul)

    def time_to(self, share: float) -> Estimate:
        """Minutes from the refill until the flow is ``share`` of the steady one, for good.

        Drops make single flows scatter: the mean of the first time above and the last one below is taken. A flow that
        is never seen below was back by the first time. Raises ValueError if the flow never gets there.
        """
        time_min, flows = self.flows_ul_per_min()
        enough = share * self.steady_ul_per_min
        if not flows[-1] >= enough:
            raise ValueError(f"the flow is not {100 * share:.0f} % of the steady one after {time_min[-1]:.0f} min")
        first_min, last_min = _crossings(time_min, flows, enough)
        reached_min = (first_min + last_min) / 2
        rise_per_min = (1 - share) / self.time_constant_min
        u_weighing_share = self.u_weighing_ul / float(np.linalg.norm(self._offsets_min())) / self.steady_ul_per_min
        lines = (
            _line("weighing", u_weighing_share, 1 / rise_per_min, "1"),
            _line("drops, and curvature within the fitted window", self._u_drops_min(share, reached_min), 1.0, "min"),
            _line("from the first time above to the last below", abs(last_min - first_min) / math.sqrt(12), 1.0, "min"),
            _line("steady flow", self.u_steady_share, share / rise_per_min, "1"),
            _line("bath, at the start against later", self.u_bath_share, share / rise_per_min, "1"),
            _line("end of the refill", self.u_start_min, 1.0, "min"),
        )
        return Estimate.of(reached_min, lines)

    def _offsets_min(self) -> NDArray[np.float64]:
        """Times of a window's weighings, from its middle."""
        step_min = float(self.time_min[1] - self.time_min[0])
        half = round(WINDOW_MIN / 2 / step_min)
        return np.arange(-half, half + 1, dtype=np.float64) * step_min

    def _slopes(self, volume_ul: NDArray[np.float64]) -> NDArray[np.float64]:
        offsets = self._offsets_min()
        slopes: NDArray[np.float64] = np.correlate(volume_ul, offsets / float(np.sum(offsets**2)), mode="valid")
        return slopes

    def _u_drops_min(self, share: float, reached_min: float) -> float:
        """What is wrong, root mean square, with the time that is found if the flow is back at ``reached_min``.

        A flow that comes back exponentially is weighed at the same times, without noise, in drops that fall early or
        late. No formula is as good: how drops and weighings beat depends on how many of these come to one of those.
        """
        lag = (1 - share) * np.exp((reached_min - self.time_min) / self.time_constant_min)
        volume_ul = self.steady_ul_per_min * (self.time_min + self.time_constant_min * lag)
        times, enough = self.flows_ul_per_min()[0], share * self.steady_ul_per_min
        errors = []
        for phase in np.arange(_PHASES) / _PHASES:
            fallen_ul = np.floor(volume_ul / self.drop_ul + phase) * self.drop_ul if self.drop_ul else volume_ul
            errors.append(sum(_crossings(times, self._slopes(fallen_ul), enough)) / 2 - reached_min)
        return float(np.sqrt(np.mean(np.square(errors))))

    def missing_ul(self) -> Estimate:
        """Volume that the steady flow would have delivered from the refill to the last weighing, less what came."""
        passed_min = float(self.time_min[-1])
        steady_ul = self.steady_ul_per_min * passed_min
        missing = steady_ul - float(self.volume_ul[-1] - self.volume_ul[0])
        lines = (
            _line("hanging drop", self.drop_ul / math.sqrt(6), 1.0, "uL"),
            _line("weighing", math.sqrt(2) * self.u_weighing_ul, 1.0, "uL"),
            _line("steady flow", self.u_steady_share, steady_ul, "1"),
            _line("bath, at the start against later", self.u_bath_share, steady_ul, "1"),
            _line("scale of all volumes", self.u_scale_share, missing, "1"),
            _line("end of the refill", self.u_start_min, self.steady_ul_per_min, "min"),
        )
        return Estimate.of(missing, lines)


def _crossings(time_min: NDArray[np.float64], flows: NDArray[np.float64], enough: float) -> tuple[float, float]:
    """The first time at which there is enough, and the last at which there is not: the first again, if always is."""
    above = flows >= enough
    first = float(time_min[np.argmax(above)])
    return first, first if above.all() else float(time_min[~above][-1])


def _line(name: str, u: float, sensitivity: float, unit: str) -> BudgetLine:
    return BudgetLine(name, 0.0, unit, u, sensitivity, abs(u * sensitivity))
