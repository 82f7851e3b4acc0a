"""Flow accuracy at 37 C: settle the bath, collect a day's infusate on the balance, and compare with label and pump.

The flow is the volume that leaves the pump in a day, corrected for buoyancy and evaporation and converted to the
conditions that the label speaks of (37 C, 101.325 kPa ambient, 12.40 kPa outlet).
"""

from math import hypot, sqrt

import numpy as np
import pytest

from hil.bench import Bench
from hil.flow.collection import ESTIMATE_WINDOW_H, has_begun
from hil.flow.delivery import delivery_of
from hil.flow.flow_figures import flow_figure, temperature_figure, trumpet_figure
from hil.flow.flow_measurement import INTERVAL_MIN, FlowMeasurement, MeasuredFlow
from hil.flow.label_conditions import LABEL_TEMPERATURE_C
from hil.flow.overlapping_mean import OverlappingMean
from hil.flow.trumpet import trumpet
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.pump.programmer import Programmer

COLLECTION_H = 24.0
MIN_COLLECTION_H = 8.0
"""In one go: two of the pump's hourly estimates, each made over six hours, surely lie in it: enough for a verdict,
though not always for a pass."""
SETTLING_H = 2.25
"""What a bath from room temperature takes, with the half hour in which it must hold still."""
OBSERVATION_WINDOWS_MIN = (15, 60, 150, 330, 570, 930)
"""In the form of IEC 60601-2-24, for pumps as slow as this."""

MAX_ESTIMATE_ERROR_PERCENT = 5.0
MAX_TEMPERATURE_ERROR_C = 0.5


@pytest.mark.procedure(
    "flow-accuracy",
    measurements=("flow", "flow-estimate-error", "pump-temperature-error"),
    requirements=("REQ-FLOW-001", "REQ-FLOW-002", "REQ-TEMP-001"),
    parameters=(
        Parameter("collection_h", "h", COLLECTION_H, MIN_COLLECTION_H, 672.0, "how long infusate is collected"),
    ),
    duration_h=lambda parameters: SETTLING_H + parameters["collection_h"],
)
def test_flow_accuracy(
    bench: Bench,
    pump: Programmer,
    balance: Balance,
    bath: Bath,
    procedure: Procedure,
) -> None:
    """The pump delivers its label flow at 37 C, and knows its own flow and temperature."""
    measurement = FlowMeasurement(bench, balance, bath, procedure)
    measurement.conversion(LABEL_TEMPERATURE_C)  # a bench file that makes no sense is found now, not in a day
    goes_on = has_begun(procedure)  # after a kill
    if not goes_on:
        pump.set_clock(bench.utc_ms())
    measurement.settle(LABEL_TEMPERATURE_C)
    if not goes_on:
        balance.tare()
    asked_h = procedure.parameters["collection_h"]
    flow = measurement.collect(asked_h, resumable=True, stretch_h=MIN_COLLECTION_H)
    measure_flow(bench, flow, asked_h, measurement.instruments, procedure)
    measure_temperature(bench, flow, procedure)
    measure_estimate(bench, flow, measurement.instruments, procedure)
    show_curves(bench, flow, procedure)


def measure_flow(
    bench: Bench, flow: MeasuredFlow, asked_h: float, instruments: tuple[str, ...], procedure: Procedure
) -> None:
    """The mean flow of the collection, of which ``asked_h`` had been asked for, against the label."""
    profile = bench.loaded.profile
    label, tolerance = profile.label_flow_ml_per_day, profile.label_tolerance_percent / 100
    joined = flow.collection.stretches_text
    if flow.hours > asked_h + INTERVAL_MIN / 60:
        joined += (
            f", longer than the {asked_h:g} h asked for: one of them must last {MIN_COLLECTION_H:g} h for the pump's "
            "six-hour estimates"
        )
    joined += flow.collection.restless_text
    procedure.measure(
        "flow",
        flow.at_label.flow_ml_per_day,
        "mL/day",
        expanded_uncertainty=flow.at_label.expanded_uncertainty_ml_per_day,
        lower=label * (1 - tolerance),
        upper=label * (1 + tolerance),
        requirements=("REQ-FLOW-001",),
        budget=flow.at_label.budget,
        instruments=instruments,
        note=f"mean over {flow.hours:.4g} h at label conditions; {flow.raw.flow_ml_per_day:.4f} mL/day as collected; "
        "volume is what the infusate takes up at the pump's temperature" + joined,
    )


def show_curves(bench: Bench, flow: MeasuredFlow, procedure: Procedure) -> None:
    """Start-up curve and trumpet curve at label conditions, and the temperatures."""
    profile = bench.loaded.profile
    label, tolerance = profile.label_flow_ml_per_day, profile.label_tolerance_percent / 100
    delivery = delivery_of(flow.collection, flow.setup).at_label_conditions(flow.factor)
    procedure.show(flow_figure(delivery, label, label * (1 - tolerance), label * (1 + tolerance)))
    points = trumpet(tuple(delivery.volume_ml), delivery.interval_min, label, OBSERVATION_WINDOWS_MIN)
    procedure.show(trumpet_figure(points, profile.label_tolerance_percent))
    procedure.show(temperature_figure(flow.collection, LABEL_TEMPERATURE_C))


def measure_estimate(bench: Bench, flow: MeasuredFlow, instruments: tuple[str, ...], procedure: Procedure) -> None:
    """How far the pump's hourly flow estimates are, on average, from the gravimetric flow over the same hours.

    Both see the same bath and the same pressures, so conditions do not count here; what the estimates scatter does.
    They overlap, each being made over six hours: a short collection has hardly more than one, and says little.
    """
    label = bench.loaded.profile.label_flow_ml_per_day
    delivery = delivery_of(flow.collection, flow.setup)
    differences = delivery.estimate_difference_ml_per_day
    if differences.size < 2:
        return  # the pump gave no estimates: then this is declared, but never measured, and so no pass
    mean = OverlappingMean.of(differences, delivery.estimate_time_h, ESTIMATE_WINDOW_H)
    procedure.measure(
        "flow-estimate-error",
        100 * mean.value / label,
        "% of label",
        expanded_uncertainty=100 * hypot(flow.raw.expanded_uncertainty_ml_per_day, mean.expanded_uncertainty) / label,
        lower=-MAX_ESTIMATE_ERROR_PERCENT,
        upper=MAX_ESTIMATE_ERROR_PERCENT,
        requirements=("REQ-FLOW-002",),
        instruments=tuple(role for role in instruments if role != "bath"),
        note=f"mean of {differences.size} hourly estimates, whose scatter is known to "
        f"{mean.degrees_of_freedom:.1f} degrees of freedom",
    )


def measure_temperature(bench: Bench, flow: MeasuredFlow, procedure: Procedure) -> None:
    """How far the pump's own thermometer is from the bath."""
    differences = [sample.pump_temperature_c - sample.bath_c for sample in flow.collection.samples]
    u_mean_c = float(np.std(differences, ddof=1)) / sqrt(len(differences))
    procedure.measure(
        "pump-temperature-error",
        float(np.mean(differences)),
        "K",
        expanded_uncertainty=2 * sqrt(bench.bath_table.u_temperature_c**2 + u_mean_c**2),
        lower=-MAX_TEMPERATURE_ERROR_C,
        upper=MAX_TEMPERATURE_ERROR_C,
        requirements=("REQ-TEMP-001",),
        instruments=("bath",),
        note="the pump's reading less the bath's",
    )
