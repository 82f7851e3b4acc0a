"""Low reservoir and empty: the operator fills in little, and both warnings come at the volumes where they should."""

from math import sqrt

import pytest

from hil.bench import Bench
from hil.conditions.ready_bench import make_ready
from hil.instruments.operator import Operator
from hil.procedure import Procedure
from hil.pump.held_alarm import check_held, held_alarm
from hil.pump.programmer import Programmer
from hil.pump.pump_log import PumpLog, said
from hil.pump.refilling import U_SYRINGE_ML, refill
from protocols.messages import Alarms, EventKind, EventRecord

ABOVE_ML = 0.15
"""So much more than the alarm's volume is filled in: some hours at label flow."""
WITHIN_H = 24.0
CLEARS_WITHIN_H = 1.5
"""Low-reservoir is judged every hour, from a quarter of an hour after the needle on."""
POLL_MIN = 60.0
U_RESIDUAL_ML = 0.03
"""What stays behind when all that comes was drawn out; assumed, from one withdrawal to the next."""
VOLUME_TOLERANCE_ML = 0.2
JUDGED_EVERY_H = {Alarms.LOW_RESERVOIR: 1.0, Alarms.EMPTY: 1 / 60}


@pytest.mark.procedure(
    "low-reservoir-and-empty",
    measurements=("volume-at-low-reservoir", "volume-at-empty"),
    requirements=("REQ-VOL-001", "REQ-VOL-002", "REQ-VOL-003", "REQ-ALARM-002"),
    duration_h=12.0,
)
def test_low_reservoir_and_empty(bench: Bench, pump: Programmer, operator: Operator, procedure: Procedure) -> None:
    """Low-reservoir, then empty, each at its volume and with its priority; both go when the pump is full again."""
    make_ready(bench, procedure.progressed)
    profile, alarms = bench.loaded.profile, bench.loaded.profile.alarms
    low_ml = profile.residual_ml + alarms.low_reservoir_days * profile.label_flow_ml_per_day
    most_ml = low_ml + (low_ml - profile.residual_ml) * alarms.flow_high_percent / 100
    full_ml = profile.capacity_ml - profile.residual_ml
    log = PumpLog(bench)
    try:
        low = _run_down_to(log, operator, procedure, Alarms.LOW_RESERVOIR, volume_ml=low_ml, upper_ml=most_ml)
        earlier = log.find(EventKind.ALARM_RAISED, Alarms.EMPTY)
        assert earlier is None, f"empty was raised with {low_ml:g} mL in the reservoir"
        empty = _run_down_to(
            log, operator, procedure, Alarms.EMPTY, volume_ml=alarms.empty_ml, upper_ml=alarms.empty_ml
        )
        assert low.seq < empty.seq, "empty was raised before low-reservoir"
    finally:
        refill(bench, operator, full_ml)
    bench.sleep(hours=CLEARS_WITHIN_H)
    for alarm in (Alarms.LOW_RESERVOIR, Alarms.EMPTY):
        assert held_alarm(pump, alarm) is None, (
            f"{said(alarm)} still holds {CLEARS_WITHIN_H} h after the pump was filled"
        )
    log.read()
    others = log.unexpected(Alarms.LOW_RESERVOIR, Alarms.EMPTY)
    assert not others, f"running low raised other alarms as well: {others}"


def _run_down_to(
    log: PumpLog, operator: Operator, procedure: Procedure, alarm: Alarms, *, volume_ml: float, upper_ml: float
) -> EventRecord:
    """Fill in a little more than ``volume_ml`` and wait for ``alarm``; measures what was left when it came.

    What is left is known by the syringe and by the label's flow since then, within its tolerance.
    """
    bench = log.bench
    profile = bench.loaded.profile
    label, tolerance = profile.label_flow_ml_per_day, profile.label_tolerance_percent / 100
    done = refill(bench, operator, volume_ml + ABOVE_ML - profile.residual_ml)
    raised = log.wait(
        EventKind.ALARM_RAISED, alarm, within_min=WITHIN_H * 60, every_min=POLL_MIN, progress=procedure.progressed
    )
    assert raised is not None, (
        f"{said(alarm)} was not raised within {WITHIN_H:g} h of a fill to {volume_ml + ABOVE_ML:.2f} mL"
    )
    check_held(bench.pump, alarm)
    gone_ml = label * (log.time_ms(raised) - done.completed_ms) / 86_400_000
    u_gone_ml = abs(gone_ml) * tolerance / sqrt(3)
    u_judged_ml = label * JUDGED_EVERY_H[alarm] / 24 / sqrt(12)
    procedure.measure(
        f"volume-at-{said(alarm)}",
        profile.residual_ml + done.filled_ml - gone_ml,
        "mL",
        expanded_uncertainty=2 * sqrt(U_SYRINGE_ML**2 + U_RESIDUAL_ML**2 + u_gone_ml**2 + u_judged_ml**2),
        lower=volume_ml - VOLUME_TOLERANCE_ML,
        upper=upper_ml + VOLUME_TOLERANCE_ML,
        requirements=("REQ-VOL-001" if alarm is Alarms.LOW_RESERVOIR else "REQ-VOL-002",),
        note=f"residual {profile.residual_ml:g} mL and {done.filled_ml:.3f} mL filled, less {gone_ml:.3f} mL at label "
        f"flow; from the syringe ({U_SYRINGE_ML} mL), the residual ({U_RESIDUAL_ML} mL), the label's tolerance and how "
        "often the pump judges",
    )
    return raised
