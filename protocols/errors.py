"""Every error that bytes from a peer can cause.

::

    ProtocolError
    ├── FrameError            framing.py: the bytes between two delimiters are no frame
    ├── MessageError          messages/: a frame's payload is no message of ours
    ├── ExchangeError         exchange.py: the peer did not answer, or refused
    └── InstrumentReplyError  instruments/: a reply that the instrument's grammar does not have
"""

__all__ = ["ExchangeError", "FrameError", "InstrumentReplyError", "MessageError", "ProtocolError"]

SHOWN_BYTES = 40
"""Of a reply that made no sense; the recording has all of it."""


class ProtocolError(Exception):
    """The peer said something that the protocol does not allow, or nothing at all."""


class FrameError(ProtocolError):
    """The bytes between two delimiters are not a frame."""


class MessageError(ProtocolError):
    """A frame's payload is not a message."""


class ExchangeError(ProtocolError):
    """A request got no usable reply."""


class InstrumentReplyError(ProtocolError):
    """An instrument's reply is outside its grammar."""

    def __init__(self, expected: str, reply: bytes) -> None:
        """Keep what the grammar ``expected`` and the ``reply`` that came instead."""
        shown = repr(reply[:SHOWN_BYTES]) + ("..." if len(reply) > SHOWN_BYTES else "")
        super().__init__(f"expected {expected}, got {shown}")
        self.expected = expected
        self.reply = reply
