"""What can be wrong with a payload: its opcode, or everything behind it."""

from protocols.errors import MessageError

__all__ = ["MalformedMessage", "UnknownOpcode"]


class UnknownOpcode(MessageError):
    """A message that this version of the protocol does not have; its ``seq`` can still be answered."""

    def __init__(self, opcode: int, *, seq: int) -> None:
        """Keep the ``opcode`` and the ``seq`` that came with it."""
        super().__init__(f"no message has opcode {opcode:#04x}")
        self.opcode = opcode
        self.seq = seq


class MalformedMessage(MessageError):
    """A body that breaks its declaration, or a payload too short for a header: then ``seq`` and ``opcode`` are None."""

    def __init__(self, problem: str, *, seq: int | None = None, opcode: int | None = None) -> None:
        """Keep the ``problem`` and as much of the header as could be read."""
        super().__init__(problem)
        self.seq = seq
        self.opcode = opcode
