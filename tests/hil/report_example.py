"""Contents of reports to look at and to test with: synthetic, but of the form that a flow accuracy run gives.

``python -m tests.hil.report_example DIR`` writes them as HTML files.
"""

import math
import sys
from dataclasses import replace
from pathlib import Path

from hil.figure import Figure, Limit, Series
from hil.flow.gravimetry import Condition, Gravimetry, gravimetric_flow
from hil.flow.trumpet import flow_curve, trumpet
from hil.measurement import Measurement, Outcome, judge, verdict
from hil.report.content import ProcedureLine, ReportContent, RequirementLine
from hil.report.finding import finding
from hil.report.render import render_report

INTERVAL_MIN = 15.0
SAMPLES = 97
WINDOWS_MIN = (15, 60, 150, 330, 570, 930)
SETUP = Gravimetry(
    readability_g=1e-5,
    u_repeatability_g=2e-5,
    u_drift_g_per_day=2e-4,
    room_temperature_c=22.0,
    u_room_temperature_c=0.5,
    ambient_kpa=101.325,
    u_ambient_kpa=0.05,
    relative_humidity_percent=45.0,
    u_relative_humidity_percent=5.0,
    density_room_kg_per_m3=998.2,
    density_pump_kg_per_m3=993.33,
    u_density_kg_per_m3=0.2,
    evaporation_ug_per_s=0.25,
    u_evaporation_ug_per_s=0.03,
    drop_volume_nl=500.0,
    u_time_s=0.2,
    repeatability_degrees_of_freedom=9,
)
CONDITIONS = (
    Condition("bath temperature", 37.01, "C", 0.03, 0.1328),
    Condition("ambient pressure", 101.325, "kPa", 0.05, -0.0223),
    Condition("outlet pressure", 12.4, "kPa", 0.07, -0.0223),
)


TEXTS = (
    "The mean flow at 37 C, 101.325 kPa ambient and 12.4 kPa outlet is within the tolerance.",
    "The pump's temperature reading agrees with the bath within 0.5 C.",
    "The pump's own estimate of its flow agrees with the gravimetric flow within 5 %.",
)


def example(*, occluded_at_h: float | None = None) -> ReportContent:
    """A run that passes or, if the catheter was occluded after so many hours, fails."""
    volumes = _volumes_ml(occluded_at_h)
    flow = gravimetric_flow(0.971 * volumes[-1] / 1.002, 86_400_000, SETUP, conversion=0.9987, conditions=CONDITIONS)
    value, u = flow.flow_ml_per_day, flow.expanded_uncertainty_ml_per_day
    measurements = (
        Measurement(
            "flow",
            "flow-accuracy",
            value,
            "mL/day",
            u,
            0.85,
            1.15,
            judge(value, u, 0.85, 1.15),
            ("REQ-FLOW-001",),
            flow.budget,
            "mean over 24 h at label conditions",
        ),
        _checked("pump-temperature-error", 0.02, "K", 0.06, 0.5, "REQ-TEMP-001", "the pump's reading less the bath's"),
        _checked("flow-estimate-error", 0.78, "% of label", 1.4, 5.0, "REQ-FLOW-002", "mean of 19 hourly estimates"),
    )
    return ReportContent(
        verdict=verdict(each.outcome for each in measurements),
        title="Flow accuracy of pump SN0042 on bench simulated",
        finding=finding(measurements),
        device=(
            ("serial number", "SN0042"),
            ("model", "generic-30ml"),
            ("firmware", "1.0.0"),
            ("UID", "5a3c09f1e2d4b687"),
            ("label flow", "1 mL/day ± 15 %"),
        ),
        measurements=measurements,
        identification=(("pump", "SN0042"), ("bench", "simulated"), ("target", "simulated bench")),
        requirements=(
            *(
                RequirementLine(each.requirements[0], text, "flow-accuracy", each.name, each.outcome)
                for each, text in zip(measurements, TEXTS, strict=True)
            ),
            RequirementLine("REQ-PROT-001", "Frames are whole or dropped.", "", "", None, "nothing speaks of it"),
        ),
        procedures=(ProcedureLine("flow-accuracy", verdict(each.outcome for each in measurements), "said", "it says"),),
        deviations=("Injected on purpose: something.",),
        figures=_figures(volumes),
        markers=() if occluded_at_h is None else ((occluded_at_h, f"catheter-occlusion@{occluded_at_h:g}h"),),
        instruments=(
            ("balance", (("model", "XPR205"), ("serial number", "B123456789"), ("calibration due", "2027-06-30"))),
            ("bath", (("model", "DYNEO DD"), ("driver", "julabo"), ("calibration due", "2027-06-30"))),
        ),
        environment=(("room", "22 °C, 45 % humidity"), ("ambient pressure", "101.325 kPa absolute, u = 0.05 kPa")),
        notes=("Seed 1.", "The telemetry session was open: not authenticated, not encrypted."),
        hashes=(("run.mcap", "9f" * 32), ("measurements.parquet", "0c" * 32)),
        command="pumprig run"
        if occluded_at_h is None
        else f"pumprig run --inject catheter-occlusion@{occluded_at_h:g}h",
        wall_clock=(("started", "2026-11-23 03:15:22 UTC"), ("host", "bench-3")),
        not_claimed=("The pump and its bench were simulated: this says nothing about any real device.",),
    )


