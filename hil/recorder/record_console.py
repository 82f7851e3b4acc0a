"""``pumprig record`` as a person sees it: one live line on a terminal, plain lines elsewhere."""

import select
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.text import Text

from hil.links.open_link import open_link
from hil.recorder.record import record
from hil.recorder.record_settings import RecordSettings
from hil.recorder.tally import Tally
from hil.screen import screen

__all__ = ["run_record"]

EXIT_NOTHING_CAME = 5
EXIT_INTERRUPTED = 130
_PLAIN_EVERY_MS: Final = 10_000
_RATE_OVER_MS: Final = 2000


class _Watcher:
    """Standard output, standard input if it is a terminal, and the signals that end a recording in order."""

    def __init__(self, console: Console) -> None:
        self.stopped = False
        self._console = console
        self._status: Status | None = None
        self._has_keys = console.is_terminal and sys.stdin.isatty()
        self._said_ms = -_PLAIN_EVERY_MS
        self._said = (0, 0)
        self._before = (0, 0)
        self._rate = 0.0

    def stop(self, signal_number: int, frame: FrameType | None) -> None:
        del signal_number, frame
        self.stopped = True

    def should_stop(self) -> bool:
        return self.stopped

    def began(self, path: Path, settings: RecordSettings) -> None:
        how = "listening" if settings.subscribe_s is None else f"subscribing every {settings.subscribe_s} s"
        self._console.print(f"recording {escape(settings.link)}, {how}, to {escape(str(path))}")
        keys = "; type a note, or m for a mark, and Enter" if self._has_keys else ""
        self._console.print(f"stop with Ctrl-C{keys}")
        if self._console.is_terminal:
            self._status = self._console.status("waiting")
            self._status.start()

    def lines(self) -> list[str]:
        if not self._has_keys or not select.select([sys.stdin], [], [], 0)[0]:
            return []
        line = sys.stdin.readline()
        self._has_keys = bool(line)  # an end of file says nothing more
        return [line] if line else []

    def looked(self, now_ms: int, tally: Tally) -> None:
        if now_ms - self._before[0] >= _RATE_OVER_MS:
            since_ms, frames = self._before
            self._rate = (tally.frames - frames) * 1000 / (now_ms - since_ms)
            self._before = now_ms, tally.frames
        problems = (tally.rejected, tally.gaps)
        if problems != self._said or (self._status is None and now_ms - self._said_ms >= _PLAIN_EVERY_MS):
            if problems[0] > self._said[0]:
                self._print(now_ms, f"rejected: {tally.last_rejection}")
            if problems[1] > self._said[1]:
                self._print(now_ms, f"gap: {tally.last_gap}")
            if self._status is None and now_ms - self._said_ms >= _PLAIN_EVERY_MS:
                self._print(now_ms, self._progress(tally))
                self._said_ms = now_ms
            self._said = problems
        if self._status is not None:
            self._status.update(Text(f"{now_ms / 1000:.0f} s  {self._progress(tally)}"))

    def finished(self, path: Path, tally: Tally) -> None:
        self.close()
        sealed = f", {tally.sealed} of them sealed under keys that are not known here" if tally.sealed else ""
        self._console.print(
            f"recorded  {tally.frames} frames{sealed}, {tally.bytes} bytes, {tally.rejected} rejected, "
            f"{tally.gaps} gaps, {tally.marks} notes while running",
            markup=False,
        )
        self._console.print(f"file      {path}", markup=False)

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _progress(self, tally: Tally) -> str:
        last = f"; {tally.last_status}" if tally.last_status else ""
        return (
            f"{tally.frames} frames ({self._rate:.1f}/s), {tally.bytes} bytes, {tally.rejected} rejected, "
            f"{tally.gaps} gaps{last}"
        )

    def _print(self, now_ms: int, text: str) -> None:
        self._console.print(f"  {now_ms / 1000:8.1f} s  {escape(text)}")


def run_record(settings: RecordSettings) -> int:
    """Record until the time is over or Ctrl-C; gives the exit code. Raises BenchFault as ``record`` does."""
    watcher = _Watcher(screen())
    before = {number: signal.signal(number, watcher.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        path, tally = record(settings, watcher, open_link)
    finally:
        watcher.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    watcher.finished(path, tally)
    if watcher.stopped and settings.duration_ms is not None:
        return EXIT_INTERRUPTED
    return EXIT_NOTHING_CAME if tally.bytes == 0 else 0
