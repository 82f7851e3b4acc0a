"""What is compiled does what is written: the same pumps, once compiled and once interpreted."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def _digests(*, compiled: bool) -> list[str]:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0" if compiled else "1"}
    command = [sys.executable, "-m", "tests.firmware_model.compiled_story"]
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout.split()


def test_compiled_and_interpreted_are_the_same() -> None:
    """A dozen stories with refills and faults come to the same events and the same memory, to the bit."""
    compiled = _digests(compiled=True)
    assert len(compiled) == 2
    assert compiled == _digests(compiled=False)
