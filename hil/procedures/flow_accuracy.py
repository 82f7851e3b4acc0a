"""Flow accuracy at 37 C: settle the bath, collect a day's infusate on the balance, and compare with label and pump.

The flow is the volume that leaves the pump in a day, corrected for buoyancy and evaporation and converted to the
conditions that the label speaks of (37 C, 101.325 kPa ambient, 12.40 kPa outlet).
"""

from math import hypot, sqrt

import numpy as np
import pytest

from hil.bench import Bench
from hil.collection import Collection, collect
from hil.delivery import ESTIMATE_WINDOW_H, delivery_of, gravimetry_of, reference_of
from hil.flow_figures import flow_figure, temperature_figure, trumpet_figure
from hil.gravimetry import ReferenceVessel, gravimetric_flow
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.label_conditions import LABEL_TEMPERATURE_C, LabelConversion, to_label_conditions
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.programmer import Programmer
from hil.settling import settle_bath
from hil.trumpet import trumpet

BATH_TOLERANCE_C = 0.1
COLLECTION_H = 24.0
SETTLING_H = 2.25
"""What a bath from room temperature takes, with the half hour in which it must hold still."""
INTERVAL_MIN = 15.0
OBSERVATION_WINDOWS_MIN = (15, 60, 150, 330, 570, 930)
"""Interval and windows in the form of IEC 60601-2-24, for pumps as slow as this."""

MAX_ESTIMATE_ERROR_PERCENT = 5.0
MAX_TEMPERATURE_ERROR_C = 0.5


@pytest.mark.procedure(
    "flow-accuracy",
    measurements=("flow", "flow-estimate-error", "pump-temperature-error"),
    requirements=("REQ-FLOW-001", "REQ-FLOW-002", "REQ-TEMP-001"),
    parameters=(Parameter("collection_h", "h", COLLECTION_H, 8.0, 672.0, "how long infusate is collected"),),
    duration_h=lambda parameters: SETTLING_H + parameters["collection_h"],
)
def test_flow_accuracy(
    bench: Bench,
    pump: Programmer,
    balance: MtSicsBalance,
    bath: JulaboBath,
    procedure: Procedure,
) -> None:
    """The pump delivers its label flow at 37 C, and knows its own flow and temperature."""
    conversion(bench, LABEL_TEMPERATURE_C)  # a bench file that makes no sense is found now, not in a day
    pump.set_clock(bench.utc_ms())
    settle_bath(bench, bath, LABEL_TEMPERATURE_C, BATH_TOLERANCE_C, procedure.progressed)
    balance.tare()
    collection = collect(
        bench,
        balance,
        bath,
        hours=procedure.parameters["collection_h"],
        interval_min=INTERVAL_MIN,
        progress=procedure.progressed,
        reference=reference_balance_of(bench),
    )
    factor = measure_flow(bench, collection, procedure)
    measure_temperature(bench, collection, procedure)
    measure_estimate(bench, collection, procedure)
    show_curves(bench, collection, procedure, factor)


def conversion(bench: Bench, bath_c: float) -> LabelConversion:
    """To label conditions, from those on the bench with its bath at ``bath_c``."""
    return to_label_conditions(
        bench.loaded.profile,
        bench.loaded.file.environment,
        bath_c=bath_c,
        u_bath_c=bench.bath_table.u_temperature_c,
        volume_ml=bench.pump.read_status().volume_nl / 1e6,
    )


def measure_flow(bench: Bench, collection: Collection, procedure: Procedure) -> float:
    """The mean flow of the collection against the label; returns what converts a flow to label conditions."""
    profile = bench.loaded.profile
    first, last = collection.samples[0], collection.samples[-1]
    to_label = conversion(bench, float(np.mean([sample.bath_c for sample in collection.samples])))
    setup = gravimetry_of(profile, bench.balance_table, bench.loaded.file.environment)
    flow = gravimetric_flow(
        last.mass_g - first.mass_g,
        last.time_ms - first.time_ms,
        setup,
        conversion=to_label.factor,
        conditions=to_label.conditions,
        reference=reference(bench, collection),
    )
    label, tolerance = profile.label_flow_ml_per_day, profile.label_tolerance_percent / 100
    lower, upper = label * (1 - tolerance), label * (1 + tolerance)
    hours = (last.time_ms - first.time_ms) / 3_600_000
    procedure.measure(
        "flow",
        flow.flow_ml_per_day,
        "mL/day",
        expanded_uncertainty=flow.expanded_uncertainty_ml_per_day,
        lower=lower,
        upper=upper,
        requirements=("REQ-FLOW-001",),
        budget=flow.budget,
        instruments=instruments(bench),
        note=f"mean over {hours:.4g} h at label conditions; {flow.raw_flow_ml_per_day:.4f} mL/day as collected; "
        "volume is what the infusate takes up at the pump's temperature",
    )
    return to_label.factor


