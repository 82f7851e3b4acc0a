"""A fleet on a Dask cluster: a real scheduler and two worker processes on loopback, one killed in the middle."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.fleet.fleet_run import run_fleet
from tests.hil.fleet.fleets import Told, fleet, settings, tables_of

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("ignore")]
_UP_WITHIN_S = 60


def started(*arguments: str, folder: Path) -> "subprocess.Popen[bytes]":
    """One process of the cluster."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = os.environ | {"DASK_LOGGING__DISTRIBUTED": "error"}
    return subprocess.Popen([sys.executable, "-m", "dask", *arguments], cwd=folder, env=environment, **quiet)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list["subprocess.Popen[bytes]"]]]:
    """Address of the scheduler, and its workers."""
    where = tmp_path / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard")
    processes = [started("scheduler", *local, "--port", "0", "--scheduler-file", str(where), folder=tmp_path)]
    one = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
    processes += [started("worker", *local, *one, "--scheduler-file", str(where), folder=tmp_path) for _ in range(2)]
    try:
        until_s = time.monotonic() + _UP_WITHIN_S
        while not where.is_file() or not where.read_text():
            assert time.monotonic() < until_s, "the scheduler does not come up"
            time.sleep(0.1)
        address = json.loads(where.read_text())["address"]
        wait_for_workers(address, 2)
        yield address, processes[1:]
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


def wait_for_workers(address: str, count: int) -> None:
    """Until the scheduler knows so many."""
    from distributed import Client  # noqa: PLC0415 - slow to import, for one test

    with Client(address, timeout=_UP_WITHIN_S, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(count, timeout=_UP_WITHIN_S)


class Killer(Told):
    """Kills a worker when the first pumps are done."""

    def __init__(self, worker: "subprocess.Popen[bytes]") -> None:
        super().__init__()
        self.worker = worker

    def advanced(self, pumps: int, pump_years: float) -> None:
        """Once."""
        super().advanced(pumps, pump_years)
        if len(self.said) == 2:
            self.worker.send_signal(signal.SIGKILL)


@pytest.mark.deep
def test_a_cluster_that_loses_a_worker_gives_the_same(
    tmp_path: Path, cluster: tuple[str, list["subprocess.Popen[bytes]"]]
) -> None:
    """The same rows and hash as one process; what the killed worker had under way is done by the other."""
    address, workers = cluster
    killer = Killer(workers[0])
    outcome = run_fleet(settings(tmp_path, "cluster", chunk=1, scheduler=address), killer)
    assert workers[0].wait(10) == -signal.SIGKILL
    alone = fleet(tmp_path, "alone")
    assert outcome.summary["events_sha256"] == alone.summary["events_sha256"]
    assert tables_of(outcome) == tables_of(alone)
    assert sum(pumps for pumps, _ in killer.said[1:]) == 12
