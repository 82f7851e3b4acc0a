"""Messages: every one of them, both ways, and whatever else a peer may send."""

import struct
from typing import Any, cast

import pytest
from construct import ConstructError
from hypothesis import given, settings

from protocols.errors import MessageError
from protocols.messages import (
    MESSAGES,
    Alarms,
    Committed,
    ErrorReply,
    History,
    HistoryRecord,
    Identify,
    Identity,
    KeySlot,
    KeySlots,
    MalformedMessage,
    Message,
    Mode,
    Outcome,
    ProvisionKey,
    ReadStatus,
    Reason,
    Role,
    Secret,
    SetClock,
    Stage,
    Status,
    UnknownOpcode,
    decode_message,
    encode_message,
)
from protocols.messages.body import BodyCodec, parse_whole
from protocols.messages.codec import body_codec
from protocols.messages.layout import Layout
from protocols.session.records import MAX_SEALED_PAYLOAD_BYTES
from tests.depth import tries
from tests.protocols.strategies import hostile_payloads, messages, seqs

IDENTITY = Identity(1, bytes(8), "SN0042", "generic-30ml", 1, 2, 3, 7)
STATUS = Status(1, 2, 3, Mode.MONITORING, Alarms(0), 5, -6, 7, -8, 99, 9, 10, -11, flow_valid=True, history_next=12)
RECORD = HistoryRecord(
    1, 2, 3, -4, flow_valid=True, temperature_mc=5, reservoir_pa=6, outlet_pa=-7, ambient_pa=8, alarms=Alarms(0)
)


def parsed(codec: BodyCodec[Message], body: bytes, *, compiled: bool) -> Message | None:
    """What one form of the layout makes of ``body``; None if it refuses."""
    try:
        return parse_whole(codec.compiled if compiled else codec.interpreted, body)
    except ConstructError:
        return None


@given(seqs, messages)
def test_every_message_survives_the_wire(seq: int, message: Message) -> None:
    """What is encoded decodes to itself, with its seq, and fits a frame."""
    payload = encode_message(seq, message)
    assert decode_message(payload) == (seq, message)
    assert len(payload) <= MAX_SEALED_PAYLOAD_BYTES


@settings(max_examples=tries(300))
@given(hostile_payloads)
def test_any_bytes_give_one_message_or_a_message_error(payload: bytes) -> None:
    """Whatever decodes encodes to the same bytes, so nothing was ignored; all else is MessageError, never another."""
    try:
        seq, message = decode_message(payload)
    except MessageError:
        return
    assert encode_message(seq, message) == payload


@settings(max_examples=tries(300))
@given(hostile_payloads)
def test_compiled_reads_what_interpreted_reads(payload: bytes) -> None:
    """Construct's generated code accepts the same bytes as its interpreter, with equal results."""
    message = MESSAGES.get(payload[2] if len(payload) > 2 else 0, Status)
    codec = body_codec(message)
    assert parsed(codec, payload[3:], compiled=True) == parsed(codec, payload[3:], compiled=False)


@given(messages)
def test_compiled_writes_what_interpreted_writes(message: Message) -> None:
    """Construct's generated code builds the same bytes as its interpreter."""
    codec = body_codec(type(message))
    assert codec.compiled.build(message) == codec.interpreted.build(message)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.__name__)
def test_no_message_compiles_back_to_the_interpreter(message: type[Message]) -> None:
    """Every field of every message is generated code; a field that is not would be slow without a word."""
    compiled: Any = body_codec(message).compiled
    assert "linkedparsers[" not in compiled.source
    assert "linkedbuilders[" not in compiled.source


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.__name__)
def test_every_field_says_what_it_means(message: type[Message]) -> None:
    """The reference is made from the declarations, so each field has a name and a meaning."""
    layout: Any = body_codec(message).interpreted
    assert all(field.name and field.docs for field in layout.subcon.subcons)


def test_status_and_records_have_a_fixed_size() -> None:
    """What is recorded by the million can be decoded as columns."""
    assert body_codec(Status).interpreted.sizeof() == struct.calcsize(">QQIBIIiIiIHIi?I")
    assert Layout(HistoryRecord).sizeof() == struct.calcsize(">IQIi?iIiII")


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("0007", "2 bytes are too few for a message"),
        ("0007 01 00", "Identify: 1 bytes too many"),
        ("0007 04 0000", "SetClock: utc_ms: "),
        ("0007 ff 09 00000000", "ErrorReply: reason: 9 is no Reason"),
        (
            "0007 83 00000000 00000000 " + 16 * "00" + "0a" + 10 * 41 * "00" + 16 * "00",
            "History: records: 10 items, but at most 9 fit",
        ),
        (
            "0007 83 00000000 00000000 " + 16 * "00" + "01 " + 16 * "00" + " 00000000 02 " + 16 * "00",
            "flow_valid: 2 is no bool",
        ),
        ("0007 83 00000000 00000000 " + 16 * "00" + "01 " + 37 * "00" + "00040000", "alarms: 262144 is no Alarms"),
    ],
)
def test_a_malformed_message_says_which_field(payload: str, problem: str) -> None:
    """The error names the message, the field and what is wrong with it."""
    with pytest.raises(MalformedMessage) as caught:
        decode_message(bytes.fromhex(payload))
    assert problem in str(caught.value)


