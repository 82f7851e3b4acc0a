"""How fast fleets run: on one core, over two processes, and beside a plain SimPy loop of the same pump."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import simpy

from firmware_model.fleet.life import pump_life
from firmware_model.fleet.population import load_population
from firmware_model.pump import Pump
from firmware_model.scenario.surroundings_course import surroundings_course
from hil.fleet.chunk import Chunk, run_chunk
from hil.fleet.executor import run_chunks

_LOADED = load_population(Path(__file__).parents[2] / "fixtures" / "fleets" / "ambulatory.toml")
_VARIANT = _LOADED.population.variant[0]
_YEAR_MS = 365.25 * 86_400_000
_PUMPS, _DAYS = 200, 365.0
_PLAIN_DAYS = 3
_WANTED, _GOAL, _SCALING_WANTED = 200, 1000, 1.7


def _rate(work: Callable[[], int]) -> float:
    """Pump-years for each CPU second; ``work`` says for how many milliseconds pumps were watched."""
    start = time.process_time()
    years = work() / _YEAR_MS
    return years / (time.process_time() - start)


@pytest.mark.benchmark(group="fleet")
def test_one_life(benchmark: Callable[..., object]) -> None:
    """Only what happens to a pump is drawn; nothing of it is run."""
    pumps = iter(range(10**9))
    benchmark(lambda: pump_life(_LOADED, 1, next(pumps), _DAYS))


def test_pump_years_per_second(capsys: pytest.CaptureFixture[str]) -> None:
    """One core, one sample a minute, default population; beside it SimPy, a sample at a time."""
    run_chunk(Chunk(_LOADED, 2, _DAYS, 1, _PUMPS - 1))  # one pump alone would leave half of it to be compiled yet
    rate = _rate(lambda: run_chunk(Chunk(_LOADED, 1, _DAYS, 1, _PUMPS - 1)).watched_ms)
    plain_rate = _rate(lambda: sum(_simpy_loop(pump) for pump in range(3)))
    with capsys.disabled():
        print(f"\n{'':32}{'pump-years/s':>14}{'wanted':>8}{'goal':>8}")
        print(f"{'fleet, one core':32}{rate:14.1f}{_WANTED:8}{_GOAL:8}")
        print(f"{'SimPy, a sample at a time':32}{plain_rate:14.3f}")
        print(f"{'ratio':32}{rate / plain_rate:14.0f}")


def _simpy_loop(pump_number: int) -> int:
    """The same pump, its refills left out, in a process that is woken for each sample; gives how long."""
    life = pump_life(_LOADED, 1, pump_number, _PLAIN_DAYS)
    pump = Pump(
        life.profile_for(_VARIANT, _LOADED.profile),
        seed=life.seed,
        serial_number="PLAIN",
        start_utc_ms=life.scenario.start_utc_ms,
        surroundings=surroundings_course(life.scenario, life.seed, 0, _PLAIN_DAYS * 24 + 2),
        passes_over=False,
    )
    environment = simpy.Environment()

    def samples() -> Any:
        while True:
            pump.wake(int(environment.now))
            yield environment.timeout(60_000)

    environment.process(samples())
    environment.run(until=_PLAIN_DAYS * 86_400_000)
    return int(environment.now)


def test_two_processes(capsys: pytest.CaptureFixture[str]) -> None:
    """Wall time of one process against two, both warm; only on a machine that has two cores for it."""
    chunks = [Chunk(_LOADED, 1, _DAYS, first, first + 4) for first in range(0, _PUMPS, 5)]

    def seconds(jobs: int) -> float:
        results = run_chunks(chunks, jobs=jobs, scheduler=None)
        next(results)  # the processes are up
        start = time.perf_counter()
        for _ in results:
            pass
        return time.perf_counter() - start

    alone, together = seconds(1), seconds(2)
    with capsys.disabled():
        print(f"\n{'processes':32}{'1':>8}{'2':>8}{'ratio':>8}{'wanted':>8}")
        print(f"{'seconds of wall time':32}{alone:8.2f}{together:8.2f}{alone / together:8.2f}{_SCALING_WANTED:8}")
        print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
