"""What a person sees while a run goes on: plain lines in a log, a view that keeps itself up to date on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from hil.measurement import Measurement, Outcome

__all__ = ["STYLES", "LiveView", "PlainLines"]

STYLES = {
    Outcome.PASS: "bold green",
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.ERROR: "bold magenta",
    Outcome.SKIPPED: "dim",
}


class PlainLines:
    """Lines for logs: each activity when it begins, then every measurement."""

    def __init__(self, console: Console) -> None:
        """Write to ``console``."""
        self._console = console
        self._activity = ""
        self._count = 0

    def planned(self, procedures: int) -> None:
        """Remember how many there will be."""
        self._count = procedures

    def seen(self, what: str, say: Callable[[], str]) -> None:
        """Plain lines tell what is done, not how it stands from moment to moment."""

    def procedure_started(self, procedure: str) -> None:
        """Its name."""
        self._console.print(f"{escape(procedure)}", style="bold")

    def progressed(self, activity: str, fraction: float) -> None:  # noqa: ARG002 - plain lines tell what, not how far
        """The kind of activity, once."""
        kind = activity.partition(":")[0]
        if kind != self._activity:
            self._activity = kind
            self._console.print(f"  {escape(kind)} ...")

    def measured(self, measurement: Measurement) -> None:
        """The outcome and the value."""
        style = STYLES[measurement.outcome]
        self._console.print(f"  [{style}]{measurement.outcome:<12}[/] {escape(str(measurement))}")

    def printed(self, text: str) -> None:
        """As it is, each line marked as no word of ours."""
        for line in text.splitlines():
            self._console.print(f"  | {line}", markup=False, highlight=False)

    def procedure_finished(self, procedure: str, outcome: str) -> None:
        """The result says it."""

    def asking(self) -> AbstractContextManager[None]:
        """Lines that are printed stay where they are."""
        return nullcontext()


class LiveView(PlainLines):
    """Which procedure, what it does, since when, until about when, and how flow and alarms stand."""

    def __init__(self, console: Console) -> None:
        """Show everything on ``console``."""
        super().__init__(console)
        self._live: Live | None = None
        self._number = 0
        self._procedure = ""
        self._said, self._fraction = "starting", 0.0
        self._began = self._activity_began = time.monotonic()
        self._seen: dict[str, Callable[[], str]] = {}

    def procedure_started(self, procedure: str) -> None:
        """Begin a view of its own."""
        super().procedure_started(procedure)
        self._number += 1
        self._procedure, self._said, self._fraction, self._seen = procedure, "starting", 0.0, {}
        self._began = self._activity_began = time.monotonic()
        self._live = Live(self, console=self._console, refresh_per_second=4, transient=True)
        self._live.start()

    def progressed(self, activity: str, fraction: float) -> None:
        """The view draws itself; only a new kind of activity begins a new estimate."""
        if activity.partition(":")[0] != self._said.partition(":")[0]:
            self._activity_began = time.monotonic()
        self._said, self._fraction = activity, fraction

    def seen(self, what: str, say: Callable[[], str]) -> None:
        """Put into words when the view is drawn."""
        self._seen[what] = say

    def procedure_finished(self, procedure: str, outcome: str) -> None:  # noqa: ARG002 - the result says it
        """Leave the lines of the measurements."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Clear the view away while a person is asked: it would draw over question and answer."""
        live = self._live
        if live is not None:
            live.stop()
        try:
            yield
        finally:
            if live is not None and live is self._live:
                live.start()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The view as it is now."""
        now = time.monotonic()
        of = f"{self._number} of {max(self._count, self._number)}"
        yield _line(f"procedure {of}, since {_clock(now - self._began)} ({_span(now - self._began)})", style="dim")
        passed = now - self._activity_began
        until = ""
        if 0.02 < self._fraction < 1 and passed > 1:
            left = passed * (1 / self._fraction - 1)
            until = f", until about {_clock(-left)} ({_span(left)} left)"
        yield _line(f"{self._said}  {self._fraction:4.0%}{until}")
        for what, say in dict(self._seen).items():
            yield _line(f"{what:<8} {say()}")


def _line(text: str, style: str = "") -> Text:
    """A line of the view, broken at the terminal's edge: only so can the view be drawn over again."""
    return Text(f"  {text}", style=style, no_wrap=False, overflow="fold")


def _clock(ago_s: float) -> str:
    """The time of day, so many seconds ago; with the day if that is another."""
    now = datetime.now().astimezone()
    then = now - timedelta(seconds=ago_s)
    return f"{then:%H:%M:%S}" if then.date() == now.date() else f"{then:%a %d %b %H:%M}"


def _span(seconds: float) -> str:
    """How long, in two units at most."""
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {int(seconds % 60)} s" if minutes else f"{int(seconds)} s"
