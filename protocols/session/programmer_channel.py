"""The programmer's end of a secure link."""

from collections.abc import Callable

from protocols.channel import UnexpectedFrame
from protocols.framing import MAX_FRAME_BYTES
from protocols.messages import Secret
from protocols.session.handshake import SECOND, Greeting, Wake, first_frame, prologue
from protocols.session.keys import SessionKey
from protocols.session.noise import Initiator, SessionKeys
from protocols.session.pump_channel import IDLE_MS, MAX_SESSION_MS
from protocols.session.records import SEALED, SID_BYTES, FrameOpener, FrameSealer, SealedFrameError

__all__ = ["ProgrammerChannel"]


class ProgrammerChannel:
    """A session with one pump, under one key; begun anew whenever it is over."""

    def __init__(
        self, uid: bytes, key: SessionKey, next_wake: Callable[[], int], random_bytes: Callable[[int], bytes]
    ) -> None:
        """Talk to the pump ``uid``.

        ``next_wake`` gives a number that is higher than all before it, and keeps it before it gives it;
        ``random_bytes`` must never repeat itself.
        """
        self.greeting: Greeting | None = None
        """What the pump said of itself when the session began; None while there is no session."""
        self.session_keys: SessionKeys | None = None
        """Of the session, for whoever must record it; None while there is none."""
        self.on_session: Callable[[SessionKeys], None] | None = None
        """Told of every session's keys when it begins: a recording needs them to read what passes."""
        self.key = key
        self._uid = uid
        self._next_wake = next_wake
        self._random_bytes = random_bytes
        self._initiator: Initiator | None = None
        self._sealer: FrameSealer | None = None
        self._opener: FrameOpener | None = None
        self._started_ms = self._last_ms = 0

    def wake(self) -> bytes:
        """The first frame of a new handshake. An older handshake that is still under way is given up."""
        self._initiator = Initiator(self.key.psk, prologue(self._uid, self.key), Secret(self._random_bytes(32)))
        payload = Wake(self._next_wake(), MAX_FRAME_BYTES).encode()
        return first_frame(self._uid, self.key.kid, self._initiator.first(payload))

    def is_open(self, now_ms: int) -> bool:
        """Whether there is a session; it ends after 30 min, a minute of silence, or its last counter."""
        if self._sealer is not None and (self._is_too_late(now_ms) or self._sealer.is_spent):
            self.end()
        return self._sealer is not None

    def end(self) -> None:
        """Forget the session."""
        self.greeting = self.session_keys = self._sealer = self._opener = None

    def seal(self, payload: bytes, now_ms: int = 0) -> bytes:
        """The frame that carries ``payload``. Raises ValueError if it is too long, SealedFrameError without session."""
        if not self.is_open(now_ms) or self._sealer is None:
            raise SealedFrameError("there is no session")
        return self._sealer.seal(payload)

    def open(self, frame: bytes, now_ms: int = 0) -> bytes | None:
        """The payload of a sealed frame; None for the frame that completes a handshake. Raises FrameError."""
        kind = frame[: len(SECOND)]
        if kind == SECOND and self._initiator is not None:
            payload, keys = self._initiator.second(frame[len(SECOND) :])
            self.greeting = Greeting.decode(payload)
            sid = keys.handshake_hash[:SID_BYTES]
            self.session_keys = keys
            self._sealer, self._opener = FrameSealer(keys.to_pump, sid), FrameOpener(keys.from_pump, sid)
            self._started_ms = self._last_ms = now_ms
            self._initiator = None
            if self.on_session is not None:
                self.on_session(keys)
            return None
        if kind != SEALED or self._opener is None or self._is_too_late(now_ms):
            raise UnexpectedFrame(f"frame begins {kind.hex(' ')}, which is not of this session")
        opened = self._opener.open(frame)
        self._last_ms = now_ms
        return opened

    def take_reply(self) -> None:
        """None: a programmer answers a handshake with its next request."""
        return

    def _is_too_late(self, now_ms: int) -> bool:
        return now_ms - self._started_ms >= MAX_SESSION_MS or now_ms - self._last_ms >= IDLE_MS
