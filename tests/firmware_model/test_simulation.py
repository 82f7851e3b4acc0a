"""Virtual time: order, inclusion and no way back."""

import pytest

from firmware_model.simulation import Simulation


class _Ticker:
    def __init__(self, name: str, period_ms: int, log: list[tuple[int, str]], ticks: int = 1000) -> None:
        self._name, self._period_ms, self._log, self._left = name, period_ms, log, ticks

    def wake(self, now_ms: int) -> int | None:
        self._log.append((now_ms, self._name))
        self._left -= 1
        return now_ms + self._period_ms if self._left else None


def test_actors_wake_in_the_order_of_adding() -> None:
    """Two that are due at the same time take turns as they were added, however they came to be due."""
    log: list[tuple[int, str]] = []
    simulation = Simulation()
    simulation.add(_Ticker("slow", 6, log))
    simulation.add(_Ticker("fast", 2, log))
    simulation.run_until(6)
    assert log == [(0, "slow"), (0, "fast"), (2, "fast"), (4, "fast"), (6, "slow"), (6, "fast")]


def test_run_until_includes_its_end() -> None:
    """What is due exactly at the end happens, and time stands there even if nothing is due."""
    log: list[tuple[int, str]] = []
    simulation = Simulation()
    simulation.add(_Ticker("a", 10, log))
    simulation.run_until(9)
    assert (simulation.now_ms, log) == (9, [(0, "a")])
    simulation.run_until(10)
    assert (simulation.now_ms, log) == (10, [(0, "a"), (10, "a")])
    simulation.run_until(10)
    assert log == [(0, "a"), (10, "a")]


def test_splitting_a_run_changes_nothing() -> None:
    """Many short runs wake the same actors at the same times as one long run."""
    logs: list[list[tuple[int, str]]] = []
    for step_ms in (1, 7, 100):
        log: list[tuple[int, str]] = []
        simulation = Simulation()
        simulation.add(_Ticker("a", 5, log))
        simulation.add(_Ticker("b", 3, log))
        for now_ms in [*range(0, 100, step_ms), 100]:
            simulation.run_until(now_ms)
        logs.append(log)
    assert logs[0] == logs[1] == logs[2]


def test_actors_added_later_wake_at_once_and_may_end() -> None:
    """An actor that joins first wakes at the time of joining; one that answers None is left alone."""
    log: list[tuple[int, str]] = []
    simulation = Simulation()
    simulation.run_until(4)
    simulation.add(_Ticker("late", 1, log, ticks=2))
    simulation.run_until(100)
    assert log == [(4, "late"), (5, "late")]
    assert simulation.now_ms == 100


def test_time_runs_forwards() -> None:
    """Neither a run nor an actor may go back, and no actor may hold time still."""
    simulation = Simulation()
    simulation.run_until(5)
    with pytest.raises(ValueError, match="time runs forwards"):
        simulation.run_until(4)
    simulation.add(_Ticker("stuck", 0, []))
    with pytest.raises(ValueError, match="not later"):
        simulation.run_until(5)
