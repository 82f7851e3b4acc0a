"""How deep tests look: a part of it in ``make test``, all the way in ``make test DEPTH=full``, as CI does."""

from hypothesis import settings

__all__ = ["at_depth", "tries"]

_LEAST = 10


def tries(in_full: int) -> int:
    """How often something is tried now, if ``in_full`` times at full depth; seldom tried is always tried."""
    share_percent = settings().max_examples  # of the profile, which --hypothesis-profile chooses
    return min(in_full, max(_LEAST, in_full * share_percent // 100))


def at_depth(quick: int, full: int) -> int:
    """Either, as the depth is now."""
    return full if settings().max_examples == settings.get_profile("full").max_examples else quick
