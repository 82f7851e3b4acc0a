"""A secure session as it was recorded, without the pump and without its key.

What a programmer seals under a provisioned key cannot be sealed again: the session's keys came of random numbers and of
a key that is in no recording. But what it meant is there, decoded. So the session is replayed a layer above its bytes:

::

    Programmer ── payload ──> ReplayedChannel ── the recorded frame, if the payload is what was meant ──> ReplayLink
    Programmer <── payload ── ReplayedChannel <── what the recording says that the frame holds ────────── ReplayLink

The bytes on the link are the recorded ones either way, and a request that is not what was sent is a divergence as ever.
A handshake is taken as it happened. That frames were authentic was found when they were recorded; it is not again.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from hil.errors import RecordingError
from hil.pump.programmer_memory import ProgrammerMemory
from hil.recording.decoded import Decoded, decoded_messages
from hil.recording.reader import Recording
from hil.recording.tape import Tape
from protocols.commands.client import Outstanding
from protocols.errors import FrameError, MessageError
from protocols.framing import decode_frame
from protocols.json_form import topic_name
from protocols.json_message import message_of
from protocols.messages import KEY_BYTES, Message, Role, Secret, decode_message, encode_message
from protocols.session.handshake import FIRST, SECOND, UID_BYTES, Greeting
from protocols.session.keys import SessionKey
from protocols.session.programmer_channel import ProgrammerChannel
from protocols.session.records import SealedFrameError, sealed_header

__all__ = ["ReplayedChannel", "ReplayedMemory"]

_WIRE: Final = "pump"


class _Script:
    """What was meant on the pump's wire, and at which record of the tape it was sent."""

    def __init__(self, recording: Recording) -> None:
        """Read the decoded messages of ``recording``. Raises RecordingError if it has none of a session."""
        begins, places, stream = list[int](), list[int](), bytearray()
        for index, record in enumerate(recording.records):
            if (record.wire, record.direction) == (_WIRE, "tx"):
                begins.append(len(stream))
                places.append(index)
                stream += record.data
        self.sent: dict[int, Decoded] = {}
        """By the record that holds the frame, be it behind other bytes."""
        self.frames: dict[int, bytes] = {}
        """The same, stuffed, as they stand there."""
        self.heard: dict[tuple[str, int], Decoded] = {}
        """By session and counter."""
        for each in decoded_messages(recording.path, _WIRE):
            frame = each.content["frame"]
            if each.is_telemetry and frame["session"] is not None:
                self.heard[str(frame["session"]), int(frame["counter"])] = each
            elif not each.is_telemetry and frame["session"] is not None:
                begin = int(frame["offset"])
                place = places[bisect_right(begins, begin) - 1]
                self.sent[place] = each
                self.frames[place] = bytes(stream[begin : begin + int(frame["length"])])
        self.places = sorted(self.sent)
        if not self.heard:
            raise RecordingError(
                f"{recording.path}: its session was under a provisioned key, and it holds no decoded messages to replay"
            )

    def place_from(self, position: int) -> int | None:
        """The first record that holds a sealed frame, from that one on."""
        found = bisect_left(self.places, position)
        return self.places[found] if found < len(self.places) else None

    def sent_from(self, position: int) -> Iterator[Decoded]:
        """What was sent from that record on."""
        for place in self.places[bisect_left(self.places, position) :]:
            yield self.sent[place]


