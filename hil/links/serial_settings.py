"""Settings of a serial port."""

import os
import re
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["SerialSettings"]

_PSEUDO_TERMINAL = re.compile(r"/dev/pts/\d+|/dev/ttys\d+")
"""As Linux and macOS name them."""


@dataclass(frozen=True)
class SerialSettings:
    """What both ends of a serial line must agree on. Sockets have none of it."""

    baud: int = 9600
    bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    flow: Literal["none", "rts-cts", "xon-xoff"] = "none"

    def of(self, port: str) -> "SerialSettings":
        """What ``port``, a path, can be set to: a pseudo-terminal carries whole bytes only.

        Asked for 7 bits or parity it ignores that when something else is new, and refuses it when nothing else is: so
        it could be opened once, and then never again.
        """
        if _PSEUDO_TERMINAL.fullmatch(os.path.realpath(port)):
            return replace(self, bits=8, parity="N")
        return self
