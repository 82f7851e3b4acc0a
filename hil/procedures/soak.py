"""Soak: days of monitoring at 37 C with the pump left alone, and what it did meanwhile.

It begins once the pump has nothing to say. From then on bench and pump are looked at every six hours and weighed; all
else the pump's own log and history tell at the end, chain checked. A run that is killed goes on from the weighings that
were kept.
"""

from math import sqrt
from typing import Any

import pytest

from hil.bench import Bench
from hil.conditions.enough_infusate import ensure_infusate
from hil.conditions.left_as_found import left_as_found
from hil.conditions.ready_bench import make_ready
from hil.flow.collection import has_begun
from hil.flow.daily_flows import daily_figure, daily_flows
from hil.flow.flow_measurement import FlowMeasurement, MeasuredFlow
from hil.flow.label_conditions import LABEL_TEMPERATURE_C
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.pump.clock_comparison import MAX_DRIFT_PPM, Comparison, compare, drift_ppm
from hil.pump.pump_log import said
from protocols.messages import Alarms, EventKind, HistoryRecord

DAYS = 14.0
LOOK_MIN = 360.0
SETTLING_H = 14.0
"""Bath, and two windows over which the pump estimates its flow: then what was before is forgotten."""
FORGETTING_H = 7
"""The pump's estimates, and the alarms that come from them, look back over six hours."""
QUIET_LIMIT_H = 24
BATTERY_ERROR_MV = 20.0
"""Within which the pump reads its supply, by requirement."""
NEWS = (EventKind.ALARM_RAISED, EventKind.ALARM_REPEATED)


@pytest.mark.procedure(
    "soak",
    measurements=(
        "alarms-without-cause",
        "hours-missing",
        "soak-flow",
        "lowest-daily-flow",
        "highest-daily-flow",
        "soak-clock-drift",
        "soak-battery",
    ),
    requirements=("REQ-SOAK-001", "REQ-SOAK-002", "REQ-FLOW-001", "REQ-SOAK-003", "REQ-CLOCK-001", "REQ-SOAK-004"),
    parameters=(Parameter("soak_days", "day", DAYS, 1.0, 60.0, "how long the pump is left alone"),),
    duration_h=lambda parameters: SETTLING_H + parameters["soak_days"] * 24,
)
def test_soak(bench: Bench, balance: Balance, bath: Bath, procedure: Procedure) -> None:
    """A pump that is left alone delivers its label flow day by day, remembers all of it, and has nothing to say."""
    profile, days = bench.loaded.profile, procedure.parameters["soak_days"]
    goes_on = has_begun(procedure)  # after a kill
    with left_as_found(bench, "bath"):
        measurement = FlowMeasurement(bench, balance, bath, procedure)
        if not goes_on:
            make_ready(bench, procedure.progressed, warm=False)
            ensure_infusate(bench, days * profile.label_flow_ml_per_day * (1 + profile.label_tolerance_percent / 100))
        measurement.settle(LABEL_TEMPERATURE_C)
        if not goes_on:
            wait_until_quiet(bench, procedure)
            balance.tare()
            procedure.keep("soak", begin := beginning(bench))
        else:
            begin = procedure.kept("soak")[-1]
        flow = measurement.collect(days * 24, LOOK_MIN, resumable=True)
        measure_flows(bench, measurement, flow, procedure)
        measure_memory(bench, begin, procedure)
        measure_electronics(bench, begin, procedure)


def wait_until_quiet(bench: Bench, procedure: Procedure) -> None:
    """Wait until the pump has forgotten what was before, and no alarm holds; one that stays for a day is a finding."""
    for hour in range(QUIET_LIMIT_H):
        status = bench.pump.read_status()
        if hour >= FORGETTING_H and status.flow_valid and not status.alarms:
            break
        procedure.progressed("waiting until the pump has nothing to say", hour / QUIET_LIMIT_H)
        bench.sleep(hours=1)
    bench.pump.acknowledge(bench.pump.read_status().alarms)


def beginning(bench: Bench) -> dict[str, Any]:
    """What the end is compared with, as JSON can keep it."""
    status, events, clock = bench.pump.read_status(), bench.pump.read_events(), compare(bench)
    return {
        "held": int(status.alarms),
        "next_hour": status.history_next,
        "next_event": events[-1].seq + 1 if events else 0,
        "clock": [clock.time_ms, clock.ahead_ms, clock.half_width_ms],
    }


