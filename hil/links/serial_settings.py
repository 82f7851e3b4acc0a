"""Settings of a serial port."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["SerialSettings"]


@dataclass(frozen=True)
class SerialSettings:
    """What both ends of a serial line must agree on. Sockets have none of it."""

    baud: int = 9600
    bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    flow: Literal["none", "rts-cts", "xon-xoff"] = "none"
