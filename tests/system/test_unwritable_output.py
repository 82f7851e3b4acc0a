"""Output that cannot go where it was wanted: one line says where and what to do, and nothing else is tried."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil.shipped import shipped
from tests.system.conftest import PumpRig

pytestmark = pytest.mark.system

RECORDING = str(shipped("recordings/occlusion.mcap"))
FLEET = ("ambulatory", "--days", "10")
COMMANDS = {
    "run": ("run", "--out"),
    "sim": ("sim", "fever", "--out"),
    "csv": ("export", RECORDING, "--format", "csv", "--out"),
    "jsonl": ("export", RECORDING, "--format", "jsonl", "--out"),
    "parquet": ("export", RECORDING, "--format", "parquet", "--out"),
    "pcapng": ("export", RECORDING, "--format", "pcapng", "--out"),
    "diff": ("diff", RECORDING, RECORDING, "--out"),
    "model": ("replay", RECORDING, "--model", "--profile", "generic-30ml", "--out"),
    "fleet": ("fleet", "run", *FLEET, "--pumps", "2", "--out"),
    "rerun": ("fleet", "rerun", *FLEET, "--pump", "1", "--seed", "1", "--out"),
    "junit": ("fleet", "run", *FLEET, "--pumps", "2", "--out", "fleet", "--junit"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_below_a_file_is_refused(pumprig: PumpRig, tmp_path: Path, command: str) -> None:
    """Exit code 2, the path, and what to do; never a traceback."""
    (tmp_path / "file").write_text("not a folder")
    result = pumprig(*COMMANDS[command], "file/out")
    assert result.returncode == 2, result.stdout + result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("pumprig:"))
    assert line.startswith("pumprig: file/out"), line
    assert line.endswith("; name another place"), line
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize(
    ("command", "line"), [(("decode", RECORDING), b"\\xb0C"), (("sim", "fever", "--out", "sim"), b"A day of fever")]
)
def test_a_reader_that_leaves_and_letters_that_it_lacks(tmp_path: Path, command: tuple[str, ...], line: bytes) -> None:
    """``decode ... | head -1`` is no requirement that failed (1), nor a pass; and a pipe in ASCII gets all lines."""
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONIOENCODING": "ascii"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *command], stdout=pipe, stderr=pipe, env=environment, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any(line in each for each in process.stdout)
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.parametrize("command", ["jsonl", "pcapng"])
def test_a_full_disk_is_a_fault_of_the_bench(pumprig: PumpRig, tmp_path: Path, command: str) -> None:
    """Exit code 3, and what to do: Linux's own full device stands in for the file."""
    (tmp_path / "out.partial").symlink_to("/dev/full")
    result = pumprig(*COMMANDS[command], "out")
    assert result.returncode == 3, result.stdout + result.stderr
    assert "pumprig: out: cannot be written: No space left on device; make room" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_under_standard_output_is_named(tmp_path: Path) -> None:
    """As ``pumprig flow > file`` on a full disk: no internal error."""
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "cli", "flow"], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, cwd=tmp_path,
        )  # fmt: skip
    assert result.returncode == 3
    assert result.stderr.splitlines()[0] == "pumprig: standard output cannot be written: No space left on device"
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
def test_a_working_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    """Removed by somebody else meanwhile: exit 2, and what to do."""
    gone = tmp_path / "gone"
    gone.mkdir()
    result = subprocess.run(
        ["/bin/sh", "-c", 'rmdir ../gone; exec "$0" -m cli run --set collection_h=8', sys.executable],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, cwd=gone,
    )  # fmt: skip
    assert result.returncode == 2, result.stderr
    assert result.stderr == "pumprig: the folder that this was started in is no longer there; change to one that is\n"


def test_a_folder_whose_name_is_no_text_is_refused(pumprig: PumpRig, tmp_path: Path) -> None:
    """No document of the run could name it: exit 2 before there is a folder, where the plan failed to be written."""
    result = pumprig("run", "--out", os.fsdecode(b"r\xe9sum\xe9"))
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("pumprig: --out: r\\udce9sum\\udce9 is no text in UTF-8; ")
    assert not list(tmp_path.rglob("2*"))


@pytest.mark.deep
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_run_outlives_whoever_reads_its_lines(tmp_path: Path) -> None:
    """Its progress goes to a full disk, as to a terminal or a pipe that was closed: the verdict is in the folder."""
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "cli", "run"], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, cwd=tmp_path,
        )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert len(list((tmp_path / "runs").glob("*/manifest.json"))) == 1
