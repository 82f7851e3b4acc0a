"""Before it is rewritten, a closed recording is the file that mcap's own writer would make of the same records."""

import json
import zlib
from io import BytesIO
from pathlib import Path

from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Attachment, Channel, DataEnd, Footer, Header, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import Writer

from hil.recording.reader import Note, Recording
from hil.recording.writer import RecordingWriter

START_UTC_MS = 1_767_225_600_000
NOTE_TEXT = "bath refilled: 2 L \N{MULTIPLICATION SIGN} 1"


def write(path: Path) -> bytes:
    """A recording with two wires, a note and two attachments."""
    writer = RecordingWriter(
        path,
        start_utc_ms=START_UTC_MS,
        metadata={"seed": "1", "operator": "Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n"},
        attachments={"bench.json": b"{}", "photo.jpg": bytes(range(256))},
        compact=False,
    )
    writer.write("pump", "tx", 5, b"\x01\x00")
    writer.write("pump", "rx", 5, b"\x02\x00")
    writer.write("bath", "tx", 7, b"status\r")
    writer.note(8, NOTE_TEXT)
    writer.write("pump", "tx", 9, b"\x03\x00")
    writer.close()
    return path.read_bytes()


def test_same_bytes_as_mcaps_own_writer(tmp_path: Path) -> None:
    """Fed with the same records, mcap's writer gives the same file: every offset, count and checksum agrees."""
    data = write(tmp_path / "a.mcap")
    ids = {0: 0}
    with BytesIO() as stream:
        oracle = Writer(stream, use_chunking=False, use_summary_offsets=False, enable_data_crcs=True)
        for record in StreamReader(BytesIO(data)).records:
            fields = vars(record)
            match record:
                case Header():
                    oracle.start(**fields)
                case Metadata():
                    oracle.add_metadata(record.name, record.metadata)
                case Attachment():
                    oracle.add_attachment(**fields)
                case Schema():
                    ids[record.id] = oracle.register_schema(record.name, record.encoding, record.data)
                case Channel():
                    schema_id = ids[record.schema_id]
                    assert record.id == oracle.register_channel(record.topic, record.message_encoding, schema_id)
                case Message():
                    oracle.add_message(**fields)
                case DataEnd():
                    break
        oracle.finish()  # type: ignore[no-untyped-call] # mcap leaves it untyped
        assert data == stream.getvalue()


def test_checksums_cover_what_the_specification_says(tmp_path: Path) -> None:
    """The data checksum covers all before DataEnd; the summary's, all from there to the footer's own last field."""
    data = write(tmp_path / "a.mcap")
    *_, footer = (each for each in StreamReader(BytesIO(data), validate_crcs=True).records if isinstance(each, Footer))
    assert footer.summary_crc == zlib.crc32(data[footer.summary_start : -8 - 4])
    data_end_at = footer.summary_start - 9 - 4
    assert data[data_end_at] == Opcode.DATA_END
    (end,) = (each for each in StreamReader(BytesIO(data)).records if isinstance(each, DataEnd))
    assert end.data_section_crc == zlib.crc32(data[:data_end_at])


def test_one_sequence_for_each_wire(tmp_path: Path) -> None:
    """Messages of one wire are counted together, so that question and answer of one millisecond keep their order."""
    messages = [each for each in StreamReader(BytesIO(write(tmp_path / "a.mcap"))).records if isinstance(each, Message)]
    assert [message.sequence for message in messages] == [0, 1, 0, 0, 2]
    assert all(message.log_time == message.publish_time for message in messages)


def test_notes_are_json_with_a_schema(tmp_path: Path) -> None:
    """Other tools show notes without a plug-in; ours gives them beside the records, not among them."""
    path = tmp_path / "a.mcap"
    (found,) = make_reader(BytesIO(write(path))).iter_messages(topics="/notes")
    schema, channel, message = found
    assert schema is not None
    assert (schema.encoding, channel.message_encoding) == ("jsonschema", "json")
    assert json.loads(schema.data)["required"] == ["time_ms", "text"]
    assert json.loads(message.data) == {"time_ms": 8, "text": NOTE_TEXT}
    recording = Recording.open(path)
    assert recording.notes == (Note(8, NOTE_TEXT),)
    assert len(recording.records) == 4


def test_attachments_say_what_they_are(tmp_path: Path) -> None:
    """A media type where the name tells it, plain bytes where it does not."""
    kinds = {each.name: each.media_type for each in make_reader(BytesIO(write(tmp_path / "a.mcap"))).iter_attachments()}
    assert kinds == {"bench.json": "application/json", "photo.jpg": "application/octet-stream"}
