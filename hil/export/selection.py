"""Which part of a recording is wanted: a time, some types, and conditions on fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import reduce
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firmware_model.quantities import duration_ms
from hil.errors import UsageError
from hil.export.condition import Condition, parse_condition
from hil.export.kinds import Kind, kinds
from hil.export.tables import Table

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """What is wanted of a recording. Without anything: all of it."""

    from_ms: int | None = None
    """Bench time, included; as is ``to_ms``."""
    to_ms: int | None = None
    kinds: frozenset[str] | None = None
    """Names of kinds; None: all."""
    conditions: tuple[Condition, ...] = ()
    """All must be true. A kind without the field of one has nothing that is wanted."""

    @classmethod
    def parse(
        cls,
        start_utc_ms: int,
        from_text: str | None = None,
        to_text: str | None = None,
        types: Sequence[str] = (),
        where: Sequence[str] = (),
    ) -> Self:
        """What the texts of a command line say of a recording that began then. Raises UsageError."""
        named = [_kind(name) for name in types]
        conditions = tuple(parse_condition(text, named or list(kinds().values())) for text in where)
        from_ms, to_ms = (
            None if text is None else _bench_time(option, text, start_utc_ms)
            for option, text in (("--from", from_text), ("--to", to_text))
        )
        if from_ms is not None and to_ms is not None and from_ms > to_ms:
            raise UsageError(f"--from {from_text} is later than --to {to_text}")
        return cls(from_ms, to_ms, frozenset(kind.name for kind in named) or None, conditions)

    def takes(self, kind: Kind) -> bool:
        """Whether anything of ``kind`` can be wanted."""
        return (self.kinds is None or kind.name in self.kinds) and all(
            condition.applies(kind) for condition in self.conditions
        )

    def takes_time(self, time_ms: int) -> bool:
        """Whether that bench time is wanted."""
        return (self.from_ms is None or time_ms >= self.from_ms) and (self.to_ms is None or time_ms <= self.to_ms)

    def of(self, table: Table) -> Table:
        """The rows that are wanted, of a kind that is. Raises UsageError for what cannot be asked of its fields."""
        masks = [condition.mask(table.kind, table.rows) for condition in self.conditions]
        if self.from_ms is not None or self.to_ms is not None:
            times = table.rows.column("time_ms").to_numpy()
            masks.append(
                pa.array(
                    (times >= (np.iinfo(np.int64).min if self.from_ms is None else self.from_ms))
                    & (times <= (np.iinfo(np.int64).max if self.to_ms is None else self.to_ms))
                )
            )
        return table.filtered(reduce(pc.and_, masks)) if masks else table


def _kind(name: str) -> Kind:
    """By its own name, or the class of its message."""
    for kind in kinds().values():
        if name.lower() == kind.name or (kind.message is not None and name == kind.message.__name__):
            return kind
    close = get_close_matches(name.lower(), kinds(), 3)
    said = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(kinds())}"
    raise UsageError(f"--type {name}: there is no such type; {said}")


def _bench_time(option: str, text: str, start_utc_ms: int) -> int:
    try:
        return duration_ms(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text}: this is no time; write bench time, like 0s or 1d12h30min, or UTC, "
            "like 2026-11-23T03:15:22Z"
        ) from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000) - start_utc_ms
