"""Figures as Bokeh draws them, in a form that is the same for the same figure."""

import json
from typing import Any

from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.models.annotations import Label, Span
from bokeh.plotting import figure

from hil.figure import Figure, Series

__all__ = ["plot_json"]

_COLOURS = ("#1f5fa8", "#c2571a", "#2e7d4f", "#6b4aa0")
_DASHES = ("solid", "dashed", "dotted", "dotdash")
_INK, _GRID, _LIMIT, _MARK = "#222222", "#e6e6e6", "#8a1c1c", "#6b4aa0"


def plot_json(data: Figure, markers: tuple[tuple[float, str], ...], target: str) -> str:
    """The figure as a JSON item for ``Bokeh.embed.embed_item``, to be drawn into the element ``target``."""
    plot = figure(
        height=340,
        sizing_mode="stretch_width",
        x_axis_label=data.x_label,
        y_axis_label=data.y_label,
        x_axis_type="log" if data.log_x else "linear",
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_scroll=None,
        background_fill_color="#ffffff",
        outline_line_color=None,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    for axis in (plot.xaxis, plot.yaxis):
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_color = axis.major_label_text_color = _INK
    plot.grid.grid_line_color = _GRID
    plot.y_range = _y_range(data)
    for number, series in enumerate(data.series):
        _draw(plot, series, _COLOURS[number % len(_COLOURS)], _DASHES[number % len(_DASHES)])
    if data.log_x:
        plot.xaxis.ticker = sorted({x for series in data.series for x in series.x})
    for limit in data.limits:
        plot.add_layout(
            Span(location=limit.value, dimension="width", line_color=_LIMIT, line_dash=[6, 4], line_width=1.2)
        )
        x_left = min(x for series in data.series for x in series.x)
        plot.add_layout(
            Label(x=x_left, y=limit.value, text=limit.label, text_color=_LIMIT, text_font_size="11px", y_offset=2)
        )
    for at, what in markers:
        plot.add_layout(Span(location=at, dimension="height", line_color=_MARK, line_dash=[2, 3], line_width=1.5))
        plot.add_layout(
            Label(
                x=at,
                y=300,
                y_units="screen",
                text=what,
                text_color=_MARK,
                text_font_size="11px",
                x_offset=4,
                y_offset=-24,
            )
        )
    plot.add_tools(HoverTool(tooltips=[(data.x_label, "$x{0.00}"), (data.y_label, "$y{0.000}")]))
    plot.legend.location = "top_right"
    plot.legend.orientation = "horizontal"
    plot.legend.label_text_font_size = "11px"
    plot.legend.border_line_color = None
    plot.legend.click_policy = "mute"
    plot.add_layout(plot.legend[0], "below")
    return json.dumps(_canonical(json_item(plot, ID(target))), separators=(",", ":"))


def _draw(plot: Any, series: Series, colour: str, dash: str) -> None:
    source = ColumnDataSource({"x": [float(x) for x in series.x], "y": [float(y) for y in series.y]})
    if series.style == "points":
        plot.scatter("x", "y", source=source, size=4, color=colour, alpha=0.45, legend_label=series.name)
    elif series.style == "step":
        plot.step(
            "x", "y", source=source, mode="before", color=colour, line_dash=dash, line_width=2, legend_label=series.name
        )
    else:
        plot.line("x", "y", source=source, color=colour, line_dash=dash, line_width=2, legend_label=series.name)


def _y_range(data: Figure) -> Range1d:
    values = [float(y) for series in data.series for y in series.y] + [limit.value for limit in data.limits]
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 1.0
    return Range1d(start=low - margin, end=high + margin)


def _canonical(item: Any) -> Any:
    """``item`` with its ids, which Bokeh counts up in a process, replaced by their order of appearance."""
    text = json.dumps(item)
    found: dict[str, str] = {}

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in {"id", "root_id"} and isinstance(inner, str):
                    found.setdefault(inner, f"b{len(found)}")
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(item)
    for old, new in found.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return json.loads(text)
