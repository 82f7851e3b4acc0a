"""The procedures of flow, sensors and endurance, on the bench that has every instrument, in this process."""

from pathlib import Path

import pytest

from hil.measurement import Outcome
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_result import RunResult
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped

PROCEDURES = (
    "flow-temperature",
    "flow-back-pressure",
    "flow-ambient-pressure",
    "cold-refill",
    "sensor-accuracy",
    "volume-accuracy",
    "soak",
)
SHORT = ("collection_h=4", "soak_days=1")


def run(
    out: Path, *procedures: str, bench: str = "full", inject: tuple[str, ...] = (), short: bool = True
) -> RunResult:
    """One run on a bench that is shipped."""
    chosen = tuple(each for each in SHORT if not short or _takes(each, procedures))
    settings = RunSettings(
        procedures=procedures,
        bench=shipped(f"benches/{bench}.toml"),
        seed=3,
        injections=inject,
        out=out,
        parameters=chosen,
    )
    return run_procedures(settings, Silent())


def _takes(choice: str, procedures: tuple[str, ...]) -> bool:
    """Whether any of the procedures has the parameter: choosing one that none has is refused."""
    if choice.startswith("soak"):
        return "soak" in procedures
    return any(name.startswith("flow-") for name in procedures)


def failed(result: RunResult) -> set[str]:
    """Names of the measurements that missed their limits."""
    return {each.name for each in result.measurements if each.outcome is Outcome.FAIL}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """All of them, one after another, on a healthy pump."""
    return run(tmp_path_factory.mktemp("healthy"), *PROCEDURES)


@pytest.mark.deep
def test_a_healthy_pump_passes_all_of_them(healthy: RunResult) -> None:
    """Every measurement that is declared is taken and passes; each procedure leaves the next one a bench to work on."""
    assert [(page.name, page.problem) for page in healthy.procedures if page.outcome is not Outcome.PASS] == []
    assert healthy.verdict is Outcome.PASS
    assert len(healthy.measurements) == 30
    assert all(each.requirements for each in healthy.measurements)


@pytest.mark.deep
def test_a_replay_of_the_recording_comes_to_the_same(healthy: RunResult, tmp_path: Path) -> None:
    """Times and decisions come from the wires: the recording gives the very same numbers, without any bench."""
    settings = RunSettings(target="replay", recording=healthy.folder, out=tmp_path)
    replayed = run_procedures(settings, Silent())
    assert [each.as_json() for each in replayed.measurements] == [each.as_json() for each in healthy.measurements]


@pytest.mark.deep
def test_ratios_are_the_physics_of_the_stand_in(healthy: RunResult) -> None:
    """R-11 at 35 C and 39 C, and 10 mmHg more at the outlet, by vapour pressure and viscosity of the literature."""
    found = {each.name: each.value for each in healthy.measurements}
    assert found["flow-ratio-35-c"] == pytest.approx(0.7487, abs=0.02)
    assert found["flow-ratio-39-c"] == pytest.approx(1.2808, abs=0.03)
    assert found["flow-ratio-plus-2-kpa"] == pytest.approx(1 - 0.0297 * 2 / 1.333, abs=0.02)


