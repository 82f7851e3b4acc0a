"""CSV, Parquet and JSON lines hold the same, as readers of others read them."""

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

import hil.recording.rewrite
from hil.errors import RecordingError, UsageError
from hil.export.export import Format, Part, export
from hil.export.kinds import kinds
from hil.export.selection import Selection
from hil.export.telemetry import Telemetry
from hil.recording.stream import RecordingStream
from hil.recording.writer import RecordingWriter
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import ReadStatus, encode_message
from tests.golden_recordings import FOLDER
from tests.hil.export.recorded import decoded, write_everything

_FORTNIGHT = FOLDER / "normal-fortnight.mcap"
_CORRUPTED = FOLDER / "corrupted-wire.mcap"
_ATTACKED = FOLDER / "attacked-link.mcap"
"""The same messages in the open and sealed."""


def _exported(recording: Path, form: Format, out: Path, **selected: Any) -> list[Path]:
    with Telemetry.open(recording) as telemetry:
        selection = Selection.parse(telemetry.stream.start_utc_ms, **selected)
        return export([Part(telemetry, selection)], form, out).files


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.parametrize("recording", [_FORTNIGHT, _CORRUPTED])
def test_json_lines_hold_every_row(tmp_path: Path, recording: Path) -> None:
    """One object a line, in the order of the recording, with UTC beside bench time."""
    (file,) = _exported(recording, "jsonl", tmp_path / "all.jsonl")
    objects = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [_without(each, "utc") for each in objects] == decoded(recording)
    assert objects[0]["utc"].startswith("2026-01-01T00:00:00.")


@pytest.mark.parametrize("recording", [_FORTNIGHT, _CORRUPTED, _ATTACKED])
def test_csv_holds_what_json_lines_hold(tmp_path: Path, recording: Path) -> None:
    """Python's own csv module reads each file: the same texts, in the same order."""
    files = _exported(recording, "csv", tmp_path / "csv")
    rows = decoded(recording)
    assert {file.stem for file in files} == {row["type"] for row in rows}
    for file in files:
        with file.open(newline="", encoding="utf-8") as text:
            read = list(csv.DictReader(text))
        expected = [row for row in rows if row["type"] == file.stem]
        assert [_without(each, "utc") for each in read] == [
            {name: _as_text(value) for name, value in row.items() if name != "type"} | _empty_lists(row)
            for row in expected
        ]


def _empty_lists(row: dict[str, Any]) -> dict[str, str]:
    """No flags are no text, but no parts are an empty list."""
    fields = kinds()[row["type"]].fields
    return {name: "[]" for name, value in row.items() if value == [] and fields[name].kind == "list"}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return json.dumps(value) if any(isinstance(each, dict) for each in value) else "|".join(value)
    return str(value)


def test_parquet_rows_are_in_the_order_of_the_recording(tmp_path: Path) -> None:
    """A message in the open stands before the sealed ones that came after it, and its columns go with it."""
    for file in _exported(_ATTACKED, "parquet", tmp_path / "tables"):
        table = pq.read_table(file)
        common = [name for name in ("time_ms", "wire", "session", "counter") if name in table.column_names]
        read = table.select(common).to_pylist()
        expected = [row for row in decoded(_ATTACKED) if row["type"] == file.stem]
        assert [row["time_ms"] for row in read] == sorted(row["time_ms"] for row in expected)
        assert read == [{name: row[name] for name in common} for row in expected]


def test_wires_are_merged_in_their_order(tmp_path: Path) -> None:
    """Two pumps that are asked in turn: one table, each row with its own wire."""
    wires = ("left", "right")
    writer = RecordingWriter(tmp_path / "r.mcap", start_utc_ms=0, metadata={}, attachments={}, pump_wires=wires)
    for number in range(100):
        frame = encode_frame(OpenChannel().seal(encode_message(number, ReadStatus())))
        writer.write(wires[number % 2], "tx", number * 10, frame)
    writer.close()
    _exported(tmp_path / "r.mcap", "parquet", tmp_path / "tables")
    read = pq.read_table(tmp_path / "tables" / "read_status.parquet").select(["time_ms", "wire", "seq"]).to_pylist()
    assert read == [{"time_ms": n * 10, "wire": wires[n % 2], "seq": n} for n in range(100)]


