"""The answering side of request and reply: every telecommand gets one answer, and has one effect at most."""

from collections import OrderedDict
from collections.abc import Callable

from protocols.channel import Channel
from protocols.errors import ProtocolError
from protocols.framing import FrameDecoder, Rejected, encode_frame
from protocols.messages import (
    ErrorReply,
    MalformedMessage,
    Message,
    Reason,
    Telecommand,
    UnknownOpcode,
    decode_message,
    encode_message,
)
from protocols.messages.message import TELEMETRY_BIT

__all__ = ["REMEMBERED", "Responder"]

REMEMBERED = 16
"""Answers to telecommands that changed state, kept for those that come again."""
_OF_WHO_ASKED = frozenset({Reason.NOT_ALLOWED, Reason.NOT_STAGED})
"""Refusals that say nothing of the pump's state: the same bytes may come in another session, under another role."""


class Responder:
    """Answers on behalf of a ``handler``, which gives each telecommand its telemetry.

    A repeated telecommand that changes state (same seq, same bytes: a retry, or the wire's duplicate) gets the stored
    answer and has no second effect; so does one that comes late, behind newer ones. Reading is done again: it has no
    effect, and its answer must not be older than its question, even if a second program counts from the same seq.

    Damaged frames are counted and get no answer. Nor does anything that is not marked as a telecommand, so that two
    ends that hear each other, or themselves, stay silent.
    """

    def __init__(
        self, channel: Channel, handler: Callable[[Telecommand], Message], remembered: int = REMEMBERED
    ) -> None:
        """Answer over ``channel``; keep the answers to the last ``remembered`` telecommands that changed state."""
        self.accepted = 0
        """Frames that were whole and for this channel."""
        self.rejected = 0
        """Frames that were damaged, or not for this channel."""
        self.dropped = 0
        """Payloads that were no telecommand."""
        self.repeated = 0
        """Telecommands that got a stored answer."""
        self.seq = 0
        """Of the telecommand that was answered last."""
        self._channel = channel
        self._handler = handler
        self._remembered = remembered
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._decoder = FrameDecoder()

    def receive(self, data: bytes, now_ms: int = 0) -> bytes:
        """What goes back at once for ``data``, which came at ``now_ms``: one frame for each telecommand in it.

        Raises TypeError if the handler's answer is no answer to its telecommand, and ValueError if it does not encode.
        """
        frames = (self._answer_to(result, now_ms) for result in self._decoder.feed(data))
        return b"".join(encode_frame(frame) for frame in frames if frame is not None)

    def notify(self, seq: int, notice: Message, now_ms: int) -> bytes:
        """What to send to say something unasked; nothing if there is nobody to tell."""
        try:
            return encode_frame(self._channel.seal(encode_message(seq, notice), now_ms))
        except ProtocolError:
            return b""

    def _answer_to(self, result: bytes | Rejected, now_ms: int) -> bytes | None:
        """The frame that answers what came, if anything does."""
        try:
            if isinstance(result, Rejected):
                raise result.reason
            payload = self._channel.open(result, now_ms)
        except ProtocolError:
            self.rejected += 1
            return None
        self.accepted += 1
        if payload is None:
            return self._channel.take_reply()
        answer = self._answer(payload)
        if answer is None:
            return None
        try:
            return self._channel.seal(answer, now_ms)
        except ProtocolError:  # the telecommand itself ended the session
            return None

    def _answer(self, payload: bytes) -> bytes | None:
        try:
            seq, message = decode_message(payload)
        except UnknownOpcode as error:
            return self._refusal(error.seq, error.opcode, Reason.UNKNOWN_OPCODE)
        except MalformedMessage as error:
            return self._refusal(error.seq, error.opcode, Reason.MALFORMED)
        if not isinstance(message, Telecommand):
            self.dropped += 1
            return None
        self.seq = seq
        stored = self._answers.get(payload)
        if stored is not None:
            self.repeated += 1
            return stored
        reply = self._carry_out(message)
        answer = encode_message(seq, reply)
        if message.CHANGES_STATE and not (isinstance(reply, ErrorReply) and reply.reason in _OF_WHO_ASKED):
            self._remember(payload, answer)
        return answer

    def _carry_out(self, telecommand: Telecommand) -> Message:
        reply = self._handler(telecommand)
        if not isinstance(reply, (telecommand.REPLY, ErrorReply)):
            raise TypeError(f"{type(reply).__name__} is no answer to {type(telecommand).__name__}")
        return reply

    def _refusal(self, seq: int | None, opcode: int | None, reason: Reason) -> bytes | None:
        if seq is None or opcode is None or opcode & TELEMETRY_BIT:
            self.dropped += 1
            return None
        return encode_message(seq, ErrorReply(reason, opcode))

    def _remember(self, payload: bytes, answer: bytes) -> None:
        self._answers[payload] = answer
        while len(self._answers) > self._remembered:
            self._answers.popitem(last=False)
