"""How deep a test looks: all the way in ``make soak``, a quarter of it in ``make test``."""

from hypothesis import settings

__all__ = ["tries"]

_LEAST = 10


def tries(in_soak: int) -> int:
    """How often something is tried now, if ``in_soak`` times in ``make soak``; seldom tried is always tried."""
    share_percent = settings().max_examples  # of the profile, which --hypothesis-profile chooses
    return min(in_soak, max(_LEAST, in_soak * share_percent // 100))
