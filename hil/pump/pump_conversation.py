"""Questions to a pump and its answers, over one link: retries, sessions, and a port that comes back."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from hil.errors import BenchFault, LinkError, LinkTimeout
from hil.links.link import MAX_UNTERMINATED_BYTES, Link
from protocols.channel import Channel, OpenChannel
from protocols.errors import ExchangeError, FrameError, ProtocolError
from protocols.exchange import Exchange, ExchangeTimeout, PeerRefused
from protocols.framing import FrameDecoder, Rejected, encode_frame
from protocols.messages import Identify, Identity, Message, Sampled, Telecommand
from protocols.session.programmer_channel import ProgrammerChannel

__all__ = ["PumpConversation", "PumpFault"]

_DELIMITER = b"\x00"
_EVIDENCE_BYTES = 48
_WAKE_MS = 700
"""Between two attempts to wake a pump: shorter than the second in which it listens when it saves its battery."""
_WAKE_FOR_MS = 65_000

Reply = TypeVar("Reply", bound=Message)


class PumpFault(BenchFault):
    """The pump did not answer, or answered something else."""


class PumpConversation:
    """One pump at the other end of a link. In a secure mode it is woken, and a session opened, when one is needed."""

    def __init__(self, link: Link, channel: Channel | None, *, first_seq: int) -> None:
        """Talk over ``link``; without a ``channel`` in the open, unauthenticated mode."""
        self._link = link
        self._channel: Channel = OpenChannel() if channel is None else channel
        self._exchange = Exchange(self._channel, first_seq=first_seq)
        self.state_seq: int | None = None
        """The number of the pump's state, as far as it is known: what the next command must be meant for."""
        self.serial_number: str | None = None
        """Of the pump that must answer again when the port was lost; None if it never said who it is."""
        self._losses = 0

    @property
    def resource(self) -> str:
        """The link's name, for messages."""
        return self._link.resource

    @property
    def is_secure(self) -> bool:
        """Whether it goes on in sessions."""
        return isinstance(self._channel, ProgrammerChannel)

    @property
    def repeats(self) -> int:
        """How often a request was sent again so far, because no answer came in time or the port was lost."""
        return self._exchange.repeats + self._losses

    @property
    def rejected(self) -> int:
        """How many frames came so far that were damaged, forged, or no message."""
        return self._exchange.rejected

    @property
    def last_seq(self) -> int:
        """The seq of the request that was sent last."""
        return self._exchange.last_seq

    @property
    def surplus(self) -> int:
        """How many answers came so far that nobody waited for: twice, or too late."""
        return self._exchange.dropped

    def ask(self, request: Message, expected: type[Reply]) -> Reply:
        """The pump's answer, asked for again where none came. Raises PumpFault: refused, silent, or no ``expected``."""
        heard = bytearray()
        try:
            try:
                reply = self._replied(request, heard)
            except ExchangeTimeout:
                if not self.is_secure:
                    raise
                reply = self._replied(request, heard)  # the pump may have restarted: a new session
        except PeerRefused as error:
            raise PumpFault(f"{self._link.resource}: {error}") from error
        except ExchangeError as error:
            raise PumpFault(f"{self._link.resource}: {error}; {self._why()}{_evidence(heard)}") from error
        if not isinstance(reply, expected):
            raise PumpFault(f"{self._link.resource}: {type(request).__name__} was answered by {type(reply).__name__}")
        return reply

    def reply_to(self, request: Message) -> Message:
        """The pump's answer. Raises ExchangeError if it refused or was silent; whoever asks decides what comes next."""
        return self._replied(request, bytearray())

    def unsent(self, request: Telecommand) -> bytes:
        """A frame that asks ``request``, for those who try what a pump makes of such bytes. Raises PumpFault."""
        return self._in_session(lambda now_ms: self._exchange.request(now_ms, request), bytearray())

    def answers_to(self, *payloads: bytes, wait_ms: int, awaited: int = 1) -> list[bytes]:
        """Payloads that come back within ``wait_ms``, or until as many came as are ``awaited``; for those who try.

        What is asked need be no telecommand, nor a message. Raises PumpFault if there is no session to ask it in.
        """
        self._link.discard()
        for payload in payloads:
            self._link.write(self._in_session(partial(self._sealed, payload), bytearray()))
        end_ms, decoder, answers = self._link.monotonic_ms() + wait_ms, FrameDecoder(), list[bytes]()
        while len(answers) < awaited and (left_ms := end_ms - self._link.monotonic_ms()) > 0:
            try:
                data = self._link.read_until(_DELIMITER, left_ms)
            except LinkTimeout:
                break
            for frame in decoder.feed(data):
                with suppress(ProtocolError):  # what is no frame of this session is judged elsewhere
                    answer = None if isinstance(frame, Rejected) else self._opened(frame)
                    answers += [] if answer is None else [answer]
        return answers

    def _sealed(self, payload: bytes, now_ms: int) -> bytes:
        return encode_frame(self._channel.seal(payload, now_ms))

    def _opened(self, frame: bytes) -> bytes | None:
        return self._channel.open(frame, self._link.monotonic_ms())

    def numbered_notices(self, wait_ms: int) -> list[tuple[int, Sampled]]:
        """What came unasked within ``wait_ms`` from now, and before; each with the seq that it came under."""
        end_ms = self._link.monotonic_ms() + wait_ms
        while (left_ms := end_ms - self._link.monotonic_ms()) > 0:
            try:
                data = self._link.read_until(_DELIMITER, left_ms)
            except LinkTimeout:
                break
            self._exchange.receive(self._link.monotonic_ms(), data)
        return [(seq, notice) for seq, notice in self._exchange.take_notices() if isinstance(notice, Sampled)]

    def _replied(self, request: Message, heard: bytearray) -> Message:
        """The reply; what can be asked twice is asked again if the port is lost, once it is back with the same pump."""
        try:
            return self._exchanged(request, heard)
        except LinkError:
            if not isinstance(request, Telecommand) or request.CHANGES_STATE or self.serial_number is None:
                raise
            self._losses += 1
        identity = self._exchanged(Identify(), heard)
        if isinstance(identity, Identity) and identity.serial_number != self.serial_number:
            raise PumpFault(
                f"{self._link.resource}: was lost, and pump {identity.serial_number} answers where "
                f"{self.serial_number} was before; run again with the right one"
            )
        return self._exchanged(request, heard)

    def _exchanged(self, request: Message, heard: bytearray) -> Message:
        """Drive the exchange to its reply; whatever came on the way is kept in ``heard``."""
        self._link.write(self._in_session(lambda now_ms: self._exchange.request(now_ms, request), heard))
        while True:
            now_ms = self._link.monotonic_ms()
            deadline_ms = self._exchange.next_deadline_ms
            remaining_ms = max(0, deadline_ms - now_ms) if deadline_ms is not None else 0
            try:
                data = self._link.read_until(_DELIMITER, remaining_ms)
            except LinkTimeout as timeout:
                heard += timeout.partial
                self._link.write(self._again(heard))
                continue
            heard += data
            reply = self._exchange.receive(self._link.monotonic_ms(), data)
            if reply is not None:
                return reply
            if len(heard) > MAX_UNTERMINATED_BYTES:  # frame ends and no frames: no deadline would ever come
                raise PumpFault(f"{self._link.resource}: {_evidence(heard)}")

    def _why(self) -> str:
        """What was wrong with the last frame that was rejected, or which answer was none to this question."""
        rejection, dropped = self._exchange.last_rejection, self._exchange.last_dropped
        if rejection is None:
            return "" if dropped is None else f"{dropped}; "
        return f"{type(rejection).__name__}: {rejection}; "

    def _again(self, heard: bytearray) -> bytes:
        """The next attempt. A pump that restarted knows nothing of the session: after the last one it is forgotten."""
        try:
            return self._in_session(self._exchange.on_deadline, heard)
        except ExchangeTimeout:
            if isinstance(self._channel, ProgrammerChannel):
                self._channel.end()
                self.state_seq = None
            raise

    def _in_session(self, frame_at: Callable[[int], bytes], heard: bytearray) -> bytes:
        """A frame to send; the session may run out between the look at it and the sealing."""
        self._ensure_session(heard)
        try:
            return frame_at(self._link.monotonic_ms())
        except FrameError:
            self._ensure_session(heard)
            return frame_at(self._link.monotonic_ms())

    def _ensure_session(self, heard: bytearray) -> None:
        """Wake the pump, if the link is a secure one and there is no session. Raises PumpFault if it stays silent."""
        channel = self._channel
        if not isinstance(channel, ProgrammerChannel) or channel.is_open(self._link.monotonic_ms()):
            return
        give_up_ms = self._link.monotonic_ms() + _WAKE_FOR_MS
        while self._link.monotonic_ms() < give_up_ms:
            self._link.write(encode_frame(channel.wake()))
            attempt_ms = self._link.monotonic_ms() + _WAKE_MS
            while not channel.is_open(now_ms := self._link.monotonic_ms()) and now_ms < attempt_ms:
                try:
                    data = self._link.read_until(_DELIMITER, attempt_ms - now_ms)
                except LinkTimeout as timeout:
                    heard += timeout.partial
                    break
                heard += data
                self._exchange.receive(self._link.monotonic_ms(), data)
            if channel.greeting is not None:
                self.state_seq = channel.greeting.state_seq
                return
        raise PumpFault(
            f"{self._link.resource}: no answer to {_WAKE_FOR_MS // 1000} s of wake-ups; does the pump hold this key, "
            f"and is it in reach? {_evidence(heard)}"
        )


def _evidence(heard: bytearray) -> str:
    if not heard:
        return "nothing came; is the pump powered and in reach, and is this its port?"
    shown = bytes(heard[:_EVIDENCE_BYTES])
    more = "..." if len(heard) > _EVIDENCE_BYTES else ""
    return f"{len(heard)} bytes came that are no valid reply: {shown!r}{more}; is this the pump's port and baud rate?"
