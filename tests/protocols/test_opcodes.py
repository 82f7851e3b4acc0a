"""The opcode table is part of the interface: what is in the field cannot be renumbered."""

from typing import ClassVar

import pytest

from protocols.messages import MESSAGES, ClockSet, Identify, Identity, Message, Telecommand, Telemetry
from protocols.messages.codec import opcode_table
from protocols.messages.layout import declared

PINNED = {
    0x01: "Identify",
    0x02: "ReadStatus",
    0x03: "ReadHistory",
    0x04: "SetClock",
    0x81: "Identity",
    0x82: "Status",
    0x83: "History",
    0x84: "ClockSet",
    0xFF: "ErrorReply",
}


@declared
class Impostor(Telecommand):
    """A message with another's opcode."""

    OPCODE: ClassVar[int] = 0x01
    REPLY: ClassVar[type[Telemetry]] = Identity
    CHANGES_STATE: ClassVar[bool] = False


@declared
class Mismatched(Telecommand):
    """A message whose answer has another's opcode."""

    OPCODE: ClassVar[int] = 0x05
    REPLY: ClassVar[type[Telemetry]] = ClockSet
    CHANGES_STATE: ClassVar[bool] = False


@declared
class Misplaced(Telemetry):
    """Telemetry with a telecommand's opcode."""

    OPCODE: ClassVar[int] = 0x06


def test_opcodes_are_pinned() -> None:
    """Every message has the opcode that it was released with, and there are no others."""
    assert {opcode: message.__name__ for opcode, message in MESSAGES.items()} == PINNED


def test_every_answer_has_its_questions_opcode() -> None:
    """A telecommand's answer has the same opcode, with the telemetry bit."""
    for opcode, message in MESSAGES.items():
        if issubclass(message, Telecommand):
            assert MESSAGES[opcode | 0x80] is message.REPLY


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ((Identify, Impostor), "0x01 is Identify; Impostor needs another"),
        ((Mismatched,), "ClockSet must have opcode 0x85"),
        ((Misplaced,), "does not fit its direction"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(messages: tuple[type[Message], ...], problem: str) -> None:
    """An opcode used twice, an answer that does not pair, or a wrong direction never reaches a wire."""
    with pytest.raises(ValueError, match=problem):
        opcode_table(messages)
