"""Waiting until a bench is what a procedure needs it to be."""

from collections import deque
from collections.abc import Callable
from math import inf

from hil.bench import Bench
from hil.errors import InstrumentFault
from hil.instruments.bath import Bath
from hil.instruments.pressure_controller import PressureController

__all__ = ["settle_bath", "settle_pressure"]

_POLL_MIN = 1.0
_HOLD_MIN = 30.0
_LIMIT_MIN = 360.0
_PUMP_DRIFT_C = 0.05
_AVERAGED = 5
_PRESSURE_POLL_S, _PRESSURE_LIMIT_S = 5.0, 600.0
_PRESSURE_HOLD_MIN = 5.0
"""The gas warms and cools as it is compressed; the pump's next samples see it at rest."""

Progress = Callable[[str, float], None]


def settle_bath(bench: Bench, bath: Bath, target_c: float, tolerance_c: float, progress: Progress) -> int:
    """Bring the bath to ``target_c`` and wait until bath and pump hold still; returns the bench time in ms.

    Settled means that for half an hour the bath's reading has been within ``tolerance_c`` of the target while the
    pump's own, averaged over five minutes, has moved by 50 mK at most: the propellant follows the water late, and it
    is the propellant that makes the flow. Where the pump's reading settles is not asked here; it is measured.
    Raises InstrumentFault, naming which of the two it was, if that takes more than six hours.
    """
    bath.set_point(target_c)
    bath.start()
    began_ms = bench.now_ms()
    still_since_ms, pump_then_c = began_ms, inf
    readings: deque[float] = deque(maxlen=_AVERAGED)
    while True:
        bath_c = bath.temperature_c()
        readings.append(bench.pump.read_status().temperature_mc / 1000)
        pump_c = sum(readings) / len(readings)
        now_ms = bench.now_ms()
        bath_is_off, pump_moves = abs(bath_c - target_c) > tolerance_c, abs(pump_c - pump_then_c) > _PUMP_DRIFT_C
        if bath_is_off or pump_moves:
            still_since_ms, pump_then_c = now_ms, pump_c
        still_min, waited_min = (now_ms - still_since_ms) / 60_000, (now_ms - began_ms) / 60_000
        if still_min >= _HOLD_MIN:
            progress("bath settled", 1.0)
            return now_ms
        if waited_min > _LIMIT_MIN:
            raise InstrumentFault(
                f"bath: at {bath_c:.2f} C after {waited_min:.0f} min, wanted {target_c:.2f} +- {tolerance_c:.2f} C; "
                "check its heater, its level and its external sensor"
                if bath_is_off
                else f"pump: its temperature reading still moves after {waited_min:.0f} min (now {pump_c:.2f} C); "
                "check that the pump lies in the bath, and its sensor"
            )
        progress(f"settling the bath: {bath_c:.2f} C", still_min / _HOLD_MIN)
        bench.sleep(minutes=_POLL_MIN)


def settle_pressure(
    bench: Bench,
    controller: PressureController,
    target_kpa: float,
    *,
    slew_kpa_per_s: float,
    role: str,
    progress: Progress,
) -> None:
    """Bring a controller to ``target_kpa`` and let it hold for some minutes.

    Raises InstrumentFault, naming the ``role``, if it is not within its own limits after ten minutes, or leaves them.
    """
    controller.control(target_kpa, slew_kpa_per_s)
    began_ms = bench.now_ms()
    while not controller.in_limits():
        if bench.now_ms() - began_ms > _PRESSURE_LIMIT_S * 1000:
            raise InstrumentFault(
                f"{role}: at {controller.pressure_kpa():.3f} kPa after {_PRESSURE_LIMIT_S:.0f} s, wanted "
                f"{target_kpa:.3f} kPa; check its supply of gas and the line for leaks"
            )
        progress(f"settling {role} to {target_kpa:.2f} kPa", 0.0)
        bench.sleep(seconds=_PRESSURE_POLL_S)
    bench.sleep(minutes=_PRESSURE_HOLD_MIN)
    if not controller.in_limits():
        raise InstrumentFault(f"{role}: does not hold {target_kpa:.3f} kPa; check the line for leaks")
    progress(f"{role} settled", 1.0)
