"""Waiting until a bench is what a procedure needs it to be."""

from collections.abc import Callable

from hil.bench import Bench
from hil.errors import InstrumentFault
from hil.instruments.bath_julabo import JulaboBath

__all__ = ["settle_bath"]

_POLL_MIN = 1.0
_HOLD_MIN = 30.0
_LIMIT_MIN = 360.0
_PUMP_DRIFT_MC = 50

Progress = Callable[[str, float], None]


def settle_bath(bench: Bench, bath: JulaboBath, target_c: float, tolerance_c: float, progress: Progress) -> int:
    """Bring the bath to ``target_c`` and wait until bath and pump hold still; returns the bench time in ms.

    Settled means that for half an hour the bath's reading has been within ``tolerance_c`` of the target and
    the pump's own thermometer has moved by 50 mK at most: the propellant follows the water late, and it is the
    propellant that makes the flow. Where the pump's reading settles is not asked here; it is measured.
    Raises InstrumentFault if that takes more than six hours.
    """
    bath.set_point(target_c)
    bath.start()
    began_ms = bench.now_ms()
    still_since_ms: int | None = None
    pump_then_mc = 0
    while True:
        reading_c = bath.temperature_c()
        pump_mc = bench.pump.read_status().temperature_mc
        now_ms = bench.now_ms()
        moved = still_since_ms is None or abs(pump_mc - pump_then_mc) > _PUMP_DRIFT_MC
        if abs(reading_c - target_c) > tolerance_c:
            still_since_ms = None
        elif moved:
            still_since_ms, pump_then_mc = now_ms, pump_mc
        elif still_since_ms is not None and now_ms - still_since_ms >= _HOLD_MIN * 60_000:
            progress("bath settled", 1.0)
            return now_ms
        waited_min = (now_ms - began_ms) / 60_000
        if waited_min > _LIMIT_MIN:
            raise InstrumentFault(
                f"bath: still at {reading_c:.2f} C after {waited_min:.0f} min, wanted {target_c:.2f} +- "
                f"{tolerance_c:.2f} C; check its heater, its level and its external sensor"
            )
        still_min = 0.0 if still_since_ms is None else (now_ms - still_since_ms) / 60_000
        progress(f"settling the bath: {reading_c:.2f} C", still_min / _HOLD_MIN)
        bench.sleep(minutes=_POLL_MIN)
