"""``pumprig decode`` and ``pumprig export`` as a person meets them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main, pumprig
from tests.golden_recordings import FOLDER
from tests.hil.export.recorded import write_everything

_OCCLUSION, _CORRUPTED = FOLDER / "occlusion.mcap", FOLDER / "corrupted-wire.mcap"


def _printed(*arguments: str | Path) -> str:
    done = CliRunner().invoke(pumprig, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_lines_have_time_direction_name_and_units() -> None:
    """Fields in units that people read; flags by name."""
    first, *_, last = _printed("decode", _OCCLUSION, "--type", "sampled", "--where", "alarms~OCCLUSION").splitlines()
    assert first.split()[:5] == ["87301.250", "s", "pump", "rx", "sampled"]
    assert "alarms=OCCLUSION " in first
    assert "alarms=FLOW_LOW|OCCLUSION " in last
    for text in (" outlet=", " kPa", " temperature=", " °C", " bellows=", " mL", " battery=", " V"):
        assert text in first


def test_rejections_and_gaps_are_lines_of_their_own() -> None:
    """In capitals, with what is wrong first."""
    lines = _printed("decode", _CORRUPTED).splitlines()
    rejected = [line for line in lines if " REJECTED " in line]
    gaps = [line for line in lines if " GAPS " in line]
    assert len(rejected) == 494
    assert len(gaps) == 253
    assert " reason=CrcMismatch detail=CRC-32C is 0x" in "\n".join(rejected)
    assert " kind=notices " in gaps[0]


def test_json_lines_are_objects() -> None:
    """One a line, with its type."""
    lines = _printed("decode", _OCCLUSION, "--json", "--from", "2026-01-02T00:00:00Z", "--to", "1d1h").splitlines()
    objects = [json.loads(line) for line in lines]
    assert {each["type"] for each in objects} == {"sampled", "subscribe", "subscribed", "read_status", "status"} | {
        "read_alarms",
        "alarm_list",
    }
    assert all(86_400_000 <= each["time_ms"] <= 90_000_000 for each in objects)


def test_an_export_says_what_it_wrote(tmp_path: Path) -> None:
    """Rows by type; for programs with the files."""
    assert "       288 sampled" in _printed("export", _OCCLUSION, "--format", "csv", "--out", tmp_path / "tables")
    said = json.loads(_printed("export", _OCCLUSION, "--format", "jsonl", "--out", tmp_path / "all.jsonl", "--json"))
    assert said["rows"]["sampled"] == 288
    assert said["files"] == [str(tmp_path / "all.jsonl")]
    assert said["truncated_at"] is None


def test_an_export_of_nothing_does_not_claim_a_file(tmp_path: Path) -> None:
    """No table has a row: no folder is made, and none is named."""
    out = tmp_path / "e1"
    said = _printed("export", _OCCLUSION, "--format", "csv", "--where", "temperature>99°C", "--out", out)
    assert said == "nothing of that kind; no file was written\n"
    assert not out.exists()


def test_a_finished_recording_that_was_cut_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of its one chunk can be read: exit code 3 and the byte, not an empty answer."""
    path = tmp_path / "run.mcap"
    data = write_everything(path)
    path.write_bytes(data[: data.index(b"zstd") + 100])
    for command in (["info"], ["decode"], ["export", "--format", "csv", "--out", str(tmp_path / "csv")]):
        monkeypatch.setattr("sys.argv", ["pumprig", *command, str(path)])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 3
        err = capsys.readouterr().err
        assert "the file was closed, but is cut or damaged from here on" in err
        assert "damaged at byte" in err


def test_a_recording_that_was_cut_says_so(tmp_path: Path) -> None:
    """On stderr, behind what stands before."""
    path = tmp_path / "run.mcap"
    data = write_everything(path, compact=False)
    path.write_bytes(data[: len(data) // 2])
    done = CliRunner().invoke(pumprig, ["decode", str(tmp_path)])
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) > 50
    assert "cut short at byte" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["decode", "nowhere.mcap"], 3, "nowhere.mcap: there is no such recording"),
        (["decode", "/dev/null"], 3, "/dev/null: is no file that can be read from any place"),
        (["decode", str(_OCCLUSION), "--where", "speed>3"], 2, "there is no field 'speed'; there are time_ms"),
        (["decode", str(_OCCLUSION), "--type", "stauts"], 2, "did you mean status"),
        (["export", str(_OCCLUSION), "--format", "csv", "--out", str(_OCCLUSION)], 2, "is a file"),
        (["export", str(_OCCLUSION), "--format", "parquet", "--out", "a.parquet"], 2, "a file holds one type"),
    ],
)
def test_mistakes_are_one_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    """What is wrong and what there is instead."""
    monkeypatch.setattr("sys.argv", ["pumprig", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
