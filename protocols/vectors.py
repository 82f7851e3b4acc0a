"""Test vectors for another implementation: every message with its bytes, frames to reject, a whole session, a chain."""

import hashlib
import json
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any

from protocols.chain import link
from protocols.channel import OpenChannel
from protocols.commands.journal import outer
from protocols.declaration import Field, fields_of
from protocols.framing import MAX_FRAME_BYTES, encode_frame
from protocols.messages import (
    CHAIN_BYTES,
    DIGEST_BYTES,
    MESSAGES,
    EventRecord,
    Message,
    Role,
    Secret,
    SetDrug,
    encode_message,
)
from protocols.messages.codec import body_codec
from protocols.session.handshake import FIRST, SECOND, Greeting, Wake, first_frame, prologue
from protocols.session.keys import SessionKey
from protocols.session.noise import Initiator, Recipient
from protocols.session.records import SID_BYTES, FrameSealer

__all__ = ["examples", "vectors", "vectors_json"]

_UID = bytes.fromhex("a0b1c2d3e4f50617")
_PSK = Secret(bytes(range(32)))


def vectors_json() -> str:
    """The vectors as JSON text; bytes are hexadecimal, numbers are numbers, enumerations their numbers."""
    return json.dumps(vectors(), indent=1) + "\n"


def vectors() -> dict[str, Any]:
    """The vectors."""
    return {
        "schema": "pumprig.vectors/1",
        "messages": [
            _message_vector(seq, message)
            for seq, message in enumerate(each for kind in MESSAGES.values() for each in examples(kind))
        ],
        "rejected": _rejected(),
        "refused": _refused(),
        "session": _session(),
        "chain": _chain(),
        "digest": _digest(),
    }


def examples(message: type[Message]) -> list[Message]:
    """Three messages of a kind, with the smallest, middling and the largest values; one if it has no fields."""
    declared = fields_of(message)
    return [_filled(message, declared, extent) for extent in ((0, 1, 2) if declared else (0,))]


def _filled(kind: type[Any], declared: tuple[Field, ...], extent: int) -> Any:
    return kind(*[_value(field, extent, place) for place, field in enumerate(declared)])