def measure_flows(bench: Bench, measurement: FlowMeasurement, flow: MeasuredFlow, procedure: Procedure) -> None:
    """The flow over the whole, and those of the days that were slowest and fastest, against the label."""
    profile = bench.loaded.profile
    label, tolerance = profile.label_flow_ml_per_day, profile.label_tolerance_percent / 100
    days = daily_flows(measurement, flow.collection)
    flows = [day.at_label.flow_ml_per_day for day in days]
    slowest, fastest = flows.index(min(flows)), flows.index(max(flows))
    for name, found, requirement, note in (
        ("soak-flow", flow, "REQ-FLOW-001", f"mean of {flow.hours / 24:.4g} days"),
        ("lowest-daily-flow", days[slowest], "REQ-SOAK-003", f"day {slowest + 1} of {len(days)}"),
        ("highest-daily-flow", days[fastest], "REQ-SOAK-003", f"day {fastest + 1} of {len(days)}"),
    ):
        procedure.measure(
            name,
            found.at_label.flow_ml_per_day,
            "mL/day",
            expanded_uncertainty=found.at_label.expanded_uncertainty_ml_per_day,
            lower=label * (1 - tolerance),
            upper=label * (1 + tolerance),
            requirements=(requirement,),
            budget=found.at_label.budget,
            instruments=measurement.instruments,
            note=f"{note}, at label conditions; {found.raw.flow_ml_per_day:.4f} mL/day as collected"
            + found.collection.stretches_text
            + found.collection.restless_text,
        )
    procedure.show(daily_figure(days, label, label * (1 - tolerance), label * (1 + tolerance)))


def measure_memory(bench: Bench, begin: dict[str, Any], procedure: Procedure) -> None:
    """Alarms, and hours that the history lacks. A chain that does not hold ends the procedure in an error.

    The pump goes on while an interrupted run does not: hours count, collected or not.
    """
    held = [Alarms(1 << bit) for bit in range(32) if begin["held"] >> bit & 1]
    raised = [Alarms(1 << each.detail) for each in bench.pump.read_events(begin["next_event"]) if each.kind in NEWS]
    procedure.measure(
        "alarms-without-cause",
        len(held) + len(raised),
        "1",
        expanded_uncertainty=0.0,
        upper=0.0,
        requirements=("REQ-SOAK-001",),
        instruments=(),
        note=", ".join(said(alarm) for alarm in dict.fromkeys((*held, *raised))) or "none",
    )
    history = bench.pump.read_history(begin["next_hour"])
    began_ms, _, _ = begin["clock"]
    hours = (bench.now_ms() - began_ms) / 3_600_000
    procedure.measure(
        "hours-missing",
        hours_missing(history, begin["next_hour"], int(hours)),
        "h",
        expanded_uncertainty=0.0,
        upper=0.0,
        requirements=("REQ-SOAK-002",),
        instruments=(),
        note=f"{len(history)} records of {hours:.4g} h, their chain unbroken",
    )


def hours_missing(history: list[HistoryRecord], first: int, hours: int) -> int:
    """How many of the whole ``hours`` have no record, or one that does not follow on the one before."""
    follows = [record.seq for record in history] == list(range(first, first + len(history)))
    return max(0, hours - len(history)) if follows else hours


def measure_electronics(bench: Bench, begin: dict[str, Any], procedure: Procedure) -> None:
    """Clock and battery at the end."""
    drift, expanded_uncertainty = drift_ppm(Comparison(*begin["clock"]), compare(bench))
    procedure.measure(
        "soak-clock-drift",
        drift,
        "ppm",
        expanded_uncertainty=expanded_uncertainty,
        lower=-MAX_DRIFT_PPM,
        upper=MAX_DRIFT_PPM,
        requirements=("REQ-CLOCK-001",),
        instruments=(),
        note="positive: fast",
    )
    procedure.measure(
        "soak-battery",
        bench.pump.read_status().battery_mv,
        "mV",
        expanded_uncertainty=2 * BATTERY_ERROR_MV / sqrt(3),
        lower=bench.loaded.profile.alarms.battery_low_mv,
        requirements=("REQ-SOAK-004",),
        instruments=(),
        note="as the pump reads it at the end",
    )
