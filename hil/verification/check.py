"""What one check of a recording came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Check", "State"]

State = Literal["ok", "finding", "not checked"]

_SHOWN = 8


@dataclass(frozen=True)
class Check:
    """One line: what was looked at and what was found; ``findings`` name every place, ``unchecked`` what was left."""

    name: str
    said: str
    findings: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    """What this check could not look at, each with the reason."""
    was_done: bool = True

    @classmethod
    def skipped(cls, name: str, why: str) -> "Check":
        """A check that could not be made at all."""
        return cls(name, why, was_done=False)

    @property
    def state(self) -> State:
        """``finding`` if there is any, else whether it was made."""
        if self.findings:
            return "finding"
        return "ok" if self.was_done else "not checked"

    def lines(self) -> Sequence[str]:
        """One line, and one more for each of the first findings."""
        more = len(self.findings) - _SHOWN
        rest = [f"... and {more} more; --json has them all"] if more > 0 else []
        return [self.said, *self.findings[:_SHOWN], *rest]

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "check": self.name,
            "state": self.state,
            "said": self.said,
            "findings": list(self.findings),
            "not_checked": list(self.unchecked),
        }
