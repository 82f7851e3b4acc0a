"""Bytes of one declared class, both ways: compiled construct where it is safe, interpreted where it explains."""

import io
from functools import cached_property
from typing import Generic, TypeVar

from construct import ConstructError, StreamError, TerminatedError
from construct_typed import Construct

from protocols.messages.layout import Declared, Layout

__all__ = ["BodyCodec"]

AnyDeclared = TypeVar("AnyDeclared", bound=Declared)


class BodyCodec(Generic[AnyDeclared]):
    """Bytes to one declared class and back, with one encoding for each value and no bytes left over.

    Compiled construct does not check lengths: behind the end of the data a flag reads as true and bytes read
    as fewer. So it reads from a stream that refuses, and what it refuses is read again by the interpreter,
    which names the field. Building is left to the interpreter, which checks ranges and lengths.
    """

    def __init__(self, cls: type[AnyDeclared]) -> None:
        """Serve ``cls``."""
        self.interpreted: Construct[AnyDeclared, AnyDeclared] = Layout(cls)

    @cached_property
    def compiled(self) -> Construct[AnyDeclared, AnyDeclared]:
        """The same layout as generated Python; made at first use, since most commands need few messages or none."""
        return self.interpreted.compile()

    def parse(self, body: bytes) -> AnyDeclared:
        """The value that ``body`` encodes. Raises ConstructError if it encodes none, or has bytes left over."""
        try:
            return parse_whole(self.compiled, body)
        except ConstructError:
            return parse_whole(self.interpreted, body)

    def build(self, value: AnyDeclared) -> bytes:
        """The encoding of ``value``. Raises ConstructError if a field does not fit, TypeError for another class."""
        return self.interpreted.build(value)


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
