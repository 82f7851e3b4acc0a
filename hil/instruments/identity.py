"""Who an instrument says it is."""

from dataclasses import dataclass

__all__ = ["InstrumentIdentity"]


@dataclass(frozen=True)
class InstrumentIdentity:
    """As told by the instrument itself; an empty text where it does not say."""

    maker: str
    model: str
    serial_number: str
    version: str
