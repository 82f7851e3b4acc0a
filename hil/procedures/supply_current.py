"""Supply current: what the electronics draw against their budget, and whether they know their own voltage."""

from math import hypot, sqrt

import numpy as np
import pytest

from hil.bench import Bench
from hil.conditions.ready_bench import make_ready
from hil.figure import Figure, Limit, Series
from hil.instruments.multimeter import Multimeter
from hil.instruments.supply import Supply
from hil.procedure import Procedure
from hil.pump.programmer import Programmer

READINGS = 60
INTERVAL_S = 5.5
"""No share of the minute between samples, so that the readings fall everywhere in it."""
SAMPLE_PERIOD_S = 60.0
BUDGET_TOLERANCE_PERCENT = 10.0
VOLTAGE_SAMPLES = 8
MAX_VOLTAGE_ERROR_MV = 20.0


@pytest.mark.procedure(
    "supply-current",
    measurements=("supply-current", "battery-sensor-error"),
    requirements=("REQ-POWER-004", "REQ-POWER-005"),
    duration_h=0.4,
)
def test_supply_current(
    bench: Bench, pump: Programmer, supply: Supply, multimeter: Multimeter, procedure: Procedure
) -> None:
    """Between telecommands the pump draws what sleep and samples may, and it reads its supply's voltage right."""
    assert supply.KIND  # it feeds the pump: without it the multimeter's current is none of the pump's
    make_ready(bench, procedure.progressed, warm=False)
    begin_ms, currents_ua, hours = bench.now_ms(), [], []
    for reading in range(READINGS):
        procedure.progressed("measuring current", reading / READINGS)
        bench.sleep_until(begin_ms + round((reading + 1) * INTERVAL_S * 1000))
        currents_ua.append(1e6 * multimeter.current_a())
        hours.append(bench.now_ms() / 3_600_000)
    measure_current(bench, procedure, currents_ua)
    show(bench, procedure, hours, currents_ua)
    measure_voltage(bench, pump, multimeter, procedure)


def budget_ua(bench: Bench) -> float:
    """What sleep and samples draw on average, by the profile's battery budget."""
    battery = bench.loaded.profile.battery
    return battery.sleep_ua + battery.sample_uc / SAMPLE_PERIOD_S


def measure_current(bench: Bench, procedure: Procedure, currents_ua: list[float]) -> None:
    """The mean current against the budget."""
    table, mean_ua, budget = bench.multimeter_table, float(np.mean(currents_ua)), budget_ua(bench)
    u_instrument_ua = hypot(table.u_current_ua, mean_ua * table.u_current_percent / 100)
    u_mean_ua = float(np.std(currents_ua, ddof=1)) / sqrt(len(currents_ua))
    procedure.measure(
        "supply-current",
        mean_ua,
        "uA",
        expanded_uncertainty=2 * hypot(u_instrument_ua, u_mean_ua),
        lower=budget * (1 - BUDGET_TOLERANCE_PERCENT / 100),
        upper=budget * (1 + BUDGET_TOLERANCE_PERCENT / 100),
        requirements=("REQ-POWER-004",),
        note=f"mean of {len(currents_ua)} readings, no telecommand meanwhile; budget {budget:.2f} uA; from the "
        "multimeter's certificate and the readings' scatter",
    )


def measure_voltage(bench: Bench, pump: Programmer, multimeter: Multimeter, procedure: Procedure) -> None:
    """How far the pump's own reading of its supply is from the multimeter's, over some samples."""
    differences_mv = []
    for _ in range(VOLTAGE_SAMPLES):
        bench.sleep(seconds=SAMPLE_PERIOD_S)
        differences_mv.append(pump.read_measurements().battery_mv - 1000 * multimeter.voltage_v())
    scatter_mv = float(np.std(differences_mv, ddof=1)) / sqrt(len(differences_mv))
    resolution_mv = bench.loaded.profile.sensors.battery.resolution / sqrt(12)
    procedure.measure(
        "battery-sensor-error",
        float(np.mean(differences_mv)),
        "mV",
        expanded_uncertainty=2 * sqrt(bench.multimeter_table.u_voltage_mv**2 + scatter_mv**2 + resolution_mv**2),
        lower=-MAX_VOLTAGE_ERROR_MV,
        upper=MAX_VOLTAGE_ERROR_MV,
        requirements=("REQ-POWER-005",),
        note="the pump's reading less the multimeter's; from its certificate, the differences' scatter and the "
        "sensor's resolution",
    )


def show(bench: Bench, procedure: Procedure, hours: list[float], currents_ua: list[float]) -> None:
    """The current against bench time."""
    procedure.show(
        Figure(
            title="Supply current",
            x_label="bench time / h",
            y_label="current / µA",
            series=(Series("multimeter", tuple(hours), tuple(currents_ua), "points"),),
            limits=(Limit(budget_ua(bench), "budget", "reference"),),
            in_bench_hours=True,
        )
    )
