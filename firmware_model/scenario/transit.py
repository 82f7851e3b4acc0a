"""The catheter's dead volume: when the drug of a refill reaches the tip."""

import bisect

from firmware_model.physics.plant import Plant
from firmware_model.profile import nanolitres
from firmware_model.scenario.result import DrugArrival

__all__ = ["Transit"]


class Transit:
    """Refills on their way through the catheter. A bolus by the side port, which would push them on, is not counted."""

    def __init__(self, plant: Plant, dead_volume_ml: float) -> None:
        """Begin with none on its way."""
        self._plant = plant
        self._dead_nl = nanolitres(dead_volume_ml)
        self._waiting: list[tuple[int, int]] = []
        self.arrivals: list[DrugArrival] = []

    def filled(self, now_ms: int) -> None:
        """A refill: what comes after this much more was delivered is of it."""
        self._waiting.append((now_ms, self._plant.delivered_nl(now_ms) + self._dead_nl))

    def look(self, until_ms: int) -> None:
        """See what has arrived until a time, to the second."""
        delivered_nl = self._plant.delivered_nl(until_ms)
        for filled_ms, target_nl in [each for each in self._waiting if each[1] <= delivered_nl]:
            seconds = range(filled_ms // 1000, until_ms // 1000 + 1)
            after = bisect.bisect_left(seconds, target_nl, key=lambda second: self._plant.delivered_nl(second * 1000))
            self.arrivals.append(DrugArrival(filled_ms, min(until_ms, (filled_ms // 1000 + after) * 1000)))
            self._waiting.remove((filled_ms, target_nl))
