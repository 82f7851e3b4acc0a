"""Commands take effect exactly once, whatever the links and the switches do; and each part of the scheme is needed."""

import os
from collections.abc import Iterator

import pytest

from protocols.commands.journal import Journal
from tests.depth import at_depth
from tests.protocols.commands.world import MUTANTS, World, shrunk, violations

_SEEDS = at_depth(400, 10_000)
_BLOCKS = 8


def _failures(seeds: range, kind: type[Journal] = Journal) -> Iterator[str]:
    for seed in seeds:
        world = World(seed, kind=kind)
        world.run()
        for each in violations(world):
            yield f"seed {seed}: {each}; see it by: python -m tests.protocols.commands.world {seed}"


@pytest.mark.parametrize("block", range(_BLOCKS))
def test_every_command_takes_effect_once(block: int) -> None:
    """Over ten thousand seeds, at journal depth 1, nobody is told what is not so; some hundred in quick tests."""
    size = _SEEDS // _BLOCKS
    assert not list(_failures(range(block * size, (block + 1) * size)))


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_part_of_the_scheme_is_needed(mutant: str) -> None:
    """Without fence, de-duplication, if_state or bump, a few hundred seeds find something wrong."""
    assert any(_failures(range(600), MUTANTS[mutant]))


def test_commands_do_get_through() -> None:
    """The worlds are not so bad that nothing happens: most commands are applied."""
    applied = 0
    for seed in range(200):
        world = World(seed)
        world.run()
        applied += len(world.durable.effects)
    assert applied > 400


def test_a_failing_seed_shrinks() -> None:
    """What is told of a failure has no accident that it does not take."""
    mutant = MUTANTS["no-fence"]
    seed = next(seed for seed in range(600) if any(_failures(range(seed, seed + 1), mutant)))
    before, after = World(seed, kind=mutant), World(seed, kind=mutant, spared=shrunk(seed, mutant))
    before.run()
    after.run()
    assert violations(after)
    assert len(after.accidents) < len(before.accidents)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(16))
def test_a_million_seeds(block: int) -> None:
    """The same, over a million."""
    size = int(os.environ.get("PUMPRIG_SOAK_SEEDS", "1000000")) // 16
    assert not list(_failures(range(10_000 + block * size, 10_000 + (block + 1) * size)))
