"""Noise as a function of seed, stream and sample number: no generator carries state from one sample to the next."""

import numpy as np
from numpy.typing import NDArray

from protocols.compiled import compiled

__all__ = ["noise_share", "noise_shares", "seed_of", "shares_from"]

_MASK = (1 << 64) - 1
_GOLDEN_GAMMA = 0x9E3779B97F4A7C15


def noise_share(seed: int, stream: int, sample: int) -> float:
    """A number in [-1, 1) that depends on nothing but its three arguments.

    Two rounds of the finaliser of splitmix64 (Steele et al., OOPSLA 2014), an integer hash: samples may be drawn in any
    order, or not at all.
    """
    start = _finalise((seed * _GOLDEN_GAMMA + stream + 1) & _MASK)
    return (_finalise((start + sample * _GOLDEN_GAMMA) & _MASK) >> 11) / (1 << 52) - 1.0


def noise_shares(seed: int, stream: int, samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """The same for many sample numbers at once, bit for bit; any shape."""
    return shares_from(seed_of(seed, stream), samples)


def seed_of(seed: int, stream: int) -> np.uint64:
    """What the shares of one stream come from."""
    return np.uint64(_finalise((seed * _GOLDEN_GAMMA + stream + 1) & _MASK))


@compiled
def shares_from(start: np.uint64, samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """See ``noise_shares``."""
    value = samples.astype(np.uint64) * np.uint64(_GOLDEN_GAMMA) + start
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    value = (value ^ (value >> np.uint64(31))) >> np.uint64(11)
    shares: NDArray[np.float64] = value.astype(np.float64) * (1 / (1 << 52)) - 1.0
    return shares


def _finalise(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
