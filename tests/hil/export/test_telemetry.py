"""Tables from a recording's bytes hold what was recorded beside them, whatever the form and the pieces."""

from pathlib import Path
from typing import Any

import pytest

import hil.recording.rewrite
from hil.errors import RecordingError
from hil.export.kinds import kinds
from hil.export.selection import Selection
from hil.export.telemetry import Telemetry
from hil.recording.stream import RecordingStream
from hil.recording.writer import RecordingWriter
from protocols.framing import encode_frame
from protocols.messages import MESSAGES, Role, Secret, encode_message
from protocols.session.keys import SessionKey
from protocols.session.noise import SessionKeys
from protocols.session.records import FrameSealer
from protocols.vectors import examples
from tests.golden_recordings import FOLDER, SCENARIOS
from tests.hil.export.recorded import START_UTC_MS, decoded, recorded, write_everything


def _apart(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Gaps, and all else: a gap is recorded before the frame that shows it, and decoded behind it."""
    return [row for row in rows if row["type"] == "gaps"], [row for row in rows if row["type"] != "gaps"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_bytes_give_what_was_recorded_beside_them(name: str) -> None:
    """Every message, rejection, handshake, gap and count, in the order in which they were recorded."""
    path = FOLDER / f"{name}.mcap"
    assert _apart(decoded(path)) == _apart(recorded(path))


def test_every_message_comes_out(tmp_path: Path) -> None:
    """Each of the protocol's, in both directions, though torn over records and with noise in between."""
    path = tmp_path / "run.mcap"
    write_everything(path)
    rows = decoded(path)
    assert {row["type"] for row in rows} >= {kind.name for kind in kinds().values() if kind.message is not None}
    assert _apart(rows) == _apart(recorded(path))


def test_forms_and_pieces_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As written, in one chunk, in many chunks; in pieces of any size."""
    live, whole, chunked = tmp_path / "live.mcap", tmp_path / "whole.mcap", tmp_path / "chunked.mcap"
    write_everything(live, compact=False)
    write_everything(whole)
    monkeypatch.setattr(hil.recording.rewrite, "CHUNK_BYTES", 2000)
    write_everything(chunked)
    with RecordingStream.open(chunked) as stream:
        assert stream.chunks > 20
    expected = decoded(live)
    for path in (live, whole, chunked):
        for piece_bytes in (1, 700, 1 << 20):
            assert decoded(path, piece_bytes=piece_bytes) == expected


@pytest.mark.deep
def test_a_time_is_found_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From and to anywhere give those rows of the whole; only offsets are not known then."""
    monkeypatch.setattr(hil.recording.rewrite, "CHUNK_BYTES", 2000)
    path = tmp_path / "run.mcap"
    write_everything(path)
    everything = decoded(path)
    last_ms = everything[-1]["time_ms"]
    for from_ms in (None, *range(0, last_ms, last_ms // 12)):
        for to_ms in (None, *range(from_ms or 0, last_ms, last_ms // 4)):
            expected = [
                {**row, "offset": None if from_ms is not None else row["offset"]} if "offset" in row else row
                for row in everything
                if (from_ms is None or row["time_ms"] >= from_ms) and (to_ms is None or row["time_ms"] <= to_ms)
            ]
            assert decoded(path, Selection(from_ms, to_ms)) == expected, (from_ms, to_ms)


def test_a_recording_that_was_cut_gives_what_stands_before(tmp_path: Path) -> None:
    """Wherever it is cut: a prefix of the rows, and where that was."""
    path = tmp_path / "run.mcap"
    data = write_everything(path, compact=False)
    everything = decoded(path)
    for at in range(400, len(data) - 20_000, 9_973):
        path.write_bytes(data[:at])
        rows = decoded(path)
        assert rows == everything[: len(rows)]
        messages = [row for row in recorded(path) if row["type"] != "counted"]
        assert len(rows) >= len(messages), "bytes stand before their JSON"


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("compact", [False, True])
def test_damage_is_said_behind_all_that_stands_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, compact: bool
) -> None:
    """A turned bit: RecordingError with the byte, and the rows before are those of the whole."""
    monkeypatch.setattr(hil.recording.rewrite, "CHUNK_BYTES", 4000)
    path = tmp_path / "run.mcap"
    data = write_everything(path, compact=compact)
    everything = decoded(path)
    damaged = 0
    for at in range(500, len(data) // 2, 3001):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
        rows: list[int] = []
        try:
            with Telemetry.open(path) as telemetry:
                for tables in telemetry.tables(Selection(), piece_bytes=500):
                    rows += [table.rows.num_rows for table in tables]
        except RecordingError as error:
            damaged += 1
            assert str(path) in str(error)
            assert "byte" in str(error)
        assert sum(rows) <= len(everything) + 20  # a bit in a live file's frames makes other rows of it, and is said
    assert damaged > 3


def _keys(number: int) -> SessionKeys:
    return SessionKeys(Secret(bytes([number]) * 32), Secret(bytes([number + 100]) * 32), bytes([number]) * 32)


@pytest.mark.parametrize("insecure", [True, False])
def test_sealed_messages_come_out_with_keys_and_without(tmp_path: Path, *, insecure: bool) -> None:
    """Of more sessions than a listener remembers: from bytes under recorded keys; else as they were recorded."""
    path = tmp_path / "run.mcap"
    writer = RecordingWriter(path, start_utc_ms=START_UTC_MS, metadata={}, attachments={}, pump_wires=("pump",))
    status = examples(MESSAGES[0x82])[1]
    for number in range(12):
        keys = _keys(number)
        writer.session("pump", keys, SessionKey(1, Role.READER, Secret(bytes(32))), insecure=insecure)
        sealer = FrameSealer(keys.from_pump, keys.handshake_hash[:4])
        for counter in range(3):
            frame = encode_frame(sealer.seal(encode_message(counter, status)))
            writer.write("pump", "rx", number * 1000 + counter, frame)
    stranger = FrameSealer(_keys(99).from_pump, b"none")
    writer.write("pump", "rx", 20_000, encode_frame(stranger.seal(encode_message(1, status))))
    handshake = encode_frame(b"\x01\x01" + bytes(8) + (3).to_bytes(4, "big") + bytes(40))
    writer.write("pump", "tx", 21_000, handshake)
    writer.close()
    rows = decoded(path)
    messages = [row for row in rows if row["type"] == "status"]
    assert messages == [row for row in recorded(path) if row["type"] == "status"]
    assert len(messages) == 36
    assert [row["session"] for row in rows if row["type"] == "session"] == [None]
    assert len([row for row in rows if row["type"] == "sealed"]) == (1 if insecure else 37)


def test_no_column_has_two_meanings() -> None:
    """Fields of messages never have the name of a column that all have, and kinds have names of their own."""
    assert len(kinds()) == len(MESSAGES) + 7
    for kind in kinds().values():
        assert len(set(kind.schema.names)) == len(kind.schema.names)
        assert "type" not in kind.schema.names