def test_text_from_the_wire_is_printable() -> None:
    """Control characters in a serial number never get as far as a report or a file name."""
    payload = bytearray(encode_message(0, IDENTITY))
    payload[12:14] = b"\x1b["
    with pytest.raises(MalformedMessage, match=r"serial_number: .*not printable ASCII"):
        decode_message(bytes(payload))


def test_an_unknown_opcode_can_still_be_answered() -> None:
    """The error carries the opcode, and the seq that a refusal must repeat."""
    with pytest.raises(UnknownOpcode, match="0x7e") as caught:
        decode_message(b"\x12\x34\x7e anything")
    assert (caught.value.opcode, caught.value.seq) == (0x7E, 0x1234)


@pytest.mark.parametrize(
    ("seq", "message", "problem"),
    [
        (-1, ReadStatus(), "seq"),
        (0x10000, ReadStatus(), "seq"),
        (0, SetClock(-1), "SetClock: utc_ms"),
        (0, SetClock(1 << 64), "SetClock: utc_ms"),
        (0, ErrorReply(Reason.INTERNAL, -1), "detail"),
        (0, Identity(1, b"short", "", "", 1, 2, 3, 4), "uid: .* expected 8, found 5"),
        (0, Identity(1, bytes(8), "S" * 17, "", 1, 2, 3, 4), "serial_number: .* longer than 16"),
        (0, Identity(1, bytes(8), "", "Grüße", 1, 2, 3, 4), "model: .* not printable ASCII"),
        (0, Identity(1, bytes(8), "", "\ud800", 1, 2, 3, 4), "model: .* not printable ASCII"),
        (0, ErrorReply(cast("Reason", 3), 0), "reason: 3 is no Reason"),
        (0, ErrorReply(cast("Reason", Role.READER), 0), "reason: .*READER.* is no Reason"),
        (0, Stage(bytes(193)), "command: 193 bytes, but at most 192"),
        (0, Committed(1, Outcome.APPLIED, 1, bytes(33)), "result: 33 bytes, but at most 32"),
        (0, ProvisionKey(1, Role.READER, Secret(bytes(31))), "psk: 31 bytes, where there must be 32"),
        (0, History(0, 11, bytes(16), (RECORD,) * 10, bytes(16)), "records: 10 items, but at most 9"),
    ],
)
def test_what_does_not_fit_is_the_callers_mistake(seq: int, message: Message, problem: str) -> None:
    """A value outside its field is a ValueError that names the field, and nothing is encoded."""
    with pytest.raises(ValueError, match=problem):
        encode_message(seq, message)


@pytest.mark.parametrize(("codec_of", "message"), [(ReadStatus, Identify()), (Identity, SetClock(1))])
def test_a_codec_builds_its_own_class_only(codec_of: type[Message], message: Message) -> None:
    """A message with the same fields, or with none, is still another one."""
    with pytest.raises(TypeError, match=f"is no {codec_of.__name__}"):
        body_codec(codec_of).build(message)


def test_a_message_is_told_in_words() -> None:
    """Names by name and bytes in hexadecimal, as findings show them; not as Python would write them."""
    refused = Committed(7, Outcome.REFUSED, 3, bytes.fromhex("ff0300000000"))
    assert f"{ErrorReply(Reason.OUT_OF_RANGE, 3)}" == "ErrorReply(reason=OUT_OF_RANGE, detail=3)"
    assert f"{refused}" == "Committed(cmd_id=7, outcome=REFUSED, state_seq=3, result=ff0300000000)"
    slots = KeySlots((KeySlot(9, Role.READER, enabled=True),))
    assert f"{slots}" == "KeySlots(slots=[KeySlot(kid=9, role=READER, enabled=True)])"


def test_a_message_does_not_change() -> None:
    """What was received stays as it was received."""
    with pytest.raises(AttributeError):
        STATUS.volume_nl = 1  # type: ignore[misc]


def test_the_firmware_version_reads_as_people_write_it() -> None:
    """Three numbers on the wire, one version for a manifest."""
    assert IDENTITY.firmware_version == "1.2.3"
