"""Exchanges that neither drivers nor simulators wrote."""

import tomllib
from typing import Any

from hil.shipped import shipped

__all__ = ["corpus"]


def corpus(name: str) -> dict[str, list[dict[str, Any]]]:
    """The exchanges cited for one instrument."""
    return tomllib.loads(shipped(f"golden/instruments/{name}.toml").read_text(encoding="utf-8"))
