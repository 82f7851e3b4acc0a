"""The command line in a process of its own that is forked off here: as a new one, less the seconds of its imports."""

import functools
import gc
import importlib
import io
import multiprocessing.forkserver
import multiprocessing.resource_tracker
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

__all__ = ["Started", "pumprig"]


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
            _be(command, cwd, env, (os.open(os.devnull, os.O_RDONLY), out.fileno(), err.fileno()))
        code = _wait(child, command, timeout)
        return subprocess.CompletedProcess(command, code, _read(out), _read(err))


class Started(subprocess.Popen[str]):
    """``pumprig ARGUMENTS``, going on by itself: all that Popen gives of a process, which is forked off here."""

    def __init__(self, arguments: Sequence[str | Path], **options: Any) -> None:
        _import_everything()
        super().__init__(["pumprig", *map(str, arguments)], text=True, **options)

    def _execute_child(self, *details: Any) -> None:
        """What Popen calls to start the program; from here on, who waits for it or talks to it is Popen."""
        command, cwd, env = details[0], *details[5:7]
        in_read, in_write, out_read, out_write, err_read, err_write = details[10:16]
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of the test's own
            self.pid = os.fork()
        if self.pid == 0:
            ends = [mine if mine >= 0 else number for number, mine in enumerate((in_read, out_write, err_write))]
            _be(command, cwd, env, ends)
        self._child_created = True
        pairs = ((in_read, in_write), (out_write, out_read), (err_write, err_read))
        pipes = {theirs for theirs, ours in pairs if ours >= 0}
        for theirs in (pipes | {getattr(self, "_devnull", -1)}) - {-1}:
            os.close(theirs)
        self._closed_child_pipe_fds = True


@functools.cache
def _import_everything() -> None:
    """Have what commands import, but for procedures: pytest must import those itself."""
    for module in pkgutil.walk_packages(hil.__path__, "hil."):
        if not module.name.startswith("hil.procedures."):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _be(command: list[str], cwd: Path | None, env: Mapping[str, str] | None, ends: Sequence[int]) -> NoReturn:
    """Become the command, in the child, with these as its standard streams: the test's own does not go on from here."""
    code = 70
    try:
        for descriptor, end in enumerate([os.dup(end) for end in ends]):
            os.dup2(end, descriptor)
        os.closerange(3, 65_536)  # above all the other ends of pipes and terminals
        sys.stdin, sys.stdout, sys.stderr = (
            io.TextIOWrapper(
                os.fdopen(descriptor, mode), encoding="utf-8", line_buffering=descriptor == 2 or os.isatty(descriptor)
            )
            for descriptor, mode in ((0, "rb"), (1, "wb"), (2, "wb"))
        )
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGALRM, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
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
    ours, elsewhere = (str(Path(cli.__file__).parent), sys.prefix), tempfile.gettempdir()
    for name, module in list(sys.modules.items()):
        file = str(getattr(module, "__file__", None))
        if file.startswith(elsewhere) and not file.startswith(ours):
            del sys.modules[name]


def _forget_fork_server() -> None:
    """Of a test that used processes in this very one: it is nobody's child here, and Python would wait for it."""
    server: Any = vars(multiprocessing.forkserver)["_forkserver"]
    server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None
    tracker: Any = vars(multiprocessing.resource_tracker)["_resource_tracker"]
    tracker._fd = tracker._pid = None


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
