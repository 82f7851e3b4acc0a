"""The procedures of the firmware, on the bench that has every instrument, in this process."""

from pathlib import Path

import pytest

from firmware_model.profile import load_profile
from hil.measurement import Measurement, Outcome
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_result import RunResult
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped

PROCEDURES = (
    "identity-self-test",
    "link-quality",
    "clock-drift",
    "occlusion-detection",
    "low-reservoir-and-empty",
    "refill",
    "brown-out",
    "alarm-latching",
    "supply-current",
)
NAMES = [
    "identity",
    "self-test",
    "link-quality",
    "clock-drift",
    "occlusion-detection",
    "low-reservoir-and-empty",
    "refill-mismatch",
    "refill",
    "brown-out",
    "supply-sag",
    "alarm-latched",
    "alarm-not-latched",
    "supply-current",
]
PROFILE = load_profile(shipped("pumps/generic-30ml.toml"))


def run(out: Path, *procedures: str, bench: str = "full", inject: tuple[str, ...] = ()) -> RunResult:
    """One run on a bench that is shipped; links are looked at for some hundred exchanges only."""
    settings = RunSettings(
        procedures=procedures,
        bench=shipped(f"benches/{bench}.toml"),
        seed=5,
        injections=inject,
        out=out,
        parameters=("exchanges=500",) if "link-quality" in procedures else (),
    )
    return run_procedures(settings, Silent())


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """All of them, one after another, on a healthy pump."""
    return run(tmp_path_factory.mktemp("healthy"), *PROCEDURES)


@pytest.fixture(scope="module")
def measured(healthy: RunResult) -> dict[str, Measurement]:
    """What they measured, by name."""
    return {each.name: each for each in healthy.measurements}


def test_a_healthy_pump_passes_all_of_them(healthy: RunResult) -> None:
    """Each leaves the next one a bench to work on; what 500 exchanges cannot show of 0.1 % is inconclusive."""
    assert [page.name for page in healthy.procedures] == NAMES
    problems = {page.name: page.problem for page in healthy.procedures if page.outcome is not Outcome.PASS}
    assert list(problems) == ["link-quality"]
    assert "loss: 0.000 +- 0.735 %" in str(problems["link-quality"])
    assert {each.name for each in healthy.measurements if each.outcome is not Outcome.PASS} == {"loss", "surplus"}
    assert all(each.requirements and each.expanded_uncertainty >= 0 for each in healthy.measurements)


def test_every_requirement_exists(healthy: RunResult) -> None:
    """The ids that they claim are in the list of requirements."""
    listed = shipped("requirements.toml").read_text(encoding="utf-8")
    claimed = {each for page in healthy.procedures for each in page.requirements}
    assert [each for each in claimed if f"[{each}]" not in listed] == []


def test_a_replay_of_the_recording_comes_to_the_same(healthy: RunResult, tmp_path: Path) -> None:
    """Times and decisions come from the wires: the recording gives the very same numbers, without any bench."""
    replayed = run_procedures(RunSettings(target="replay", recording=healthy.folder, out=tmp_path), Silent())
    assert [(page.name, page.outcome) for page in replayed.procedures] == [
        (page.name, page.outcome) for page in healthy.procedures
    ]
    assert [each.as_json() for each in replayed.measurements] == [each.as_json() for each in healthy.measurements]


def test_clock_drifts_as_its_crystal_does(measured: dict[str, Measurement]) -> None:
    """A tuning fork of this profile at 37 C, 12 K above its turnover: 20 - 0.034 12^2 ppm."""
    assert measured["clock-drift"].value == pytest.approx(20 - 0.034 * 12**2, abs=0.2)


def test_occlusion_takes_eight_samples(measured: dict[str, Measurement]) -> None:
    """The alarm needs 8 of 10 samples, a minute apart, and clears after 10 without."""
    assert 7 <= measured["time-to-occlusion-alarm"].value <= 8
    assert 9 <= measured["time-to-clear"].value <= 10


def test_volumes_are_those_of_the_alarms(measured: dict[str, Measurement]) -> None:
    """Low-reservoir four days above the residual volume, judged once an hour; empty at 2.3 mL."""
    assert measured["volume-at-low-reservoir"].value == pytest.approx(6.0, abs=0.08)
    assert measured["volume-at-empty"].value == pytest.approx(2.3, abs=0.03)


def test_mean_flow_is_what_left_the_pump(measured: dict[str, Measurement]) -> None:
    """A day at label conditions, full: the label's flow, which the pump works out from its syringes."""
    assert measured["mean-flow-since-refill"].value == pytest.approx(1.0, abs=0.01)


def test_current_is_the_budget(measured: dict[str, Measurement]) -> None:
    """5 uA of sleep and 500 uC a minute."""
    assert measured["supply-current"].value == pytest.approx(5 + 500 / 60, abs=0.01)


def test_they_work_in_secure_sessions_and_say_what_they_lack(tmp_path: Path) -> None:
    """Neither asks in which mode the pump is; whose instrument is missing is skipped, with the reason."""
    result = run(
        tmp_path, "identity-self-test", "link-quality", "clock-drift", "refill", "brown-out", bench="simulated-secure"
    )
    outcomes = {page.name: (str(page.outcome), page.problem or "") for page in result.procedures}
    assert outcomes["identity"] == outcomes["self-test"] == outcomes["clock-drift"] == ("pass", "")
    assert outcomes["link-quality"][0] == "inconclusive"
    assert outcomes["refill"] == ("skipped", "the bench file has no [instruments.operator]")
    assert outcomes["brown-out"] == ("skipped", "the bench file has no [instruments.supply]")


FREE = '''
def test_free(bench, pump, measure):
    """The outlet's pressure, some hours after the sensor was mended."""
    bench.sleep_until(8 * 3_600_000)
    measure("outlet", pump.read_raw_sensors().outlet_pa / 1000, "kPa", expanded_uncertainty=0.1, upper=14)
'''


def test_clamp_is_off_after_a_failure(tmp_path: Path) -> None:
    """A pump that never finds the occlusion fails, and is left with a free catheter."""
    probe = tmp_path / "free.py"
    probe.write_text(FREE, encoding="utf-8")
    faults = ("outlet-pressure-sensor-stuck@0s", "outlet-pressure-sensor-stuck=0@6h")
    result = run(tmp_path, "occlusion-detection", str(probe), inject=faults)
    clamped, free = result.procedures
    assert (clamped.outcome, free.outcome) == (Outcome.FAIL, Outcome.PASS), (clamped.problem, free.problem)
    assert "no occlusion was raised" in str(clamped.problem)
    assert free.measurements[0].value == pytest.approx(12.4, abs=0.3)


def test_a_fast_pump_is_flagged_and_fails(tmp_path: Path) -> None:
    """The pump flags its own mean flow, and the flow is a finding of the procedure."""
    result = run(tmp_path, "refill", inject=("restrictor-fast-flow@0s",))
    page = next(each for each in result.procedures if each.name == "refill")
    assert page.outcome is Outcome.FAIL
    assert "mean-flow-since-refill: 1.1" in str(page.problem)
    assert "flag" not in str(page.problem)
