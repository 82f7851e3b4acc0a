"""How deep tests look: a part of it in ``make test``, all the way in ``make test DEPTH=full``, as CI does."""

from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import settings

__all__ = ["at_depth", "is_full", "quick_and_deep", "tries"]

_LEAST = 10


def is_full() -> bool:
    """Whether everything is looked at; the profile says so, which --hypothesis-profile chooses."""
    return settings().max_examples == settings.get_profile("full").max_examples


def at_depth(quick: int, full: int) -> int:
    """Either, as the depth is now."""
    return full if is_full() else quick


def tries(in_full: int) -> int:
    """How often something is tried now, if ``in_full`` times at full depth; seldom tried is always tried."""
    share_percent = settings().max_examples
    return min(in_full, max(_LEAST, in_full * share_percent // 100))


def quick_and_deep(items: Sequence[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """What quick tests look at, and what is left: of a test marked ``deep(quick=n)`` all but n cases, evenly chosen."""
    places = defaultdict(list)
    for place, item in enumerate(items):
        if item.get_closest_marker("deep") is not None:
            places[item.nodeid.partition("[")[0]].append(place)
    left = set()
    for cases in places.values():
        mark = items[cases[0]].get_closest_marker("deep")
        quick = min(mark.kwargs.get("quick", 0), len(cases)) if mark is not None else 0
        left |= set(cases) - {cases[n * len(cases) // quick] for n in range(quick)}
    return (
        [item for place, item in enumerate(items) if place not in left],
        [item for place, item in enumerate(items) if place in left],
    )
