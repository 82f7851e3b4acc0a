"""A reservoir that holds what a procedure is going to deliver."""

from hil.bench import Bench
from hil.errors import BenchFault
from hil.pump.refilling import refill

__all__ = ["ensure_infusate"]

_SPARE_ML = 0.5
"""Beyond what a procedure delivers: near the stop the pressure collapses."""


def ensure_infusate(bench: Bench, need_ml: float) -> None:
    """See that the reservoir can give ``need_ml`` and stay above its reserve; the operator fills it if it cannot.

    Raises BenchFault if there is nobody to fill it, or so much does not fit.
    """
    profile = bench.loaded.profile
    reserve_ml = profile.alarms.low_reservoir_days * profile.label_flow_ml_per_day
    floor_ml = profile.residual_ml + max(profile.stop_region_ml, reserve_ml) + _SPARE_ML
    holds_ml = bench.pump.read_status().volume_nl / 1e6
    if holds_ml - floor_ml >= need_ml:
        return
    if profile.capacity_ml - floor_ml < need_ml:
        raise BenchFault(f"pump: {need_ml:.1f} mL are needed, more than it can give; collect for a shorter time")
    if bench.operator is None:
        raise BenchFault(
            f"pump: it says that it holds {holds_ml:.1f} mL, and {need_ml:.1f} mL are needed beside its reserve; "
            "refill it, or name an [instruments.operator] who does"
        )
    refill(bench, bench.operator, profile.capacity_ml - profile.residual_ml)
