"""A refill: what the operator's syringes do, and what the pump is told of it."""

from contextlib import suppress
from dataclasses import dataclass

from hil.bench import Bench
from hil.errors import BenchFault
from hil.instruments.operator import Operator
from hil.programmer import PumpFault

__all__ = ["Refill", "ensure_infusate", "refill"]

_SPARE_ML = 0.5
"""Beyond what a procedure delivers: near the stop the pressure collapses."""
_REST_S = 10.0
"""After a needle, before the bellows is read."""


@dataclass(frozen=True)
class Refill:
    """What came out and what went in, by the syringes; volumes in the reservoir by the pump's bellows."""

    returned_ml: float
    filled_ml: float
    bellows_before_ml: float
    bellows_empty_ml: float
    bellows_full_ml: float
    began_ms: int
    """Bench time at which the operator was asked to fill ..."""
    ended_ms: int
    """... and had done it."""


def refill(bench: Bench, operator: Operator, volume_ml: float, temperature_c: float) -> Refill:
    """Have everything withdrawn and ``volume_ml`` at ``temperature_c`` filled in, with the pump told of each step.

    Raises InstrumentFault or PumpFault if one of them does not take part; a pump that waits for needles is told then
    that none will come.
    """
    pump = bench.pump
    pump.begin_refill()
    try:
        before_ml = _bellows_ml(bench)
        returned_ml = operator.withdraw()
        pump.report_returned(round(returned_ml * 1e6))
        empty_ml = _bellows_ml(bench)
        began_ms = bench.now_ms()
        operator.fill(volume_ml, temperature_c)
        ended_ms = bench.now_ms()
        full_ml = _bellows_ml(bench)
        pump.report_filled(round(volume_ml * 1e6))
    except BaseException:
        with suppress(PumpFault):  # then the first fault says more
            pump.cancel_refill()
        raise
    pump.complete_refill()
    return Refill(returned_ml, volume_ml, before_ml, empty_ml, full_ml, began_ms, ended_ms)


def ensure_infusate(bench: Bench, need_ml: float) -> None:
    """See that the reservoir can give ``need_ml``; the operator fills it at room temperature if it cannot.

    Raises BenchFault if it cannot be filled, or not with so much.
    """
    profile = bench.loaded.profile
    touch_ml = profile.residual_ml + profile.stop_region_ml
    holds_ml = bench.pump.read_status().volume_nl / 1e6
    if holds_ml - touch_ml - _SPARE_ML >= need_ml:
        return
    fill_ml = profile.capacity_ml - profile.residual_ml
    if profile.capacity_ml - touch_ml - _SPARE_ML < need_ml:
        raise BenchFault(f"pump: {need_ml:.1f} mL are needed, more than it can hold; collect for a shorter time")
    if bench.operator is None:
        raise BenchFault(
            f"pump: it says that it holds {holds_ml:.1f} mL, {need_ml:.1f} mL above its stop are needed; refill it, or "
            "name an [instruments.operator] who does"
        )
    refill(bench, bench.operator, fill_ml, bench.loaded.file.environment.room_temperature_c)


def _bellows_ml(bench: Bench) -> float:
    """By a reading out of turn: the last sample may be older than the needle."""
    bench.sleep(seconds=_REST_S)
    return bench.pump.read_raw_sensors().bellows_nl / 1e6
