"""One declaration, two readings: a frozen dataclass for Python and its type checker, a construct for the wire."""

import dataclasses
from enum import Enum
from typing import Any, ClassVar, TypeVar, dataclass_transform

from construct import Renamed, Struct
from construct_typed import Context, csfield

from protocols.messages.adapter import CompilingAdapter
from protocols.messages.fields import Command

__all__ = ["Declared", "Layout", "declared"]


class Declared:
    """A class with ``declared`` fields."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __repr__(self) -> str:
        """For people: ``ErrorReply(reason=OUT_OF_RANGE, detail=3)``. No secret is in it, nor in what it carries."""
        fields = ", ".join(
            f"{field.name}={_told(field, getattr(self, field.name))}" for field in dataclasses.fields(self)
        )
        return f"{type(self).__name__}({fields})"


AnyDeclared = TypeVar("AnyDeclared", bound=Declared)


@dataclass_transform(frozen_default=True, field_specifiers=(csfield,))
def declared(cls: type[AnyDeclared]) -> type[AnyDeclared]:
    """``cls`` as a frozen dataclass. Each ``csfield`` in it declares one field's type, layout and meaning.

    construct-typing's DataclassMixin does the same, but its dataclasses cannot be frozen under mypy.
    """
    return dataclasses.dataclass(frozen=True, repr=False)(cls)


class Layout(CompilingAdapter[Any, Any, AnyDeclared, AnyDeclared]):
    """The struct that a ``declared`` class declares. ``subcon.subcons`` are its fields, in wire order."""

    subcon: Struct

    def __init__(self, cls: type[AnyDeclared]) -> None:
        """Parse to ``cls``, build from it."""
        fields = dataclasses.fields(cls)
        super().__init__(Struct(*(_named(field) for field in fields)))
        self.cls = cls
        self.names = tuple(field.name for field in fields)

    def _decode(self, obj: Any, context: Context, path: str) -> AnyDeclared:
        del context, path
        return self.cls(*[obj[name] for name in self.names])

    def _encode(self, obj: AnyDeclared, context: Context, path: str) -> dict[str, Any]:
        del context, path
        if not isinstance(obj, self.cls):
            raise TypeError(f"{obj!r} is no {self.cls.__name__}")
        return {name: getattr(obj, name) for name in self.names}


def _told(field: dataclasses.Field[Any], value: Any) -> str:
    """A name by name, bytes in hexadecimal; of a command, whose body may be a key, only its opcode and its length."""
    if isinstance(value, Enum):
        return value.name or "none"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    if type(value) is not bytes:
        return str(value)
    return f"{value[:1].hex()}... ({len(value)} bytes)" if isinstance(_bare(field), Command) else value.hex()


def _named(field: dataclasses.Field[Any]) -> "Renamed[Any, Any]":
    """What ``csfield`` wrapped without a name, with one: so that errors speak of ``mode``, not of ``mode.None``."""
    return Renamed(_bare(field), newname=field.name, newdocs=field.metadata["subcon"].docs)


def _bare(field: dataclasses.Field[Any]) -> Any:
    subcon = field.metadata["subcon"]
    return subcon.subcon if isinstance(subcon, Renamed) else subcon
