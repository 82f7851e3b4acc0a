"""Refill: the pump follows it step by step, works out its mean flow since the last, and notices what does not fit."""

from math import sqrt

import pytest

from firmware_model.profile import PumpProfile
from hil.bench import Bench
from hil.conditions.ready_bench import make_ready
from hil.instruments.operator import Operator
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.pump.held_alarm import check_held, held_alarm
from hil.pump.programmer import Programmer
from hil.pump.pump_log import PumpLog
from hil.pump.refilling import CONCENTRATION_UG_PER_ML, DRUG, U_SYRINGE_ML, Refill, refill
from protocols.messages import Alarms, EventKind, EventRecord

BETWEEN_H = 24.0
SETTLING_H = 2.25
MAX_MEAN_FLOW_ERROR_PERCENT = 5.0
U_COUNTED_H = 0.1
"""Of the whole hours that the pump counts between refills: both are completed just after the end of one."""
HOUR_MS, AFTER_HOUR_MS = 3_600_000, 120_000


@pytest.mark.procedure(
    "refill-mismatch",
    requirements=("REQ-REFILL-003",),
    duration_h=SETTLING_H + 0.1,
)
def test_refill_mismatch(bench: Bench, pump: Programmer, procedure: Procedure) -> None:
    """A fill that is reported, but never reaches the reservoir, raises refill-mismatch, which waits for somebody.

    It needs no needle. What the pump makes of its next refill rests on this report, and is off.
    """
    make_ready(bench, procedure.progressed)
    log = PumpLog(bench)
    pump.begin_refill()
    try:
        pump.report_filled(round(2e6 * bench.loaded.profile.alarms.refill_tolerance_ml))
        pump.complete_refill()
        log.read()
        raised = log.find(EventKind.ALARM_RAISED, Alarms.REFILL_MISMATCH)
        assert raised is not None, "a fill was reported that never went in, and no refill-mismatch was raised"
        check_held(pump, Alarms.REFILL_MISMATCH)
    finally:
        pump.acknowledge(Alarms.REFILL_MISMATCH)
    assert held_alarm(pump, Alarms.REFILL_MISMATCH) is None, "refill-mismatch was acknowledged, and holds on"


@pytest.mark.procedure(
    "refill",
    measurements=("mean-flow-error", "mean-flow-since-refill"),
    requirements=("REQ-REFILL-001", "REQ-REFILL-002", "REQ-REFILL-004"),
    parameters=(Parameter("between_h", "h", BETWEEN_H, 12.0, 336.0, "from one refill to the next"),),
    duration_h=lambda parameters: SETTLING_H + 1 + parameters["between_h"],
)
def test_refill(bench: Bench, pump: Programmer, operator: Operator, procedure: Procedure) -> None:
    """Two refills a day apart: what the pump makes of the syringes is what they say, and all of it is in the log."""
    make_ready(bench, procedure.progressed)
    profile, log = bench.loaded.profile, PumpLog(bench)
    capacity_ml = profile.capacity_ml - profile.residual_ml
    counted = pump.read_diagnostics().refills
    _to_the_hour(bench)
    first = refill(bench, operator, capacity_ml)
    procedure.progressed("between two refills", 0.0)
    bench.sleep(hours=procedure.parameters["between_h"] - 1)
    _to_the_hour(bench)
    second = refill(bench, operator, capacity_ml)
    log.read()
    _check_log(log, first, second)
    made = pump.read_diagnostics().refills - counted
    assert made == 2, f"two refills were completed, and the pump counts {made}"
    mean_ml_per_day = _measure(procedure, profile, first, second)
    flagged = log.find(EventKind.FLOW_OFF_LABEL, after=_completed(log)[1]) is not None
    off_percent = 100 * abs(mean_ml_per_day / profile.label_flow_ml_per_day - 1)
    is_off = off_percent > profile.alarms.off_label_percent
    assert flagged is is_off, (
        f"{off_percent:.1f} % off label, and the pump {'flags' if flagged else 'does not flag'} it"
    )
    mismatch = log.find(EventKind.ALARM_RAISED, Alarms.REFILL_MISMATCH)
    pump.acknowledge(Alarms.REFILL_MISMATCH)
    assert mismatch is None, "refill-mismatch was raised: what the syringes moved did not reach the bellows"
    others = log.unexpected()
    assert is_off or not others, f"refills that were announced raised alarms: {others}"


def _to_the_hour(bench: Bench) -> None:
    """Wait until just after the end of an hour of the pump's, so that it counts whole hours between refills."""
    uptime_ms = bench.pump.read_status().uptime_ms
    bench.sleep(seconds=((-uptime_ms) % HOUR_MS + AFTER_HOUR_MS) / 1000)


def _completed(log: PumpLog) -> list[EventRecord]:
    return [event for event in log.events if event.kind == EventKind.REFILL_COMPLETED]


def _check_log(log: PumpLog, *refills: Refill) -> None:
    """Every step is there, in order, with its volume."""
    steps = {
        EventKind.REFILL_BEGUN,
        EventKind.RETURNED_VOLUME,
        EventKind.FILL_VOLUME,
        EventKind.DRUG_SET,
        EventKind.REFILL_COMPLETED,
    }
    logged = [(event.kind, event.detail, event.value) for event in log.events if event.kind in steps]
    wanted = [
        row
        for each in refills
        for row in (
            (EventKind.REFILL_BEGUN, 0, round(each.volume_before_ml * 1e6)),
            (EventKind.RETURNED_VOLUME, 0, round(each.returned_ml * 1e6)),
            (EventKind.FILL_VOLUME, 0, round(each.filled_ml * 1e6)),
            (EventKind.DRUG_SET, DRUG, CONCENTRATION_UG_PER_ML),
            (EventKind.REFILL_COMPLETED, 0, round(each.mean_flow_ml_per_day * 1e6)),
        )
    ]
    assert logged == wanted, f"the log of the refills is {logged}, not {wanted}"


def _measure(procedure: Procedure, profile: PumpProfile, first: Refill, second: Refill) -> float:
    """The mean flow that the pump works out: against the syringes, and against the label. Returns it, in mL/day."""
    days = (second.completed_ms - first.completed_ms) / 86_400_000
    by_syringe = (first.filled_ml - second.returned_ml) / days
    u_syringes = sqrt(2) * U_SYRINGE_ML / days
    label, tolerance = profile.label_flow_ml_per_day, profile.label_tolerance_percent / 100
    u_hours = label * U_COUNTED_H / 24 / days
    procedure.measure(
        "mean-flow-error",
        100 * (second.mean_flow_ml_per_day - by_syringe) / label,
        "% of label",
        expanded_uncertainty=100 * 2 * sqrt(u_syringes**2 + u_hours**2) / label,
        lower=-MAX_MEAN_FLOW_ERROR_PERCENT,
        upper=MAX_MEAN_FLOW_ERROR_PERCENT,
        requirements=("REQ-REFILL-001",),
        note=f"the pump's, less {by_syringe:.4f} mL/day by weighed syringes and bench time; from both syringes "
        f"({U_SYRINGE_ML} mL each) and the whole hours that the pump counts ({U_COUNTED_H} h)",
    )
    procedure.measure(
        "mean-flow-since-refill",
        second.mean_flow_ml_per_day,
        "mL/day",
        expanded_uncertainty=2 * sqrt(u_syringes**2 + u_hours**2),
        lower=label * (1 - tolerance),
        upper=label * (1 + tolerance),
        requirements=("REQ-REFILL-002",),
        note="as the pump works it out; at the bench's pressures, not at label conditions",
    )
    return second.mean_flow_ml_per_day
