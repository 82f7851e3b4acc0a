"""Children of a test that run our own code, warmed up: a run as a process of its own, without its second of imports."""

import gc
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

__all__ = ["forked"]

_BROKEN = 99
"""The exit code of a child that broke before it could give one of its own."""


def forked(act: Callable[[], int], said: Path = Path(os.devnull)) -> int:
    """The process id of a child that does ``act``, and ends with what it gives; its stderr goes to ``said``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of the test's own
        child = os.fork()
    if child:
        return child
    code = _BROKEN
    try:
        gc.freeze()  # or each child collects what the test session holds
        for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            signal.signal(number, handler)
        null, errors = os.open(os.devnull, os.O_RDWR), os.open(said, os.O_WRONLY | os.O_CREAT)
        for descriptor, target in enumerate((null, null, errors)):
            os.dup2(target, descriptor)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
        warnings.resetwarnings()  # as a process of its own has it: none is an error
        code = act()
    except KeyboardInterrupt:  # as the command line has it
        code = 130
    except BaseException:  # noqa: BLE001 - the process ends here
        traceback.print_exc()
    finally:
        os._exit(code)
