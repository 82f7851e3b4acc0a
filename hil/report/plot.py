"""Figures as Bokeh draws them, in a form that is the same for the same figure.

Nothing is told by colour alone: curves differ in dash and in the shape of their points, limits carry their names. Texts
are PlainText, for Bokeh may take a bare string for TeX, and the report has no renderer for that.
"""

import json
import math
from typing import Any, Literal

import bokeh
from bokeh.document import Document
from bokeh.models import ColumnDataSource, HoverTool, PlainText, Range1d
from bokeh.models.annotations import BoxAnnotation, Label, Legend, LegendItem, Span
from bokeh.models.tickers import BasicTicker
from bokeh.plotting import figure

from hil.figure import Figure, Limit, Marker, Series
from hil.report.axes import x_span, y_span
from hil.report.canonical import canonical
from hil.report.numbers import number

__all__ = ["plot_json"]

_COLOURS = ("#1b4f8f", "#b8501a", "#2a7550", "#65479b")
_DASHES: tuple[list[int], ...] = ([], [8, 4], [2, 3], [9, 3, 2, 3])
_SHAPES = ("circle", "square", "triangle", "diamond")
_INK, _SOFT, _GRID, _LIMIT, _REFERENCE, _MARK = "#1a232c", "#55626e", "#e9edf0", "#9b1c1c", "#55626e", "#5b2f86"
_POINTS, _ALLOWED = "#7d8fa3", "#2a7550"
_FONT = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif'
_FEW = 30
"""A curve of no more points than this shows them."""

_HEIGHT_PX, _LINE_PX = 360, 15
_BESIDE_LEGEND_PX, _LEGEND_ENTRY_PX, _LETTER_PX = 80, 46, 7
"""The y axis; a legend's line or point with the gap behind it; a letter of its text, rather too wide."""

_MARK_ROWS = 4
_MARK_ROW_PX = 16


