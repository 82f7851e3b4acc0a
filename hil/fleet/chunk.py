"""Some pumps of a fleet, in one process: a task that any executor can take to any machine."""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from firmware_model.fleet.audit import audited
from firmware_model.fleet.chance import Chance
from firmware_model.fleet.life import pump_life
from firmware_model.fleet.population import LoadedPopulation
from firmware_model.fleet.run import run_life
from firmware_model.pump import Pump
from hil.fleet.tables import CheckedPump, parquet_of
from hil.fleet.wire import WireCheck

__all__ = ["Chunk", "ChunkResult", "is_chosen", "run_chunk"]


@dataclass(frozen=True)
class Chunk:
    """Pumps ``first`` to ``last``, both of them. It carries all it needs: no worker has to read a file."""

    loaded: LoadedPopulation
    seed: int
    days: float
    first: int
    last: int
    audit: float = 0.0
    """This share of the pumps again, sample by sample."""
    wire: float = 0.0
    """This share of the pumps over a bad wire."""


@dataclass(frozen=True)
class ChunkResult:
    """What came of a chunk, as Parquet."""

    first: int
    last: int
    watched_ms: int
    problems: int
    tables: dict[str, bytes]


def run_chunk(chunk: Chunk, make_pump: Callable[..., Pump] = Pump) -> ChunkResult:
    """What comes of these pumps, whoever runs them and in whatever company."""
    checked = []
    with _collecting_when_asked():
        for pump in range(chunk.first, chunk.last + 1):
            checked += _run_checked(chunk, pump, make_pump)
            gc.collect(1)  # the pump is young; what stays of it will not be looked at again
    return ChunkResult(
        chunk.first,
        chunk.last,
        sum(each.result.watched_ms for each in checked),
        sum(each.result.problem is not None for each in checked),
        parquet_of(checked),
    )


@contextmanager
def _collecting_when_asked() -> Iterator[None]:
    """Have Python's collector run only when it is asked to.

    A pump refers to itself, and holds megabytes. What the collector finds alive it looks at less and less often: left
    to its own rhythm it meets pumps in the middle of their lives, and hundreds of dead ones wait.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def is_chosen(seed: int, pump: int, check: str, share: float) -> bool:
    """Whether a pump is of the share that is checked: evenly dealt out, from a place that the seed chooses."""
    begin = Chance(seed, 0, check).uniform()
    return math.floor((pump + 1) * share + begin) > math.floor(pump * share + begin)


def _run_checked(chunk: Chunk, pump: int, make_pump: Callable[..., Pump]) -> list[CheckedPump]:
    life = pump_life(chunk.loaded, chunk.seed, pump, chunk.days)
    checked = []
    for variant in chunk.loaded.population.variant:
        wire = WireCheck(life.seed) if is_chosen(chunk.seed, pump, "wire", chunk.wire) else None
        at_end = {} if wire is None else {"at_end": wire.check}
        result = run_life(chunk.loaded, life, variant, make_pump=make_pump, **at_end)
        audit = None
        if is_chosen(chunk.seed, pump, "audit", chunk.audit):
            audit = audited(chunk.loaded, life, variant, result)
        checked.append(CheckedPump(result, audit, None if wire is None else wire.outcome))
    return checked
