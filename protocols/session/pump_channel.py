"""The pump's end of a secure link: wakes for who holds a key, and keeps silent for everybody else."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from protocols.channel import UnexpectedFrame
from protocols.errors import FrameError
from protocols.framing import MAX_FRAME_BYTES
from protocols.messages import Role, Secret
from protocols.session.handshake import FIRST, SECOND, Greeting, Wake, addressed_to, prologue
from protocols.session.keys import KeyStore, SessionKey
from protocols.session.noise import Recipient
from protocols.session.records import SEALED, SID_BYTES, FrameOpener, FrameSealer, SealedFrameError

__all__ = ["CONFIRM_MS", "IDLE_MS", "MAX_SESSION_MS", "MAX_VIOLATIONS", "PumpChannel"]

CONFIRM_MS = 2_000
"""So soon after the handshake the first sealed frame must come."""
IDLE_MS = 60_000
MAX_SESSION_MS = 30 * 60_000
MAX_VIOLATIONS = 5


@dataclass
class _Session:
    key: SessionKey
    sealer: FrameSealer
    opener: FrameOpener
    started_ms: int
    last_ms: int
    violations: int = field(default=0)

    def is_over(self, now_ms: int) -> bool:
        timed_out = now_ms - self.started_ms >= MAX_SESSION_MS or now_ms - self.last_ms >= IDLE_MS
        return timed_out or self.sealer.is_spent


class PumpChannel:
    """One session at a time; a new one takes its place with its first sealed frame, not before.

    A frame that is forged, altered or old changes nothing and ends nothing. Keys of a session are nowhere but here:
    with a restart they are gone. A session whose key was revoked, or is no longer what it was, ends with the answer.
    """

    def __init__(
        self, uid: bytes, keys: KeyStore, greeting: Callable[[], Greeting], random_bytes: Callable[[int], bytes]
    ) -> None:
        """Be the pump ``uid``; ``random_bytes`` must never repeat itself."""
        self.handshakes = 0
        """That came to the costly half: the curve."""
        self._uid = uid
        self._keys = keys
        self._greeting = greeting
        self._random_bytes = random_bytes
        self._session: _Session | None = None
        self._candidate: _Session | None = None
        self._reply: bytes | None = None

    def role(self, now_ms: int) -> Role | None:
        """What the session's key entitles to; None if there is no session."""
        session = self._current(now_ms)
        return None if session is None else session.key.role

    def kid(self, now_ms: int) -> int | None:
        """Whose session it is; None if there is none."""
        session = self._current(now_ms)
        return None if session is None else session.key.kid

    def note_violation(self) -> None:
        """Somebody asked for what the role does not allow; with the answer to the fifth the session ends."""
        if self._session is not None:
            self._session.violations += 1

    def end(self) -> None:
        """Forget the session, and the one that might have followed."""
        self._session = self._candidate = None

    def seal(self, payload: bytes, now_ms: int = 0) -> bytes:
        """The frame that carries ``payload``. Raises ValueError if it is too long, SealedFrameError without session."""
        session = self._current(now_ms)
        if session is None:
            raise SealedFrameError("there is no session")
        frame = session.sealer.seal(payload)
        if not self._is_entitled(session):
            self._session = None
        return frame

    def open(self, frame: bytes, now_ms: int = 0) -> bytes | None:
        """The payload of a sealed frame; None for a first frame that was answered. Raises FrameError."""
        kind = frame[: len(FIRST)]
        if kind == FIRST:
            self._greet(frame, now_ms)
            return None
        if kind == SEALED:
            return self._open_sealed(frame, now_ms)
        raise UnexpectedFrame(f"frame begins {kind.hex(' ')}; without a session there is nothing to say to it")

    def take_reply(self) -> bytes | None:
        """The second frame of a handshake, once."""
        reply, self._reply = self._reply, None
        return reply

    def _current(self, now_ms: int) -> _Session | None:
        if self._session is not None and self._session.is_over(now_ms):
            self._session = None
        return self._session

    def _is_entitled(self, session: _Session) -> bool:
        """Whether the pump's key is still the one that the handshake was made with, and was not misused too often."""
        key = self._keys.key(session.key.kid)
        is_same = key is not None and replace(key, last_wake=session.key.last_wake) == session.key
        return is_same and session.violations < MAX_VIOLATIONS

    def _open_sealed(self, frame: bytes, now_ms: int) -> bytes:
        candidate = self._candidate
        if candidate is not None and now_ms - candidate.started_ms >= CONFIRM_MS:
            self._candidate = candidate = None
        session = self._current(now_ms)
        for each in (session, candidate):
            if each is None or not self._is_entitled(each):
                continue
            try:
                payload = each.opener.open(frame)
            except SealedFrameError:
                continue
            if each is candidate:
                self._session, self._candidate = candidate, None
            each.last_ms = now_ms
            return payload
        raise SealedFrameError("a sealed frame of no session that is open")

    def _greet(self, frame: bytes, now_ms: int) -> None:
        kid, message = addressed_to(self._uid, frame)
        key = self._keys.key(kid)
        if key is None or not key.enabled:
            raise FrameError(f"no key {kid} opens this pump")
        recipient = Recipient(key.psk, prologue(self._uid, key))
        wake = Wake.decode(recipient.first(message))
        if wake.wake <= key.last_wake:
            raise FrameError(f"wake {wake.wake} came before: {key.last_wake} was the last")
        if wake.max_frame < MAX_FRAME_BYTES:
            raise FrameError(f"a programmer takes frames of {MAX_FRAME_BYTES} bytes, not of {wake.max_frame} only")
        self._keys.note_wake(kid, wake.wake)
        self.handshakes += 1
        second, keys = recipient.second(self._greeting().encode(), Secret(self._random_bytes(32)))
        sid = keys.handshake_hash[:SID_BYTES]
        self._candidate = _Session(
            key, FrameSealer(keys.from_pump, sid), FrameOpener(keys.to_pump, sid), now_ms, now_ms
        )
        self._reply = SECOND + second
