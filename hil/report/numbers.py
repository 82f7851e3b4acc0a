"""Numbers and units as people print them."""

import math

from markupsafe import Markup

__all__ = ["limits_text", "number", "rounded", "significant", "unit_text"]

_UNITS = {
    "1": "",  # a pure number
    "C": "°C",
    "K": "K",
    "ug/s": "µg/s",
    "kg/m3": "kg/m³",
    "uL": "µL",
    "%/C": "%/°C",
}
_MINUS = "\N{MINUS SIGN}"


def unit_text(unit: str) -> str:
    """A unit as it is printed: ``C`` is °C; what is not known stands as it is."""
    return _UNITS.get(unit, unit)


def number(text: str) -> str:
    """A formatted number with a minus sign instead of a hyphen."""
    return text.replace("-", _MINUS)


def rounded(value: float, expanded_uncertainty: float) -> str:
    """``value`` with as many decimals as two digits of its uncertainty ask for; ``none`` if it is no number."""
    if not math.isfinite(value):
        return "none"
    if not math.isfinite(expanded_uncertainty) or expanded_uncertainty <= 0:
        return number(f"{value:.4g}")
    # By way of scientific notation, so that an uncertainty of 0.0996 counts as the 0.10 that it is printed as.
    exponent = int(f"{expanded_uncertainty:.1e}".partition("e")[2])
    return number(f"{value:.{min(max(0, 1 - exponent), 9)}f}")


def limits_text(lower: float | None, upper: float | None) -> str:
    """``0.85 to 1.15``, ``at least 0.85``, ``at most 1.15`` or ``none``."""
    if lower is not None and upper is not None:
        return number(f"{lower:g} to {upper:g}")
    if lower is not None:
        return number(f"at least {lower:g}")
    return "none" if upper is None else number(f"at most {upper:g}")


def significant(value: float, digits: int) -> Markup:
    """``value`` with so many significant digits; in powers of ten where plain digits would be hard to count."""
    if not math.isfinite(value):
        return Markup("none")
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        decimals = digits - 1 - (math.floor(math.log10(abs(value))) if value else digits - 1)
        return Markup(number(f"{value:.{max(0, decimals)}f}"))  # noqa: S704 - digits only
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return Markup(f"{number(mantissa)}&thinsp;&times;&thinsp;10<sup>{number(str(int(exponent)))}</sup>")  # noqa: S704 - digits only
