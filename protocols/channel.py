"""Between payloads and frames: the seam where the secure session stands, or nothing does.

Every frame begins with the protocol's version and the frame's type::

    01 00   open: a payload, unauthenticated
    01 01   handshake, first message     ┐
    01 02   handshake, second message    ├ the secure session
    01 10   sealed payload               ┘
"""

from typing import Protocol

from protocols.errors import FrameError
from protocols.framing import MAX_FRAME_BYTES

__all__ = ["Channel", "OpenChannel", "UnexpectedFrame"]


class UnexpectedFrame(FrameError):
    """A whole frame, but of a version or type that this channel does not take."""


class Channel(Protocol):
    """Payloads to frames and back, for one end of one conversation. Times are the caller's ms.

    A frame is sealed once for each time that it is sent: a retransmission is a new frame with the same payload.
    """

    def seal(self, payload: bytes, now_ms: int = 0) -> bytes:
        """The frame that carries ``payload``. Raises ValueError if it is too long, FrameError without a session."""

    def open(self, frame: bytes, now_ms: int = 0) -> bytes | None:
        """The payload that ``frame`` carries; None if it was for the channel itself.

        Raises FrameError if it is none for this channel; then nothing has changed.
        """

    def take_reply(self) -> bytes | None:
        """The frame that the channel itself has to send in answer to the last one, if any."""


class OpenChannel:
    """Payloads in the open: anyone in reach can read and send them. For simulations and for the bench."""

    HEADER = b"\x01\x00"
    MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - len(HEADER)

    def seal(self, payload: bytes, now_ms: int = 0) -> bytes:
        """The frame that carries ``payload``. Raises ValueError if it is too long for one."""
        del now_ms
        if len(payload) > self.MAX_PAYLOAD_BYTES:
            raise ValueError(f"a payload has at most {self.MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
        return self.HEADER + payload

    def open(self, frame: bytes, now_ms: int = 0) -> bytes:
        """The payload of an open frame. Raises UnexpectedFrame for any other."""
        del now_ms
        header, payload = frame[: len(self.HEADER)], frame[len(self.HEADER) :]
        if header != self.HEADER:
            raise UnexpectedFrame(f"frame begins {header.hex(' ')}; an open channel takes {self.HEADER.hex(' ')} only")
        return payload

    def take_reply(self) -> None:
        """None: an open channel has nothing to say itself."""
        return
