"""The command line in a process of its own that is forked off here: as a new one, less the seconds of its imports."""

import functools
import gc
import importlib
import io
import multiprocessing.forkserver
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import cli
import hil

__all__ = ["pumprig"]


def pumprig(
    arguments: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """What ``pumprig ARGUMENTS`` says and how it ends. Raises TimeoutExpired, having killed it.

    Only where a new interpreter makes no difference: not for hash seeds, and not where the start itself is the point.
    """
    _import_everything()
    command = ["pumprig", *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _be(command, cwd, env, out, err)
        code = _wait(child, command, timeout)
        return subprocess.CompletedProcess(command, code, _read(out), _read(err))


@functools.cache
def _import_everything() -> None:
    """Have what commands import, but for procedures: pytest must import those itself."""
    for module in pkgutil.walk_packages(hil.__path__, "hil."):
        if not module.name.startswith("hil.procedures."):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _be(command: list[str], cwd: Path | None, env: Mapping[str, str] | None, out: BinaryIO, err: BinaryIO) -> NoReturn:
    """Become the command, in the child: nothing of the test's own goes on from here."""
    code = 70
    try:
        for file, descriptor in ((out, 1), (err, 2)):
            os.dup2(file.fileno(), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (
            io.TextIOWrapper(os.fdopen(descriptor, mode), encoding="utf-8", line_buffering=descriptor == 2)
            for descriptor, mode in ((0, "rb"), (1, "wb"), (2, "wb"))
        )
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        _forget_modules_of_tests()
        _forget_fork_server()
        os.environ.update(env or {})
        os.chdir(cwd or Path.cwd())
        sys.argv = command
        cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - this process has nobody else to tell
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _forget_modules_of_tests() -> None:
    """Or a user's file would be taken for one of the same name that a test has run in this very process."""
    ours, elsewhere = str(Path(cli.__file__).parent), tempfile.gettempdir()
    for name, module in list(sys.modules.items()):
        file = str(getattr(module, "__file__", None))
        if file.startswith(elsewhere) and not file.startswith(ours):
            del sys.modules[name]


def _forget_fork_server() -> None:
    """Of a test that used processes in this very one: it is nobody's child here, and Python would wait for it."""
    server: Any = vars(multiprocessing.forkserver)["_forkserver"]
    server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None


def _wait(child: int, command: list[str], timeout: float) -> int:
    descriptor = os.pidfd_open(child)
    try:
        if not select.select([descriptor], [], [], timeout)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise subprocess.TimeoutExpired(command, timeout)
    finally:
        os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _read(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode()
