"""verify finds what was changed, and says what it did not check."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mcap.opcode import Opcode

from hil.bench import Bench
from hil.errors import RecordingError
from hil.recording.blocks import HEAD
from hil.recording.layout import MAGIC
from hil.recording.reader import Recording
from hil.recording.writer import RecordingWriter
from hil.runs.run_folder import RunFolder
from hil.verification.folder_checks import gone_on_from
from hil.verification.verify import Verification, verify
from hil.verification.verify_console import print_verification
from protocols.framing import decode_frame, encode_frame
from protocols.messages import ReadStatus, Sampled, Subscribe, Subscribed
from protocols.vectors import examples
from tests.hil.recorded import (
    START_UTC_MS,
    bench_with_key_file,
    doctored,
    record_bench,
    record_messages,
    simulated_bench,
)


def script(bench: Bench) -> None:
    """A few questions to every device, over half an hour."""
    assert bench.bath is not None
    for _ in range(3):
        bench.pump.read_status()
        bench.bath.temperature_c()
        bench.sleep(minutes=10)
    bench.pump.set_clock(bench.utc_ms())


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run's folder with a secure session in it."""
    out = tmp_path_factory.mktemp("runs")
    folder = RunFolder.create(out, procedure="p", serial_number="SN", started=datetime.now(UTC))
    folder.audit("run started", why="test")
    record_bench(folder.path / "run.mcap", simulated_bench("simulated-secure"), script)
    folder.write("junit.xml", b"<testsuites/>")
    folder.audit("run finished", why="verdict pass")
    measured: list[dict[str, object]] = [
        {"name": "flow", "value": 1.0, "outcome": "pass"},
        {"name": "tilt", "value": None, "outcome": "error"},
    ]
    pq.write_table(pa.Table.from_pylist(measured), folder.path / "measurements.parquet")
    manifest = [{**each, "attempt": 1} for each in measured]
    folder.finish({"schema": "pumprig.manifest/1", "verdict": "pass", "measurements": manifest})
    return folder.path


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(pristine, tmp_path / "run"))


def findings(found: Verification) -> dict[str, tuple[str, ...]]:
    """By check, where there are any."""
    return {check.name: check.findings for check in found.checks if check.findings}


def test_an_untouched_run_has_no_findings(pristine: Path) -> None:
    """Everything was checked but what it names: handshakes need the pump's key, alarms what no look tells."""
    found = verify(pristine)
    assert (findings(found), found.exit_code) == ({}, 0)
    assert all(check.state == "ok" for check in found.checks if check.name != "instruments")
    frames = next(check for check in found.checks if check.name == "frames pump")
    tags = int(frames.said.partition("tag of ")[2].split()[0])
    assert tags == 12  # who it is, three reads, and a command in two steps, each with its answer
    unchecked = "\n".join(found.unchecked())
    for said in ("manifest.json itself", "handshake frames", "tampering", "balance, bath"):
        assert said in unchecked


def test_a_recording_alone_says_that_it_has_no_manifest(pristine: Path, tmp_path: Path) -> None:
    """Hashes and audit trail are not checked, and that is said."""
    alone = shutil.copy(pristine / "run.mcap", tmp_path / "alone.mcap")
    found = verify(Path(alone))
    assert found.exit_code == 0
    assert sum("it is no run folder" in text for text in found.unchecked()) == 3


@pytest.mark.parametrize(
    ("tamper", "check", "said"),
    [
        (lambda folder: (folder / "junit.xml").write_bytes(b"<testsuites />"), "files", r"junit.xml: SHA-256 is"),
        (lambda folder: (folder / "junit.xml").unlink(), "files", "the folder does not"),
        (lambda folder: (folder / "extra.txt").write_bytes(b"x"), "files", "not in the manifest"),
        (lambda folder: (folder / "manifest.json").unlink(), "files", "cannot be read"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"{"), "files", "no JSON"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"{}"), "files", "no table of files"),
        (
            lambda folder: _edit(folder / "manifest.json", b'"pass"', b'"fail"'),
            "verdict",
            "says verdict fail",
        ),
        (lambda folder: _edit(folder / "manifest.json", b"1.0", b"1.1"), "verdict", "says other measurements than"),
        (lambda folder: _drop_last_line(folder / "audit.jsonl"), "verdict", "does not say that the run has ended"),
        (lambda folder: _edit(folder / "audit.jsonl", b"run started", b"run begun..."), "audit", "not chained"),
    ],
)
def test_what_was_changed_in_a_folder_is_found(
    folder: Path, tamper: Callable[[Path], object], check: str, said: str
) -> None:
    """Changed, missing and added files; no manifest, or one that says something else; a changed audit trail."""
    tamper(folder)
    found = verify(folder)
    assert found.exit_code == 1
    assert any(said in text for text in findings(found)[check])


