"""One pump again: what is wrong with it by a criterion, its files, and what is left when its life is shrunk."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import pumprig
from firmware_model.fleet.life import DAY_MS, pump_life
from firmware_model.scenario.scenario import load_scenario
from tests.firmware_model.fleet.populations import EVENTFUL, eventful, written

pytestmark = pytest.mark.system

FAILING = {
    "false_alarms_per_pump_year <= 0.01": "False alarm flow-high",
    "misleading_alarms_per_pump_year <= 0.01": "Misleading alarm",
    'detected(occlusion, within="24h") >= 0.9': "catheter-occlusion",
    "latency_h(catheter-occlusion) <= 1": "was not detected",
    "flow_error_percent(percentile=50) <= 0.1": "% off label before the refill",
    'failed(by="60d") <= 0.01': "It failed of",
    "unserved_days_per_pump_year <= 0.01": "It stood empty for",
    "detected(reset) >= 0.9": "no alarm is right for it",
}
_CRITERIA = 'criteria = ["false_alarms_per_pump_year <= 0.05", \'detected(occlusion, within="24h") >= 0.9\']'
_HARMFUL = """[[variant]]
name = "harmful-one"
limits = { flow_high_percent = 6.0, occlusion_kpa = 200.0, flow_low_percent = 99.0 }

[units]"""
_HARM = (
    ("[units]", _HARMFUL),
    ("refill_interval_d = 14.0\nlate_share = 0.2", "refill_interval_d = 29.0\nlate_share = 0.5"),
    ('name = "reset"\n', 'name = "reset"\ndetected_by = []\n'),
    (_CRITERIA, f"criteria = {list(FAILING)}"),
)
"""A firmware that is deaf to occlusions and cries wolf of the flow, in pumps that stand empty."""


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(pumprig, ["fleet", *arguments])


def _population(folder: Path) -> str:
    text = EVENTFUL
    for old, new in _HARM:
        assert old in text
        text = text.replace(old, new)
    return str(written(folder, text))


@pytest.mark.deep
def test_every_failing_criterion_leads_to_what_is_wrong(tmp_path: Path) -> None:
    """Each prints the command that repeats its worst pump; that says what is wrong by this criterion, exit code 1."""
    path = _population(tmp_path)
    result = _run("run", path, "--pumps", "12", "--days", "90", "--jobs", "1", "--out", str(tmp_path / "f"), "--json")
    assert result.exit_code == 1
    cases = {case["criterion"]: case for case in json.loads(result.stdout)["criteria"]}
    for number, (criterion, said) in enumerate(FAILING.items()):
        case = cases[criterion]
        assert case["outcome"] == "fail", case
        again = _run(*shlex.split(case["reproduce"])[2:], "--out", str(tmp_path / str(number)), "--json")
        assert again.exit_code == 1, (criterion, again.output, again.exception)
        complaints = json.loads(again.stdout)["complaints"]
        assert complaints, criterion
        assert all(said in each for each in complaints), (criterion, complaints)


def test_a_criterion_decides_what_is_shrunk(tmp_path: Path) -> None:
    """Of a pump with a missed fault and false alarms, the false alarm if that is what is asked for; or the fault."""
    path = _population(tmp_path)
    common = ("rerun", path, "--seed", "1", "--pump", "2", "--days", "60", "--shrink")
    for criterion, name in (
        ("false_alarms_per_pump_year <= 0", "flow-high-pump-2.toml"),
        ("detected(catheter-occlusion) >= 1", "catheter-occlusion-pump-2.toml"),
    ):
        out = tmp_path / name.removesuffix(".toml")
        result = _run(*common, "--criterion", criterion, "--out", str(out))
        if "nothing to shrink" in str(result.exception):
            pytest.fail(f"choose another pump: {result.exception}")
        assert (out / name).is_file(), result.output
        made_by = shlex.join(["pumprig", "fleet", *common[:-1], "--criterion", criterion])
        assert (out / name).read_text(encoding="utf-8").splitlines()[1] == f"# Made by: {made_by}"


def test_what_is_shrunk_shows_the_same_and_nothing_worse(tmp_path: Path) -> None:
    """Of a late fault the refills before it stay: an empty pump would miss it for another reason, mended or not."""
    loaded = eventful(tmp_path, ("[units]", _HARMFUL))

    def is_late(pump: int) -> bool:
        failure = pump_life(loaded, 1, pump, 80.0).failure
        return failure is not None and failure.value == "50%" and 45 * DAY_MS < failure.at_ms < 75 * DAY_MS

    pump = str(next(pump for pump in range(200) if is_late(pump)))
    asked = ("rerun", str(loaded.path), "--pump", pump, "--days", "80", "--out", str(tmp_path / "o"), "--shrink")
    result = _run(*asked, "--criterion", 'detected(catheter-occlusion, within="48h") >= 1')
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    small = next((tmp_path / "o").glob("catheter-occlusion-*.toml"))
    assert load_scenario(small).scenario.refill
    shown = json.loads(CliRunner().invoke(pumprig, ["sim", str(small), "--json"]).stdout)
    assert not shown["met"]
    assert "empty" not in {event.get("alarm") for event in shown["events"]}
    mended = tmp_path / "mended.toml"
    text = small.read_text(encoding="utf-8")
    for limit in ("flow_low_percent = 99.0", "occlusion_kpa = 200.0"):
        assert limit in text
        text = text.replace(limit, "")
    mended.write_text(text, encoding="utf-8")
    assert CliRunner().invoke(pumprig, ["sim", str(mended)]).exit_code == 0


def test_a_pump_can_be_repeated_into_its_own_folder(tmp_path: Path) -> None:
    """Also one whose simulation raises: its folder is known by what a rerun leaves there."""
    path, out = written(tmp_path), tmp_path / "one"
    asked = ("rerun", str(path), "--pump", "1", "--days", "20", "--out", str(out))
    assert [_run(*asked).exit_code for _ in range(2)] == [0, 0]
    for name in ("events.json", "curves.parquet", "report.html"):
        (out / name).unlink()
    assert _run(*asked).exit_code == 0
    assert json.loads((out / "rerun.json").read_text(encoding="utf-8"))["schema"] == "pumprig.fleet-rerun/1"


@pytest.mark.parametrize("days", ["0", "-1", "0.5", "nan", "inf", "1e9", "3650.1"])
def test_lengths_that_no_fleet_has_are_refused(tmp_path: Path, days: str) -> None:
    """As ``fleet run`` refuses them."""
    result = _run("rerun", str(written(tmp_path)), "--pump", "1", "--days", days, "--out", str(tmp_path / "o"))
    assert "--days must be 1 to 3650" in str(result.exception)
    assert not (tmp_path / "o").exists()


def test_variants_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that comparing two firmwares on one pump overwrites nothing."""
    path = _population(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = _run("rerun", path, "--pump", "1", "--days", "10", "--variant", "harmful-one", "--json")
    assert result.exit_code in {0, 1}
    assert Path("fleets/population_seed1_pump1_harmful-one/rerun.json").is_file()
