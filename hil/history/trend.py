"""A measurement over many runs as a control chart, for people (one HTML file) and other programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from operator import add, sub
from typing import Any

from hil.errors import UsageError
from hil.figure import Figure, Limit, Series
from hil.history.control_chart import ControlChart, control_chart
from hil.history.run_index import RunPoint
from hil.measurement import Outcome
from hil.report.numbers import unit_text
from hil.report.page import render_page

__all__ = ["Trend"]


@dataclass(frozen=True)
class Trend:
    """A measurement, each time that it was taken, and what chance explains of it.

    Errors are points, but no values of the chart: they say nothing of the pump.
    """

    measurement: str
    points: tuple[RunPoint, ...]
    places: tuple[int, ...]
    """Of the points that count: those of which the chart is made."""
    chart: ControlChart
    """Its signals have the places of their points."""

    @classmethod
    def of(cls, measurement: str, points: Sequence[RunPoint]) -> "Trend":
        """The trend of ``points``. Raises UsageError for fewer than two that count, or for different units."""
        places = tuple(place for place, point in enumerate(points) if point.outcome != Outcome.ERROR)
        if len(places) < 2:
            raise UsageError(
                f"{measurement}: was measured in {len(places)} of these runs, replays and errors aside; "
                "a trend needs at least 2"
            )
        units = {point.unit for point in points}
        if len(units) > 1:
            raise UsageError(
                f"{measurement}: is in {' and in '.join(sorted(units))} in different runs; name a --procedure"
            )
        chart = control_chart([points[place].value for place in places])
        signals = tuple(replace(signal, place=places[signal.place]) for signal in chart.signals)
        return cls(measurement, tuple(points), places, replace(chart, signals=signals))

    @property
    def unit(self) -> str:
        """Of all values."""
        return self.points[0].unit

    @property
    def said(self) -> str:
        """The chart in one line."""
        chart, errors = self.chart, len(self.points) - len(self.places)
        left_out = f"; {errors} with an error left out" if errors else ""
        limits = f"control limits {chart.lower:.4g} to {chart.upper:.4g} {self.unit}"
        return f"{len(self.places)} runs, mean {chart.centre:.4g} {self.unit}, {limits}{left_out}"

    def as_json(self) -> dict[str, Any]:
        """The trend for other programs."""
        points = [{**asdict(point), "started": point.started.isoformat()} for point in self.points]
        return {
            "schema": "pumprig.trend/1",
            "measurement": self.measurement,
            "unit": self.unit,
            "points": points,
            "places": list(self.places),
            "chart": asdict(self.chart),
        }

    def figures(self) -> tuple[Figure, Figure]:
        """Individuals with control limits and the requirement's, and the moving ranges."""
        chart, last = self.chart, self.points[-1]
        numbers = tuple(float(place + 1) for place in self.places)
        reach = [self.points[place].expanded_uncertainty or 0.0 for place in self.places]
        required = [("required, lower", last.lower), ("required, upper", last.upper)]
        values = Figure(
            title=f"Individuals: {self.measurement}",
            x_label="run",
            y_label=_label(self.measurement, self.unit),
            series=(
                Series("value", numbers, chart.values),
                Series("value + U", numbers, tuple(map(add, chart.values, reach)), "points"),
                Series("value - U", numbers, tuple(map(sub, chart.values, reach)), "points"),
            ),
            limits=(
                Limit(chart.lower, "control limit", "reference"),
                Limit(chart.centre, "mean", "reference"),
                Limit(chart.upper, "control limit", "reference"),
                *(Limit(value, label) for label, value in required if value is not None),
            ),
            caption="Control limits are three standard deviations, from the mean moving range, about the mean; "
            "required limits are those of the last run. Points are the ends of the expanded uncertainty.",
        )
        ranges = Figure(
            title="Moving ranges",
            x_label="run",
            y_label=_label("range", self.unit),
            series=(Series("from the run before", numbers[1:], chart.ranges),),
            limits=(
                Limit(chart.mean_range, "mean", "reference"),
                Limit(chart.range_upper, "control limit", "reference"),
            ),
            caption="How far each value is from the one before.",
        )
        return values, ranges

    def as_html(self) -> str:
        """One HTML file that opens offline."""
        return render_page(
            "history/trend.html.j2",
            self.figures(),
            title=f"{self.measurement} over {len(self.places)} runs",
            said=self.said,
            points=self.points,
            signals=self.chart.signals,
        )


def _label(name: str, unit: str) -> str:
    """What an axis is called: a compound unit in brackets, as ``/`` divides; nothing behind a pure number."""
    said = unit_text(unit)
    return f"{name} / ({said})" if "/" in said else f"{name} / {said}" if said else name