@pytest.mark.deep
def test_a_collection_that_lasts_claims_more(healthy: RunResult) -> None:
    """No ratio claims less than the limit of the method for two independent flows; every budget adds up."""
    for each in healthy.measurements:
        if each.name.startswith("flow-ratio"):
            assert 0.008 < each.expanded_uncertainty / each.value < 0.03
            combined = 2 * sum(line.contribution**2 for line in each.budget) ** 0.5
            assert combined == pytest.approx(each.expanded_uncertainty)


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize(
    ("procedure", "inject", "found"),
    [
        (
            "flow-temperature",
            ("bath-offset=1C@6h",),
            {"flow-ratio-35-c", "flow-ratio-39-c", "flow-ratio-41-c"},
        ),
        (
            "flow-back-pressure",
            ("outlet-offset=6kPa@7h",),
            {
                "flow-ratio-minus-2-kpa",
                "flow-ratio-plus-2-kpa",
                "flow-ratio-plus-5-kpa",
            },
        ),
        (
            "flow-ambient-pressure",
            ("restrictor-plugging=20%@7h",),
            {
                "flow-ratio-95-kpa",
                "flow-ratio-85-kpa",
                "flow-ratio-110-kpa",
            },
        ),
        ("cold-refill", ("pocket-fill=80%@0h",), {"missing-volume"}),
        (
            "sensor-accuracy",
            (
                "temperature-sensor-bias=1C@0h",
                "ambient-pressure-sensor-bias=1kPa@0h",
                "outlet-pressure-sensor-bias=1kPa@0h",
                "reservoir-pressure-sensor-bias=8kPa@0h",
            ),
            {
                "temperature-error-33-c",
                "temperature-error-37-c",
                "temperature-error-41-c",
                "reservoir-pressure-against-model",
                "ambient-error-85-kpa",
                "ambient-error-101-kpa",
                "ambient-error-110-kpa",
                "outlet-error-at-head",
                "outlet-error-plus-5-kpa",
            },
        ),
        (
            "volume-accuracy",
            ("pocket-fill=10%@0h", "bellows-sensor-drift=0.3mL/day@0h"),
            {"bellows-against-syringe-filled", "bellows-against-collected"},
        ),
        (
            "soak",
            ("catheter-occlusion=30%@14h", "clock-jump=60s@20h"),
            {"soak-flow", "lowest-daily-flow", "highest-daily-flow", "alarms-without-cause", "soak-clock-drift"},
        ),
    ],
)
def test_each_finds_what_it_is_for(tmp_path: Path, procedure: str, inject: tuple[str, ...], found: set[str]) -> None:
    """A fault of pump, bench or world fails just the measurements that it spoils."""
    result = run(tmp_path, procedure, inject=inject)
    assert failed(result) == found, [str(each) for each in result.measurements]


def test_a_pump_that_stops_fails_and_says_so(tmp_path: Path) -> None:
    """A restrictor that is plugged after the refill leaves no start-up to measure: that is a failure, no error."""
    result = run(tmp_path, "cold-refill", inject=("restrictor-plugging=100%@2h",))
    (page,) = result.procedures
    assert page.outcome is Outcome.FAIL
    assert "nothing flows" in str(page.problem)


def test_a_bench_without_the_instruments_skips(tmp_path: Path) -> None:
    """What the bench lacks is named; what it has is tested all the same."""
    result = run(tmp_path, "cold-refill", "sensor-accuracy", bench="simulated")
    said = {page.name: (page.outcome, page.problem) for page in result.procedures}
    assert said["temperature-sensor-accuracy"][0] is Outcome.PASS
    assert said["cold-refill"] == (Outcome.SKIPPED, "the bench file has no [instruments.operator]")
    assert said["outlet-sensor-accuracy"] == (Outcome.SKIPPED, "the bench file has no [instruments.outlet_pressure]")


LOOK = '''
import pytest

@pytest.mark.procedure("look")
def test_look(bench, bath, outlet_pressure):
    """What the procedure before has left."""
    assert not bath.running() and bath.set_point_c() == 20.0
    assert not outlet_pressure.is_controlling() and abs(outlet_pressure.pressure_kpa()) < 0.02
    assert all(each.acknowledged for each in bench.pump.read_alarms().alarms)
'''


def test_a_procedure_that_fails_leaves_the_bench_as_it_was(tmp_path: Path) -> None:
    """Bath off at its old set point, pressure vented, alarms that it caused acknowledged: the next one can begin."""
    look = tmp_path / "look.py"
    look.write_text(LOOK, encoding="utf-8")
    result = run(tmp_path, "flow-back-pressure", str(look), inject=("catheter-occlusion=100%@5h",))
    assert [page.outcome for page in result.procedures] == [Outcome.FAIL, Outcome.PASS], result.procedures[-1].problem


@pytest.mark.deep
def test_estimates_are_compared_with_the_flow_of_their_own_hours(tmp_path: Path) -> None:
    """A pump that restarts, and whose flow falls later, knows its flow still: its estimates are not dated too early."""
    injected = ("reset@10.5h", "restrictor-plugging=60%@14h")
    result = run_procedures(
        RunSettings(procedures=("flow-accuracy",), seed=1, injections=injected, out=tmp_path), Silent()
    )
    (found,) = [each for each in result.measurements if each.name == "flow-estimate-error"]
    assert abs(found.value) < 4.0
    assert found.expanded_uncertainty < 10.0
