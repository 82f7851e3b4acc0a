"""Plays one wire of a recording to another program, each piece at its time.

::

    Schedule ── cues ──> Player ── at its time ──> Outlet
                            ^
               Control: pause, seek, speed, stop
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hil.player.outlet import Outlet
from hil.player.pace import Lateness, Pace, wait_until_ns
from hil.player.schedule import Cue, Schedule

__all__ = ["Control", "Played", "Player"]

_SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3600.0)
_LOOK_S = 0.05
_TAKE_S = 0.002
_PATIENCE_S = 5.0


class Control(Protocol):
    """Whoever sits at the controls."""

    def wait(self, seconds: float, player: "Player") -> bool:
        """Wait at most ``seconds`` for something to be wanted; True if the playing is not to go on as it did."""

    def should_stop(self) -> bool:
        """Whether the end is wanted."""


@dataclass
class Played:
    """What came of it."""

    pieces: int = 0
    bytes: int = 0
    loops: int = 0
    untaken: bool = False
    """Whether the other side has not taken everything."""
    cut_bytes: int = 0
    """How much was left out for somebody who read too slowly."""
    lateness: Lateness = field(default_factory=Lateness)


class Player:
    """One playing. ``seek_ms``, ``faster``, ``slower`` and ``toggle`` are for the controls, while it waits."""

    def __init__(self, schedule: Schedule, outlet: Outlet, control: Control, speed: float | None) -> None:
        """Play ``schedule`` to ``outlet`` at ``speed``; None is as fast as it can."""
        self.pace = Pace(speed)
        self.played = Played()
        self.time_ms = 0
        """Bench time of the last bytes that were sent, or to which somebody has moved."""
        self._schedule = schedule
        self._outlet = outlet
        self._control = control
        self._due_ms = 0
        """Playing time that belongs to ``time_ms``."""
        self._next_ms = 0
        """Bench time of the bytes that are waited for."""
        self._target_ms: int | None = None

    def play(self, *, loop: bool) -> Played:
        """Play to the end, or for ever; a recording that is damaged is played up to there, then RecordingError."""
        while not self._control.should_stop():
            self._target_ms = None
            self._stand_at(self._schedule.from_ms or 0)
            self._from(None)
            while self._target_ms is not None and not self._control.should_stop():
                target_ms, self._target_ms = self._target_ms, None
                self._from(target_ms)
            self.played.loops += not self._control.should_stop()
            if not loop:
                break
        if not self._control.should_stop():
            self.played.untaken = not self._is_taken(_PATIENCE_S)
            self._idle(_LOOK_S)  # a pseudo-terminal has bytes on their way that it does not count yet
            self.played.untaken |= not self._is_taken(_PATIENCE_S)
        self.played.cut_bytes = self._outlet.cut_bytes()
        self.played.untaken |= self.played.cut_bytes > 0
        return self.played

    def position_ms(self) -> int:
        """Bench time where the playing stands: of the last bytes, and what has passed of the silence behind them."""
        passed_ms = max(0, round(self.pace.position_ms()) - self._due_ms)
        return min(self.time_ms + passed_ms, max(self.time_ms, self._next_ms))

    def seek(self, by_ms: int) -> None:
        """Go on from ``by_ms`` of bench time before or behind here."""
        self._target_ms = max(self._schedule.from_ms or 0, self.position_ms() + by_ms)
        self._stand_at(self._target_ms)

    def change_speed(self, steps: int) -> None:
        """So many steps faster or slower."""
        now = self.pace.speed
        if now is None:
            return
        nearest = min(range(len(_SPEEDS)), key=lambda place: abs(_SPEEDS[place] - now))
        self.pace.set_speed(_SPEEDS[min(max(nearest + steps, 0), len(_SPEEDS) - 1)])

    def toggle(self) -> None:
        """Stand still, or go on."""
        self.pace.set_paused(paused=not self.pace.paused)

    def _stand_at(self, time_ms: int) -> None:
        self.pace.move_to(0.0)
        self.time_ms = self._next_ms = time_ms
        self._due_ms = 0

    def _from(self, from_ms: int | None) -> None:
        self.pace.move_to(0.0)
        cues: Iterator[Cue] = self._schedule.cues(from_ms)
        for cue in cues:
            self._next_ms = cue.time_ms
            if not self._wait_for(cue):
                return
            self._outlet.send(cue.data)
            if self.pace.speed is None and not self._is_taken(None):
                return
            self.time_ms, self._due_ms = cue.time_ms, cue.due_ms
            self.played.pieces += 1
            self.played.bytes += len(cue.data)

    def _is_taken(self, patience_s: float | None) -> bool:
        """Wait until the other side has taken everything; False if that takes too long, or something else is wanted."""
        until_s = None if patience_s is None else time.monotonic() + patience_s
        while self._outlet.is_behind():
            if until_s is not None and time.monotonic() > until_s:
                return False
            if self._idle(_TAKE_S) and (self._control.should_stop() or self._target_ms is not None):
                return False
        return True

    def _wait_for(self, cue: Cue) -> bool:
        """Wait until ``cue`` is due; False if another is wanted instead."""
        while True:
            if self._control.should_stop() or self._target_ms is not None:
                return False
            if self.pace.paused:
                self._idle(_LOOK_S)
                continue
            due_ns = self.pace.due_ns(cue.due_ms)
            if self.pace.speed is None:
                if self.played.pieces % 64 == 0:
                    self._idle(0.0)
                return self._target_ms is None
            if wait_until_ns(due_ns, self._idle):
                self.played.lateness.add(time.monotonic_ns() - due_ns)
                return True

    def _idle(self, seconds: float) -> bool:
        self._outlet.idle()
        return self._control.wait(min(seconds, _LOOK_S), self)
