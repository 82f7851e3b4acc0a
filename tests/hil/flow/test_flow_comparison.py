"""Ratios of flows, of a pump that does what the model says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from firmware_model.profile import load_profile
from hil.benches.bench_file import load_bench
from hil.flow.collection import Collection
from hil.flow.delivery import gravimetry_of
from hil.flow.flow_comparison import FlowComparison
from hil.flow.flow_measurement import FlowMeasurement, MeasuredFlow
from hil.flow.gravimetry import gravimetric_flow
from hil.flow.label_conditions import to_label_conditions
from hil.measurement import Outcome
from hil.procedure import Procedure
from hil.runs.observer import Silent
from hil.shipped import shipped

_BENCH = load_bench(Path(shipped("benches/full.toml")))
_PROFILE = load_profile(Path(shipped("pumps/generic-30ml.toml")))
_DAY_MS = 86_400_000


@dataclass
class _PerfectPump:
    """In place of the bench: what it collects in a day at these temperatures, with so much in its reservoir."""

    states: list[tuple[float, float]]
    instruments: tuple[str, ...] = ()

    def collect(self, _: float) -> MeasuredFlow:
        bath_c, volume_ml = self.states.pop(0)
        table = _BENCH.file.instruments.balance
        assert table is not None
        setup = gravimetry_of(_PROFILE, table, _BENCH.file.environment)
        to_label = to_label_conditions(
            _PROFILE, _BENCH.file.environment, bath_c=bath_c, u_bath_c=0.03, volume_ml=volume_ml
        )
        mass_g = self._mass_g(setup, to_label.model_ml_per_day)
        raw = gravimetric_flow(mass_g, _DAY_MS, setup, conversion=1.0, conditions=())
        at_label = gravimetric_flow(mass_g, _DAY_MS, setup, conversion=to_label.factor, conditions=to_label.conditions)
        return MeasuredFlow(cast("Collection", None), setup, to_label, raw=raw, at_label=at_label)

    @staticmethod
    def _mass_g(setup: Any, flow_ml_per_day: float) -> float:
        """The mass that is read as this flow, which grows with it by a straight line."""
        at_0, at_1 = (
            gravimetric_flow(g, _DAY_MS, setup, conversion=1.0, conditions=()).flow_ml_per_day for g in (0.0, 1.0)
        )
        return (flow_ml_per_day - at_0) / (at_1 - at_0)


@pytest.mark.parametrize("left_ml", [28.0, 20.0, 8.0])
def test_a_reservoir_that_empties_between_is_no_deviation(left_ml: float) -> None:
    """The ratio is that of the flows as collected; the model's, of the same volumes, is its limits' middle."""
    page = Procedure("ratios", (), (), Silent())
    pump = cast("FlowMeasurement", _PerfectPump([(37.0, 28.0), (39.0, left_ml)]))
    comparison = FlowComparison(pump, page, reference=37.0, collection_h=24, tolerance_percent=5)
    comparison.measure("ratio", 39.0, note="warmer")
    (measured,) = page.measurements
    assert measured.lower is not None
    assert measured.upper is not None
    assert measured.value == pytest.approx((measured.lower + measured.upper) / 2, rel=1e-6)
    assert measured.expanded_uncertainty == pytest.approx(
        2 * sum(line.contribution**2 for line in measured.budget) ** 0.5
    )
    assert measured.outcome is Outcome.PASS
