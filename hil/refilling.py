"""A refill with needle and syringe, step by step, as a pump is told of it."""

from dataclasses import dataclass

from hil.bench import Bench
from hil.instruments.operator import Operator
from hil.label_conditions import LABEL_TEMPERATURE_C

__all__ = ["U_SYRINGE_ML", "Refill", "refill"]

U_SYRINGE_ML = 0.01
"""Standard uncertainty of a volume by syringe: it is weighed before and after, and a needle keeps some 10 mg."""
REST_MIN = 2.0
"""Between needle and bellows: the pump compares them when it is told that the refill is complete."""
DRUG, CONCENTRATION_UG_PER_ML = 1, 500


@dataclass(frozen=True)
class Refill:
    """What one refill was: by the syringes, and by the pump."""

    returned_ml: float
    filled_ml: float
    volume_before_ml: float
    """By the pump's bellows, before the needle."""
    mean_flow_ml_per_day: float
    """Since the refill before, as the pump works it out; 0 if nothing tells it."""
    completed_ms: int
    """Bench time at which the pump was told that the needles are out."""


def refill(bench: Bench, operator: Operator, fill_ml: float) -> Refill:
    """Draw out what there is, fill in ``fill_ml`` as warm as the pump is, and tell the pump of each step.

    Whatever goes wrong after it began, the pump does not go on waiting for needles.
    """
    pump = bench.pump
    before_nl = pump.begin_refill().volume_nl
    try:
        returned_ml = operator.withdraw()
        pump.report_returned(round(returned_ml * 1e6))
        operator.fill(fill_ml, LABEL_TEMPERATURE_C)
        bench.sleep(minutes=REST_MIN)
        pump.report_filled(round(fill_ml * 1e6))
        pump.set_drug(DRUG, CONCENTRATION_UG_PER_ML)
        mean_nl_per_day = pump.complete_refill().mean_flow_nl_per_day
    except BaseException:
        pump.cancel_refill()
        raise
    return Refill(returned_ml, fill_ml, before_nl / 1e6, mean_nl_per_day / 1e6, bench.now_ms())