def test_parquet_says_units_and_where_it_comes_from(tmp_path: Path) -> None:
    """In the schema: unit and meaning of each column, and what the recording says of itself."""
    _exported(_FORTNIGHT, "parquet", tmp_path / "tables")
    schema = pq.read_schema(tmp_path / "tables" / "status.parquet")
    units = {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in schema}
    assert units["temperature_mc"] == "m°C"
    assert units["flow_nl_per_day"] == "nL/day"
    assert units["time_ms"] == "ms"
    assert units["boot_count"] == ""
    assert b"Pa absolute" not in schema.field("outlet_pa").metadata[b"description"]
    assert schema.field("alarms").metadata[b"values"].startswith(b"LOW_RESERVOIR,")
    assert schema.metadata[b"recording"] == b"normal-fortnight.mcap"
    assert schema.metadata[b"recording.scenario"] == b"normal-fortnight"


def test_duckdb_reads_the_tables(tmp_path: Path) -> None:
    """Numbers, names, lists and times as SQL has them: figures of the occlusion, against plain Python."""
    recording = FOLDER / "occlusion.mcap"
    _exported(recording, "parquet", tmp_path / "tables")
    rows = [row for row in decoded(recording) if row["type"] == "sampled"]
    occluded = [row for row in rows if "OCCLUSION" in row["alarms"]]
    found = duckdb.execute(
        "select count(*), min(time_ms), max(outlet_pa), min(utc), any_value(mode), any_value(direction) "
        "from read_parquet(?) where list_contains(alarms, 'OCCLUSION')",
        [str(tmp_path / "tables" / "sampled.parquet")],
    ).fetchall()[0]
    assert found[:3] == (len(occluded), occluded[0]["time_ms"], max(row["outlet_pa"] for row in occluded))
    assert found[3].timestamp() * 1000 == 1_767_225_600_000 + occluded[0]["time_ms"]
    assert found[4:] == ("MONITORING", "rx")
    records = duckdb.execute(
        "select count(*), sum(record.volume_nl) from (select unnest(records) record from read_parquet(?))",
        [str(tmp_path / "tables" / "history.parquet")],
    ).fetchall()[0]
    told = [record for row in decoded(recording) if row["type"] == "history" for record in row["records"]]
    assert records == (len(told), sum(record["volume_nl"] for record in told))


def test_one_type_goes_to_one_file(tmp_path: Path) -> None:
    """With a condition; a file for several types is refused."""
    (file,) = _exported(
        _FORTNIGHT, "parquet", tmp_path / "x" / "warm.parquet", types=["Sampled"], where=["temperature>36.99°C"]
    )
    table = pq.read_table(file)
    warm = [row for row in decoded(_FORTNIGHT) if row["type"] == "sampled" and row["temperature_mc"] > 36_990]
    assert table.column("number").to_pylist() == [row["number"] for row in warm]
    assert warm
    with pytest.raises(UsageError, match="a file holds one type"):
        _exported(_FORTNIGHT, "csv", tmp_path / "all.csv")


def test_nothing_is_replaced(tmp_path: Path) -> None:
    """What is there already is never written over, and a refusal leaves nothing behind."""
    (tmp_path / "a.jsonl").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    with pytest.raises(UsageError, match="there is one already"):
        _exported(_FORTNIGHT, "jsonl", tmp_path / "a.jsonl")
    with pytest.raises(UsageError, match="something in it"):
        _exported(_FORTNIGHT, "csv", tmp_path / "folder")
    with pytest.raises(UsageError, match="is a file"):
        _exported(_FORTNIGHT, "parquet", tmp_path / "a.jsonl")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.jsonl", "folder", "mine"]


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "pcapng"])
def test_a_damaged_recording_is_exported_up_to_the_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    """The files are whole, and the error says how many rows they have."""
    monkeypatch.setattr(hil.recording.rewrite, "CHUNK_BYTES", 5000)
    damaged = tmp_path / "run.mcap"
    data = bytearray(write_everything(damaged))
    with RecordingStream.open(damaged) as stream:
        assert stream._summary is not None
        place = stream._summary.chunks[-2].at
    data[place + 100] ^= 1
    damaged.write_bytes(data)
    out = tmp_path / ("out" if form in {"csv", "parquet"} else f"out.{form}")
    with pytest.raises(RecordingError, match=rf"damaged at byte {place}: .*; \d+ rows before it were written"):
        _exported(damaged, form, out)
    assert out.exists()
    assert not list(tmp_path.rglob("*.partial"))


def test_an_export_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle: no file has a name that promises a whole one."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hil.export.parquet.ParquetFile.write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _exported(_FORTNIGHT, "parquet", tmp_path / "tables")
    assert not list(tmp_path.rglob("*.parquet*"))
