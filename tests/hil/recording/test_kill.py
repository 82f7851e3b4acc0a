"""kill -9 at any moment of recording, sealing, rewriting and renaming."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.depth import at_depth


@pytest.mark.parametrize(
    "count", [at_depth(50, 200), pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(620)])]
)
def test_no_acknowledged_record_is_lost(tmp_path: Path, count: int) -> None:
    """Every record that was acknowledged is there, in order, for our reader and for mcap's own."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.hil.recording.kill_trials", str(tmp_path), str(count), str(count)],
        capture_output=True,
        text=True,
        timeout=600 if count == 1000 else 110,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["wrong"] == {}
    assert found["trials"] == count
    assert found["forms"]["cut"] > count // 4, "too few were killed before their end"
    assert found["forms"]["complete"] > count // 50, "too few were killed behind their end"
