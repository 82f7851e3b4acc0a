"""``pumprig run``: pytest runs the procedures, the run keeps what they found."""

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from hil.procedure import Procedure
from hil.procedures import PROCEDURES
from hil.pytest_plugin import REFUSE_KEY, RUN_KEY
from hil.runs.collected import check_markers, collect, what_failed
from hil.runs.observer import Observer
from hil.runs.run import Run
from hil.runs.run_loop import RunLoop
from hil.runs.run_plan import plan_run
from hil.runs.run_result import RunResult
from hil.runs.run_settings import RunSettings

__all__ = ["run_procedures"]

_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, a polite kill, and a terminal that was closed, which Windows does not know."""

_SAME_S = 2.0
"""Interruptions that follow one another within this time are one."""


class _Session:
    """Hands the run to the fixtures, and hears what pytest says beside the procedures themselves."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._collected: set[Path] = set()

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[RUN_KEY] = self._run
        config.stash[REFUSE_KEY] = self.note

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.note(report.nodeid, what_failed(report))
        elif report.skipped and isinstance(report.longrepr, tuple):
            page = Procedure(report.nodeid, (), (), self._run.observer)
            page.skipped(report.longrepr[2].removeprefix("Skipped: "))
            self._run.procedures.append(page)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected = {item.path for item in session.items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, text in report.sections:  # of this phase and all before
            if name.endswith(f" {report.when}"):
                self._run.observer.printed(text)

    def pytest_internalerror(self, excrepr: object) -> bool:
        self.note("pytest", _last_line(str(excrepr)))
        return True  # told; pytest need not print its own traceback

    def pytest_keyboard_interrupt(self) -> None:
        self._run.interrupted = True

    def account_for(self, files: Iterable[Path]) -> None:
        """Note every file that was named but holds no procedure, unless nothing ran at all, which says so itself."""
        noted = {page.name for page in self._run.procedures}
        for file in files:
            if self._collected and file not in self._collected and not any(file.name in name for name in noted):
                self.note(file.name, "holds no procedure; a procedure is a function whose name begins with test_")

    def note(self, name: str, problem: str) -> None:
        """Note an error that is no procedure's."""
        self._run.procedures.append(Procedure.unreadable(name, problem, self._run.observer))


def run_procedures(settings: RunSettings, observer: Observer) -> RunResult:
    """Run the procedures that ``settings`` ask for, and write the run folder.

    Whatever happens on the bench ends in the result. Before there is a run folder, raises ConfigurationError,
    UsageError, RecordingError or ValueError if the settings themselves are wrong, and BenchFault if the bench is in use
    or was not left in its safe state.
    """
    plan = plan_run(settings)
    if plan.parameters or plan.new_limits:
        collect(plan)  # only procedures know what may be chosen
    elif not set(plan.files) <= set(PROCEDURES.values()):
        check_markers(plan)
    run = Run(plan, settings.out, observer)
    # Nothing that is installed beside pumprig takes part in a run, and pytest itself stays silent. To look for
    # exceptions that nobody could raise it would have all garbage collected, twice, at the end of every run.
    arguments = [
        *("-c", os.devnull, f"--rootdir={plan.files[0].parent}", "--import-mode=importlib"),
        *("--disable-plugin-autoload", "-p", "pumprig", "-p", "no:cacheprovider", "-p", "no:terminal", "--capture=sys"),
        *("-p", "no:unraisableexception", "-W", "error::pytest.PytestUnhandledThreadExceptionWarning"),
        *("-o", "junit_logging=all"),
        "--continue-on-collection-errors",
        f"--junitxml={run.folder.path / 'junit.xml'}",
        *plan.targets,
    ]
    session = _Session(run)
    with _terminated_like_interrupted():
        try:
            pytest.main(arguments, plugins=[session, RunLoop(run)])
        except KeyboardInterrupt:  # a second one, while pytest was ending because of the first
            run.interrupted = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the bench is left safe and the run says so
            session.note("pytest", f"{type(error).__name__}: {error}")
        with _undisturbed():
            session.account_for(plan.files)
            return run.finish()


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP end the procedures as Ctrl-C does: in order, with a closed recording and a manifest.

    Who presses Ctrl-C again at once means the same, and does not disturb what has begun to end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    heard_at = -_SAME_S

    def interrupt(_: int, __: FrameType | None) -> None:
        nonlocal heard_at
        if time.monotonic() - heard_at > _SAME_S:
            heard_at = time.monotonic()
            raise KeyboardInterrupt

    heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # as SIGHUP under nohup
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """What must be done at the end is done, however often somebody presses Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_line(text: str) -> str:
    lines = [line.removeprefix("E").strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "cannot be read"
