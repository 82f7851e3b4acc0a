"""What is to be recorded, and how: checked as a whole, before anything is opened or made."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from firmware_model.quantities import duration_ms
from hil.benches.instrument_tables import check_link
from hil.errors import UsageError
from hil.links.serial_settings import SerialSettings
from hil.pump.pump_session import SessionMode, open_session
from hil.recording.layout import message_topic, topic_of

__all__ = ["RecordSettings", "recording_ms", "subscription_period_s"]

_MAX_PERIOD_MS: Final = 18 * 3_600_000
_MAX_NAME: Final = 64
"""Of a wire: it is a part of the file's name."""


@dataclass(frozen=True)
class RecordSettings:
    """What is recorded, how, and where to."""

    link: str
    out: Path
    serial: SerialSettings
    wire: str = "pump"
    is_pump: bool = True
    """Whether its bytes are telemetry; of other devices only the bytes are kept."""
    subscribe_s: int | None = None
    """Period of the notices to ask for; None: nothing is written to the wire."""
    duration_ms: int | None = None
    notes: tuple[str, ...] = ()
    session: SessionMode = "open"
    key_file: Path | None = None
    seed: int = 1

    def path(self, begun: datetime) -> Path:
        """The recording's file: ``out`` if it is named so, else a new one in the folder ``out``."""
        if self.out.suffix == ".mcap":
            return self.out
        return self.out / f"{begun:%Y%m%dT%H%M%SZ}_{self.wire}.mcap"

    def check(self) -> None:
        """Raises UsageError, which names the option, for what can be known to be wrong before a port is touched."""
        self._check_link()
        self._check_wire()
        self._check_out()
        self._check_session()

    def _check_link(self) -> None:
        if self.link.startswith("sim:"):
            raise UsageError(
                f"--link {self.link}: a simulated device lives inside a run; `pumprig bench serve` offers it by a port"
            )
        if Path(self.link).exists():  # by a relative path as well
            return
        try:
            check_link(self.link)
        except ValueError as error:
            raise UsageError(f"--link {self.link}: {error}") from error

    def _check_wire(self) -> None:
        try:
            topic_of(self.wire, "rx")
            if self.is_pump:
                message_topic(self.wire, "status")
        except ValueError as error:
            raise UsageError(f"--wire {self.wire}: {error}") from error
        if len(self.wire) > _MAX_NAME or not self.wire.isprintable():
            raise UsageError(f"--wire {self.wire!r}: at most {_MAX_NAME} characters that can be printed")

    def _check_out(self) -> None:
        if self.out.suffix == ".mcap":
            if self.out.exists():
                raise UsageError(f"--out {self.out}: is there already; name another file, or a folder")
        elif self.out.exists() and not self.out.is_dir():
            raise UsageError(f"--out {self.out}: is no folder; name one, or a file that ends in .mcap")

    def _check_session(self) -> None:
        if self.subscribe_s is not None and not self.is_pump:
            raise UsageError("--subscribe needs a pump; leave out --raw")
        if self.session != "open" and self.subscribe_s is None:
            raise UsageError(f"--session {self.session} goes with --subscribe: who only listens begins no session")
        if self.session == "key-file" and self.key_file is None:
            raise UsageError("--session key-file needs --key-file FILE")
        if self.session != "key-file" and self.key_file is not None:
            raise UsageError(f"--key-file {self.key_file}: goes with --session key-file")
        open_session(self.session, self.key_file, self.seed, 0)  # only reads


def subscription_period_s(text: str) -> int:
    """The period that ``text`` says, in whole s. Raises UsageError for one that no pump takes."""
    period_ms = _duration_ms("--subscribe", text)
    if period_ms % 1000 or not 0 < period_ms <= _MAX_PERIOD_MS:
        raise UsageError(f"--subscribe {text}: a pump takes whole seconds, from 1s to 18h")
    return period_ms // 1000


def recording_ms(text: str) -> int:
    """How long to record, in ms, as ``text`` says. Raises UsageError for no time at all."""
    time_ms = _duration_ms("--duration", text)
    if time_ms == 0:
        raise UsageError(f"--duration {text}: nothing would be recorded; leave it out to record until Ctrl-C")
    return time_ms


def _duration_ms(option: str, text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error