def _drop_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _edit(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_an_audit_trail_and_hash_made_anew_still_break_the_chain(folder: Path) -> None:
    """Whoever also corrects the manifest cannot hide a line changed in the middle of the trail."""
    _edit(folder / "audit.jsonl", b"run started", b"run begun..")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["audit.jsonl"] = hashlib.sha256((folder / "audit.jsonl").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert set(findings(verify(folder))) == {"audit"}


def at(topic: str, number: int, change: Callable[[Any], Any]) -> Callable[[str, int, Any], Any]:
    """A change of one message."""
    return lambda t, n, content: change(content) if (t, n) == (topic, number) else content


def flip(data: bytes) -> bytes:
    """One bit of the tenth byte."""
    return data[:9] + bytes([data[9] ^ 1]) + data[10:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (at("/pump/status", 1, lambda content: {**content, "volume_nl": 1}), "volume_nl is 1, today it decodes to"),
        (at("/pump/status", 1, lambda content: {**content, "more": 1}), "has more"),
        (at("/pump/status", 1, lambda _: None), "is recorded, today it decodes as"),
        (at("/wire/pump/rx", 2, flip), "today it decodes"),
        (at("/wire/pump/rx", 2, lambda _: None), "is recorded"),
    ],
)
def test_what_the_bytes_do_not_say_is_found(
    pristine: Path, tmp_path: Path, change: Callable[[str, int, Any], Any], said: str
) -> None:
    """A decoded message that was changed or taken out, a frame in which one bit was: though every checksum is right."""
    found = verify(doctored(pristine / "run.mcap", tmp_path / "d.mcap", change))
    assert said in "\n".join(findings(found)["decoded pump"])
    assert "byte " in findings(found)["decoded pump"][0]


def test_a_sealed_frame_that_was_altered_fails_its_tag(pristine: Path, tmp_path: Path) -> None:
    """With the CRC made right again only the tag tells, and the keys to check it are in the recording."""

    def alter(data: bytes) -> bytes:
        frame = bytearray(decode_frame(data[:-1]))
        assert frame[:2] == b"\x01\x10"
        frame[20] ^= 1
        return encode_frame(bytes(frame))

    source = pristine / "run.mcap"
    places = [n for n, data in enumerate(_rx(source)) if data and decode_frame(data[:-1])[:2] == b"\x01\x10"]
    found = verify(doctored(source, tmp_path / "d.mcap", at("/wire/pump/rx", places[1], alter)))
    frames = next(check for check in found.checks if check.name == "frames pump")
    assert "1 SealedFrameError in rx" in frames.said
    assert "/wire/pump/rejected" in "\n".join(findings(found)["decoded pump"])


def _rx(path: Path) -> list[bytes]:
    return [r.data for r in Recording.open(path).records if (r.wire, r.direction) == ("pump", "rx")]


def test_counts_that_differ_from_the_links_are_found(pristine: Path, tmp_path: Path) -> None:
    """A record that was taken out of an instrument's wire shows in the bytes that its link had counted."""
    found = verify(doctored(pristine / "run.mcap", tmp_path / "d.mcap", at("/wire/bath/rx", 1, lambda _: None)))
    assert "bath: " in findings(found)["counts"][0]


@pytest.mark.parametrize(("lost", "found"), [(b"", 0), (None, 1)], ids=["port-lost", "nothing-lost"])
def test_what_a_lost_port_did_not_send_is_no_finding(tmp_path: Path, lost: bytes | None, found: int) -> None:
    """It was recorded before it was sent; without a loss, a link that has sent less is one."""
    writer = RecordingWriter(tmp_path / "r.mcap", start_utc_ms=0, metadata={}, attachments={})
    writer.write("bath", "tx", 1, b"version\r")
    if lost is not None:
        writer.write("bath", "lost", 2, lost)
    writer.counted("bath", 3, sent_bytes=0, received_bytes=0)
    with contextlib.suppress(RecordingError):  # the writer says the same
        writer.close()
    assert len(findings(verify(tmp_path / "r.mcap")).get("counts", ())) == found


def test_provisioned_sessions_are_said_not_to_be_checked(tmp_path: Path) -> None:
    """Tags cannot be checked without keys that are never recorded; nothing is claimed, nothing is found.

    Nor where somebody has forged a frame whose counter is far ahead: only without the keys it looks like a gap.
    """

    def attacked(bench: Bench) -> None:
        frame = decode_frame(bench.pump.unsent(ReadStatus())[:-1])
        bench.pump_link.write(encode_frame(frame[:6] + (1000).to_bytes(4, "big") + frame[10:]))
        script(bench)

    record_bench(tmp_path / "r.mcap", bench_with_key_file(tmp_path), attacked)
    found = verify(tmp_path / "r.mcap")
    assert findings(found) == {}
    assert any("sealed frames on pump: their keys are not in the recording" in text for text in found.unchecked())


def test_a_missing_notice_is_a_gap(tmp_path: Path) -> None:
    """Notices 0, 1 and 3 came."""
    notice = examples(Sampled)[0]
    said: list[tuple[int, str, Any]] = [(0, "tx", Subscribe(1, 10)), (0, "rx", Subscribed(1, 10))]
    said += [(1000 * (n + 1), "rx", type(notice)(**{**vars(notice), "number": n})) for n in (0, 1, 3)]
    assert (
        "1 notices before number 3" in findings(verify(record_messages(tmp_path / "r.mcap", said)))["sequence pump"][0]
    )


@pytest.mark.parametrize("cut", [0.5, 0.99])
def test_a_cut_recording_is_checked_up_to_there(pristine: Path, tmp_path: Path, cut: float) -> None:
    """What was never closed is a finding; so is a file cut behind its first chunk."""
    source = doctored(pristine / "run.mcap", tmp_path / "live.mcap", lambda *each: each[2])
    data = source.read_bytes()
    path = tmp_path / "cut.mcap"
    path.write_bytes(data[: int(len(data) * cut)])
    found = verify(path)
    assert "cut short at byte" in findings(found)["container"][0]


def test_a_damaged_chunk_is_found_with_its_byte(folder: Path) -> None:
    """A flipped bit in the compressed data."""
    data = bytearray((folder / "run.mcap").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "run.mcap").write_bytes(data)
    found = findings(verify(folder))
    assert "byte " in found["container"][0]
    assert "run.mcap" in found["files"][0]


def test_a_recorder_that_was_killed_before_it_said_what_bytes_mean_is_no_finding(
    pristine: Path, tmp_path: Path
) -> None:
    """Cut behind any of the last records, what is missing of the last bytes' meaning is not held against it."""
    data = doctored(pristine / "run.mcap", tmp_path / "live.mcap", lambda *each: each[2]).read_bytes()
    ends = [len(MAGIC)]
    while data[ends[-1]] != Opcode.DATA_END:
        ends.append(ends[-1] + HEAD.size + HEAD.unpack_from(data, ends[-1])[1])
    path = tmp_path / "cut.mcap"
    for end in ends[-12:]:
        path.write_bytes(data[:end])
        assert set(findings(verify(path))) == {"container"}


def test_a_part_that_was_gone_on_from_need_not_be_closed(folder: Path) -> None:
    """The manifest of a resumed run names it with its SHA-256; the last part must be closed, as any other run's."""
    data = (folder / "run.mcap").read_bytes()
    cut = doctored(folder / "run.mcap", folder / "cut.mcap", lambda *each: each[2]).read_bytes()
    (folder / "cut.mcap").unlink()
    (folder / "run.mcap").write_bytes(cut[: len(cut) * 2 // 3])
    (folder / "run-2.mcap").write_bytes(data)
    parts = {"schema": "pumprig.manifest/1", "recordings": ["run.mcap", "run-2.mcap"]}
    RunFolder.reopen(folder).finish({**parts, "resumed": [{"recording": "run-2.mcap"}]})
    found = verify(folder)
    (container,) = [check for check in found.checks if check.name == "container"]
    assert (container.state, "where the run was interrupted and resumed" in container.said) == ("ok", True)
    assert "run-2 container" not in findings(found)
    RunFolder.reopen(folder).finish({**parts, "resumed": []})
    assert "it was never closed" in findings(verify(folder))["container"][0]
    (folder / "run.mcap").write_bytes(data)
    (folder / "run-2.mcap").write_bytes(cut[: len(cut) * 2 // 3])
    RunFolder.reopen(folder).finish({**parts, "resumed": [{"recording": "run-2.mcap"}]})
    assert "it was never closed" in findings(verify(folder))["run-2 container"][0]


@pytest.mark.parametrize(
    "wrong", [{"recordings": 3}, {"files": ["run.mcap"]}, {"resumed": []}, {"recordings": ["run.mcap"]}, {"files": {}}]
)
def test_nothing_was_gone_on_from_unless_the_manifest_says_so(tmp_path: Path, wrong: dict[str, object]) -> None:
    """Which recordings need not be closed; one that was edited, or of which there is no hash, is none."""
    said: dict[str, object] = {
        "resumed": [{"recording": "run-2.mcap"}],
        "recordings": ["run.mcap", "run-2.mcap"],
        "files": {"run.mcap": "", "run-2.mcap": ""},
    }
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(said), encoding="utf-8")
    assert gone_on_from(tmp_path) == {"run.mcap"}
    manifest.write_text(json.dumps(said | wrong), encoding="utf-8")
    assert gone_on_from(tmp_path) == frozenset()
    assert gone_on_from(None) == frozenset()


@pytest.mark.parametrize("rate", [1.0, 600.0])
@pytest.mark.parametrize("jump_s", [0, 5, -5])
def test_the_systems_clock_is_held_against_bench_time_at_its_rate(tmp_path: Path, rate: float, jump_s: int) -> None:
    """It runs with bench time, or slower if the bench was served faster; a clock that was set is found either way."""
    wall_ns, path = [START_UTC_MS * 1_000_000], tmp_path / "r.mcap"
    said = {} if rate == 1 else {"rate": str(rate)}
    writer = RecordingWriter(
        path, start_utc_ms=START_UTC_MS, metadata=said, attachments={}, wall_utc_ns=lambda: wall_ns[0]
    )
    for second in range(20):
        wall_ns[0] += 1_000_000_000 + (jump_s * 1_000_000_000 if second == 10 else 0)
        writer.write("bath", "rx", round(second * 1000 * rate), b"37.00\r")
    writer.close()
    assert len(findings(verify(path)).get("clocks", ())) == (jump_s != 0)


def test_what_was_not_checked_is_said_once(pristine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check that was not made has its line, and no second one at the end; parts of a run say the same once."""
    alone = tmp_path / "run"
    alone.mkdir()
    for name in ("run.mcap", "run-2.mcap"):
        shutil.copy(pristine / "run.mcap", alone / name)
    print_verification(alone, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert sum("what was said on balance, bath" in line for line in lines) == 2  # of each part, in its line
    assert sum("no look tells" in line or "what a look does not tell" in line for line in lines) == 1
    column = lines[0].index(verify(alone).checks[0].said)
    for check, line in zip(verify(alone).checks, lines, strict=False):
        assert line[column:] == check.said


@pytest.mark.parametrize("data", [b"", b"no recording", b"\x89MCAP0\r\n"[:5]])
def test_what_is_no_recording_cannot_be_read(tmp_path: Path, data: bytes) -> None:
    """A typed error, for exit code 3."""
    (tmp_path / "x.mcap").write_bytes(data)
    for path in (tmp_path / "x.mcap", tmp_path / "none.mcap", tmp_path):
        with pytest.raises(RecordingError):
            verify(path)
