"""Bench time on a real bench: it passes whatever the computer under the rig does."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

NEW_TIME_NAMESPACE = 0x80
SLEEPS = f"""
import ctypes, os, sys
from hil.clock import WallClock
clock = WallClock()
before_ms = clock.now_ms()
elsewhere = os.open(sys.argv[1], os.O_RDONLY)
assert ctypes.CDLL(None).setns(elsewhere, {NEW_TIME_NAMESPACE}) == 0
print(clock.now_ms() - before_ms)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0 or shutil.which("unshare") is None, reason="sets clocks: needs root"
)
def test_bench_time_passes_while_the_computer_sleeps() -> None:
    """After an hour of suspension, as the kernel's clocks show one, an hour of bench time has passed."""
    with subprocess.Popen(["unshare", "--time", "--boottime", "3600", "sleep", "60"]) as holder:
        try:
            namespace = Path(f"/proc/{holder.pid}/ns/time_for_children")
            own = Path("/proc/self/ns/time").readlink()
            until = time.monotonic() + 10
            while namespace.readlink() == own and time.monotonic() < until:
                time.sleep(0.01)
            if namespace.readlink() == own:
                pytest.skip("no time namespaces here")
            done = subprocess.run(
                [sys.executable, "-c", SLEEPS, str(namespace)], check=True, capture_output=True, text=True
            )
        finally:
            holder.kill()
    assert 3_600_000 <= int(done.stdout) < 3_610_000
