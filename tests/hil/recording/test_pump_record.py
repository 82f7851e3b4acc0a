"""What a recording says of a pump's wire follows from its bytes, hides no loss and tells no secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.recording.layout import KEYS_PREFIX
from hil.recording.pump_record import Meaning, PumpRecord
from hil.recording.schemas import schema_of
from hil.recording.stream import RecordingStream
from hil.recording.writer import RecordingWriter
from protocols.channel import OpenChannel
from protocols.commands.journal import outer
from protocols.framing import encode_frame
from protocols.json_form import json_of, properties_of
from protocols.listener import Heard, Listener
from protocols.messages import Alarms, Message, Mode, ProvisionKey, Role, Sampled, Secret, Stage, Subscribed
from protocols.messages.codec import encode_message
from protocols.session.keys import SessionKey, insecure_test_key
from protocols.session.noise import Initiator, Recipient, SessionKeys
from protocols.session.records import FrameSealer
from tests.depth import tries
from tests.protocols.strategies import messages

KINDS = {"integer": int, "string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether ``value`` is what a schema of ours says; as much of JSON Schema as they use."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if type(value) not in [KINDS[kind] for kind in kinds]:
        return False
    if isinstance(value, dict) and "properties" in schema:
        return set(value) == set(schema["required"]) and all(
            fits(each, schema["properties"][name]) for name, each in value.items()
        )
    if isinstance(value, list):
        return all(fits(each, schema["items"]) for each in value)
    if isinstance(value, int) and "minimum" in schema:
        return bool(schema["minimum"] <= value <= schema["maximum"])
    return "enum" not in schema or value in schema["enum"]


def wire(seq: int, message: Message) -> bytes:
    """An open frame."""
    return encode_frame(OpenChannel().seal(encode_message(seq, message)))


def sampled(number: int) -> Sampled:
    """A notice."""
    return Sampled(number, Mode.MONITORING, Alarms(0), 1, 1000, 37_000, 150_000, 0, 101_325, 30_000_000, 3000)


@given(message=messages)
@settings(max_examples=tries(200))
def test_every_message_fits_its_schema(message: Message) -> None:
    """Fields, kinds and bounds are as the schema says, through JSON and back; ``frame`` is no field's name."""
    (meaning,) = PumpRecord("pump").overhear("tx", 5, wire(7, message))
    assert "frame" not in properties_of(type(message))
    content = json.loads(json.dumps(meaning.content))
    assert fits(content, json.loads(schema_of(meaning.schema))), content
    assert content["frame"]["seq"] == 7


def test_keys_are_never_decoded() -> None:
    """A key that is provisioned is null, in the command and in the bytes of the command that stages it."""
    psk = bytes(range(200, 232))
    command = ProvisionKey(9, Role.READER, Secret(psk))
    for message in (command, Stage(outer(command))):
        assert psk.hex() not in json.dumps(json_of(message))
    held = outer(command)
    for odd in (held[:5] + b"\7" + held[6:], held + b"\0", held[:-1], outer(Stage(held)), outer(Stage(held)) + b"\0"):
        assert psk[:-1].hex() not in json.dumps(json_of(Stage(odd))), "no key either that a command holds wrongly"
    assert json_of(Stage(outer(command)))["command"] is None
    assert json_of(Stage(outer(command)))["command_decoded"]["kid"] == 9


@given(pieces=st.lists(st.binary(max_size=40), max_size=20), cut=st.integers(1, 7))
@settings(max_examples=tries(100))
def test_every_byte_is_accounted_for(pieces: list[bytes], cut: int) -> None:
    """Whatever comes, in whatever pieces: each place between two zeros is said once, at its offset, in order."""
    data = b"\0".join([*pieces, wire(1, sampled(0)), b""])
    record = PumpRecord("pump")
    found = [
        meaning.content.get("frame", meaning.content)
        for at in range(0, len(data), cut)
        for meaning in record.overhear("rx", at, data[at : at + cut])
        if meaning.said is not None
    ]
    expected, offset = [], 0
    for segment in data.split(b"\0")[:-1]:
        if segment:
            expected.append((offset, len(segment)))
        offset += len(segment) + 1
    assert [(each["offset"], each["length"]) for each in found] == expected
    for each in found:
        if "bytes" in each:
            assert bytes.fromhex(each["bytes"]) == data[each["offset"] :][: min(each["length"], 64)]


