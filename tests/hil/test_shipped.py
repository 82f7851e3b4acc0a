"""What comes with pumprig is found by name, wherever pumprig is installed and whatever folder is the current one."""

import re
from pathlib import Path

import pytest

from hil.benches.bench_file import load_bench
from hil.errors import UsageError
from hil.history.run_names import find_run
from hil.shipped import file_or_shipped, shipped, shipped_names


@pytest.mark.parametrize("name", shipped_names("benches"))
def test_every_bench_goes_by_its_name_and_can_be_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A copy is the same bench in any folder: nothing in it is looked for beside the file."""
    monkeypatch.chdir(tmp_path)
    copy = Path("my-bench.toml")
    copy.write_bytes(shipped(f"benches/{name}.toml").read_bytes())
    assert load_bench(copy).file == load_bench(Path(name)).file


def test_a_bench_that_is_no_name_is_refused() -> None:
    """With the nearest one."""
    with pytest.raises(
        UsageError, match=re.escape("unknown bench 'ful'; did you mean full? A file's name ends in .toml")
    ):
        load_bench(Path("ful"))


def test_a_file_without_an_ending_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is taken, but never instead of what comes with pumprig."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "full"):
        Path(name).write_bytes(b"")
    assert file_or_shipped("mine", "benches", "bench") == Path("mine")
    assert file_or_shipped("full", "benches", "bench") == shipped("benches/full.toml")


def test_recordings_go_by_their_names(tmp_path: Path) -> None:
    """Also where there are no runs yet; another name is told the nearest one, or which there are."""
    runs = tmp_path / "runs"
    assert find_run("occlusion", runs) == shipped("recordings/occlusion.mcap")
    run = runs / "20260101T100000Z_flow-accuracy_SN0042_aaaaaa"
    run.mkdir(parents=True)
    assert find_run("occlusion", runs) == shipped("recordings/occlusion.mcap")
    assert find_run("last", runs) == run
    for there in (runs, tmp_path / "none"):
        with pytest.raises(UsageError, match=r"did you mean occlusion\?"):
            find_run("oclusion", there)
        with pytest.raises(UsageError, match="recordings that come with pumprig: attacked-link, brown-out"):
            find_run("zzz", there)