def _value(field: Field, extent: int, place: int) -> Any:  # noqa: PLR0911 - one for each kind
    size = field.size or 0
    match field.kind:
        case "bool":
            return extent > 0
        case "enumeration" | "flags":
            assert field.values is not None  # noqa: S101 - these kinds have them
            members = list(field.values.__members__.values())
            return members[(0, len(members) // 2, -1)[extent]]
        case "text":
            return ("", "SN-7", "~" * size)[extent]
        case "bytes":
            return bytes((extent * 0x55 + place + step * extent) % 256 for step in range(size))
        case "secret":
            return Secret(bytes((extent * 0x33 + step) % 256 for step in range(size)))
        case "blob":
            return bytes(range((0, 6, min(field.most, 40))[extent]))
        case "part":
            return _filled(_part_class(field), field.fields, extent)
        case "list":
            part = _part_class(field)
            return tuple(_filled(part, field.fields, extent) for _ in range((0, 1, field.most)[extent]))
    bits = 8 * size
    if field.format.islower():
        return (-(1 << bits - 1), 1000 + place, (1 << bits - 1) - 1)[extent]
    return (0, min(1000 + place, (1 << bits) - 1), (1 << bits) - 1)[extent]


def _part_class(field: Field) -> type[Any]:
    import protocols.messages as declared  # noqa: PLC0415 - all parts are there, by name

    part: type[Any] = getattr(declared, field.part)
    return part


def _message_vector(seq: int, message: Message) -> dict[str, Any]:
    payload = encode_message(seq, message)
    frame = OpenChannel().seal(payload)
    return {
        "message": type(message).__name__,
        "opcode": message.OPCODE,
        "seq": seq,
        "fields": plain(message),
        "payload": payload.hex(),
        "wire": encode_frame(frame).hex(),
    }


def plain(value: Any) -> Any:
    """A message's values as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, bytes):
        return bytes(value).hex()
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, (IntEnum, int)) else value


def _rejected() -> list[dict[str, str]]:
    """Bytes between two zeros that are no frame: dropped and counted, never answered."""
    good = encode_frame(OpenChannel().seal(encode_message(7, examples(MESSAGES[0x01])[0])))[:-1]
    turned = bytearray(good)
    turned[-1] ^= 1
    too_long = bytes(range(1, 256)) * 3
    return [
        {"wire": (bytes(turned) + b"\0").hex(), "why": "the CRC does not fit"},
        {"wire": (good[:-1] + b"\0").hex(), "why": "a byte is missing at the end"},
        {"wire": "0300", "why": "a count points past the end"},
        {"wire": "0102030400", "why": "a count points past the end"},
        {"wire": "05aabbccdd00", "why": "a CRC and no frame"},
        {
            "wire": (too_long[: MAX_FRAME_BYTES + 30].replace(b"\0", b"\1") + b"\0").hex(),
            "why": "longer than any frame",
        },
    ]


def _refused() -> list[dict[str, str]]:
    """Open frames, and what a pump in the open mode answers; an empty answer is silence.

    ``answer_if_lacking`` is that of a pump which lacks the message, as it may.
    """

    def wire(payload: str) -> str:
        return encode_frame(OpenChannel().seal(bytes.fromhex(payload))).hex()

    return [
        {"wire": wire("1234 7e"), "answer": wire("1234 ff 01 0000007e"), "why": "no telecommand has this opcode"},
        {"wire": wire("0005 01 00"), "answer": wire("0005 ff 02 00000001"), "why": "a byte behind the body"},
        {
            "wire": wire("0006 04 0000"),
            "answer": wire("0006 ff 02 00000004"),
            "answer_if_lacking": wire("0006 ff 01 00000004"),
            "why": "a body that is too short",
        },
        {"wire": wire("0007"), "answer": "", "why": "too short for a header"},
        {"wire": wire("0008 81"), "answer": "", "why": "telemetry is nothing to answer"},
        {"wire": encode_frame(b"\x02\x00\x00\x01\x01").hex(), "answer": "", "why": "a frame of another version"},
        {"wire": encode_frame(b"\x01\x10\x00\x01\x01").hex(), "answer": "", "why": "a sealed frame without a session"},
    ]


def _session() -> dict[str, Any]:
    key = SessionKey(7, Role.PROGRAMMER, _PSK)
    ours, theirs = Secret(b"\x11" * 32), Secret(b"\x22" * 32)
    said_before = prologue(_UID, key)
    initiator, recipient = Initiator(_PSK, said_before, ours), Recipient(_PSK, said_before)
    wake, greeting = Wake(1, MAX_FRAME_BYTES), Greeting(3, 42, 9000)
    first = initiator.first(wake.encode())
    recipient.first(first)
    second, keys = recipient.second(greeting.encode(), theirs)
    sid = keys.handshake_hash[:SID_BYTES]
    to_pump, from_pump = FrameSealer(keys.to_pump, sid), FrameSealer(keys.from_pump, sid)
    payloads = [b"HELLO", encode_message(1, examples(MESSAGES[0x01])[0])]
    return {
        "psk": bytes(_PSK).hex(),
        "kid": key.kid,
        "role": int(key.role),
        "uid": _UID.hex(),
        "initiator_ephemeral": bytes(ours).hex(),
        "responder_ephemeral": bytes(theirs).hex(),
        "prologue": said_before.hex(),
        "wake": wake._asdict(),
        "greeting": greeting._asdict(),
        "first_frame": first_frame(_UID, key.kid, first).hex(),
        "second_frame": (SECOND + second).hex(),
        "first_wire": encode_frame(first_frame(_UID, key.kid, first)).hex(),
        "handshake_hash": keys.handshake_hash.hex(),
        "key_to_pump": bytes(keys.to_pump).hex(),
        "key_from_pump": bytes(keys.from_pump).hex(),
        "to_pump": [{"payload": payload.hex(), "frame": to_pump.seal(payload).hex()} for payload in payloads],
        "from_pump": [{"payload": payload.hex(), "frame": from_pump.seal(payload).hex()} for payload in payloads],
        "first_type": FIRST.hex(),
    }


def _chain() -> list[dict[str, str]]:
    chain = bytes(CHAIN_BYTES)
    steps = []
    for seq in range(3):
        event = EventRecord(seq, 1, 60_000 * seq, 1_767_225_600_000 + 60_000 * seq, 16 + seq, seq, -seq)
        record = body_codec_of_events().build(event)
        chain = link(chain, record)
        steps.append({"record": record.hex(), "chain": chain.hex()})
    return steps


def body_codec_of_events() -> Any:
    """How an event stands in its log."""
    layout: Any = body_codec(MESSAGES[0x89]).interpreted
    return next(field for field in layout.subcon.subcons if field.name == "events").subcon.item


def _digest() -> dict[str, str]:
    command = outer(SetDrug(1, 5000))
    return {"command": command.hex(), "digest": hashlib.sha256(command).digest()[:DIGEST_BYTES].hex()}
