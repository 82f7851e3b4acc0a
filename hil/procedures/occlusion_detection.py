"""Occlusion detection: the operator clamps the catheter, and the pump finds out, in time and for the right reason."""

from collections.abc import Callable
from math import hypot, sqrt

import pytest

from hil.bench import Bench
from hil.conditions.ready_bench import make_ready
from hil.instruments.operator import Operator
from hil.procedure import Procedure
from hil.pump.held_alarm import check_held, held_alarm
from hil.pump.programmer import Programmer
from hil.pump.pump_log import PumpLog
from protocols.messages import Alarms, EventKind

SAMPLE_PERIOD_MIN = 1.0
CLAMPED_AT_LEAST_MIN = 12.0
"""A shorter rise of the pressure would rightly be taken for a bolus by the side port."""
WAIT_MIN = 30.0
POLL_MIN = 3.0
MAX_TIME_TO_ALARM_MIN = 12.0
MAX_TIME_TO_CLEAR_MIN = 15.0


@pytest.mark.procedure(
    "occlusion-detection",
    measurements=("time-to-occlusion-alarm", "time-to-clear"),
    requirements=("REQ-OCC-001", "REQ-OCC-002", "REQ-ALARM-002"),
    duration_h=3.5,
)
def test_occlusion_detection(bench: Bench, pump: Programmer, operator: Operator, procedure: Procedure) -> None:
    """A clamped catheter raises occlusion in time; it goes when the clamp does, and no other alarm comes."""
    make_ready(bench, procedure.progressed)
    assert held_alarm(pump, Alarms.OCCLUSION) is None, "occlusion holds, before anything was clamped"
    log = PumpLog(bench)
    try:
        clamped_ms, u_clamped_min = by_hand(bench, pump, operator.clamp)
        raised = log.wait(
            EventKind.ALARM_RAISED,
            Alarms.OCCLUSION,
            within_min=WAIT_MIN,
            every_min=POLL_MIN,
            progress=procedure.progressed,
        )
        assert raised is not None, f"the catheter was clamped for {WAIT_MIN:g} min and no occlusion was raised"
        _measure(procedure, "time-to-occlusion-alarm", log.time_ms(raised) - clamped_ms, u_clamped_min)
        check_held(pump, Alarms.OCCLUSION)
        bench.sleep_until(round(clamped_ms + CLAMPED_AT_LEAST_MIN * 60_000))
    finally:
        free_ms, u_free_min = by_hand(bench, pump, operator.unclamp)
    cleared = log.wait(
        EventKind.ALARM_CLEARED,
        Alarms.OCCLUSION,
        within_min=WAIT_MIN,
        every_min=POLL_MIN,
        progress=procedure.progressed,
        after=raised,
    )
    assert cleared is not None, f"occlusion still holds {WAIT_MIN:g} min after the clamp was taken off"
    _measure(procedure, "time-to-clear", log.time_ms(cleared) - free_ms, u_free_min)
    others = log.unexpected(Alarms.OCCLUSION)
    assert not others, f"a clamped catheter raised other alarms as well: {others}"


def by_hand(bench: Bench, pump: Programmer, task: Callable[[], None]) -> tuple[float, float]:
    """Have the operator do it; returns when that was, in bench ms, and its standard uncertainty in min.

    It was done between the asking and the answer; an exchange with the pump tells the bench time of the asking.
    """
    pump.read_measurements()
    asked_ms = bench.now_ms()
    task()
    done_ms = bench.now_ms()
    return (asked_ms + done_ms) / 2, (done_ms - asked_ms) / 2 / 60_000 / sqrt(3)


def _measure(procedure: Procedure, name: str, took_ms: float, u_hand_min: float) -> None:
    is_alarm = name == "time-to-occlusion-alarm"
    procedure.measure(
        name,
        took_ms / 60_000,
        "min",
        expanded_uncertainty=2 * hypot(u_hand_min, SAMPLE_PERIOD_MIN / sqrt(12)),
        upper=MAX_TIME_TO_ALARM_MIN if is_alarm else MAX_TIME_TO_CLEAR_MIN,
        requirements=("REQ-OCC-001",) if is_alarm else ("REQ-OCC-002",),
        note="by the date in the pump's log; uncertain by when the hand did it, and by where in the pump's sample "
        "period that fell",
    )
