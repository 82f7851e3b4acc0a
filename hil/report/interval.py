"""A small picture of a measurement: its limits, its value and how far its uncertainty reaches."""

import math

from markupsafe import Markup

from hil.measurement import Measurement
from hil.report.numbers import limits_text, rounded, unit_text

__all__ = ["interval_svg"]

_WIDTH, _MARGIN = 190.0, 8.0
_MIDDLE = 13.0


def interval_svg(measurement: Measurement) -> Markup:
    """Inline SVG: limits as two posts with the allowed range between, the value as a dot, U (k = 2) as a whisker.

    A limit that does not exist leaves its side open. Empty if there is no limit or no number to draw.
    """
    value, u = measurement.value, measurement.expanded_uncertainty
    posts = [limit for limit in (measurement.lower, measurement.upper) if limit is not None and math.isfinite(limit)]
    if not posts or not math.isfinite(value) or not math.isfinite(u):
        return Markup("")
    span = (max(posts) - min(posts)) or max(abs(value - posts[0]) + u, abs(posts[0]), 1e-12)
    left, right = min(*posts, value - u) - 0.2 * span, max(*posts, value + u) + 0.2 * span

    def x(at: float) -> float:
        return _MARGIN + (_WIDTH - 2 * _MARGIN) * (at - left) / (right - left)

    from_x = 0.0 if measurement.lower is None else x(measurement.lower)
    to_x = _WIDTH if measurement.upper is None else x(measurement.upper)
    low, high = x(value - u), x(value + u)
    drawn_posts = "".join(f'<path class="post" d="M{x(post):.1f} 3V23"/>' for post in posts)
    whisker = (
        f'<path class="whisker" d="M{low:.1f} {_MIDDLE:g}H{high:.1f}M{low:.1f} 9V17M{high:.1f} 9V17"/>'
        if high - low > 1
        else ""
    )
    return Markup(
        '<svg class="interval" viewBox="0 0 190 26" width="190" height="26" role="img" aria-label="{label}">'
        '<rect class="allowed" x="{x}" y="7" width="{width}" height="12"/>{posts}{whisker}'
        '<circle class="value" cx="{cx}" cy="{middle}" r="4"/></svg>'
    ).format(
        label=_label(measurement),
        x=f"{from_x:.1f}",
        width=f"{max(0.0, to_x - from_x):.1f}",
        posts=Markup(drawn_posts),  # noqa: S704 - numbers only
        whisker=Markup(whisker),  # noqa: S704 - numbers only
        cx=f"{x(value):.1f}",
        middle=f"{_MIDDLE:g}",
    )


def _label(measurement: Measurement) -> str:
    value, u = measurement.value, measurement.expanded_uncertainty
    limits = limits_text(measurement.lower, measurement.upper)
    return (
        f"{rounded(value, u)} ± {rounded(u, u)} {unit_text(measurement.unit)}, limits {limits}: {measurement.outcome}"
    )