def reference_balance_of(bench: Bench) -> MtSicsBalance | None:
    """The balance that shows what evaporates, if that is how this bench knows it."""
    return bench.reference_balance if bench.loaded.file.environment.evaporation == "reference-vessel" else None


def reference(bench: Bench, collection: Collection) -> ReferenceVessel | None:
    """What the reference vessel lost meanwhile; None if evaporation is known in another way."""
    first, last = collection.samples[0], collection.samples[-1]
    table, room = bench.loaded.file.instruments.reference_balance, bench.loaded.file.environment
    if room.evaporation != "reference-vessel" or table is None or first.reference_g is None or last.reference_g is None:
        return None
    return reference_of(last.reference_g - first.reference_g, table, room)


def instruments(bench: Bench) -> tuple[str, ...]:
    """What a flow rests on."""
    weighed = bench.loaded.file.environment.evaporation == "reference-vessel"
    return ("balance", "bath", *(("reference_balance",) if weighed else ()))


def show_curves(bench: Bench, collection: Collection, procedure: Procedure, factor: float) -> None:
    """Start-up curve and trumpet curve at label conditions, and the temperatures."""
    profile = bench.loaded.profile
    label, tolerance = profile.label_flow_ml_per_day, profile.label_tolerance_percent / 100
    setup = gravimetry_of(profile, bench.balance_table, bench.loaded.file.environment)
    delivery = delivery_of(collection, setup).at_label_conditions(factor)
    procedure.show(flow_figure(delivery, label, label * (1 - tolerance), label * (1 + tolerance)))
    points = trumpet(tuple(delivery.volume_ml), delivery.interval_min, label, OBSERVATION_WINDOWS_MIN)
    procedure.show(trumpet_figure(points, profile.label_tolerance_percent))
    procedure.show(temperature_figure(collection, LABEL_TEMPERATURE_C))


def measure_estimate(bench: Bench, collection: Collection, procedure: Procedure) -> None:
    """How far the pump's hourly flow estimates are, on average, from the gravimetric flow over the same hours.

    Both see the same bath and the same pressures, so conditions do not count here; what the estimates scatter does.
    They overlap, each being made over six hours, so only every sixth is a new one.
    """
    label = bench.loaded.profile.label_flow_ml_per_day
    setup = gravimetry_of(bench.loaded.profile, bench.balance_table, bench.loaded.file.environment)
    differences = delivery_of(collection, setup).estimate_difference_ml_per_day
    if differences.size < 2:
        return  # the pump gave no estimates: then this is declared, but never measured, and so no pass
    first, last = collection.samples[0], collection.samples[-1]
    collected = gravimetric_flow(
        last.mass_g - first.mass_g,
        last.time_ms - first.time_ms,
        setup,
        conversion=1.0,
        conditions=(),
        reference=reference(bench, collection),
    )
    independent = max(1.0, differences.size / ESTIMATE_WINDOW_H)
    u_mean = float(np.std(differences, ddof=1)) / sqrt(independent)
    procedure.measure(
        "flow-estimate-error",
        100 * float(np.mean(differences)) / label,
        "% of label",
        expanded_uncertainty=100 * 2 * hypot(collected.expanded_uncertainty_ml_per_day / 2, u_mean) / label,
        lower=-MAX_ESTIMATE_ERROR_PERCENT,
        upper=MAX_ESTIMATE_ERROR_PERCENT,
        requirements=("REQ-FLOW-002",),
        instruments=tuple(role for role in instruments(bench) if role != "bath"),
        note=f"mean of {differences.size} hourly estimates",
    )


def measure_temperature(bench: Bench, collection: Collection, procedure: Procedure) -> None:
    """How far the pump's own thermometer is from the bath."""
    differences = [sample.pump_temperature_c - sample.bath_c for sample in collection.samples]
    u_mean_c = float(np.std(differences, ddof=1)) / sqrt(len(differences))
    procedure.measure(
        "pump-temperature-error",
        float(np.mean(differences)),
        "C",
        expanded_uncertainty=2 * sqrt(bench.bath_table.u_temperature_c**2 + u_mean_c**2),
        lower=-MAX_TEMPERATURE_ERROR_C,
        upper=MAX_TEMPERATURE_ERROR_C,
        requirements=("REQ-TEMP-001",),
        instruments=("bath",),
        note="the pump's reading less the bath's",
    )
