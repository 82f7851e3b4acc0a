"""A fleet for a user's own test: run as its marker says."""

from pathlib import Path
from typing import Any

import pytest

from firmware_model.errors import ModelError
from hil.errors import RigError
from hil.fleet.fleet_run import FleetOutcome, FleetSettings, run_fleet

__all__ = ["fleet_of"]


class _Quiet:
    """Tells nobody."""

    def begun(self, pumps: int, done: int) -> None:
        """Nothing."""

    def advanced(self, pumps: int, pump_years: float) -> None:
        """Nothing."""


def fleet_of(marker: pytest.Mark | None, out: Path) -> FleetOutcome:
    """The finished fleet. A marker that is missing or wrong, or a bad population, fails the test in one line."""
    if marker is None:
        pytest.fail('which fleet? mark the test: @pytest.mark.fleet("population.toml", pumps=500)', pytrace=False)
    try:
        return run_fleet(_settings(*marker.args, **marker.kwargs, out=out), _Quiet())
    except (RigError, ModelError, TypeError) as error:
        pytest.fail(f"fleet: {error}", pytrace=False)


def _settings(population: str | Path, **options: Any) -> FleetSettings:
    return FleetSettings(str(population), **options)
