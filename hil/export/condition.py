"""One condition on a field: ``FIELD<op>VALUE``.

::

    temperature_mc>38000   temperature>38°C   mode=MONITORING   alarms~OCCLUSION   seq!=7   serial_number~SN00

========================  =================================================================================
``=`` ``!=``              equal, or not
``<`` ``<=`` ``>`` ``>=``  of numbers and times
``~``                     flags hold that one; text, names and bytes in hexadecimal contain that
========================  =================================================================================

A field goes by its column's name, with or without the unit at its end. Flags equal a list with ``|`` between names, or
``none``. A value may have the field's unit, or the handier one that ``decode`` prints. Nothing is true of null.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from hil.errors import UsageError
from hil.export.kinds import Kind
from hil.export.units import split_name, unit_of

__all__ = ["Condition", "parse_condition"]

_TEXT: Final = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(!=|<=|>=|==|=|<|>|~)\s*(.*?)\s*", re.ASCII | re.DOTALL)
_NUMBER: Final = re.compile(r"(0[xX][0-9a-fA-F]+|[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S*)")
_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_BOOLS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SHOWN_FIELDS: Final = 40


@dataclass(frozen=True)
class Condition:
    """What must be true of a field."""

    text: str
    field: str
    operator: str
    value: str

    def column(self, kind: Kind) -> str | None:
        """The column that is meant in ``kind``; None if it has none of that name."""
        names = kind.schema.names
        if self.field in names:
            return self.field
        found = [name for name in names if split_name(name)[0] == self.field]
        return found[0] if len(found) == 1 else None

    def applies(self, kind: Kind) -> bool:
        """Whether it can be asked of ``kind``."""
        return _refusal(self, kind) is None

    def mask(self, kind: Kind, rows: pa.RecordBatch) -> pa.Array:
        """For which rows it is true. Raises UsageError for a value or an operator that the field does not have."""
        name = self.column(kind)
        if name is None:
            return pa.repeat(pa.scalar(value=False), rows.num_rows)
        column, values = rows.column(name), kind.schema.field(name).metadata.get(b"values", b"").decode()
        return pc.fill_null(self._true(column, name, values.split(",") if values else []), fill_value=False)

    def _true(self, column: Any, name: str, values: list[str]) -> Any:  # noqa: PLR0911 - one for each type
        kind = column.type
        if pa.types.is_list(kind) and values:
            return self._flags(column, name, values)
        if pa.types.is_boolean(kind):
            return self._compare(column, self._one_of(name, _BOOLS), ("=", "!="))
        if pa.types.is_integer(kind):
            return self._compare(column, self._number(name), tuple(_COMPARISONS))
        if pa.types.is_timestamp(kind):
            return self._compare(column, pa.scalar(self._moment(), kind), tuple(_COMPARISONS))
        if pa.types.is_dictionary(kind):
            value = (
                self._one_of(name, {each: each for each in values}) if values and self.operator != "~" else self.value
            )
            return self._text(column.cast(pa.string()), value)
        if pa.types.is_string(kind):
            return self._text(column, self.value)
        if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
            spelled = pa.array([None if each is None else each.hex() for each in column.to_pylist()], pa.string())
            return self._text(spelled, self.value.lower().removeprefix("0x"))
        raise self._refused(f"{name} is {'secret' if pa.types.is_null(kind) else 'a list'}, which cannot be asked for")

    def _compare(self, column: Any, value: Any, operators: tuple[str, ...]) -> Any:
        if self.operator not in operators:
            raise self._refused(f"{self.operator} does not apply to {self.field}; these do: {' '.join(operators)}")
        if isinstance(value, Decimal):
            column = column.cast(pa.decimal128(20)) if pa.types.is_unsigned_integer(column.type) else column
            try:
                value = pa.scalar(value)
            except pa.ArrowInvalid:
                raise self._refused("the number has more digits than can be compared") from None
            column = column.cast(pa.decimal256(40, 12)) if value.type.scale else column
        return _COMPARISONS[self.operator](column, value)

    def _text(self, column: Any, value: str) -> Any:
        if self.operator == "~":
            return pc.match_substring(column, value)
        return self._compare(column, value, ("=", "!="))

    def _flags(self, column: Any, name: str, values: list[str]) -> Any:
        wanted = [] if self.value.lower() in {"none", ""} else self.value.upper().split("|")
        for each in wanted:
            if each not in values:
                raise self._refused(f"{name} has no {each}; it has {', '.join(values)}")
        joined = pc.binary_join(column, "|")
        if self.operator == "~":
            if len(wanted) != 1:
                raise self._refused(f"{name}~ takes one of {', '.join(values)}")
            return pc.match_substring(pc.binary_join_element_wise("|", joined, "|", ""), f"|{wanted[0]}|")
        return self._compare(joined, "|".join(each for each in values if each in wanted), ("=", "!="))

    def _one_of(self, name: str, values: dict[str, Any]) -> Any:
        for each, value in values.items():
            if each.lower() == self.value.lower():
                return value
        raise self._refused(f"{name} has no value {self.value!r}; it has {', '.join(values)}")

    def _number(self, name: str) -> Decimal:
        match = _NUMBER.fullmatch(self.value)
        if match is None:
            raise self._refused(f"{name} is a number; {self.value!r} is none")
        digits, symbol = match.groups()
        try:
            number = Decimal(int(digits, 16)) if "x" in digits.lower() else Decimal(digits)
            unit = unit_of(name)
            if unit is None and symbol:
                raise self._refused(f"{name} has no unit")
            return number if unit is None else unit.counts(number, symbol)
        except (ValueError, InvalidOperation) as error:
            raise self._refused(str(error)) from error

    def _moment(self) -> datetime:
        try:
            moment = datetime.fromisoformat(self.value)
        except ValueError:
            raise self._refused(f"{self.value!r} is no time; write it like 2026-11-23T03:15:22Z") from None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

    def _refused(self, why: str) -> UsageError:
        return UsageError(f"--where {self.text!r}: {why}")


def parse_condition(text: str, kinds: list[Kind]) -> Condition:
    """The condition in ``text``, of which at least one of ``kinds`` has the field. Raises UsageError."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise UsageError(f"--where {text!r}: write FIELD, one of = != < <= > >= ~, and a value, like temperature>38°C")
    field, operator, value = match.groups()
    condition = Condition(text, field, "=" if operator == "==" else operator, value)
    having = [kind for kind in kinds if condition.column(kind) is not None]
    if not having:
        raise UsageError(f"--where {text!r}: {_no_field(field, kinds)}")
    refusals = [_refusal(condition, kind) for kind in having]
    if refusals[0] is not None and None not in refusals:
        raise refusals[0]
    return condition


@cache
def _refusal(condition: Condition, kind: Kind) -> UsageError | None:
    """Why it cannot be asked of ``kind``."""
    if condition.column(kind) is None:
        return UsageError(f"{kind.name} has no field {condition.field}")
    try:
        condition.mask(kind, pa.RecordBatch.from_pylist([], schema=kind.schema))
    except UsageError as refused:
        return refused
    return None


def _no_field(field: str, kinds: list[Kind]) -> str:
    names = sorted(dict.fromkeys(name for kind in kinds for name in kind.schema.names), key=lambda name: "." in name)
    close = [name for name in names if field in name and "." not in name] or get_close_matches(
        field, names, 3, cutoff=0.75
    )
    if close:
        return f"there is no field {field!r}; did you mean {' or '.join(close[:5])}?"
    more = f" and {len(names) - _SHOWN_FIELDS} more; name a --type to see its own" if len(names) > _SHOWN_FIELDS else ""
    return f"there is no field {field!r}; there are {', '.join(names[:_SHOWN_FIELDS])}{more}"
