"""Syncs a file that grows, and says aloud when the disk does not keep up.

::

    whoever records ── append ──> file <── sync every 0.5 s ── syncer
                                   ^
                                   └──── how long does it wait? ──── watcher ──> alarm

Whoever records never hands a record over to a thread: what is acknowledged is in the system's hands. So a disk that
stands still holds up the recorder; the watcher, which touches no disk, says so.
"""

import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from hil.errors import RecordingError
from hil.recording.append_file import AppendFile

__all__ = ["Alarm", "AlarmSink", "DiskWatch", "say_on_stderr"]

SYNC_PERIOD_S: Final = 0.5
STALLED_S: Final = 1.5
"""With the watcher's own period less than the 2 s within which an alarm is due."""
_LOOK_S: Final = 0.2


class Alarm(NamedTuple):
    """What went wrong with a recording, or is right again."""

    alarm: str
    """``stalled-disk``, ``sync-failed``, ``dead-thread`` or ``count-mismatch``."""
    state: str
    """``raised`` or ``cleared``."""
    detail: str


AlarmSink = Callable[[Alarm], None]


def say_on_stderr(alarm: Alarm) -> None:
    """One line for whoever sits at the bench, and for the log of whoever does not."""
    state = "RECORDING ALARM" if alarm.state == "raised" else "recording alarm cleared"
    print(f"pumprig: {state}: {alarm.alarm}: {alarm.detail}", file=sys.stderr, flush=True)


class DiskWatch:
    """Two threads for one file, until ``stop``. Alarms go to ``sink`` at once, and wait to be recorded themselves."""

    def __init__(self, file: AppendFile, sink: AlarmSink = say_on_stderr) -> None:
        """Begin."""
        self.unrecorded: deque[Alarm] = deque()
        self._path = file.path
        self._file = weakref.ref(file)
        self._sink = sink
        self._stopped = threading.Event()
        self._stalled_since: float | None = None
        self._dead: set[str] = set()
        # Daemons: a disk that hangs must not keep the process.
        self._threads = {
            name: threading.Thread(target=run, name=f"{name} of {file.path.name}", daemon=True)
            for name, run in (("syncer", self._sync), ("watcher", self._watch))
        }
        for thread in self._threads.values():
            thread.start()

    def raise_alarm(self, alarm: str, detail: str, state: str = "raised") -> None:
        """Say it now; keep it until it can be recorded."""
        said = Alarm(alarm, state, f"{self._path}: {detail}")
        self.unrecorded.append(said)
        self._sink(said)

    def check(self) -> None:
        """Say so if a thread has died: each of the two, and whoever records, looks after the others."""
        if self._stopped.is_set():
            return
        for name, thread in self._threads.items():
            if name not in self._dead and not thread.is_alive() and not self._stopped.is_set():
                self._dead.add(name)
                self.raise_alarm("dead-thread", f"the {name} has died; stop the run, nothing watches the disk any more")

    def stop(self) -> None:
        """Look no longer. Does not wait for a disk that hangs."""
        self._stopped.set()
        for thread in self._threads.values():
            thread.join(timeout=_LOOK_S)

    def _sync(self) -> None:
        while not self._stopped.wait(SYNC_PERIOD_S):
            file = self._file()
            if file is None:
                return
            self.check()
            if file.needs_sync:
                try:
                    file.sync()
                except RecordingError as error:
                    if not self._stopped.is_set():
                        self.raise_alarm("sync-failed", str(error))
                    self._dead.add("syncer")  # it has said all that there is to say
                    return
            del file

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            file = self._file()
            if file is None:
                return
            self.check()
            waiting_s = file.waiting_s()
            if waiting_s > STALLED_S and self._stalled_since is None:
                self._stalled_since = time.monotonic() - waiting_s
                self.raise_alarm("stalled-disk", f"nothing has reached the disk for {waiting_s:.1f} s")
            elif waiting_s <= STALLED_S and self._stalled_since is not None:
                stalled_s = time.monotonic() - self._stalled_since
                self._stalled_since = None
                self.raise_alarm("stalled-disk", f"it goes on after {stalled_s:.1f} s", state="cleared")
            del file
