"""A course: surroundings over time, as a staircase that many hours of can be worked out at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from firmware_model.physics.surroundings import Surroundings

__all__ = ["Course"]


@dataclass(frozen=True, eq=False)
class Course:
    """Pieces of constant surroundings: piece k holds from ``start_ms[k]`` to ``start_ms[k + 1]``, the last for ever.

    All four arrays have the shape (pieces,). ``ambient_kpa`` is absolute, ``outlet_kpa`` gauge. Raises ValueError
    unless the starts rise and every piece is what ``Surroundings`` accepts.
    """

    start_ms: NDArray[np.int64]
    temperature_c: NDArray[np.float64]
    ambient_kpa: NDArray[np.float64]
    outlet_kpa: NDArray[np.float64]

    def __post_init__(self) -> None:
        pieces = self.start_ms.shape
        columns = (self.temperature_c, self.ambient_kpa, self.outlet_kpa)
        if len(pieces) != 1 or not pieces[0] or any(column.shape != pieces for column in columns):
            raise ValueError(f"a course needs four arrays of one length, got {pieces} and {[c.shape for c in columns]}")
        if not (self.start_ms[1:] > self.start_ms[:-1]).all():
            raise ValueError("the pieces of a course must start one after another")
        for extreme in (np.min, np.max):  # NaN comes out of either
            Surroundings(*(float(extreme(column)) for column in columns))

    @classmethod
    def constant(cls, start_ms: int, surroundings: Surroundings) -> Self:
        """One piece."""
        return cls.of([(start_ms, surroundings)])

    @classmethod
    def of(cls, pieces: Sequence[tuple[int, Surroundings]]) -> Self:
        """The course that goes through ``pieces``, each with its start in ms."""
        return cls(
            np.array([start_ms for start_ms, _ in pieces], dtype=np.int64),
            np.array([around.temperature_c for _, around in pieces], dtype=np.float64),
            np.array([around.ambient_kpa for _, around in pieces], dtype=np.float64),
            np.array([around.outlet_kpa for _, around in pieces], dtype=np.float64),
        )
