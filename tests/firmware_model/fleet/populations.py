"""Populations for tests: small, and with much going wrong."""

from pathlib import Path

from firmware_model.fleet.population import LoadedPopulation, load_population

__all__ = ["AMBULATORY", "EVENTFUL", "eventful", "written"]

AMBULATORY = Path(__file__).parents[3] / "fixtures" / "fleets" / "ambulatory.toml"
EVENTFUL = """
title = "Much goes wrong"
criteria = ["false_alarms_per_pump_year <= 0.05", 'detected(occlusion, within="24h") >= 0.9']

[units]
restrictor_percent = { mean = 0.0, sd = 1.0, low = -3.0, high = 3.0 }
droop_kpa = { low = 1.8, high = 2.2 }
temperature_bias_c = { low = -0.05, high = 0.05 }

[patients]
altitude_m = { low = 0.0, high = 200.0 }
fevers_per_year = 4.0
trips_per_year = 4.0
trip_days = { low = 2.0, high = 5.0 }
mountains_share = 0.5
departures_per_year = 0.5

[clinic]
refill_interval_d = 14.0
late_share = 0.2

[failures]
at_1y_percent = 80.0
at_2y_percent = 95.0
follow_up = "10d"

[[fault]]
name = "catheter-occlusion"
share = 0.5
values = ["50%", "100%"]
ramp = "2h"

[[fault]]
name = "restrictor-fast-flow"
share = 0.5
values = ["30%"]

[[fault]]
name = "reset"
per_year = 2.0

[[fault]]
name = "outlet-pressure-sensor-stuck"
per_year = 2.0
duration = "1d"

[[fault]]
name = "pocket-fill"
per_refill = 0.05
"""


def written(folder: Path, text: str = EVENTFUL) -> Path:
    """That population as a file."""
    path = folder / "population.toml"
    path.write_text(text, encoding="utf-8")
    return path


def eventful(folder: Path, *changes: tuple[str, str]) -> LoadedPopulation:
    """That population, with some of its text replaced."""
    text = EVENTFUL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_population(written(folder, text))
