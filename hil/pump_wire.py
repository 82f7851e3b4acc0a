"""The pump's wire as it is: bytes out, frames in, for procedures that look below the programmer's verbs."""

from dataclasses import dataclass

from hil.errors import LinkTimeout
from hil.links.link import Link
from protocols.channel import OpenChannel
from protocols.errors import ProtocolError
from protocols.framing import FrameDecoder, Rejected, encode_frame
from protocols.messages import Message, decode_message, encode_message

__all__ = ["Heard", "PumpWire", "wire_of"]

_DELIMITER = b"\x00"


@dataclass(frozen=True)
class Heard:
    """What came back, and how soon the last of it did."""

    data: bytes
    answers: tuple[tuple[int, Message], ...]
    """Seq and message of every open frame."""
    problems: tuple[str, ...]
    """What came and was none: each with what is wrong with it."""
    waited_ms: int

    def __str__(self) -> str:
        """For findings: what came, in a few words."""
        said = [f"{type(message).__name__} (seq {seq})" for seq, message in self.answers]
        return ", ".join([*said, *self.problems]) or "silence"


class PumpWire:
    """One pump in the open mode, frame by frame."""

    def __init__(self, link: Link) -> None:
        """Speak over ``link``."""
        self._link = link

    def ask(self, seq: int, message: Message, wait_ms: int) -> Heard:
        """Send one telecommand; what comes back within ``wait_ms``, or until one frame came."""
        return self.send(wire_of(encode_message(seq, message)), wait_ms)

    def send(self, data: bytes, wait_ms: int, frames: int = 1) -> Heard:
        """Send bytes as they are; what comes back within ``wait_ms``, or until so many frames came."""
        self._link.drain()
        begin_ms = self._link.monotonic_ms()
        self._link.write(data)
        decoder, heard = FrameDecoder(), bytearray()
        answers: list[tuple[int, Message]] = []
        problems: list[str] = []
        while len(answers) + len(problems) < frames:
            left_ms = begin_ms + wait_ms - self._link.monotonic_ms()
            if left_ms <= 0:
                break
            try:
                piece = self._link.read_until(_DELIMITER, left_ms)
            except LinkTimeout as timeout:
                heard += timeout.partial
                break
            heard += piece
            for result in decoder.feed(piece):
                try:
                    answers.append(_answer_in(result))
                except ProtocolError as error:
                    problems.append(f"{type(error).__name__}: {error}")
        waited_ms = self._link.monotonic_ms() - begin_ms
        return Heard(bytes(heard), tuple(answers), tuple(problems), waited_ms)


def wire_of(payload: bytes) -> bytes:
    """An open frame with this payload, as it goes on the wire."""
    return encode_frame(OpenChannel().seal(payload))


def _answer_in(result: bytes | Rejected) -> tuple[int, Message]:
    if isinstance(result, Rejected):
        raise result.reason
    return decode_message(OpenChannel().open(result))
