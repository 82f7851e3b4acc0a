"""The simulated world: what is injected into the bench reaches the pump when it says, with or without instruments."""

from pathlib import Path

import pytest

from firmware_model.faults.injection import parse_injection
from hil.benches.bench_file import load_bench
from hil.virtual_bench.bench_faults import KNOWN_FAULTS
from hil.virtual_bench.world import World

BENCHES = Path(__file__).parents[3] / "fixtures" / "benches"
HOUR_MS = 3_600_000


@pytest.mark.parametrize("bench", ["simulated.toml", "full.toml"])
def test_pressures_step_when_they_are_injected(bench: str) -> None:
    """The room's pressure is the pump's at once, also in a chamber whose controller nobody has switched on yet."""
    faults = ("ambient-offset=-20kPa@1h", "outlet-offset=+5kPa@1h")
    world = World(load_bench(BENCHES / bench), seed=1, injections=[parse_injection(f, KNOWN_FAULTS) for f in faults])
    world.advance_to(HOUR_MS - 60_000)
    before = world._surroundings(world.now_ms)
    world.advance_to(HOUR_MS)
    after = world._surroundings(world.now_ms)
    assert after.ambient_kpa - before.ambient_kpa == pytest.approx(-20.0)
    assert after.outlet_kpa - before.outlet_kpa == pytest.approx(5.0)
