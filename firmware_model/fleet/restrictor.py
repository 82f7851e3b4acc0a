"""A unit's restrictor: made a little wide or narrow, and of what happens to it later.

Both are faults of the scenario, because the firmware must not know of either; and one takes the other's place.
"""

from firmware_model.faults.injection import fault_value
from firmware_model.faults.table import PUMP_FAULTS

__all__ = ["restrictor_as_made", "restrictor_in_unit"]

_WIDE, _NARROW = "restrictor-fast-flow", "restrictor-plugging"


def restrictor_as_made(made_percent: float) -> tuple[str, str] | None:
    """The fault, and its value, that lets through so much more (or less) than the profile says; None if neither."""
    return (_WIDE if made_percent > 0 else _NARROW, f"{abs(made_percent):g}%") if made_percent else None


def restrictor_in_unit(fault: str, value: str, made_percent: float) -> str:
    """The value of a ``fault`` that does to this unit's restrictor what ``value`` does to one as its profile says."""
    if fault not in {_WIDE, _NARROW} or not made_percent or (made_percent > 0) != (fault == _WIDE):
        return value
    sign = 1 if fault == _WIDE else -1
    amount = fault_value(value, PUMP_FAULTS[fault]) / 100
    both = sign * ((1 + made_percent / 100) * (1 + sign * amount) - 1)
    return f"{round(100 * both, 4):g}%"
