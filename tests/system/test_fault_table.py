"""Every injected fault is found by the procedure, and in the words, that the table says."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_model.faults.table import PUMP_FAULTS
from hil.links.wire_faults import WIRE_FAULTS
from hil.measurement import Outcome
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from hil.virtual_bench.bench_faults import BENCH_FAULTS
from tests.system.fault_table import FOUND, NOT_FOUND, PAGE, Row, page

FULL = Path(__file__).parents[2] / "fixtures" / "benches" / "full.toml"


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> Iterator[None]:
    """Each run is a pytest of its own, which collects garbage in the end: only its own, not that of all modules."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def rows() -> Iterator[Any]:
    """Every row; those whose kind of fault has had one already are for the soak."""
    seen: set[tuple[bool, str]] = set()
    for row in FOUND:
        key = row.is_wire_fault, row.kind
        marks = [pytest.mark.soak] if key in seen and not row.is_wire_fault else []
        seen.add(key)
        yield pytest.param(row, id=f"{row.fault}-{row.procedure}", marks=marks)


@pytest.mark.deep(quick=5)
@pytest.mark.parametrize("row", list(rows()))
def test_fault_is_found(row: Row, tmp_path: Path) -> None:
    """The procedure comes to the outcome of the table, by its finding, and no run of it passes."""
    faults = (row.fault,)
    result = run_procedures(
        RunSettings(
            procedures=(row.file,),
            bench=FULL,
            injections=() if row.is_wire_fault else faults,
            wire_faults=faults if row.is_wire_fault else (),
            parameters=row.parameters,
            out=tmp_path,
        ),
        Silent(),
    )
    found = next(each for each in result.procedures if each.name == row.procedure)
    missed = [each.name for each in found.measurements if each.outcome is not Outcome.PASS]
    assert found.outcome == row.outcome, found.problem
    assert row.finding in (found.problem or "") or row.finding in missed, (found.problem, missed)
    assert result.exit_code == {"fail": 1, "error": 3, "inconclusive": 4}[row.outcome], result.verdict


def test_no_fault_is_forgotten() -> None:
    """Every fault that can be injected has a row, or a reason why no procedure finds it."""
    told = {name.split(" ")[0] for name in NOT_FOUND}
    told |= {row.kind for row in FOUND}
    assert told >= set(PUMP_FAULTS) | set(BENCH_FAULTS) | set(WIRE_FAULTS)


def test_page_is_current() -> None:
    """The guide's page is what the table says; ``python -m tests.system.fault_table`` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page()
