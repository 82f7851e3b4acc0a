"""The base of every adapter here: construct's own, but one that compiles."""

from typing import Any, TypeVar

from construct_typed import Adapter

__all__ = ["CompilingAdapter"]

SubconParsed = TypeVar("SubconParsed", covariant=True)  # noqa: PLC0105 - construct-typing's own variances
SubconBuilt = TypeVar("SubconBuilt", contravariant=True)  # noqa: PLC0105
Parsed = TypeVar("Parsed", covariant=True)  # noqa: PLC0105
Built = TypeVar("Built", contravariant=True)  # noqa: PLC0105


class CompilingAdapter(Adapter[SubconParsed, SubconBuilt, Parsed, Built]):
    """An adapter whose ``_decode`` and ``_encode`` are called from generated code too.

    For an Adapter that emits nothing, construct's compiler falls back to the interpreter for all that is below it:
    construct-typing's DataclassStruct compiles to one call of the interpreter.
    """

    def _emitparse(self, code: Any) -> str:
        subcon: Any = self.subcon
        parse = subcon._compileparse(code)  # noqa: SLF001 - construct's interface for subclasses
        return f"{self._link(code)}._decode({parse}, this, '')"

    def _emitbuild(self, code: Any) -> str:
        subcon: Any = self.subcon
        build = subcon._compilebuild(code)  # noqa: SLF001
        return f"(reuse({self._link(code)}._encode(obj, this, ''), lambda obj: {build}), obj)[1]"

    def _link(self, code: Any) -> str:
        code.linkedinstances[id(self)] = self
        return f"linkedinstances[{id(self)}]"