def inconclusive_and_broken() -> ReportContent:
    """One measurement across its limit, one that came to no number, and one-sided limits."""
    content = example()
    first = content.measurements[0]
    across = replace(first, value=1.145, outcome=judge(1.145, first.expanded_uncertainty, 0.85, 1.15))
    nothing = replace(content.measurements[1], value=math.nan, outcome=Outcome.ERROR)
    one_sided = replace(content.measurements[2], upper=None, outcome=Outcome.PASS)
    measurements = (across, nothing, one_sided)
    judged = verdict(each.outcome for each in measurements)
    return replace(content, measurements=measurements, verdict=judged, finding=finding(measurements))


def _checked(name: str, value: float, unit: str, u: float, limit: float, requirement: str, note: str) -> Measurement:
    outcome = judge(value, u, -limit, limit)
    return Measurement(name, "flow-accuracy", value, unit, u, -limit, limit, outcome, (requirement,), (), note)


def _volumes_ml(occluded_at_h: float | None) -> list[float]:
    """Cumulative volume: a steady pump, seen in drops, that may stop."""
    volumes = []
    for number in range(SAMPLES):
        hours = number * INTERVAL_MIN / 60
        flowing_h = hours if occluded_at_h is None else min(hours, max(0.0, occluded_at_h - 1.5))
        volumes.append(1.002 * flowing_h / 24 + 0.00035 * math.sin(2.4 * number))
    return volumes


def _figures(volumes: list[float]) -> tuple[Figure, ...]:
    flows = [float(flow) for flow in flow_curve(volumes, INTERVAL_MIN)]
    hours = [1.5 + (number + 0.5) * INTERVAL_MIN / 60 for number in range(len(flows))]
    means = [sum(flows[number : number + 4]) / 4 for number in range(len(flows) - 3)]
    estimates = [sum(flows[4 * number : 4 * number + 24]) / 24 for number in range(18)]
    points = trumpet(volumes, INTERVAL_MIN, 1.0, WINDOWS_MIN)
    windows = tuple(point.window_min for point in points)
    return (
        Figure(
            "Flow against time",
            "bench time / h",
            "flow / (mL/day)",
            (
                Series("gravimetric, 15 min", tuple(hours), tuple(flows), "points"),
                Series("gravimetric, 60 min mean", tuple(hour + 0.375 for hour in hours[:-3]), tuple(means)),
                Series("pump's own estimate", tuple(7.5 + n for n in range(18)), tuple(estimates), "step"),
            ),
            (Limit(0.85, "lower limit"), Limit(1.0, "label", "reference"), Limit(1.15, "upper limit")),
            in_bench_hours=True,
            caption="Corrected for buoyancy and evaporation; single intervals scatter by the drops.",
        ),
        Figure(
            "Trumpet curve",
            "observation window / min",
            "flow error / % of label",
            (
                Series("largest mean error", windows, tuple(point.max_error_percent for point in points)),
                Series("smallest mean error", windows, tuple(point.min_error_percent for point in points)),
            ),
            (Limit(-15, "tolerance"), Limit(15, "tolerance")),
            log_x=True,
            caption="Over all windows of each length within the collection (in the form of IEC 60601-2-24).",
        ),
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("pass", example()),
        ("fail", example(occluded_at_h=6.0)),
        ("odd", inconclusive_and_broken()),
    ):
        (folder / f"{name}.html").write_text(render_report(content), encoding="utf-8")
