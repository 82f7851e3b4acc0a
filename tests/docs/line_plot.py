"""Line plots as SVG text: the same data give the same bytes, and no library's version shows in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import isnan

__all__ = ["Curve", "line_plot"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 340, 78, 20, 44, 52
_STYLES = (("#1b4f8f", ""), ("#b8501a", "8 4"), ("#2a7550", "2 3"), ("#65479b", "9 3 2 3"))
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Curve:
    """A named curve; x and y of equal length."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_plot(
    title: str, x_label: str, y_label: str, curves: Sequence[Curve], limits: Sequence[tuple[str, float]] = ()
) -> str:
    """The plot: axes with ticks and units, curves that differ in dash as well as colour, named horizontal limits."""
    xs = [x for curve in curves for x in curve.x]
    ys = [y for curve in curves for y in curve.y if not isnan(y)] + [value for _, value in limits]
    x_ticks, y_ticks = _ticks(min(xs), max(xs)), _ticks(min(ys), max(ys))
    x_low, x_high = min(xs), max(xs)
    y_low, y_high = min(y_ticks[0], *ys), max(y_ticks[-1], *ys)

    def px(x: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (x - x_low) / (x_high - x_low)

    def py(y: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (y - y_low) / (y_high - y_low)

    parts = [f'<text x="{_LEFT}" y="18" class="t">{escape(title)}</text>']
    parts += [
        f'<path d="M{px(x):.1f} {_TOP}V{_HEIGHT - _BOTTOM}" class="g"/>'
        f'<text x="{px(x):.1f}" y="{_HEIGHT - _BOTTOM + 17}" class="m">{x:g}</text>'
        for x in x_ticks
        if x_low <= x <= x_high
    ]
    parts += [
        f'<path d="M{_LEFT} {py(y):.1f}H{_WIDTH - _RIGHT}" class="g"/>'
        f'<text x="{_LEFT - 7}" y="{py(y) + 4:.1f}" class="e">{y:g}</text>'
        for y in y_ticks
    ]
    parts += [
        f'<path d="M{_LEFT} {py(value):.1f}H{_WIDTH - _RIGHT}" class="l"/>'
        f'<text x="{_WIDTH - _RIGHT - 4}" y="{py(value) - 4:.1f}" class="n">{escape(name)}</text>'
        for name, value in limits
    ]
    for place, curve in enumerate(curves):
        colour, dash = _STYLES[place]
        points = "".join(
            f"{'M' if not there or place_of == 0 else 'L'}{px(x):.1f} {py(y):.1f}"
            for place_of, (there, (x, y)) in enumerate(_points(curve))
        )
        stroke = f'stroke="{colour}" stroke-dasharray="{dash}"'
        parts.append(f'<path d="{points}" class="c" {stroke}/>')
        at = _LEFT + 230 * place
        parts.append(
            f'<path d="M{at} 32h26" class="c" {stroke}/><text x="{at + 32}" y="36">{escape(curve.name)}</text>'
        )
    parts.append(f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:g}" y="{_HEIGHT - 12}" class="m">{escape(x_label)}</text>')
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(f'<text transform="translate(18 {middle:g}) rotate(-90)" class="m">{escape(y_label)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12" fill="#1a232c"><style>.g{stroke:#e3e8ec}.c{fill:none;stroke-width:2}.t{font-weight:bold;'
        "font-size:13px}.m{text-anchor:middle}.e{text-anchor:end}.l{stroke:#9b1c1c;stroke-dasharray:7 4}"
        '.n{text-anchor:end;fill:#9b1c1c}</style><rect width="100%" height="100%" fill="#fff"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def _points(curve: Curve) -> list[tuple[bool, tuple[float, float]]]:
    """Points that are numbers, each with whether it goes on from the one before."""
    points = [(x, y) for x, y in zip(curve.x, curve.y, strict=True)]
    there = [not isnan(y) for _, y in points]
    joined = [False, *(before and after for before, after in pairwise(there))]
    return [(join, point) for join, point, is_there in zip(joined, points, there, strict=True) if is_there]


def _ticks(low: float, high: float) -> list[float]:
    """Four to nine round numbers that reach around the values."""
    span = (high - low) or 1.0
    power = 10.0 ** (len(str(int(span))) - 1 if span >= 1 else -1 if span >= 0.1 else -2)
    step = next(power / 10 * s * k for k in (1, 10) for s in _STEPS if span / (power / 10 * s * k) <= 8)
    first = int(low // step)
    return [round(step * n, 6) for n in range(first, int(-(-high // step)) + 1)]
