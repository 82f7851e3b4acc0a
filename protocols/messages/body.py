"""Bytes of one declared class, both ways: compiled construct where it is safe, interpreted where it explains."""

import io
import struct
from functools import cached_property
from typing import Any, Generic, TypeVar

from construct import ConstructError, FormatField, StreamError, TerminatedError
from construct_typed import Construct

from protocols.messages.fields import Member
from protocols.messages.layout import Declared, Layout

__all__ = ["BodyCodec"]

AnyDeclared = TypeVar("AnyDeclared", bound=Declared)


class BodyCodec(Generic[AnyDeclared]):
    """Bytes to one declared class and back, with one encoding for each value and no bytes left over.

    Three forms of one declaration. Where all fields are integers (or enumerations, flags and bools in one) a body is
    one ``struct``. Else it is read by compiled construct, which does not check lengths: behind the end of the data a
    flag reads as true and bytes read as fewer; so it reads from a stream that refuses. All else, and whatever the
    faster forms refuse, is left to the interpreter, which checks everything and names the field.
    """

    def __init__(self, cls: type[AnyDeclared]) -> None:
        """Serve ``cls``."""
        self.interpreted: Construct[AnyDeclared, AnyDeclared] = Layout(cls)
        self._row: _Row[AnyDeclared] | None = _Row.of(self.interpreted)

    @cached_property
    def compiled(self) -> Construct[AnyDeclared, AnyDeclared]:
        """The same layout as generated Python; made at first use, since most commands need few messages or none."""
        return self.interpreted.compile()

    def parse(self, body: bytes) -> AnyDeclared:
        """The value that ``body`` encodes. Raises ConstructError if it encodes none, or has bytes left over."""
        try:
            return self._row.parse(body) if self._row is not None else parse_whole(self.compiled, body)
        except (ConstructError, struct.error):
            return parse_whole(self.interpreted, body)

    def build(self, value: AnyDeclared) -> bytes:
        """The encoding of ``value``. Raises ConstructError if a field does not fit, TypeError for another class."""
        if self._row is not None:
            try:
                return self._row.build(value)
            except (ConstructError, struct.error):
                pass
        return self.interpreted.build(value)


class _Row(Generic[AnyDeclared]):
    """A body in which every field is an integer, or kept in one."""

    def __init__(self, layout: "Layout[AnyDeclared]", letters: str, members: dict[int, Member[Any]]) -> None:
        self._struct = struct.Struct(f">{letters}")
        self._members = members
        self._cls = layout.cls
        self._names = layout.names

    @classmethod
    def of(cls, layout: Any) -> "_Row[AnyDeclared] | None":
        """The row that a layout is; None if it is none."""
        letters, members = "", {}
        for place, field in enumerate(layout.subcon.subcons):
            subcon = field.subcon
            if isinstance(subcon, Member):
                members[place] = subcon
                subcon = subcon.subcon
            if not isinstance(subcon, FormatField):
                return None
            letters += subcon.fmtstr[-1]
        return cls(layout, letters, members)

    def parse(self, body: bytes) -> AnyDeclared:
        """Raises struct.error or ConstructError."""
        values = list(self._struct.unpack(body))
        for place, member in self._members.items():
            values[place] = member.member_of(values[place])
        return self._cls(*values)

    def build(self, value: AnyDeclared) -> bytes:
        """Raises struct.error or ConstructError, and TypeError for another class."""
        if not isinstance(value, self._cls):
            raise TypeError(f"{value!r} is no {self._cls.__name__}")
        values = [getattr(value, name) for name in self._names]
        for place, member in self._members.items():
            values[place] = member.number_of(values[place])
        return self._struct.pack(*values)


class _ExactReader(io.BytesIO):
    """A stream whose short read is an error, as construct's own interpreter has it."""

    def read(self, size: int | None = -1, /) -> bytes:
        came = super().read(size)
        if size is not None and len(came) < size:
            raise StreamError(f"{size} bytes expected, {len(came)} left")
        return came


def parse_whole(layout: Construct[AnyDeclared, AnyDeclared], body: bytes) -> AnyDeclared:
    """The value that all of ``body`` encodes, by either form of a layout. Raises ConstructError."""
    stream = _ExactReader(body)
    value = layout.parse_stream(stream)
    if left := len(body) - stream.tell():
        raise TerminatedError(f"{left} bytes too many")
    return value
