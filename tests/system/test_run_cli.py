"""``pumprig run`` as a user starts it: verdicts, exit codes, run folders, replays."""

import json
import re
from pathlib import Path

import pytest

from hil.benches.bench_file import load_bench
from hil.links.lock import ResourceLock
from hil.links.resource_key import used_key
from hil.shipped import shipped
from tests.system.conftest import PumpRig

pytestmark = pytest.mark.system

_WALL_CLOCK = re.compile(r'<section id="wall-clock".*?</section>', re.DOTALL)


def only_folder(where: Path) -> Path:
    """The only run folder in ``where``."""
    (folder,) = where.iterdir()
    return folder


def named(folder: Path) -> dict[str, dict[str, object]]:
    """The measurements in a run folder's manifest, by name."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return {measurement["name"]: measurement for measurement in manifest["measurements"]}


def test_default_run_passes_and_leaves_a_whole_folder(pumprig: PumpRig, tmp_path: Path) -> None:
    """No arguments: the simulated bench passes, exit 0, and the folder holds all that it should."""
    result = pumprig("run")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^verdict +pass$", result.stdout, re.MULTILINE)
    folder = only_folder(tmp_path / "runs")
    names = {file.name for file in folder.iterdir()}
    documents = {"manifest.json", "measurements.parquet", "report.html", "junit.xml"}
    assert names == documents | {"plan.json", "journal.jsonl", "run.mcap", "audit.jsonl"}
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["verdict"], manifest["target"], manifest["seed"]) == ("pass", "sim", 1)
    assert set(manifest["files"]) == names - {"manifest.json"}
    flow = named(folder)["flow"]
    assert flow["outcome"] == "pass"
    assert flow["unit"] == "mL/day"
    assert 0.97 < float(str(flow["value"])) < 1.03
    assert 0.005 < float(str(flow["expanded_uncertainty"])) < 0.05
    # Gain 1.002 of the pump's bellows sensor and 0.17 % of evaporation that the bench file has wrong: nothing more.
    assert abs(float(str(named(folder)["flow-estimate-error"]["value"]))) < 0.4


@pytest.mark.deep
def test_two_runs_differ_in_wall_clock_only(pumprig: PumpRig, tmp_path: Path) -> None:
    """Same seed: identical recording and measurements, and a report that differs only where it names the wall clock."""
    for out in ("first", "second"):
        assert pumprig("run", "--seed", "5", "--out", out).returncode == 0
    first, second = only_folder(tmp_path / "first"), only_folder(tmp_path / "second")
    for name in ("run.mcap", "measurements.parquet"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    reports = [(folder / "report.html").read_text(encoding="utf-8") for folder in (first, second)]
    assert reports[0] != reports[1]
    assert _WALL_CLOCK.sub("", reports[0]) == _WALL_CLOCK.sub("", reports[1])


def test_occlusion_fails_and_names_the_measurement(pumprig: PumpRig, tmp_path: Path) -> None:
    """A catheter occluded after six hours exits 1; text, manifest, JUnit and report name the flow."""
    result = pumprig("run", "--inject", "catheter-occlusion@6h")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "flow-accuracy: flow:" in result.stdout
    assert "reproduce  pumprig run --inject catheter-occlusion@6h" in result.stdout
    folder = only_folder(tmp_path / "runs")
    flow = named(folder)["flow"]
    assert flow["outcome"] == "fail"
    assert float(str(flow["value"])) < 0.3
    assert "flow: " in (folder / "junit.xml").read_text(encoding="utf-8")
    assert "catheter-occlusion@6h" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.deep
def test_warm_bath_fails_at_twenty_percent_and_the_pump_knows(pumprig: PumpRig, tmp_path: Path) -> None:
    """A bath 1.5 C warmer than it says: about +20 % of flow with R-11, and the pump's thermometer shows why."""
    result = pumprig("run", "--inject", "bath-offset=+1.5C@0h")
    assert result.returncode == 1, result.stdout + result.stderr
    found = named(only_folder(tmp_path / "runs"))
    assert found["flow"]["outcome"] == "fail"
    assert float(str(found["flow"]["value"])) == pytest.approx(1.20, abs=0.02)
    assert found["pump-temperature-error"]["outcome"] == "fail"
    assert float(str(found["pump-temperature-error"]["value"])) == pytest.approx(1.5, abs=0.1)


@pytest.mark.deep
def test_replay_comes_to_the_same_measurements(pumprig: PumpRig, tmp_path: Path) -> None:
    """The recording alone, without bench file or seed, gives every measurement again, for a pass and for a fail."""
    for number, injections in enumerate([(), ("--inject", "catheter-occlusion@6h")]):
        recorded = pumprig("run", *injections, "--out", f"live{number}", "--json")
        folder = tmp_path / json.loads(recorded.stdout)["folder"]
        moved = tmp_path / f"moved{number}.mcap"
        moved.write_bytes((folder / "run.mcap").read_bytes())
        replayed = pumprig("run", "--target", "replay", "--recording", moved, "--out", f"again{number}", "--json")
        assert replayed.returncode == recorded.returncode, replayed.stdout + replayed.stderr
        assert json.loads(replayed.stdout)["measurements"] == json.loads(recorded.stdout)["measurements"]


