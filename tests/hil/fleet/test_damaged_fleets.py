"""Fleets' folders that are not what they were, and mistakes that must not cost an earlier fleet."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hil.errors import BenchFault, UsageError
from hil.fleet.fleet_run import FleetOutcome, finish_fleet, run_fleet
from hil.fleet.folder import FleetFolder
from hil.fleet.tables import TABLES
from tests.command_line import Started
from tests.firmware_model.fleet.populations import EVENTFUL
from tests.hil.fleet.fleets import Told, fleet, settings, tables_of


@pytest.fixture
def finished(tmp_path: Path) -> FleetOutcome:
    """Three chunks of two pumps."""
    return fleet(tmp_path, "out", pumps=6, chunk=2)


def _removed(part: Path) -> None:
    part.unlink()


def _cut(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-20])


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("harm", [_removed, _cut])
def test_a_part_that_is_not_whole_is_missing(
    tmp_path: Path, finished: FleetOutcome, table: str, harm: Callable[[Path], None]
) -> None:
    """Nothing is judged by the rest; --resume runs its pumps again, and comes to the same."""
    before = tables_of(finished)
    harm(sorted((finished.folder / table).glob("*.parquet"))[1])
    with pytest.raises(UsageError, match=r"1 of 3 parts are missing; go on with: pumprig fleet run .* --resume"):
        finish_fleet(FleetFolder(finished.folder))
    again = fleet(tmp_path, "out", pumps=6, chunk=2, resume=True)
    assert tables_of(again) == before
    assert again.summary["events_sha256"] == finished.summary["events_sha256"]


def test_a_part_with_one_bit_changed_is_missing(tmp_path: Path) -> None:
    """Its pages carry checksums, so what the disk has garbled is not judged; only some bits of headers have none."""
    folder = FleetFolder(fleet(tmp_path, "out", pumps=1, days=20.0).folder)
    (part,) = folder.parts("events")
    whole = part.read_bytes()
    places = range(4, len(whole) // 2, len(whole) // 50)
    unnoticed = 0
    for place in places:
        garbled = bytearray(whole)
        garbled[place] ^= 1
        part.write_bytes(garbled)
        unnoticed += folder.is_kept(0)
    assert unnoticed <= len(places) // 4


@pytest.mark.parametrize(
    ("document", "problem"),
    [(b"[]", "holds no fleet"), (b"{", "holds no fleet"), (b'{"schema": "pumprig.fleet/1"}', "is no plan of a fleet")],
)
def test_a_plan_that_is_none_is_told(finished: FleetOutcome, document: bytes, problem: str) -> None:
    """In one line, with the file."""
    (finished.folder / "fleet.json").write_bytes(document)
    with pytest.raises(UsageError, match=problem):
        finish_fleet(FleetFolder(finished.folder))


def test_a_plan_without_its_profile_is_told(finished: FleetOutcome) -> None:
    """One key is enough to know the whole plan for damaged."""
    path = finished.folder / "fleet.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["profile"]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UsageError, match=r"fleet\.json: is no plan of a fleet"):
        finish_fleet(FleetFolder(finished.folder))


def test_a_full_disk_at_the_beginning_leaves_the_folder_usable(tmp_path: Path) -> None:
    """The same command works when there is room again: the folder holds nothing, and nobody else's."""
    resource = pytest.importorskip("resource")
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(EVENTFUL) + 100, largest[1]))  # the population fits, but no more
    try:
        with pytest.raises(BenchFault, match="make room"):
            fleet(tmp_path, "out", pumps=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, largest)
    assert fleet(tmp_path, "out", pumps=1, days=1.0).summary["plan"]["pumps"] == 1


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"seed": 2**64}, "--seed must be 0 to 18446744073709551615"),
        ({"days": float("nan")}, "--days must be"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "no Dask scheduler answers here"),
        ({"junit": "a-folder"}, "cannot be written"),
    ],
)
def test_a_mistake_does_not_cost_the_fleet_before(
    tmp_path: Path, finished: FleetOutcome, options: dict[str, Any], problem: str
) -> None:
    """What can be wrong with the options is found before an earlier fleet in the folder gives way."""
    pytest.importorskip("distributed")
    files = {file: file.read_bytes() for file in finished.folder.rglob("*.*") if file.is_file()}
    if "junit" in options:
        options = {"junit": tmp_path / "a-folder"}
        options["junit"].mkdir()
    with pytest.raises(UsageError, match=problem):
        fleet(tmp_path, "out", pumps=6, chunk=2, **options)
    assert {file: file.read_bytes() for file in finished.folder.rglob("*.*") if file.is_file()} == files


def test_two_are_never_at_work_in_one_folder(tmp_path: Path) -> None:
    """The second is refused and changes nothing; when the first is killed, the folder is free to go on with."""
    asked = settings(tmp_path, "out", pumps=48, chunk=None)
    options = ("--pumps", 48, "--days", 30, "--seed", 5, "--jobs", 1, "--out", tmp_path / "out")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with Started(["fleet", "run", asked.file, *map(str, options)], **quiet) as first:
        while not any(tmp_path.glob("out/pumps/*.parquet")):
            assert first.poll() is None
            time.sleep(0.05)
        for resume in (False, True):
            with pytest.raises(UsageError, match="another pumprig is at work"):
                run_fleet(replace(asked, resume=resume), Told())
        first.kill()
    with pytest.raises(UsageError, match="go on with --resume"):
        run_fleet(asked, Told())
    assert run_fleet(replace(asked, resume=True), Told()).summary["plan"]["pumps"] == 48
