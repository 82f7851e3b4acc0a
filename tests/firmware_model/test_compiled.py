"""What is compiled does what is written: the same pumps, once compiled and once interpreted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.firmware_model.compiled_story import digests

_ROOT = Path(__file__).parents[2]


def _interpreted(how_many: int) -> tuple[str, ...]:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "tests.firmware_model.compiled_story", str(how_many)]
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=1200, check=True)
    return tuple(done.stdout.split())


@pytest.mark.deep
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing is compiled in this process")
@pytest.mark.parametrize("how_many", [4, pytest.param(40, marks=pytest.mark.soak)])
def test_compiled_and_interpreted_are_the_same(how_many: int) -> None:
    """Stories with refills and faults come to the same events and the same memory, to the bit."""
    compiled = digests(how_many)
    assert len(compiled) == 2
    assert compiled == _interpreted(how_many)
