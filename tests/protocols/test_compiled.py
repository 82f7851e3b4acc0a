"""Compiling where the code cannot be kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TWICE = """
import sys

from protocols.compiled import compiled

made = {}
exec(compile("def twice(x):\\n    return 2 * x\\n", "/dev/null/twice.py", "exec"), made)
sys.exit(0 if compiled(made["twice"])(21) == 42 else 1)
"""


@pytest.mark.deep
def test_code_that_can_be_kept_nowhere_is_compiled_all_the_same(tmp_path: Path) -> None:
    """Sources in a read-only place and no folder of the user's: Numba has nowhere for its cache."""
    no_folder = tmp_path / "a file"
    no_folder.write_bytes(b"")
    environment = {**os.environ, "HOME": str(no_folder), "XDG_CACHE_HOME": str(no_folder), "NUMBA_DISABLE_JIT": "0"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", TWICE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


THRICE = """
import logging

from protocols.compiled import compiled

logging.basicConfig(level=logging.INFO)


@compiled
def thrice(x):
    return 3 * x


thrice(7), thrice(7.0)
"""


@pytest.mark.deep
def test_compiling_is_told_once_and_only_where_it_is_done(tmp_path: Path) -> None:
    """A newcomer waits for half a minute: the log says why, and says nothing when the code is found on disk."""
    (tmp_path / "thrice.py").write_text(THRICE, encoding="utf-8")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept"), "NUMBA_DISABLE_JIT": "0"}
    command = [sys.executable, str(tmp_path / "thrice.py")]
    said = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(2)]
    assert [each.stderr.count("compiling for this machine") for each in said] == [1, 0]