def plot_json(data: Figure, markers: tuple[Marker, ...], target: str) -> str:
    """The figure as a JSON item for ``Bokeh.embed.embed_item``, to be drawn into the element ``target``.

    It can stand inside a script element: no ``<`` is left in it, whatever the figure's texts are.
    """
    marks = (*data.markers, *markers)
    x_start, x_end = x_span(data, marks)
    y_start, y_end = y_span(data)
    plot = figure(
        height=_HEIGHT_PX,
        min_width=_legend_width(data),
        sizing_mode="stretch_width",
        x_axis_type="log" if data.log_x else "linear",
        x_range=Range1d(start=x_start, end=x_end),
        y_range=Range1d(start=y_start, end=y_end),
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_scroll=None,
        outline_line_color=None,
    )
    _style(plot, data)
    _draw_limits(plot, data.limits, x_end, 0.8 * _HEIGHT_PX / (y_end - y_start))
    _draw_curves(plot, data)
    for row, marker in enumerate(marks):
        _draw_marker(plot, marker, y_end, row % _MARK_ROWS, at_right=marker.x > x_start + 0.7 * (x_end - x_start))
    text = json.dumps(canonical(_item(plot, target)), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _legend_width(data: Figure) -> int:
    """What the legend needs, in pixels. Bokeh cuts off the rest: in a narrower window a figure is scrolled instead."""
    return _BESIDE_LEGEND_PX + sum(_LEGEND_ENTRY_PX + _LETTER_PX * len(series.name) for series in data.series)


def _item(plot: Any, target: str) -> dict[str, Any]:
    """What ``bokeh.embed.json_item`` gives, a fifth sooner: it goes through all of it for mistakes first."""
    document = Document(title="")
    document.add_root(plot)
    return {
        "target_id": target,
        "root_id": plot.id,
        "doc": document.to_json(deferred=False),
        "version": bokeh.__version__,
    }


def _style(plot: Any, data: Figure) -> None:
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.grid.grid_line_color = _GRID
    for axis, label in ((plot.xaxis[0], data.x_label), (plot.yaxis[0], data.y_label)):
        axis.update(
            axis_label=PlainText(text=label),
            axis_label_text_font=_FONT,
            axis_label_text_font_size="13px",
            axis_label_text_font_style="normal",
            axis_label_text_color=_INK,
            major_label_text_font=_FONT,
            major_label_text_font_size="12px",
            major_label_text_color=_SOFT,
            axis_line_color=_SOFT,
            major_tick_line_color=_SOFT,
            minor_tick_line_color=None,
        )
    if data.log_x:
        plot.xaxis.ticker = sorted({float(x) for series in data.series for x in series.x if x > 0})
    elif all(float(x).is_integer() for series in data.series for x in series.x):
        plot.xaxis.ticker = BasicTicker(min_interval=1)  # there is no run between two runs


def _draw_limits(plot: Any, limits: tuple[Limit, ...], right: float, px_per_unit: float) -> None:
    limits = tuple(sorted((limit for limit in limits if math.isfinite(limit.value)), key=lambda limit: limit.value))
    judged = [limit.value for limit in limits if limit.kind == "limit"]
    if len(judged) > 1:
        plot.add_layout(
            BoxAnnotation(
                bottom=judged[0],
                top=judged[-1],
                fill_color=_ALLOWED,
                fill_alpha=0.06,
                line_color=None,
                level="underlay",
            )
        )
    above_px = -math.inf
    for limit in limits:
        colour, dash = (_LIMIT, [7, 4]) if limit.kind == "limit" else (_REFERENCE, [2, 3])
        plot.add_layout(
            Span(
                location=limit.value,
                dimension="width",
                line_color=colour,
                line_dash=dash,
                line_width=1.3,
                level="underlay",
            )
        )
        name = _text(f"{limit.label} {number(f'{limit.value:g}')}", right, limit.value, colour, baseline="middle")
        above_px = max(limit.value * px_per_unit, above_px + _LINE_PX)  # no name stands on another
        lift_px = round(above_px - limit.value * px_per_unit)
        name.update(text_align="right", x_offset=-6, y_offset=lift_px, level="underlay")  # nor hides the last value
        plot.add_layout(name)


def _draw_curves(plot: Any, data: Figure) -> None:
    items, lines = [], 0
    for place, series in enumerate(data.series):
        source = ColumnDataSource({"x": [float(x) for x in series.x], "y": [float(y) for y in series.y]})
        if series.style == "points":
            renderers = [_points(plot, source, series, _POINTS, _SHAPES[place % len(_SHAPES)])]
        else:
            colour, dash = _COLOURS[lines % len(_COLOURS)], _DASHES[lines % len(_DASHES)]
            draw = plot.line if series.style == "line" else plot.step
            renderers = [draw("x", "y", source=source, color=colour, line_dash=dash, line_width=2.2, name=series.name)]
            if series.style == "step":
                renderers[0].glyph.mode = "before"
            elif len(series.x) <= _FEW:
                renderers.append(_points(plot, source, series, colour, _SHAPES[lines % len(_SHAPES)]))
            lines += 1
        items.append(LegendItem(label=series.name, renderers=renderers))
    plot.add_layout(
        Legend(
            items=items,
            orientation="horizontal",
            location="left",
            border_line_color=None,
            background_fill_color=None,
            label_text_font=_FONT,
            label_text_font_size="12px",
            label_text_color=_INK,
            click_policy="mute",
            margin=0,
            spacing=18,
        ),
        "above",
    )
    tooltips = [("", "$name"), (data.x_label, "@x{0.00}"), (data.y_label, "@y{0.000}")]
    plot.add_tools(HoverTool(tooltips=tooltips))


def _points(plot: Any, source: ColumnDataSource, series: Series, colour: str, shape: str) -> Any:
    return plot.scatter(
        "x",
        "y",
        source=source,
        marker=shape,
        size=4 if series.style == "points" else 6,
        color=colour,
        alpha=0.55 if series.style == "points" else 1,
        name=series.name,
    )


def _draw_marker(plot: Any, marker: Marker, top: float, row: int, *, at_right: bool) -> None:
    plot.add_layout(Span(location=marker.x, dimension="height", line_color=_MARK, line_dash=[3, 3], line_width=1.6))
    name = _text(marker.label, marker.x, top, _MARK, baseline="top")
    name.update(
        text_align="right" if at_right else "left",
        text_font_style="bold",
        x_offset=-6 if at_right else 6,
        y_offset=-4 - _MARK_ROW_PX * row,
    )
    plot.add_layout(name)


def _text(text: str, x: float, y: float, colour: str, *, baseline: Literal["middle", "top"]) -> Any:
    return Label(
        x=x,
        y=y,
        text=PlainText(text=text),
        text_color=colour,
        text_font=_FONT,
        text_font_size="12px",
        text_baseline=baseline,
        background_fill_color="#ffffff",
        background_fill_alpha=0.85,
    )
