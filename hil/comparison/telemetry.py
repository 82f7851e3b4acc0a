"""What a recording tells of one pump's run, read once: looks, commands, refills, the bath, the bench."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firmware_model.profile import PumpProfile
from hil.errors import RecordingError
from hil.recording.decoded import Decoded, decoded_messages
from hil.recording.layout import Topic
from hil.recording.looks import Look, look_in
from hil.recording.stream import RecordingStream
from hil.runs.run_plan import BENCH_ATTACHMENT
from protocols.errors import InstrumentReplyError, MessageError
from protocols.instruments.julabo import BATH_TEMPERATURE, COMMAND_END, parse_number
from protocols.json_form import topic_name
from protocols.json_message import message_of
from protocols.messages import MESSAGES, Commit, Message, Outcome, Query, Stage, Telecommand

__all__ = ["BathReading", "Command", "Telemetry", "read_telemetry"]

_BATH = "bath"


@dataclass(frozen=True)
class Command:
    """A command that the pump has carried out, at the time of its answer."""

    time_ms: int
    message: Message


@dataclass(frozen=True)
class BathReading:
    """What the bath said of its water."""

    time_ms: int
    temperature_c: float


@dataclass
class Telemetry:
    """One recording's course."""

    path: Path
    start_utc_ms: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    bench_said: Mapping[str, Any] = field(default_factory=dict)
    """The bench file and the profile as the recording has them, whatever version wrote them."""
    profile: PumpProfile | None = None
    looks: list[Look] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    bath: list[BathReading] = field(default_factory=list)

    def environment(self, name: str) -> float | None:
        """What the bench file says of its surroundings; None if it does not."""
        with suppress(KeyError, TypeError, ValueError):
            return float(self.bench_said["file"]["environment"][name])
        return None

    @property
    def serial_number(self) -> str | None:
        """Of the pump that the bench file is for."""
        with suppress(KeyError, TypeError):
            said = self.bench_said["file"]["pump"]["serial_number"]
            return None if said is None else str(said)
        return None

    @property
    def seed(self) -> int:
        """Of everything random; 0 if the recording does not say one."""
        with suppress(KeyError, ValueError):
            return int(self.metadata["seed"])
        return 0

    @property
    def injections(self) -> tuple[str, ...]:
        """What was injected on purpose, as it was typed."""
        with suppress(KeyError, ValueError, TypeError):
            return tuple(map(str, json.loads(self.metadata["inject"])))
        return ()


def read_telemetry(path: Path, wire: str = "pump") -> Telemetry:
    """All of it. Raises RecordingError for a recording that is damaged."""
    found = Telemetry(path)
    _read_bench(found)
    pending: dict[int, Command] = {}
    staged: Command | None = None
    for each in decoded_messages(path, wire):
        try:
            look = look_in(each.name, each.time_ms, each.content) if each.is_telemetry else None
        except (KeyError, TypeError) as error:
            raise RecordingError(f"{path}: {each.name} at {each.time_ms} ms: {error}") from error
        if look is not None:
            found.looks.append(look)
        elif not each.is_telemetry:
            _asked(each, pending)
        elif each.seq in pending:
            command = pending.pop(each.seq).message
            if isinstance(command, Stage):
                staged = _staged(each)
            elif not isinstance(command, (Commit, Query)):
                if each.name != "error_reply":
                    found.commands.append(Command(each.time_ms, command))
            elif staged is not None and each.content.get("outcome") == Outcome.APPLIED.name:
                found.commands.append(Command(each.time_ms, staged.message))
                staged = None
    return found


def _asked(each: Decoded, pending: dict[int, Command]) -> None:
    with suppress(MessageError):  # a secret, such as a key: no model needs it
        message = message_of(each.name, each.content)
        if isinstance(message, (Stage, Commit, Query)) or (isinstance(message, Telecommand) and message.CHANGES_STATE):
            pending[each.seq] = Command(each.time_ms, message)


def _staged(each: Decoded) -> Command | None:
    inner: Any = each.content.get("command_decoded")
    if not isinstance(inner, dict):
        return None
    names = {kind.__name__: kind for kind in MESSAGES.values()}
    kind = names.get(str(inner.get("message")))
    if kind is None:
        return None
    try:
        return Command(each.time_ms, message_of(topic_name(kind), inner))
    except MessageError:
        return None


def _read_bench(found: Telemetry) -> None:
    with RecordingStream.open(found.path) as stream:
        found.start_utc_ms, found.metadata = stream.start_utc_ms, stream.metadata
        attachment = stream.attachments().get(BENCH_ATTACHMENT)
        if attachment is not None:
            try:
                found.bench_said = dict(json.loads(attachment))
            except (TypeError, ValueError) as error:
                raise RecordingError(f"{found.path}: attachment {BENCH_ATTACHMENT}: {error}") from error
            with suppress(ValidationError):  # of another version: then a profile must be named
                found.profile = PumpProfile.model_validate(found.bench_said.get("profile"))
        asked = b""
        for message in stream.messages([f"/wire/{_BATH}/tx", f"/wire/{_BATH}/rx"]):
            if Topic.parse(message.topic).name == "tx":
                asked = message.data
            elif asked == BATH_TEMPERATURE.encode() + COMMAND_END and message.data:
                asked = b""
                with suppress(InstrumentReplyError):
                    reading_c = parse_number(message.data, BATH_TEMPERATURE)
                    found.bath.append(BathReading(message.time_ms, reading_c))
