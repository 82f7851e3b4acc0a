"""What can be said of a few pumps about many: intervals of confidence, survival, and a paired comparison."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = [
    "Interval",
    "Survival",
    "kaplan_meier",
    "mcnemar_p",
    "percentile_interval",
    "poisson_interval",
    "share_interval",
    "spread_of_counts",
    "wilson_interval",
]

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate, and where the truth lies with a confidence of 95 %."""

    estimate: float
    low: float
    high: float


def wilson_interval(hits: float, of: float) -> Interval:
    """A share, by the score interval of Wilson (1927); NaN if there were none at all."""
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of}")
    if not of:
        return Interval(math.nan, 0.0, 1.0)
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    reach = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return Interval(
        share, 0.0 if not hits else max(0.0, middle - reach), 1.0 if hits == of else min(1.0, middle + reach)
    )


def share_interval(hits: NDArray[np.bool_], pumps: NDArray[np.int64]) -> Interval:
    """A share, by Wilson's interval; faults of one pump are alike, and count for as many as they are worth.

    Both arrays have the shape (faults,); NaN if there were none at all.
    """
    if not hits.size:
        return wilson_interval(0, 0)
    worth = _independent(hits, pumps)
    return wilson_interval(worth * (int(hits.sum()) / hits.size), worth)


def poisson_interval(events: int, exposure: float, spread: float = 1.0) -> Interval:
    """A rate, by the exact interval of Garwood (1936); NaN without exposure.

    With a ``spread`` above 1 (see ``spread_of_counts``) as many events say no more than fewer independent ones would.
    """
    if events < 0 or exposure < 0 or not spread >= 1:
        raise ValueError(f"{events} events in {exposure}, spread {spread}")
    if not exposure:
        return Interval(math.nan, 0.0, math.inf)
    tail, independent = (1 - _CONFIDENCE) / 2, events / spread
    low, high = special.gammaincinv([independent or 1, independent + 1], [tail, 1 - tail])
    return Interval(
        events / exposure, float(low) * spread / exposure if events else 0.0, float(high) * spread / exposure
    )


def spread_of_counts(counts: NDArray[np.float64], exposures: NDArray[np.float64]) -> float:
    """How many times as far apart the counts of pumps are as by chance alone: Pearson's dispersion, at least 1.

    Both arrays have the shape (pumps,).
    """
    if counts.size < 2 or not counts.sum():
        return 1.0
    expected = exposures * counts.sum() / exposures.sum()
    return max(1.0, float(((counts - expected) ** 2).sum() / expected.sum() * counts.size / (counts.size - 1)))


def percentile_interval(
    values: NDArray[np.float64], percent: float, pumps: NDArray[np.int64] | None = None
) -> Interval:
    """A percentile of what is never negative, by nearest rank; the exact interval of order statistics.

    Where there are too few values for one of them to be a bound, it is 0 or infinity; NaN if there are none at all.
    Values of one of the ``pumps`` are alike: then they count for as many as they are worth, by the design effect of
    the share that lies below the percentile. Both arrays have the shape (values,).
    """
    if not values.size:
        return Interval(math.nan, 0.0, math.inf)
    ordered, count, share = np.sort(values), values.size, percent / 100
    estimate = float(np.percentile(ordered, percent, method="inverted_cdf"))
    worth = count if pumps is None else _independent(values <= estimate, pumps)
    tail = (1 - _CONFIDENCE) / 2

    def rank(probability: float) -> int:
        """The least number so that no more of the independent ones lie below the true percentile."""
        return bisect_left(range(worth), probability, key=lambda below: float(special.bdtr(below, worth, share)))

    low, high = rank(tail) * count // worth - 1, -(-(rank(1 - tail) + 1) * count // worth) - 1
    return Interval(
        estimate, float(ordered[low]) if low >= 0 else 0.0, float(ordered[high]) if high < count else math.inf
    )


def _independent(hits: NDArray[np.bool_], pumps: NDArray[np.int64]) -> int:
    """So many independent values would tell their share as well as these, which come in groups (Kish 1965)."""
    _, pump = np.unique(pumps, return_inverse=True)
    groups, of, share = int(pump.max()) + 1, hits.size, float(hits.mean())
    if groups < 2 or share in {0.0, 1.0}:
        return groups
    grouped = float((np.bincount(pump, hits - share) ** 2).sum()) * groups / (groups - 1)
    alone = of * share * (1 - share) * of / (of - 1)
    return max(1, math.floor(of * alone / max(alone, grouped) + 1e-9))


def mcnemar_p(only_first: int, only_second: int) -> float:
    """How likely so unequal a pair of counts is if there were no difference: McNemar's exact test, two-sided."""
    discordant = only_first + only_second
    return min(1.0, 2 * float(special.bdtr(min(only_first, only_second), discordant, 0.5))) if discordant else 1.0


@dataclass(frozen=True, eq=False)
class Survival:
    """Steps of a survival curve, each with its interval; all arrays have the shape (steps,)."""

    time: NDArray[np.float64]
    survival: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    ends: NDArray[np.float64]
    """When each was last seen, or failed; rising, of the shape (those watched,)."""

    def at(self, time: float) -> Interval:
        """The share that survives a time; NaN if nobody was watched so long.

        Before the first failure it is the interval of Wilson for those still there, for Greenwood has none.
        """
        place = int(self.time.searchsorted(time, side="right")) - 1
        there = self.ends.size - int(self.ends.searchsorted(time, side="left"))
        if not there and not (place >= 0 and self.survival[place] == 0):
            return Interval(math.nan, 0.0, 1.0)
        if place < 0:
            return wilson_interval(there, there)
        return Interval(float(self.survival[place]), float(self.low[place]), float(self.high[place]))

    def failed_by(self, time: float) -> Interval:
        """The share that does not survive it."""
        lives = self.at(time)
        return Interval(1 - lives.estimate, 1 - lives.high, 1 - lives.low)


def kaplan_meier(
    durations: Sequence[float] | NDArray[np.float64], failed: Sequence[bool] | NDArray[np.bool_]
) -> Survival:
    """Survival with those that left before they failed (Kaplan and Meier 1958); intervals by Greenwood, log-log."""
    times, events = np.asarray(durations, dtype=np.float64), np.asarray(failed, dtype=bool)
    steps = np.unique(times[events])
    at_risk = times.size - np.sort(times).searchsorted(steps, side="left")
    died = np.sort(times[events]).searchsorted(steps, side="right") - np.sort(times[events]).searchsorted(
        steps, side="left"
    )
    survival = np.cumprod(1 - died / at_risk) if steps.size else np.array([])
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(died / (at_risk * (at_risk - died)))
        spread = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2) * np.sqrt(variance) / np.log(survival)
        low, high = survival ** np.exp(-spread), survival ** np.exp(spread)
    if survival.size and survival[-1] <= 0:  # all have failed: of how many others may go on Greenwood says nothing
        low[-1], high[-1] = 0.0, high[-2] if survival.size > 1 else wilson_interval(0, int(at_risk[-1])).high
    return Survival(steps, survival.astype(np.float64), low, high, at_risk.astype(np.int64), np.sort(times))
