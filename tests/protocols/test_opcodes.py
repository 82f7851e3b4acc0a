"""The opcode table is part of the interface: what is in the field cannot be renumbered."""

from typing import ClassVar

import pytest

from protocols.declaration import fields_of, fixed_size
from protocols.messages import MESSAGES, ClockSet, Identify, Identity, Message, Telecommand, Telemetry, encode_message
from protocols.messages.codec import opcode_table
from protocols.messages.commands import MAX_COMMAND_BYTES, MAX_RESULT_BYTES
from protocols.messages.layout import declared

PINNED = {
    0x01: "Identify",
    0x02: "ReadStatus",
    0x03: "ReadHistory",
    0x04: "SetClock",
    0x05: "ReadMeasurements",
    0x06: "Subscribe",
    0x07: "ReadAlarms",
    0x08: "AcknowledgeAlarms",
    0x09: "ReadEvents",
    0x0A: "ReadConfiguration",
    0x0B: "WriteConfiguration",
    0x10: "Stage",
    0x11: "Commit",
    0x12: "Query",
    0x20: "BeginRefill",
    0x21: "ReportReturned",
    0x22: "ReportFilled",
    0x23: "SetDrug",
    0x24: "CompleteRefill",
    0x25: "CancelRefill",
    0x28: "StartSelfTest",
    0x30: "ReadDiagnostics",
    0x31: "ReadRawSensors",
    0x38: "ReadKeySlots",
    0x39: "ProvisionKey",
    0x3A: "RevokeKey",
    0x81: "Identity",
    0x82: "Status",
    0x83: "History",
    0x84: "ClockSet",
    0x85: "Measurements",
    0x86: "Subscribed",
    0x87: "AlarmList",
    0x88: "AlarmsAcknowledged",
    0x89: "Events",
    0x8A: "ConfigurationReport",
    0x8B: "ConfigurationWritten",
    0x90: "Staged",
    0x91: "Committed",
    0x92: "Queried",
    0xA0: "RefillBegun",
    0xA1: "VolumeReturned",
    0xA2: "VolumeFilled",
    0xA3: "DrugIsSet",
    0xA4: "RefillCompleted",
    0xA5: "RefillCancelled",
    0xA8: "SelfTestStarted",
    0xB0: "Diagnostics",
    0xB1: "RawSensors",
    0xB8: "KeySlots",
    0xB9: "KeyProvisioned",
    0xBA: "KeyRevoked",
    0xC0: "Sampled",
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

    OPCODE: ClassVar[int] = 0x7D
    REPLY: ClassVar[type[Telemetry]] = ClockSet
    CHANGES_STATE: ClassVar[bool] = False


@declared
class Misplaced(Telemetry):
    """Telemetry with a telecommand's opcode."""

    OPCODE: ClassVar[int] = 0x7E


@declared
class TooHigh(Telemetry):
    """Telemetry whose opcode takes more than a byte."""

    OPCODE: ClassVar[int] = 0x180


@declared
class Zero(Telecommand):
    """A message without an opcode."""

    OPCODE: ClassVar[int] = 0
    REPLY: ClassVar[type[Telemetry]] = Identity
    CHANGES_STATE: ClassVar[bool] = False


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
        ((Mismatched,), "ClockSet must have opcode 0xfd"),
        ((Misplaced,), "does not fit its direction"),
        ((TooHigh,), "0x180 of TooHigh does not fit its direction"),
        ((Zero,), "0x00 of Zero does not fit its direction"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(messages: tuple[type[Message], ...], problem: str) -> None:
    """An opcode used twice, an answer that does not pair, or a wrong direction never reaches a wire."""
    with pytest.raises(ValueError, match=problem):
        opcode_table(messages)


def test_what_is_not_in_the_table_is_not_sent() -> None:
    """Not even under the opcode of one that is."""
    with pytest.raises(ValueError, match="Impostor is not in the opcode table"):
        encode_message(0, Impostor())


def test_whatever_changes_state_can_be_staged_and_answered() -> None:
    """Opcode and body fit a Stage, and those of its answer the journal's entry: in a session there is no other way."""
    for message in MESSAGES.values():
        if issubclass(message, Telecommand) and message.CHANGES_STATE:
            command, answer = fixed_size(fields_of(message)), fixed_size(fields_of(message.REPLY))
            assert command is not None, message
            assert command < MAX_COMMAND_BYTES, message
            assert answer is not None, message
            assert answer < MAX_RESULT_BYTES, message
