"""A refill with needle and syringe, step by step, as a pump is told of it."""

from contextlib import suppress
from dataclasses import dataclass

from hil.bench import Bench
from hil.flow.label_conditions import LABEL_TEMPERATURE_C
from hil.instruments.operator import Operator
from hil.pump.programmer import PumpFault

__all__ = ["U_SYRINGE_ML", "Refill", "refill"]

U_SYRINGE_ML = 0.01
"""Standard uncertainty of a volume by syringe: it is weighed before and after, and a needle keeps some 10 mg."""
NEEDLE_S = 10.0
"""Between a needle and a reading of the bellows out of turn."""
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
    bellows_before_ml: float
    """By a single reading of the bellows: before the needle, when it was drawn empty, and full again."""
    bellows_empty_ml: float
    bellows_full_ml: float
    fill_asked_ms: int
    """Bench time at which the operator was asked to fill ..."""
    filled_ms: int
    """... and had done it."""
    completed_ms: int
    """Bench time at which the pump was told that the needles are out."""


def refill(bench: Bench, operator: Operator, fill_ml: float, *, temperature_c: float = LABEL_TEMPERATURE_C) -> Refill:
    """Draw out what there is, fill in ``fill_ml``, by default as warm as the pump is, and tell the pump of each step.

    Whatever goes wrong after it began, the pump does not go on waiting for needles. Raises UsageError, before it
    begins, for what no syringe can hold.
    """
    operator.check_fill(fill_ml)
    pump = bench.pump
    before_nl = pump.begin_refill().volume_nl
    try:
        bellows_before_ml = _bellows_ml(bench)
        returned_ml = operator.withdraw()
        bellows_empty_ml = _bellows_ml(bench)
        pump.report_returned(round(returned_ml * 1e6))
        fill_asked_ms = bench.now_ms()
        operator.fill(fill_ml, temperature_c)
        filled_ms = bench.now_ms()
        bellows_full_ml = _bellows_ml(bench)
        bench.sleep(minutes=REST_MIN)
        pump.report_filled(round(fill_ml * 1e6))
        pump.set_drug(DRUG, CONCENTRATION_UG_PER_ML)
        mean_nl_per_day = pump.complete_refill().mean_flow_nl_per_day
    except BaseException:
        with suppress(PumpFault):  # the first fault says more
            pump.cancel_refill()
        raise
    return Refill(
        returned_ml=returned_ml,
        filled_ml=fill_ml,
        volume_before_ml=before_nl / 1e6,
        mean_flow_ml_per_day=mean_nl_per_day / 1e6,
        bellows_before_ml=bellows_before_ml,
        bellows_empty_ml=bellows_empty_ml,
        bellows_full_ml=bellows_full_ml,
        fill_asked_ms=fill_asked_ms,
        filled_ms=filled_ms,
        completed_ms=bench.now_ms(),
    )


def _bellows_ml(bench: Bench) -> float:
    """By a reading out of turn: the last sample may be older than the needle."""
    bench.sleep(seconds=NEEDLE_S)
    return bench.pump.read_raw_sensors().bellows_nl / 1e6
