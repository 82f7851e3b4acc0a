"""Whether what measured was itself in calibration on the day it measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from hil.benches.instrument_tables import InstrumentsTable
from hil.errors import UsageError

__all__ = ["Calibration", "accepted_reasons"]


@dataclass(frozen=True)
class Calibration:
    """When each instrument's calibration runs out, and for which ones somebody answers although it has."""

    due: Mapping[str, date]
    """By role; an instrument without a stated date is not here."""
    accepted: Mapping[str, str]
    """By role: the reason why its overdue calibration is accepted."""

    @classmethod
    def of(cls, instruments: InstrumentsTable, accepted: Mapping[str, str]) -> "Calibration":
        """The dates that a bench file states."""
        tables = {role: getattr(instruments, role) for role in type(instruments).model_fields}
        due = {role: table.calibration_due for role, table in tables.items() if table is not None}
        return cls({role: day for role, day in due.items() if day is not None}, dict(accepted))

    def overdue(self, today: date, roles: Iterable[str] | None = None) -> dict[str, date]:
        """Those of ``roles`` (default: all) whose date has passed: on the day itself an instrument is still good."""
        asked = self.due if roles is None else roles
        return {role: self.due[role] for role in asked if role in self.due and self.due[role] < today}

    def objection(self, today: date, roles: Iterable[str]) -> str:
        """Why a measurement that rests on ``roles`` proves nothing today; empty if it may."""
        found = self.overdue(today, roles)
        return "; ".join(
            f"the calibration of the {role} was due on {day}"
            for role, day in found.items()
            if role not in self.accepted
        )

    def concession(self, today: date, roles: Iterable[str]) -> str:
        """What a measurement that rests on ``roles`` leans on although it is overdue; empty if nothing."""
        found = self.overdue(today, roles)
        return "; ".join(
            f"the calibration of the {role} was due on {day}, accepted: {self.accepted[role]}"
            for role, day in found.items()
            if role in self.accepted
        )


def accepted_reasons(texts: Iterable[str], instruments: InstrumentsTable) -> dict[str, str]:
    """Roles and reasons of ``ROLE=REASON`` texts. Raises UsageError for no reason, or a role that the bench lacks."""
    present = [role for role in type(instruments).model_fields if getattr(instruments, role) is not None]
    reasons: dict[str, str] = {}
    for text in texts:
        role, equals, reason = text.partition("=")
        if not (equals and reason.strip()):
            raise UsageError(f"--accept-overdue {text}: say why, like balance='recalibrated on Monday, as found good'")
        if role not in present:
            raise UsageError(
                f"--accept-overdue {text}: the bench has no {role!r}; it has {', '.join(present) or 'none'}"
            )
        reasons[role] = reason.strip()
    return reasons
