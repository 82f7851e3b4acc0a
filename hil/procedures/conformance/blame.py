"""Whose fault it is that a pump does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from hil.pump.programmer import PumpFault

__all__ = ["blamed"]


@contextmanager
def blamed(check: str) -> Iterator[None]:
    """A pump that does not answer as it should, in what is asked here, does not conform: that is no bench's fault."""
    try:
        yield
    except PumpFault as fault:
        raise AssertionError(f"{check}: {fault}") from fault
