"""The mean of values each of which is a mean over a window, where the windows overlap, and how well it is known."""

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["OverlappingMean"]

_COVERAGE = erf(sqrt(2))
"""Of plus and minus two standard deviations: what k = 2 stands for."""


@dataclass(frozen=True)
class OverlappingMean:
    """A mean with its standard uncertainty, and how well that is known."""

    value: float
    standard_uncertainty: float
    degrees_of_freedom: float

    @classmethod
    def of(cls, values: NDArray[np.float64], ends_h: NDArray[np.float64], window_h: float) -> "OverlappingMean":
        """The mean of n ``values`` over windows that end at n different times. Raises ValueError for fewer than two.

        Two windows share their chance as far as they overlap: such values are closer together than independent ones,
        while their mean is further from the truth. With r the mean correlation of all pairs, themselves included,
        the variance of the mean is r times that of a value, and the expectation of the sample variance 1 - r times,
        times n / (n - 1). Degrees of freedom are those of a chi-squared that spreads as the sample variance does.
        """
        if values.size < 2:
            raise ValueError(f"a spread needs at least 2 values, got {values.size}")
        shared = np.maximum(0.0, 1 - np.abs(ends_h[:, None] - ends_h) / window_h)
        mean_shared = float(shared.mean())
        centred = shared - shared.mean(axis=0)
        variance = float(np.var(values)) * mean_shared / (1 - mean_shared)
        return cls(
            float(values.mean()), sqrt(variance), float(np.trace(centred) ** 2 / np.einsum("ij,ji", centred, centred))
        )

    @property
    def expanded_uncertainty(self) -> float:
        """What covers the truth as often as k = 2 does where uncertainties are known: by Student's distribution."""
        return float(special.stdtrit(self.degrees_of_freedom, (1 + _COVERAGE) / 2)) * self.standard_uncertainty
