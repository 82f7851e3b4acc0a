"""One procedure of a file that has several, by its own name."""

import pytest

from hil.procedures import PROCEDURES, single_procedures
from hil.runs.collected import collect, name_of
from hil.runs.observer import Silent
from hil.runs.run_plan import plan_run
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings


def test_one_is_run_and_replayed_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two of fifteen are asked for, and run; their recording is replayed without saying so again."""
    out = tmp_path_factory.mktemp("runs")
    result = run_procedures(RunSettings(procedures=("protocol-chains", "protocol-framing"), out=out), Silent())
    replay = run_procedures(RunSettings(recording=result.folder, out=out), Silent())
    for each in (result, replay):
        assert {page.name for page in each.procedures} == {"protocol-chains", "protocol-framing"}
        assert each.exit_code == 0


def test_every_procedure_has_a_name_to_ask_for() -> None:
    """What pytest collects from all files that come along is what can be named."""
    collected = collect(plan_run(RunSettings(procedures=tuple(PROCEDURES))))
    assert {name_of(item) for item in collected} == {*single_procedures()}
