"""Scenario files, written for one test."""

from pathlib import Path

from firmware_model.scenario.scenario import LoadedScenario, load_scenario

__all__ = ["HOUR_MS", "loaded", "written"]

HOUR_MS = 3_600_000


def written(folder: Path, text: str, *, days: float = 14) -> Path:
    """A scenario file with ``text`` below its first two keys."""
    path = folder / "scenario.toml"
    path.write_text(f'title = "A test"\ndays = {days}\n{text}', encoding="utf-8")
    return path


def loaded(folder: Path, text: str, *, days: float = 14) -> LoadedScenario:
    """That file, loaded."""
    return load_scenario(written(folder, text, days=days))
