"""Figures as pure data: what to draw, with units and limits; how it looks is the report's business."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Figure", "Limit", "Marker", "Series"]


@dataclass(frozen=True)
class Series:
    """One curve: x and y of equal length, in the units of the figure's axes; a y that is NaN is a gap."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: Literal["line", "step", "points"] = "line"

    def __post_init__(self) -> None:
        """Raise ValueError if x and y differ in length."""
        if len(self.x) != len(self.y):
            raise ValueError(f"{self.name}: {len(self.x)} x go with {len(self.y)} y")


@dataclass(frozen=True)
class Limit:
    """A horizontal line: a limit that the curve is judged by, or a reference such as a set point."""

    value: float
    label: str
    kind: Literal["limit", "reference"] = "limit"


@dataclass(frozen=True)
class Marker:
    """A vertical line where something happened."""

    x: float
    label: str


@dataclass(frozen=True)
class Figure:
    """Axes with units, curves, limits and markers."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    limits: tuple[Limit, ...] = ()
    markers: tuple[Marker, ...] = ()
    log_x: bool = False
    in_bench_hours: bool = False
    """Whether x is bench time in hours: then the report marks what was injected, and when."""
    caption: str = ""
