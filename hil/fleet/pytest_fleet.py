"""A fleet for a user's own test: run as its marker says."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from firmware_model.errors import ModelError
from hil.errors import RigError, UsageError
from hil.fleet.fleet_run import FleetOutcome, FleetSettings, run_fleet

__all__ = ["fleet_of"]

_OPTIONS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "pumps": ((int,), "a whole number"),
    "days": ((int, float), "a number"),
    "seed": ((int,), "a whole number"),
    "jobs": ((int, type(None)), "a whole number"),
    "scheduler": ((str, type(None)), "an address"),
    "audit": ((int, float), "a share from 0 to 1"),
    "wire": ((int, float), "a share from 0 to 1"),
}


class _Quiet:
    """Tells nobody."""

    def begun(self, pumps: int, done: int) -> None:
        """Nothing."""

    def advanced(self, pumps: int, pump_years: float) -> None:
        """Nothing."""


def fleet_of(marker: pytest.Mark | None, beside: Path, out: Path) -> FleetOutcome:
    """The finished fleet; its population's file is looked for ``beside`` the test, then where pytest was started.

    A marker that is missing or wrong, or a bad population, fails the test in one line.
    """
    try:
        return run_fleet(_settings(marker, beside, out), _Quiet())
    except (RigError, ModelError) as error:
        raise pytest.fail.Exception(f"fleet: {error}", pytrace=False) from None


def _settings(marker: pytest.Mark | None, beside: Path, out: Path) -> FleetSettings:
    if marker is None or len(marker.args) != 1 or not isinstance(marker.args[0], (str, Path)):
        raise UsageError('which fleet? mark the test: @pytest.mark.fleet("population.toml", pumps=500)')
    for name, value in marker.kwargs.items():
        if name not in _OPTIONS:
            raise UsageError(f"the marker has no option {name!r}; it takes {', '.join(_OPTIONS)}")
        kinds, what = _OPTIONS[name]
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise UsageError(f"{name} must be {what}, not {value!r}")
    file = marker.args[0]
    if (beside / file).is_file():
        file = os.path.relpath(beside / file)  # as the command that repeats a pump will name it
    options: dict[str, Any] = dict(marker.kwargs)
    return FleetSettings(str(file), out=out, **options)
