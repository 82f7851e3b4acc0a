"""The one way in which loops are compiled: those in which each step needs the one before, or over millions of bytes.

What is compiled is plain Python, kept as the function's ``py_func``: the tests run both. Floating point keeps the order
in which it is written, so that both give the same bits.
"""

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit
from numba.core import event

__all__ = ["compiled"]

P = ParamSpec("P")
R = TypeVar("R")


class _Telling(event.Listener):
    """Tells a process's log, once, that something is compiled; of what Numba finds on disk it does not hear."""

    def __init__(self) -> None:
        self._has_told = False

    def on_start(self, event: object) -> None:  # noqa: ARG002 - Numba's interface
        if not self._has_told:
            self._has_told = True
            logger = logging.getLogger("pumprig.compiling")
            logger.info("compiling for this machine: half a minute or so, the first time only")

    def on_end(self, event: object) -> None:
        pass


event.register("numba:compile", _Telling())  # type: ignore[no-untyped-call]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, compiled at its first call; the code is kept on disk for the processes to come.

    Where nothing can be written, neither beside the sources nor in the user's cache folder (a container that is all
    read-only), each process compiles anew. Divisions are not looked at: by nothing they give what NumPy gives, not an
    exception.
    """
    try:
        made = njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # "cannot cache function: no locator available"; nothing is compiled yet, so it is no other
        made = njit(error_model="numpy")(function)
    return cast("Callable[P, R]", made)
