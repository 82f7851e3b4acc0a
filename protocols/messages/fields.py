"""Kinds of field beyond construct's own, each with exactly one encoding for a value.

All keep the field that they adapt as ``subcon``, so that whoever walks a declaration (a column decoder, the reference)
finds the integer or the bytes below. Whatever they do not accept is a ConstructError, interpreted or compiled.
"""

from typing import Any, TypeVar

from construct import Bytes, Int8ub, Int16ub, MappingError, PrefixedArray, RangeError, StringError
from construct_typed import Construct, Context

from protocols.messages.adapter import CompilingAdapter

__all__ = ["Ascii", "Blob", "Bounded", "Command", "Member", "Secret", "SecretBytes"]

Kind = TypeVar("Kind", bound=int)
Item = TypeVar("Item")

_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E


class Member(CompilingAdapter[int, int, Kind, Kind]):
    """An integer that must be one of an enumeration, a union of known flags, or a bool (0 or 1).

    construct-typing's TEnum and TFlagsEnum take any integer and remember each as a new member for ever; a peer must
    not be able to fill our memory so.
    """

    def __init__(self, subcon: Construct[int, int], kind: type[Kind]) -> None:
        """Encode the members of ``kind`` as ``subcon`` encodes their integers."""
        super().__init__(subcon)
        self.kind = kind

    def member_of(self, number: int, path: str = "") -> Kind:
        """The member with exactly this number. Raises MappingError if there is none."""
        try:
            member = self.kind(number)
        except ValueError:
            member = None
        if member is None or int(member) != number:
            raise MappingError(f"{number} is no {self.kind.__name__}", path=path)
        return member

    def number_of(self, member: Kind, path: str = "") -> int:
        """The number of a member. Raises MappingError if it is of another kind."""
        if not isinstance(member, self.kind):
            raise MappingError(f"{member!r} is no {self.kind.__name__}", path=path)
        return int(member)

    def _decode(self, obj: int, context: Context, path: str) -> Kind:
        del context
        return self.member_of(obj, path)

    def _encode(self, obj: Kind, context: Context, path: str) -> int:
        del context
        return self.number_of(obj, path)


class Ascii(CompilingAdapter[bytes, bytes | bytearray | int, str, str]):
    """Printable ASCII in a fixed number of bytes, filled up with NUL: it ends in reports and in file names."""

    def __init__(self, length: int) -> None:
        """Take ``length`` bytes on the wire."""
        super().__init__(Bytes(length))
        self.length = length

    def _decode(self, obj: Any, context: Context, path: str) -> str:
        del context
        text: bytes = obj.rstrip(b"\x00")
        self._check_printable(text, path)
        return text.decode("ascii")

    def _encode(self, obj: str, context: Context, path: str) -> bytes:
        del context
        if not isinstance(obj, str):
            raise StringError(f"{obj!r} is no str", path=path)
        text = obj.encode("utf-8", "surrogatepass")
        self._check_printable(text, path)
        if len(text) > self.length:
            raise StringError(f"{obj!r} is longer than {self.length} characters", path=path)
        return text.ljust(self.length, b"\x00")

    @staticmethod
    def _check_printable(text: bytes, path: str) -> None:
        if not all(_FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE for byte in text):
            raise StringError(f"{text!r} is not printable ASCII", path=path)


class Bounded(CompilingAdapter[Any, Any, tuple[Item, ...], tuple[Item, ...]]):
    """A count and as many items, but no more than fit a frame. A tuple, since a message does not change."""

    def __init__(self, count: Construct[int, int], item: Construct[Item, Item], most: int) -> None:
        """Allow ``most`` of ``item``, behind their ``count``."""
        super().__init__(PrefixedArray(count, item))
        self.count = count
        self.item = item
        self.most = most

    def _decode(self, obj: Any, context: Context, path: str) -> tuple[Item, ...]:
        del context
        return self._checked(tuple(obj), path)

    def _encode(self, obj: tuple[Item, ...], context: Context, path: str) -> list[Item]:
        del context
        return list(self._checked(obj, path))

    def _checked(self, items: tuple[Item, ...], path: str) -> tuple[Item, ...]:
        if len(items) > self.most:
            raise RangeError(f"{len(items)} items, but at most {self.most} fit", path=path)
        return items


class Blob(CompilingAdapter[Any, Any, bytes, bytes]):
    """A length in two bytes and as many bytes, of which another layout says what they mean; at most ``most``."""

    def __init__(self, most: int) -> None:
        """Allow ``most`` bytes behind their number."""
        super().__init__(PrefixedArray(Int16ub, Int8ub))
        self.most = most

    def _decode(self, obj: Any, context: Context, path: str) -> bytes:
        del context
        self._check(len(obj), path)
        return bytes(obj)

    def _encode(self, obj: bytes, context: Context, path: str) -> list[int]:
        del context
        self._check(len(obj), path)
        return list(obj)

    def _check(self, length: int, path: str) -> None:
        if length > self.most:
            raise RangeError(f"{length} bytes, but at most {self.most} are allowed", path=path)


class Command(Blob):
    """A telecommand within another message: the bytes of some are secret."""


class Secret(bytes):
    """Bytes that no log, report or traceback shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        """How many, not which."""
        return f"<{len(self)} secret bytes>"

    __str__ = __repr__


class SecretBytes(CompilingAdapter[bytes, bytes | bytearray | int, Secret, Secret]):
    """A fixed number of secret bytes."""

    def __init__(self, length: int) -> None:
        """Take ``length`` bytes on the wire."""
        super().__init__(Bytes(length))
        self.length = length

    def _decode(self, obj: Any, context: Context, path: str) -> Secret:
        del context, path
        return Secret(obj)

    def _encode(self, obj: Secret, context: Context, path: str) -> bytes:
        del context
        if len(obj) != self.length:
            raise RangeError(f"{len(obj)} bytes, where there must be {self.length}", path=path)
        return bytes(obj)
