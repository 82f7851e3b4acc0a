"""Bokeh's JSON made equal for equal plots."""

from typing import Any

__all__ = ["canonical"]

_ID_KEYS = frozenset({"id", "root_id"})


def canonical(item: Any) -> Any:
    """``item`` with its ids replaced by their order of appearance: Bokeh counts them up over a process's life.

    Only what stands under a key that holds ids is touched, so a curve may be called ``p1001``.
    """
    names: dict[str, str] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rename(inner) if key in _ID_KEYS else walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return value

    def rename(value: Any) -> Any:
        return names.setdefault(value, f"b{len(names)}") if isinstance(value, str) else walk(value)

    return walk(item)
