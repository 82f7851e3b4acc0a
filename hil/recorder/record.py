"""Records one device's wire, by listening or by subscribing, until it is told to stop."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from hil.clock import WallClock
from hil.links.link import BufferedLink
from hil.links.port_link import PortLink
from hil.links.serial_settings import SerialSettings
from hil.output import writing_to
from hil.pump.programmer import Programmer, PumpFault
from hil.pump.pump_session import PumpSession, open_session, said_of
from hil.recorder.record_settings import RecordSettings
from hil.recorder.stream_tap import StreamTap
from hil.recorder.subscription import Subscription
from hil.recorder.tally import Tally
from hil.recording.writer import RecordingWriter
from protocols.session.programmer_channel import ProgrammerChannel

__all__ = ["RecordWatcher", "record"]

_SLICE_MS: Final = 200


class RecordWatcher(Protocol):
    """Whoever sits beside the recorder."""

    def began(self, path: Path, settings: RecordSettings) -> None:
        """Bytes are being recorded from now on."""

    def looked(self, now_ms: int, tally: Tally) -> None:
        """Told several times a second."""

    def lines(self) -> list[str]:
        """What was typed since the last time: a note each; ``m`` sets a mark."""

    def should_stop(self) -> bool:
        """Whether somebody has asked for the end."""


def record(
    settings: RecordSettings,
    watcher: RecordWatcher,
    open_link: Callable[[str, SerialSettings], PortLink | BufferedLink],
) -> tuple[Path, Tally]:
    """Record until the time is over or somebody stops it; gives the file and what it holds.

    Raises UsageError for settings that do not fit, before anything is opened or made; LinkError if the port cannot be
    opened or is lost, PumpFault if the pump does not take the subscription, and RecordingError. What was recorded until
    then is a whole recording.
    """
    settings.check()
    path, tally = settings.path(datetime.now(UTC)), Tally()
    with ExitStack() as cleanup:
        link = open_link(settings.link, settings.serial)
        cleanup.callback(link.close)
        _make_folder(path.parent)
        clock = WallClock()
        writer = RecordingWriter(
            path,
            start_utc_ms=clock.start_utc_ms,
            metadata=_metadata(settings),
            attachments={},
            pump_wires=(settings.wire,) if settings.is_pump else (),
            wall_utc_ns=clock.utc_ns,
            on_meaning=tally.take,
        )
        cleanup.callback(writer.close)
        tap = StreamTap(link, settings.wire, writer, clock)
        cleanup.callback(tap.close)
        for note in settings.notes:
            writer.note(clock.now_ms(), note)
        watcher.began(path, settings)
        _Loop(settings, watcher, writer=writer, tap=tap, clock=clock, tally=tally).run()
    return path, tally


class _Loop:
    """What goes on between the beginning and the end."""

    def __init__(
        self,
        settings: RecordSettings,
        watcher: RecordWatcher,
        *,
        writer: RecordingWriter,
        tap: StreamTap,
        clock: WallClock,
        tally: Tally,
    ) -> None:
        self._settings = settings
        self._watcher = watcher
        self._writer = writer
        self._tap = tap
        self._clock = clock
        self._tally = tally

    def run(self) -> None:
        subscription = self._subscription()
        if subscription is not None:
            subscription.begin(self._clock.now_ms())
        end_ms = self._settings.duration_ms
        while not self._watcher.should_stop() and (end_ms is None or self._clock.now_ms() < end_ms):
            if subscription is None:
                self._tap.read_some(_SLICE_MS)
            else:
                subscription.listen(self._clock.now_ms())
            self._look()
        if subscription is not None:
            with suppress(PumpFault):  # it ends by itself, and the file says what came of it
                subscription.end()
            self._look()

    def _look(self) -> None:
        now_ms = self._clock.now_ms()
        self._writer.idle(now_ms)
        for line in self._watcher.lines():
            self._writer.note(now_ms, self._note(line))
        self._tally.bytes = sum(self._writer.counts.values())
        self._watcher.looked(now_ms, self._tally)

    def _note(self, line: str) -> str:
        self._tally.marks += 1
        return f"mark {self._tally.marks}" if line.strip() in ("", "m") else line.strip()

    def _subscription(self) -> Subscription | None:
        settings = self._settings
        if settings.subscribe_s is None:
            return None
        session = open_session(settings.session, settings.key_file, settings.seed, self._clock.start_utc_ms)
        self._record_keys(session)
        first_seq = self._clock.start_utc_ms & 0xFFFF
        programmer = Programmer(self._tap, session.channel, first_seq=first_seq, memory=session.memory)
        return Subscription(programmer, settings.subscribe_s, keep_alive=settings.session != "open")

    def _record_keys(self, session: PumpSession) -> None:
        channel = session.channel
        if isinstance(channel, ProgrammerChannel):
            insecure = self._settings.session == "insecure-test-key"
            wire = self._settings.wire
            channel.on_session = partial(self._writer.session, wire, key=channel.key, insecure=insecure)


def _metadata(settings: RecordSettings) -> Mapping[str, str]:
    how = "listens only" if settings.subscribe_s is None else f"subscribes every {settings.subscribe_s} s"
    said = {"recorder": f"pumprig record: {how}", "link": settings.link}
    if settings.is_pump:
        said["session"] = said_of(settings.session) if settings.subscribe_s is not None else "not known: listened to"
    return said


def _make_folder(folder: Path) -> None:
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
