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
        step_min = float(self.time_min[1] - self.time_min[0])
        half = round(WINDOW_MIN / 2 / step_min)
        offsets = np.arange(-half, half + 1) * step_min
        slopes = np.correlate(self.volume_ul, offsets / float(np.sum(offsets**2)), mode="valid")
        return self.time_min[half:-half], slopes

    def time_to(self, share: float) -> Estimate:
        """Minutes from the refill until the flow is ``share`` of the steady one, for good.

        Drops make single flows scatter; the mean of the first time above and the last one below is taken. Raises
        ValueError if the flow never gets there.
        """
        time_min, flows = self.flows_ul_per_min()
        above = flows >= share * self.steady_ul_per_min
        if not above[-1]:
            raise ValueError(f"the flow is not {100 * share:.0f} % of the steady one after {time_min[-1]:.0f} min")
        first, last_below = int(np.argmax(above)), int(len(above) - 1 - np.argmax(~above[::-1]))
        reached_min = float(time_min[first] + time_min[last_below]) / 2 if not above[0] else float(time_min[0])
        rise_per_min = (1 - share) / self.time_constant_min
        drops = max(1.0, WINDOW_MIN * self.steady_ul_per_min / max(self.drop_ul, 1e-3))
        u_volume_ul = math.hypot(self.drop_ul / math.sqrt(12), self.u_weighing_ul)
        u_flow_share = u_volume_ul * math.sqrt(12 / drops) / WINDOW_MIN / self.steady_ul_per_min
        curved_min = self.time_constant_min * (WINDOW_MIN / 2 / self.time_constant_min) ** 2 / 10
        lines = (
            _line("scatter by drops and weighing", u_flow_share, 1 / rise_per_min, "1"),
            _line("steady flow", self.u_steady_share, share / rise_per_min, "1"),
            _line("bath, at the start against later", self.u_bath_share, share / rise_per_min, "1"),
            _line("curvature within the fitted window", curved_min / math.sqrt(3), 1.0, "min"),
            _line("end of the refill", self.u_start_min, 1.0, "min"),
        )
        return Estimate.of(reached_min, lines)

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


def _line(name: str, u: float, sensitivity: float, unit: str) -> BudgetLine:
    return BudgetLine(name, 0.0, unit, u, sensitivity, abs(u * sensitivity))
