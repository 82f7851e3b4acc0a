"""Bringing a bench to where a procedure of the firmware begins: fed, vented, warm, and nothing left to say."""

from collections.abc import Callable

from hil.bench import Bench
from hil.conditions.settling import settle_bath
from hil.flow.label_conditions import LABEL_TEMPERATURE_C
from hil.pump.pump_log import said
from protocols.messages import Alarms, Mode

__all__ = ["feed", "make_ready"]

_BATH_TOLERANCE_C = 0.1
_SELF_TEST_MIN = 2.0

Progress = Callable[[str, float], None]


def make_ready(bench: Bench, progress: Progress, *, warm: bool = True) -> Alarms:
    """The alarms that nobody can make go away; the pump is fed and monitors, pressures are vented, the clock is set.

    If ``warm`` the bath is at 37 C and the pump has followed it. What earlier procedures left behind is acknowledged,
    so that what holds from here on is news.

    Raises AssertionError, which fails the procedure, if the pump does not monitor.
    """
    if bench.supply is not None:
        feed(bench)
    for controller in (bench.ambient_pressure, bench.outlet_pressure):
        if controller is not None and controller.is_controlling():
            controller.vent()
    if warm and bench.bath is not None:
        settle_bath(bench, bench.bath, LABEL_TEMPERATURE_C, _BATH_TOLERANCE_C, progress)
    pump = bench.pump
    pump.set_clock(bench.utc_ms())
    mode = pump.read_status().mode
    if mode is Mode.SERVICE:
        pump.cancel_refill()
    if mode in {Mode.SHELF, Mode.SAFE}:
        pump.start_self_test()
    if mode is not Mode.MONITORING:
        bench.sleep(minutes=_SELF_TEST_MIN)
    left = pump.acknowledge(pump.read_status().alarms).active
    mode = pump.read_status().mode
    if mode is not Mode.MONITORING:
        raise AssertionError(f"the pump does not monitor, it is in mode {said(mode)}")
    return left


def feed(bench: Bench) -> None:
    """Feed the pump at the bench's voltage, which is how every procedure finds its supply and leaves it."""
    supply, table = bench.supply, bench.supply_table
    assert supply is not None  # noqa: S101 - asked for by its user
    supply.set(table.voltage_v, table.current_limit_a)
    if not supply.is_on():
        supply.output(on=True)