def gaps_of(meanings: list[Meaning]) -> list[dict[str, Any]]:
    """The gaps among what was said."""
    return [meaning.content for meaning in meanings if meaning.topic == "/gaps"]


def test_lost_and_late_notices_are_gaps() -> None:
    """Numbers that are missing, a notice that is overdue (said once), and none for a number that comes twice."""
    record = PumpRecord("pump")
    said = [*record.overhear("rx", 0, wire(1, Subscribed(1, 100)))]
    for time_ms, number in ((1000, 0), (2000, 1), (5000, 4), (6000, 4), (7000, 5)):
        said += record.overhear("rx", time_ms, wire(1, sampled(number)))
    (gap,) = gaps_of(said)
    assert (gap["kind"], gap["expected"], gap["found"], gap["missing"], gap["silent_ms"]) == ("notices", 2, 4, 2, 3000)
    assert not list(record.idle(8000))
    (late,) = gaps_of([*record.idle(9600), *record.idle(12_000)])
    assert (late["kind"], late["silent_ms"]) == ("silence", 2600)
    assert not gaps_of([*record.overhear("rx", 13_000, wire(1, sampled(6)))]), "it was said already"


def test_what_nobody_can_have_sealed_is_no_sealed_frame() -> None:
    """Noise under a sealed frame's first bytes is rejected, and no gap of millions of frames is seen before it."""
    header = b"\x01\x10sid."
    for noise in (header + b"\x7f" * 50, header + (1 << 20).to_bytes(4, "big") + b"\0\5" + bytes(21), header[:2]):
        assert [each.topic for each in PumpRecord("pump").overhear("tx", 0, encode_frame(noise))] == [
            "/wire/pump/rejected"
        ]


def session_keys(key: SessionKey) -> SessionKeys:
    """What both ends would have agreed on."""
    initiator, recipient = Initiator(key.psk, b"", Secret(bytes(32))), Recipient(key.psk, b"")
    recipient.first(initiator.first(b""))
    second, _ = recipient.second(b"", Secret(bytes([1] * 32)))
    return initiator.second(second)[1]


@pytest.mark.parametrize("insecure", [True, False])
def test_sealed_recording_is_read_without_its_pump(tmp_path: Path, insecure: bool) -> None:
    """Decoded while it is made; and from the file alone, tags checked, if and only if the key was a test key."""
    key = insecure_test_key(1, 1, Role.PROGRAMMER)
    keys = session_keys(key)
    sealer = FrameSealer(keys.from_pump, keys.handshake_hash[:4])
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, start_utc_ms=0, metadata={}, attachments={}, pump_wires=("pump",))
    writer.session("pump", keys, key, insecure=insecure)
    for number in (0, 1, 3):
        while sealer.next_counter < number:
            sealer.seal(b"lost on the way")
        frame = encode_frame(sealer.seal(encode_message(1, sampled(number))))
        writer.write("pump", "rx", number, frame)
    writer.close()
    with RecordingStream.open(path) as stream:
        decoded = [json.loads(each.data) for each in stream.messages(["/pump/sampled"])]
        (notices, counter) = sorted(
            (json.loads(each.data) for each in stream.messages(["/gaps"])), key=lambda g: g["kind"]
        )[::-1]
        kept = [data for name, data in stream.attachments().items() if name.startswith(KEYS_PREFIX)]
        raw = b"".join(each.data for each in stream.messages(["/wire/pump/rx"]))
    assert [each["frame"]["counter"] for each in decoded] == [0, 1, 3]
    assert {notices["kind"], counter["kind"]} == {"notices", "counter"}
    for secret in (keys.to_pump, keys.from_pump, key.psk):
        assert bytes(secret) not in path.read_bytes()
        assert (bytes(secret).hex().encode() in path.read_bytes()) == (insecure and secret is not key.psk)
    assert len(kept) == insecure
    listener = Listener()
    for data in kept:
        told = json.loads(data)
        listener.learn(
            SessionKeys(
                Secret(bytes.fromhex(told["to_pump"])),
                Secret(bytes.fromhex(told["from_pump"])),
                bytes.fromhex(told["handshake_hash"]),
            )
        )
    assert all(isinstance(each, Heard) == insecure for each in listener.feed("rx", raw))