class ReplayedChannel(ProgrammerChannel):
    """The programmer's end of the recorded sessions. It knows no key, and tells nobody of any."""

    def __init__(self, recording: Recording, tape: Tape) -> None:
        """Follow ``tape``. Raises RecordingError if the recording does not say what its frames mean."""
        nobody = SessionKey(0, Role.PROGRAMMER, Secret(bytes(KEY_BYTES)))
        super().__init__(bytes(UID_BYTES), nobody, lambda: 0, bytes)
        self.script = _Script(recording)
        self._tape = tape
        self._is_greeted = False

    def wake(self) -> bytes:
        """The wake-up that was sent here. Raises RecordingError if none was."""
        self.end()
        frame = self._next_sent()
        if frame is None or frame[: len(FIRST)] != FIRST:
            raise RecordingError(self._tape.says(_WIRE, "wakes the pump"))
        return frame

    def is_open(self, now_ms: int) -> bool:
        """Whether there was a session here: it was over where the next thing that was sent is a wake-up."""
        del now_ms
        frame = self._next_sent()
        if self._is_greeted and frame is not None and frame[: len(FIRST)] == FIRST:
            self.end()
        return self._is_greeted

    def end(self) -> None:
        """Forget the session."""
        super().end()
        self._is_greeted = False

    def seal(self, payload: bytes, now_ms: int = 0) -> bytes:
        """The next frame that was sent. Raises RecordingError unless it said what ``payload`` does."""
        if not self.is_open(now_ms):
            raise SealedFrameError("there is no session")
        try:
            seq, message = decode_message(payload)
        except MessageError:  # it was tried what the pump makes of it; no recording says what such bytes meant
            if (frame := self._next_sent()) is None:
                raise RecordingError(self._tape.says(_WIRE, f"sends {payload.hex()}, which is no message")) from None
            return frame
        place = self.script.place_from(self._tape.position)  # what was made of the frame may have gone out before it
        meant = None if place is None else self.script.sent[place]
        if place is None or meant is None or not _is_same(meant, seq, message):
            then = "" if meant is None else f", which says {meant.name} (seq {meant.seq}) {_fields(meant)}"
            raise RecordingError(self._tape.says(_WIRE, f"sends {message} (seq {seq})") + then)
        return decode_frame(self.script.frames[place].strip(b"\0"))

    def open(self, frame: bytes, now_ms: int = 0) -> bytes | None:
        """What the recording says is in ``frame``. Raises SealedFrameError for one that was rejected then."""
        del now_ms
        kind = frame[: len(SECOND)]
        if kind == SECOND:
            self._is_greeted = True
            self.greeting = Greeting(boot=0, state_seq=self._state_seq(), log_head=0)
            return None
        session, counter, _ = sealed_header(frame)
        meant = self.script.heard.get((session.hex(), counter))
        if meant is None:
            raise SealedFrameError(f"frame {counter} of session {session.hex()} was no message when it was recorded")
        return encode_message(meant.seq, message_of(meant.name, meant.content))

    def _next_sent(self) -> bytes | None:
        """What was sent next, if that was a whole frame."""
        record = self._tape.peek(_WIRE, "tx")
        with suppress(FrameError):
            return None if record is None else decode_frame(record.data.rstrip(b"\0"))
        return None

    def _state_seq(self) -> int:
        """What the pump must have told in this greeting: that which the next command was meant for."""
        for each in self.script.sent_from(self._tape.position):
            if each.name == "commit":
                return int(each.content["if_state"])
        return 0


class ReplayedMemory(ProgrammerMemory):
    """A programmer's memory as it must have been: numbers of commands are those that were used."""

    def __init__(self, channel: ReplayedChannel, tape: Tape) -> None:
        """Of the programmer behind ``channel``."""
        super().__init__()
        self._script, self._tape = channel.script, tape
        for each in self._script.sent_from(0):
            if each.name == "commit":
                break
            if each.name == "query":  # an earlier run had left one behind
                self._outstanding = Outstanding(int(each.content["cmd_id"]), int(each.content["if_state"]))
                break

    def begin(self, if_state: int) -> Outstanding:
        """The number that the next command had."""
        for each in self._script.sent_from(self._tape.position):
            if each.name in {"commit", "query"}:  # one that never went out may be asked after
                self.last_id = int(each.content["cmd_id"]) - 1
                break
        return super().begin(if_state)


def _is_same(meant: Decoded, seq: int, message: Message) -> bool:
    try:
        return encode_message(meant.seq, message_of(meant.name, meant.content)) == encode_message(seq, message)
    except MessageError:  # it held a secret: which message it was is all that is known
        return (meant.seq, meant.name) == (seq, topic_name(type(message)))


def _fields(meant: Decoded) -> str:
    return ", ".join(f"{name}={value}" for name, value in meant.content.items() if name != "frame")
