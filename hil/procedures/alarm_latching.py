"""Alarm latching: one alarm that waits for somebody and one that does not; seen, cleared, raised again, repeated."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hil.bench import Bench
from hil.conditions.ready_bench import make_ready
from hil.instruments.operator import Operator
from hil.procedure import Procedure
from hil.pump.held_alarm import check_held, held_alarm
from hil.pump.programmer import Programmer
from hil.pump.pump_log import PumpLog, said
from protocols.messages import Alarms, EventKind, EventRecord

PULSE_MIN = 6.0
"""A pressure that rises for so long is taken for a bolus by the side port: unexpected-access, which latches."""
OCCLUDED_MIN = 14.0
"""One that stays is an occlusion, which does not."""
APART_MIN = 15.0
"""Until the pump has forgotten the last rise."""
REPEAT_MIN = 20.0
"""After which an acknowledged alarm comes again, while this procedure has the pump set so."""


@pytest.fixture
def hands(bench: Bench, operator: Operator, procedure: Procedure) -> Iterator[Operator]:
    """The operator, who takes the clamp off in the end, however the procedure does end."""
    make_ready(bench, procedure.progressed)
    yield operator
    operator.unclamp()
    bench.sleep(minutes=APART_MIN)
    bench.pump.acknowledge(Alarms.UNEXPECTED_ACCESS | Alarms.OCCLUSION)


@pytest.mark.procedure("alarm-latched", requirements=("REQ-ALARM-002", "REQ-ALARM-003"), duration_h=3.5)
def test_latching(bench: Bench, pump: Programmer, hands: Operator, procedure: Procedure) -> None:
    """A latching alarm outlives its cause until somebody has seen it, and comes again with its cause."""
    log, alarm = PumpLog(bench), Alarms.UNEXPECTED_ACCESS
    last: EventRecord | None = None
    for time in ("", " again"):
        procedure.progressed(f"pressing{time}", 0.5 * bool(time))
        hands.clamp()
        bench.sleep(minutes=PULSE_MIN)
        hands.unclamp()
        bench.sleep(minutes=APART_MIN)
        log.read()
        raised = log.find(EventKind.ALARM_RAISED, alarm, after=last)
        assert raised is not None, f"the outlet's pressure rose{time} for {PULSE_MIN:g} min: {said(alarm)} did not come"
        check_held(pump, alarm)  # its cause went long ago
        assert log.find(EventKind.ALARM_CLEARED, alarm, after=raised) is None, f"{said(alarm)} cleared unseen"
        pump.acknowledge(alarm)
        last = _in_order(log, alarm, raised, EventKind.ALARM_ACKNOWLEDGED, EventKind.ALARM_CLEARED)
        assert held_alarm(pump, alarm) is None, f"{said(alarm)} was seen, its cause is gone, and it holds on"


@pytest.mark.procedure("alarm-not-latched", requirements=("REQ-ALARM-002", "REQ-ALARM-003"), duration_h=4.0)
def test_not_latching(bench: Bench, pump: Programmer, hands: Operator, procedure: Procedure) -> None:
    """An alarm that does not latch holds as long as its cause, seen or not; it comes again after it was seen."""
    log, alarm = PumpLog(bench), Alarms.OCCLUSION
    settings = pump.read_configuration().settings
    wanted_ms = round(bench.loaded.profile.alarms.repeat_h * 3_600_000)
    assert settings.repeat_ms == wanted_ms, f"alarms are repeated after {settings.repeat_ms} ms, not {wanted_ms}"
    pump.set_configuration(replace(settings, repeat_ms=round(REPEAT_MIN * 60_000)))
    try:
        hands.clamp()
        bench.sleep(minutes=OCCLUDED_MIN)
        log.read()
        raised = log.find(EventKind.ALARM_RAISED, alarm)
        assert raised is not None, f"the catheter was clamped for {OCCLUDED_MIN:g} min: {said(alarm)} did not come"
        pump.acknowledge(alarm)
        record = check_held(pump, alarm)
        assert record.acknowledged, f"{said(alarm)} was acknowledged, and does not say so"
        procedure.progressed("waiting for the alarm to repeat", 0.4)
        bench.sleep(minutes=REPEAT_MIN + 2)
        repeated = _in_order(log, alarm, raised, EventKind.ALARM_ACKNOWLEDGED, EventKind.ALARM_REPEATED)
        assert not check_held(pump, alarm).acknowledged, f"{said(alarm)} came again, and counts as seen"
        hands.unclamp()
        bench.sleep(minutes=APART_MIN)
        cleared = _in_order(log, alarm, repeated, EventKind.ALARM_CLEARED)
        assert held_alarm(pump, alarm) is None, f"{said(alarm)} holds {APART_MIN:g} min after its cause went"
        hands.clamp()
        bench.sleep(minutes=OCCLUDED_MIN)
        _in_order(log, alarm, cleared, EventKind.ALARM_RAISED)
    finally:
        pump.set_configuration(settings)


def _in_order(log: PumpLog, alarm: Alarms, since: EventRecord, *kinds: EventKind) -> EventRecord:
    """The last of the events that the log must have of ``alarm``, one after the other."""
    log.read()
    for kind in kinds:
        found = log.find(kind, alarm, after=since)
        assert found is not None, f"the log has no {said(kind)} of {said(alarm)} after event {since.seq}"
        since = found
    return since
