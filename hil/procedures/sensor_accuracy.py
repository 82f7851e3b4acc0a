"""The pump's thermometer and pressure sensors against bath, chamber and outlet.

The propellant is sealed in, so nothing on the bench reads its pressure. The reservoir's sensor is compared with what
vapour pressure at the bath's temperature and the bellows' spring make of it. That says whether the pump's thermometer,
this sensor and the model agree; an accuracy of the sensor alone is not claimed.
"""

from math import hypot, sqrt

import numpy as np
import pytest

from firmware_model.physics.flow import expected_flow
from hil.bench import Bench
from hil.conditions.left_as_found import left_as_found
from hil.conditions.ready_bench import make_ready
from hil.conditions.settling import settle_bath, settle_pressure
from hil.flow.label_conditions import LABEL_AMBIENT_KPA, LABEL_TEMPERATURE_C
from hil.instruments.bath import Bath
from hil.instruments.pressure_controller import PressureController
from hil.procedure import Procedure
from hil.pump.error_limit import judge_error
from hil.pump.pump_sensors import SensorMeans, read_sensors

BATH_C = {"temperature-error-33-c": 33.0, "temperature-error-41-c": 41.0, "temperature-error-37-c": LABEL_TEMPERATURE_C}
"""37 C last: the reservoir's pressure is read there."""
CHAMBER_KPA = {"ambient-error-85-kpa": 85.0, "ambient-error-110-kpa": 110.0, "ambient-error-101-kpa": LABEL_AMBIENT_KPA}
ADDED_KPA = {"outlet-error-at-head": 0.0, "outlet-error-plus-5-kpa": 5.0}

BATH_TOLERANCE_C = 0.1
MAX_TEMPERATURE_ERROR_C = 0.5
MAX_PRESSURE_ERROR_KPA = 0.5
VAPOUR_FIT_PERCENT = 0.13
"""Of the vapour pressure: how far the model's formula is from the fluid's equation of state, at most."""
DROOP_TOLERANCE_SHARE = 0.5
"""Of the bellows' spring, which no certificate states [assumed]."""


@pytest.mark.procedure(
    "temperature-sensor-accuracy",
    measurements=(*BATH_C, "reservoir-pressure-against-model"),
    requirements=("REQ-TEMP-001", "REQ-PRES-003"),
)
def test_temperature_sensor(bench: Bench, bath: Bath, procedure: Procedure) -> None:
    """The pump's thermometer agrees with the bath, and its reservoir's pressure with the vapour's."""
    make_ready(bench, procedure.progressed, warm=False)
    with left_as_found(bench, "bath"):
        for name, target_c in BATH_C.items():
            settle_bath(bench, bath, target_c, BATH_TOLERANCE_C, procedure.progressed)
            references: list[float] = []
            means = read_sensors(bench, lambda: references.append(bath.temperature_c()))  # noqa: B023 - called at once
            u = hypot(bench.bath_table.u_temperature_c, means.u_temperature_c)
            error_c = means.temperature_c - float(np.mean(references))
            judge_error(
                procedure,
                name,
                error_c,
                "K",
                u=u,
                limit=MAX_TEMPERATURE_ERROR_C,
                requirement="REQ-TEMP-001",
                note="pump's less the bath's",
            )
        measure_reservoir(bench, means, float(np.mean(references)), procedure)


@pytest.mark.procedure("ambient-sensor-accuracy", measurements=tuple(CHAMBER_KPA), requirements=("REQ-PRES-001",))
def test_ambient_sensor(bench: Bench, ambient_pressure: PressureController, procedure: Procedure) -> None:
    """The pump's ambient pressure sensor agrees with the chamber's controller."""
    table = bench.ambient_pressure_table
    make_ready(bench, procedure.progressed, warm=False)
    with left_as_found(bench, "ambient_pressure"):
        for name, target_kpa in CHAMBER_KPA.items():
            settle_pressure(
                bench,
                ambient_pressure,
                target_kpa,
                slew_kpa_per_s=table.slew_kpa_per_s,
                role="ambient_pressure",
                progress=procedure.progressed,
            )
            references: list[float] = []
            means = read_sensors(bench, lambda: references.append(ambient_pressure.pressure_kpa()))  # noqa: B023
            u = hypot(table.u_pressure_kpa, means.u_ambient_kpa)
            error_kpa = means.ambient_kpa - float(np.mean(references))
            note = "pump's reading less the chamber's controller"
            judge_error(
                procedure,
                name,
                error_kpa,
                "kPa",
                u=u,
                limit=MAX_PRESSURE_ERROR_KPA,
                requirement="REQ-PRES-001",
                note=note,
            )


@pytest.mark.procedure("outlet-sensor-accuracy", measurements=tuple(ADDED_KPA), requirements=("REQ-PRES-002",))
def test_outlet_sensor(bench: Bench, outlet_pressure: PressureController, procedure: Procedure) -> None:
    """The pump's outlet pressure sensor agrees with static head and controller together."""
    table, room = bench.outlet_pressure_table, bench.loaded.file.environment
    make_ready(bench, procedure.progressed, warm=False)
    with left_as_found(bench, "outlet_pressure"):
        for name, added_kpa in ADDED_KPA.items():
            settle_pressure(
                bench,
                outlet_pressure,
                added_kpa,
                slew_kpa_per_s=table.slew_kpa_per_s,
                role="outlet_pressure",
                progress=procedure.progressed,
            )
            references: list[float] = []
            means = read_sensors(bench, lambda: references.append(outlet_pressure.pressure_kpa()))  # noqa: B023
            u = sqrt(room.u_outlet_kpa**2 + table.u_pressure_kpa**2 + means.u_outlet_kpa**2)
            error_kpa = means.outlet_kpa - room.outlet_kpa - float(np.mean(references))
            note = f"pump's reading less {room.outlet_kpa:.2f} kPa of head and the outlet's controller"
            judge_error(
                procedure,
                name,
                error_kpa,
                "kPa",
                u=u,
                limit=MAX_PRESSURE_ERROR_KPA,
                requirement="REQ-PRES-002",
                note=note,
            )


def measure_reservoir(bench: Bench, means: SensorMeans, bath_c: float, procedure: Procedure) -> None:
    """The reservoir sensor against vapour pressure less droop: what the firmware, too, judges it by."""
    profile, room = bench.loaded.profile, bench.loaded.file.environment
    volume_ml = min(max(means.bellows_ml, profile.residual_ml + profile.stop_region_ml), profile.capacity_ml)
    at, above = (
        expected_flow(profile, bath_c + step_c, room.ambient_kpa, room.outlet_kpa, volume_ml) for step_c in (0.0, 0.1)
    )
    per_k = (above.vapour_pressure_kpa - at.vapour_pressure_kpa) / 0.1
    u = sqrt(
        means.u_reservoir_kpa**2
        + (bench.bath_table.u_temperature_c * per_k) ** 2
        + (at.vapour_pressure_kpa * VAPOUR_FIT_PERCENT / 100) ** 2 / 3
        + (profile.droop_kpa * DROOP_TOLERANCE_SHARE) ** 2 / 3
    )
    error_kpa = means.reservoir_kpa - (at.vapour_pressure_kpa - at.droop_kpa)
    note = "pump's reading less vapour pressure and droop by the model; no accuracy of the sensor alone"
    limit_kpa = profile.alarms.drive_pressure_kpa
    judge_error(
        procedure,
        "reservoir-pressure-against-model",
        error_kpa,
        "kPa",
        u=u,
        limit=limit_kpa,
        requirement="REQ-PRES-003",
        note=note,
    )
