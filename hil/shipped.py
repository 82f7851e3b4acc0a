"""The data that comes with pumprig: benches, pumps, requirements."""

from importlib.resources import files
from pathlib import Path

__all__ = ["shipped"]


def shipped(name: str) -> Path:
    """The file ``name``, such as ``benches/simulated.toml``, in the installed ``fixtures``."""
    return Path(str(files("fixtures").joinpath(name)))
