"""Collections that were interrupted: what the weighings at the joints add to the uncertainty."""

import numpy as np
import pytest

from hil.collection import Collection, Sample, Stretch
from hil.gravimetry import ReferenceVessel

_STEP_MS, _STRETCHES, _U_G = 3_600_000, 9, 2e-3


def collected(reference_g: np.ndarray) -> Collection:
    """Stretches of two weighings each, in which the reference vessel read so much; shape (stretches, 2)."""
    return Collection.of(
        [
            Stretch(
                tuple(
                    Sample((10 * place + step) * _STEP_MS, 0.0, 37.0, step * _STEP_MS, 37.0, float(read_g))
                    for step, read_g in enumerate(stretch)
                ),
                0,
            )
            for place, stretch in enumerate(reference_g)
        ],
        [],
        _STEP_MS,
    )


def test_a_vessel_that_was_weighed_more_often_is_less_sure() -> None:
    """The uncertainty of its change is that of changes that were simulated, reading by reading."""
    random, changes_g = np.random.default_rng(1), []
    for _ in range(2000):
        collection = collected(random.normal(5.0, _U_G, (_STRETCHES, 2)))
        changes_g.append((collection.samples[-1].reference_g or 0.0) - (collection.samples[0].reference_g or 0.0))
    vessel = ReferenceVessel(0.0, 0.0, _U_G, 0.0, 0.0, 0.0, 0.0)
    weighed = collection.weighed_beside(vessel)
    assert np.std(changes_g) == pytest.approx(np.sqrt(2) * weighed.u_repeatability_g, rel=0.05)
    assert collected(np.ones((1, 2))).weighed_beside(vessel) == vessel
