"""Chance as a function of (seed, pump, purpose): whoever asks, and in whatever order, gets the same numbers."""

import math
import zlib

import numpy as np

__all__ = ["Chance", "pump_seed"]

_MASK = (1 << 64) - 1
_STEPS = 1 << 53


class Chance:
    """Uniform numbers for one purpose of one pump.

    Philox (Salmon et al., SC 2011) is counter-based: its key is (seed, pump), and the purpose sets its counter, so no
    purpose moves another one's numbers. Only raw words are taken from it: NumPy's own distributions may change.
    """

    def __init__(self, seed: int, pump: int, purpose: str) -> None:
        """Begin at the first number. Raises ValueError unless seed and pump are 0 or more, and fit 64 bits."""
        if not (0 <= seed <= _MASK and 0 <= pump <= _MASK):
            raise ValueError(f"seed and pump must be 0 to 2**64 - 1, got {seed} and {pump}")
        key = np.array([seed, pump], dtype=np.uint64)
        counter = np.array([0, 0, 0, zlib.crc32(purpose.encode())], dtype=np.uint64)
        self._words = np.random.Philox(key=key, counter=counter)

    def uniform(self) -> float:
        """Greater than 0 and less than 1."""
        return ((self.word() >> 11) + 0.5) / _STEPS

    def word(self) -> int:
        """64 bits."""
        return int(self._words.random_raw())

    def waiting(self, per_year: float) -> float:
        """Years to the next event of a Poisson process; infinite at no rate."""
        share = self.uniform()
        return -math.log(share) / per_year if per_year > 0 else math.inf

    def pick(self, weights: list[float]) -> int:
        """A place, as often as its weight says."""
        left = self.uniform() * sum(weights)
        for place, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return place
        return len(weights) - 1


def pump_seed(seed: int, pump: int) -> int:
    """The seed of one pump's noise, weather and blood pressure: 53 bits, so that any file format holds it."""
    return Chance(seed, pump, "noise").word() >> 11
