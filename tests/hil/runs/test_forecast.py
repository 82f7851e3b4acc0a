"""What a run will do, before it starts: the plan's numbers are those that the run then states."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.benches.bench_file import LoadedBench, load_bench
from hil.errors import UsageError
from hil.flow.flow_forecast import forecast_flow
from hil.runs.forecast import forecast
from hil.runs.run_plan import plan_run
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped
from tests.depth import tries

SIMULATED = load_bench(shipped("benches/simulated.toml"))


def noisy(repeatability_mg: float, bath_c: float) -> LoadedBench:
    """The simulated bench with another balance and bath."""
    said = SIMULATED.model_dump()
    said["file"]["instruments"]["balance"]["u_repeatability_mg"] = repeatability_mg
    said["file"]["instruments"]["bath"]["u_temperature_c"] = bath_c
    return LoadedBench.model_validate(said)


def bench_file(tmp_path: Path, *, without: str = "", due: str = "2027-06-30") -> Path:
    """The simulated bench, less one instrument, or with another calibration date."""
    text = shipped("benches/simulated.toml").read_text(encoding="utf-8").replace("../pumps", str(shipped("pumps")))
    head, *tables = text.split("\n[")
    kept = [table for table in tables if not (without and table.startswith(f"instruments.{without}]"))]
    path = tmp_path / "bench.toml"
    path.write_text("\n[".join([head, *kept]).replace("2027-06-30", due), encoding="utf-8")
    return path


@settings(max_examples=tries(15))
@given(repeatability=st.floats(0, 20), bath=st.floats(0, 0.2))
def test_longer_is_never_worse_and_the_answer_is_the_shortest(repeatability: float, bath: float) -> None:
    """U falls with the length; what is needed reaches the wanted U, and a quarter of an hour less does not."""
    bench = noisy(repeatability, bath)
    lengths = [each.expanded_uncertainty_percent for each in forecast_flow(bench).lengths]
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in itertools.pairwise(lengths))
    found = forecast_flow(bench, wanted_percent=2.0)
    if found.needed_h is None:
        assert found.floor.expanded_uncertainty_percent > 2.0
        assert "no collection reaches 2 %" in found.why_not()
        return
    around = forecast_flow(bench, lengths_h=(found.needed_h - 0.25, found.needed_h)).lengths
    assert around[-1].expanded_uncertainty_percent <= 2.0
    assert len(around) == 1 or around[0].expanded_uncertainty_percent > 2.0


def test_nothing_beats_the_best_laboratory() -> None:
    """1 % at 1 mL/day cannot be had on any bench: 1.07 % is what the best national laboratory states."""
    perfect = forecast_flow(noisy(0.0, 0.0), wanted_percent=1.0)
    assert perfect.needed_h is None
    assert perfect.floor.expanded_uncertainty_percent >= 1.07
    assert "limit of the method" in perfect.why_not()


def test_poor_bath_is_named() -> None:
    """Where the bath alone is worse than what is wanted, the reason says so."""
    assert "bath temperature 5." in forecast_flow(noisy(0.02, 0.2), wanted_percent=2.0).why_not()


def test_plan_of_the_default_run() -> None:
    """Procedure, instruments, duration and the chosen length, without a run folder."""
    said = forecast(plan_run(RunSettings(parameters=("collection_h=30",))), wanted_percent=2.0)
    (procedure,) = said.procedures
    assert procedure.instruments == ("balance", "bath")
    assert procedure.missing == ()
    assert said.hours == pytest.approx(32.25)
    assert said.flow is not None
    assert 30.0 in {each.hours for each in said.flow.lengths}
    assert said.exit_code == 0
    assert said.as_json()["flow"]["why_not"] is None


def test_plan_says_what_is_missing_and_not_claimed(tmp_path: Path) -> None:
    """A bench without a balance runs no flow accuracy, claims none of its requirements, and plans no flow."""
    said = forecast(plan_run(RunSettings(bench=bench_file(tmp_path, without="balance"))))
    assert said.procedures[0].missing == ("balance",)
    assert "REQ-FLOW-001" in said.not_claimed
    assert said.flow is None
    assert said.exit_code == 5


def test_plan_says_what_is_overdue(tmp_path: Path) -> None:
    """By the bench's own date (2026-01-01 in its world), unless somebody answers for it."""
    file = bench_file(tmp_path, due="2025-12-31")
    assert set(forecast(plan_run(RunSettings(bench=file))).overdue) == {"balance", "bath"}
    accepted = RunSettings(bench=file, accept_overdue=("bath=as found good",))
    assert set(forecast(plan_run(accepted)).overdue) == {"balance"}


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (("collection_d=2",), "known: collection_h (8 to 672 h)"),
        (("collection_h=2 mL",), "cannot be told in h"),
        (("collection_h=1000",), "must be 8 to 672 h"),
        (("collection_h",), "write it like"),
        (("collection_h=9", "collection_h=10"), "set twice"),
    ],
)
def test_parameters_that_do_not_exist_or_fit_are_refused(choices: tuple[str, ...], said: str) -> None:
    """Unknown names, wrong dimensions, outside the range, half written, twice."""
    with pytest.raises(UsageError) as caught:
        forecast(plan_run(RunSettings(parameters=choices)))
    assert said in str(caught.value)


def test_uncertainty_is_that_of_a_flow() -> None:
    """Nothing else is planned for."""
    with pytest.raises(UsageError, match="which no procedure of this run measures"):
        forecast(plan_run(RunSettings(("protocol-conformance",))), wanted_percent=2.0)
