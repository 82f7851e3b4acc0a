"""The asking side of request and reply: one request at a time, a deadline, retries, and never another's answer.

It neither reads a clock nor opens a port: the caller brings time and bytes, and takes bytes to send and a deadline.
"""

from dataclasses import dataclass

from protocols.channel import Channel
from protocols.errors import ExchangeError, ProtocolError
from protocols.framing import FrameDecoder, Rejected, encode_frame
from protocols.messages import ErrorReply, Message, Notice, Reason, Telecommand, decode_message, encode_message
from protocols.responder import Responder

__all__ = ["DEADLINE_MS", "Exchange", "ExchangeTimeout", "PeerRefused", "Responder"]

DEADLINE_MS = 1000
"""So long a programmer waits before it asks again."""
_SEQS = 1 << 16
_MAX_NOTICES = 4096
"""That nobody looked at; older ones are forgotten."""


class ExchangeTimeout(ExchangeError):
    """No answer within the deadline of the last attempt. Whether the pump carried out the request is not known."""

    def __init__(self, request: str, attempts: int, deadline_ms: int) -> None:
        """Keep which ``request`` was sent ``attempts`` times, and how long each was waited for."""
        super().__init__(f"no answer to {request} in {attempts} attempts of {deadline_ms} ms")
        self.request = request
        self.attempts = attempts
        self.deadline_ms = deadline_ms


class PeerRefused(ExchangeError):
    """The pump did not carry out the request, and says why."""

    def __init__(self, request: str, reply: ErrorReply) -> None:
        """Keep which ``request`` it was, and the ``reason`` and ``detail`` of the reply."""
        super().__init__(f"the pump refused {request}: {reply.reason.name} (detail {reply.detail})")
        self.request = request
        self.reason: Reason = reply.reason
        self.detail = reply.detail


@dataclass
class _Pending:
    """The request that waits for its answer."""

    seq: int
    request: Telecommand
    payload: bytes
    deadline_ms: int
    sent: int = 1


class Exchange:
    """Asks one pump. Every request has a seq of its own, which its retries repeat and its answer must carry.

    So the late answer to an earlier request is dropped, and an answer that comes after a retry is not lost. Two
    programs that ask the same pump one after the other should not begin with the same ``first_seq``, or the second
    could take an answer that the first one no longer waited for.
    """

    def __init__(self, channel: Channel, deadline_ms: int = DEADLINE_MS, attempts: int = 3, first_seq: int = 0) -> None:
        """Ask over ``channel``, up to ``attempts`` times ``deadline_ms`` each. Raises ValueError if one is < 1."""
        if deadline_ms < 1 or attempts < 1:
            raise ValueError(f"deadline and attempts must be >= 1, got {deadline_ms} ms and {attempts}")
        self.rejected = 0
        """Frames that were damaged, not for this channel, or no message."""
        self.last_rejection: ProtocolError | None = None
        """Why the last of them was rejected."""
        self.dropped = 0
        """Messages that were well formed, but no answer to the request that waits."""
        self.repeats = 0
        """Requests that were sent again, because no answer came in time."""
        self.last_dropped: str | None = None
        """Which one the last of them was, and what was waited for."""
        self._channel = channel
        self._deadline_ms = deadline_ms
        self._attempts = attempts
        self._next_seq = first_seq % _SEQS
        self._decoder = FrameDecoder()
        self._pending: _Pending | None = None
        self._notices: list[tuple[int, Notice]] = []

    @property
    def next_deadline_ms(self) -> int | None:
        """When ``on_deadline`` is due, in the caller's ms; None while no request waits."""
        return self._pending.deadline_ms if self._pending is not None else None

    @property
    def last_seq(self) -> int:
        """The seq of the request that was made last."""
        return (self._next_seq - 1) % _SEQS

    def request(self, now_ms: int, message: Message) -> bytes:
        """What to send to ask ``message``; a request that still waits is given up.

        Raises TypeError if it is no telecommand, and ValueError if one of its fields does not fit.
        """
        if not isinstance(message, Telecommand):
            raise TypeError(f"{type(message).__name__} is no telecommand")
        payload = encode_message(self._next_seq, message)
        frame = self._wire(payload, now_ms)  # if there is no session, nothing was asked
        self._pending = _Pending(self._next_seq, message, payload, now_ms + self._deadline_ms)
        self._next_seq = (self._next_seq + 1) % _SEQS
        self._decoder.abandon()
        self.last_rejection = self.last_dropped = None
        return frame

    def receive(self, now_ms: int, data: bytes) -> Message | None:
        """The answer, once ``data`` completes it; None while it is still to come. Raises PeerRefused."""
        waiting = self._pending
        answer: Message | None = None
        for result in self._decoder.feed(data):
            message = self._answer_in(result, now_ms)
            answer = message if message is not None else answer
        if isinstance(answer, ErrorReply) and waiting is not None:
            raise PeerRefused(type(waiting.request).__name__, answer)
        return answer

    def on_deadline(self, now_ms: int) -> bytes:
        """What to send again, or nothing if the deadline is not yet reached.

        Raises ExchangeTimeout after the last attempt, and ValueError if no request waits.
        """
        pending = self._pending
        if pending is None:
            raise ValueError("no request waits for an answer")
        if now_ms < pending.deadline_ms:
            return b""
        if pending.sent >= self._attempts:
            self._pending = None
            raise ExchangeTimeout(type(pending.request).__name__, pending.sent, self._deadline_ms)
        frame = self._wire(pending.payload, now_ms)
        pending.sent += 1
        self.repeats += 1
        pending.deadline_ms = now_ms + self._deadline_ms
        return frame

    def take_notices(self) -> list[tuple[int, Notice]]:
        """What came unasked since the last time that somebody looked: each with the seq of its subscription."""
        notices, self._notices = self._notices, []
        return notices

    def _answer_in(self, result: bytes | Rejected, now_ms: int) -> Message | None:
        """The answer that a frame holds, if it does; what waited for it waits no longer."""
        try:
            if isinstance(result, Rejected):
                raise result.reason
            payload = self._channel.open(result, now_ms)
            if payload is None:
                return None
            seq, message = decode_message(payload)
        except ProtocolError as error:
            self.rejected += 1
            self.last_rejection = error
            return None
        if isinstance(message, Notice):
            self._notices = [*self._notices, (seq, message)][-_MAX_NOTICES:]
            return None
        pending = self._pending
        if pending is None or seq != pending.seq or not isinstance(message, (pending.request.REPLY, ErrorReply)):
            self.dropped += 1
            if pending is not None:
                wanted = f"{pending.request.REPLY.__name__} with seq {pending.seq}"
                self.last_dropped = f"{type(message).__name__} with seq {seq} came, not {wanted}"
            return None
        self._pending = None
        return message

    def _wire(self, payload: bytes, now_ms: int) -> bytes:
        return encode_frame(self._channel.seal(payload, now_ms))
