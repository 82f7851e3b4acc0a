"""One declaration, two readings: a frozen dataclass for Python and its type checker, a construct for the wire."""

import dataclasses
from typing import Any, ClassVar, TypeVar, dataclass_transform

from construct import Renamed, Struct
from construct_typed import Context, csfield

from protocols.messages.adapter import CompilingAdapter

__all__ = ["Declared", "Layout", "declared"]


class Declared:
    """A class with ``declared`` fields."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


AnyDeclared = TypeVar("AnyDeclared", bound=Declared)


@dataclass_transform(frozen_default=True, field_specifiers=(csfield,))
def declared(cls: type[AnyDeclared]) -> type[AnyDeclared]:
    """``cls`` as a frozen dataclass. Each ``csfield`` in it declares one field's type, layout and meaning.

    construct-typing's DataclassMixin does the same, but its dataclasses cannot be frozen under mypy.
    """
    return dataclasses.dataclass(frozen=True)(cls)


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


def _named(field: dataclasses.Field[Any]) -> "Renamed[Any, Any]":
    """What ``csfield`` wrapped without a name, with one: so that errors speak of ``mode``, not of ``mode.None``."""
    subcon = field.metadata["subcon"]
    bare = subcon.subcon if isinstance(subcon, Renamed) else subcon
    return Renamed(bare, newname=field.name, newdocs=subcon.docs)
