"""How fast procedures run: all that are shipped, one after another in one process, on a bench with every instrument."""

import time
from pathlib import Path

import pytest

from hil.measurement import Measurement, Outcome
from hil.procedures import PROCEDURES
from hil.recording.reader import Recording
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped

_DAYS_WANTED, _CPU_S_WANTED = 14, 60
_MS_PER_DAY, _S_PER_DAY = 86_400_000, 86_400


class _Stopwatch(Silent):
    """Takes the time of this process for each procedure."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = {}
        self._began_s = 0.0

    def procedure_started(self, procedure: str) -> None:  # noqa: ARG002 - the shape of an observer
        self._began_s = time.process_time()

    def procedure_finished(self, procedure: str, outcome: str) -> None:  # noqa: ARG002
        self.spent_s[procedure] = time.process_time() - self._began_s

    def measured(self, measurement: Measurement) -> None:
        """Nothing to do."""


def test_bench_time_beside_that_of_this_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fortnight of bench time and more, with every procedure passed, recorded and reported."""
    settings = RunSettings(procedures=tuple(PROCEDURES), bench=shipped("benches/full.toml"), seed=1, out=tmp_path)
    watch, began_s = _Stopwatch(), time.process_time()
    result = run_procedures(settings, watch)
    spent_s = time.process_time() - began_s
    days = Recording.open(result.folder / "run.mcap").records[-1].time_ms / _MS_PER_DAY
    slowest = sorted(watch.spent_s.items(), key=lambda each: each[1], reverse=True)[:5]
    with capsys.disabled():
        print(f"\n{f'{len(watch.spent_s)} procedures':28}{'measured':>12}{'goal':>10}")
        print(f"{'days on the bench':28}{days:12.1f}{_DAYS_WANTED:10}")
        print(f"{'s of this process':28}{spent_s:12.1f}{_CPU_S_WANTED:10}")
        print(f"{'bench time over own time':28}{days * _S_PER_DAY / spent_s:12.0f}{_S_PER_DAY * _DAYS_WANTED // 60:10}")
        for name, own_s in slowest:
            print(f"{'  ' + name:28}{own_s:12.1f}")
    assert result.verdict is Outcome.PASS, [(page.name, page.problem) for page in result.procedures if page.problem]
    assert days >= _DAYS_WANTED
    assert days * _S_PER_DAY / spent_s >= _DAYS_WANTED * _S_PER_DAY / _CPU_S_WANTED
