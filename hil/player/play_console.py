"""``pumprig replay --to`` as a person sees it: one live line and keys on a terminal, plain lines elsewhere."""

import signal
import time
from dataclasses import dataclass
from types import FrameType
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from hil.player.outlet import Outlet, open_outlet
from hil.player.player import Played, Player
from hil.player.schedule import Schedule
from hil.player.terminal_keys import TerminalKeys
from hil.screen import screen

__all__ = ["PlaySettings", "run_player"]

EXIT_INTERRUPTED = 130
_KEYS: Final = "space: pause   left, right: 10 s   down, up: 10 min   + -: speed   q: stop"
_SEEK_MS: Final = {"left": -10_000, "right": 10_000, "down": -600_000, "up": 600_000}
_SHOW_S: Final = 0.1
_PLAIN_EVERY_S: Final = 10.0


@dataclass(frozen=True)
class PlaySettings:
    """How to play."""

    to: str
    speed: float | None = 1.0
    """None is as fast as it can."""
    loop: bool = False
    baud: int = 115_200


class _Controls:
    """Keys, signals, and what is shown meanwhile."""

    def __init__(self, console: Console, keys: TerminalKeys, span_ms: tuple[int, int]) -> None:
        self.interrupted = self._stopped = False
        self._console = console
        self._keys = keys
        self._span_ms = span_ms
        self._status: Status | None = None
        self._shown_s = 0.0

    def stop(self, signal_number: int, frame: FrameType | None) -> None:
        del signal_number, frame
        self.interrupted = True

    def should_stop(self) -> bool:
        return self.interrupted or self._stopped

    def begin(self) -> None:
        if self._console.is_terminal:
            self._status = self._console.status("waiting for somebody to connect")
            self._status.start()

    def end(self) -> None:
        if self._status is not None:
            self._status.stop()

    def wait(self, seconds: float, player: Player) -> bool:
        self._show(player)
        if not self._keys.is_there:
            time.sleep(seconds)
            return self.should_stop()
        keys = self._keys.pressed(seconds)
        for key in keys:
            self._do(key, player)
        return bool(keys) or self.should_stop()

    def _do(self, key: str, player: Player) -> None:
        match key:
            case " ":
                player.toggle()
            case "+" | "=":
                player.change_speed(1)
            case "-":
                player.change_speed(-1)
            case "q":
                self._stopped = True
            case _ if key in _SEEK_MS:
                player.seek(_SEEK_MS[key])

    def _show(self, player: Player) -> None:
        now_s = time.monotonic()
        if now_s - self._shown_s < (_SHOW_S if self._status is not None else _PLAIN_EVERY_S):
            return
        self._shown_s = now_s
        speed = "max" if player.pace.speed is None else f"{player.pace.speed:g}x"
        state = "[bold yellow]paused[/] " if player.pace.paused else "playing"
        place = f"{_clock(player.position_ms())} of {_clock(self._span_ms[0])} to {_clock(self._span_ms[1])}"
        said = f"{state} {place}  {speed}  {player.played.pieces} pieces, {player.played.bytes} bytes"
        if self._status is not None:
            keys = f"\n  [dim]{_KEYS}[/]" if self._keys.is_there else ""
            self._status.update(said + keys)
        else:
            self._console.print(f"  {said}")


def run_player(schedule: Schedule, settings: PlaySettings) -> int:
    """Play until the end or Ctrl-C; gives the exit code. Raises RecordingError, UsageError and BenchFault."""
    console = screen()
    span_ms = schedule.span_ms()
    outlet = open_outlet(settings.to, settings.baud)
    try:
        with TerminalKeys() as keys:
            controls = _Controls(console, keys, span_ms)
            before = {number: signal.signal(number, controls.stop) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                played = _play(schedule, settings, console, controls, outlet)
            finally:
                controls.end()
                for number, handler in before.items():
                    signal.signal(number, handler)
    finally:
        outlet.close()
    _report(console, played)
    return EXIT_INTERRUPTED if controls.interrupted else 0


def _play(schedule: Schedule, settings: PlaySettings, console: Console, controls: _Controls, outlet: Outlet) -> Played:
    speed = "as fast as it can" if settings.speed is None else f"at {settings.speed:g} times its speed"
    console.print(f"playing   {escape(str(schedule.path))}, what came on {escape(schedule.wire)}, {speed}")
    console.print(f"to        {escape(outlet.where)}")
    controls.begin()
    player = Player(schedule, outlet, controls, settings.speed)
    while not outlet.has_listener() and not controls.should_stop():
        outlet.idle()
        controls.wait(0.05, player)
    return player.play(loop=settings.loop)


def _report(console: Console, played: Played) -> None:
    loops = f", {played.loops} times to the end" if played.loops > 1 else ""
    console.print(f"played    {played.pieces} pieces, {played.bytes} bytes{loops}")
    if played.untaken:
        cut = f": {played.cut_bytes} bytes were left out for who reads too slowly" if played.cut_bytes else ""
        console.print(f"[bold yellow]not taken[/] somebody has not read all of it{cut}")
    if len(played.lateness):
        median, most, worst = played.lateness.quantiles_ms()
        said = f"{median:.3f} ms at the median, {most:.3f} ms at the 99th percentile, {worst:.3f} ms at most"
        console.print(f"timing    off by {said}")


def _clock(time_ms: int) -> str:
    seconds, ms = divmod(time_ms, 1000)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}.{ms // 100}"