def test_truncated_recording_is_refused_but_can_be_looked_into(pumprig: PumpRig, tmp_path: Path) -> None:
    """A finished recording cut in half is damaged: replay and info name file and byte, exit 3; info says the rest."""
    pumprig("run")
    whole = (only_folder(tmp_path / "runs") / "run.mcap").read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole[: len(whole) // 2])
    result = pumprig("run", "--target", "replay", "--recording", cut)
    assert result.returncode == 3
    assert re.search(r"cut\.mcap: damaged at byte \d+: the file was closed, but is cut", result.stderr)
    assert "Traceback" not in result.stderr
    told = pumprig("info", cut, "--json")
    assert told.returncode == 3
    assert re.search(r"cut\.mcap: damaged at byte \d+", told.stderr)
    assert json.loads(told.stdout)["complete"] is False


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("u_ambient_kpa = 0.05", "u_ambient_psi = 0.05", r":\d+: environment\.u_ambient_psi: unknown unit.*_kpa"),
        ('driver = "mt-sics"', 'driver = "mt-sicks"', r":\d+: instruments\.balance\.driver: .*'mt-sics'"),
        ("[instruments.balance]", "[instruments.ballance]", r":\d+: instruments\.ballance: .*did you mean balance\?"),
        ("room_temperature_c = 22.0", "room_temperature_c = nan", r":\d+: environment\.room_temperature_c: .*finite"),
        ('"generic-30ml"', '"generic-31ml.toml"', r":\d+: pump\.profile: .*does not exist"),
        ('"generic-30ml"', '"generic-31ml"', r":\d+: pump\.profile: unknown profile 'generic-31ml'; known: "),
        ('name = "simulated"', 'name = "simulated', r"bench\.toml:\d+: not TOML"),
    ],
)
def test_wrong_bench_file_is_refused_with_file_line_and_key(
    pumprig: PumpRig, tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Unknown keys, units and instruments, NaN, missing profiles, broken TOML: exit 2, one line, no folder."""
    text = shipped("benches/simulated.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "bench.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    result = pumprig("run", "--bench", "bench.toml")
    assert result.returncode == 2, result.stdout + result.stderr
    assert re.search(said, result.stderr)
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--target", "replay"), "needs --recording"),
        (("--recording", "nowhere.mcap"), "nowhere.mcap"),
        (("--target", "replay", "--recording", "occlusion"), "was not made by a run, and holds no bench"),
        (("--inject", "catheter-oclusion@6h"), "did you mean catheter-occlusion"),
        (("--inject", "bath-offset=1.5K@0h"), "write it like"),
        (("--inject", "catheter-occlusion"), "@TIME"),
        (("flow-acuracy",), "did you mean flow-accuracy?"),
        (("heat",), "known: alarm-latching, "),
        (("--bench", "nowhere.toml"), "there is no such file"),
        (("--target", "bench"), "--target sim"),
        (("--set", "collection_h=5"), "--set: collection_h"),
        (("--set", "collection=24"), "known: collection_h"),
    ],
)
def test_wrong_choices_are_usage_errors(
    pumprig: PumpRig, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """What cannot be run is refused in one line that says what would be right; exit 2, and no folder is made."""
    result = pumprig("run", *arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_bench_that_is_in_use_is_refused_before_there_is_a_folder(
    pumprig: PumpRig, tmp_path: Path, served_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that another program has, a state folder that cannot be: exit 3, one line, and no folder."""
    link = load_bench(served_file).file.links()["balance"]
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
    lock = ResourceLock(used_key(link), link)
    result = pumprig("run", "--bench", served_file)
    lock.release()
    assert result.returncode == 3, result.stdout + result.stderr
    assert f"pumprig: {link}: in use by " in result.stderr
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    (tmp_path / "state").write_text("not a folder")
    result = pumprig("run", "--bench", served_file)
    assert result.returncode == 3, result.stdout + result.stderr
    assert result.stderr.startswith(f"pumprig: {tmp_path / 'state'}: cannot be written: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


UNLIMITED = """
import math

def test_unlimited(bench, measure):
    measure("a", 1.0, "mL/day", expanded_uncertainty=0.1, lower=0.5, upper=math.inf)
"""


def test_json_says_no_more_than_json_can(pumprig: PumpRig, tmp_path: Path) -> None:
    """A limit at infinity is none: null on standard output, as in the manifest, and not ``Infinity``."""
    (tmp_path / "unlimited.py").write_text(UNLIMITED, encoding="utf-8")
    result = pumprig("run", "unlimited.py", "--json")
    (measured,) = json.loads(result.stdout, parse_constant=pytest.fail)["measurements"]
    assert (measured["lower"], measured["upper"], measured["outcome"]) == (0.5, None, "pass")
    assert named(only_folder(tmp_path / "runs"))["a"]["upper"] is None


def test_what_breaks_beside_the_procedures_ends_in_the_run(pumprig: PumpRig, tmp_path: Path) -> None:
    """A user's hook that fails once all procedures have ended: an error that is named, in a whole run folder."""
    (tmp_path / "conftest.py").write_text("def pytest_unconfigure():\n    raise RuntimeError('the lamp broke')\n")
    (tmp_path / "look.py").write_text("def test_look(pump):\n    pump.identify()\n")
    result = pumprig("run", "look.py")
    assert result.returncode == 3, result.stdout + result.stderr
    assert "\npytest: RuntimeError: the lamp broke\n" in result.stdout
    assert "\npytest\n" not in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    manifest = json.loads((only_folder(tmp_path / "runs") / "manifest.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in manifest["procedures"]] == ["look", "pytest"]
    assert manifest["verdict"] == "error"
