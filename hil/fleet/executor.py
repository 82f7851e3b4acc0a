"""Chunks over processes: on this machine, or on a Dask cluster, through the one interface of concurrent.futures."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from hil.errors import BenchFault, UsageError
from hil.fleet.chunk import Chunk, ChunkResult, run_chunk

__all__ = ["check_scheduler", "cores", "run_chunks"]

_AHEAD = 2
"""Chunks for each worker that are under way at a time: results wait for nobody, so memory does not grow."""
_TRIES = 3
"""A chunk whose worker died is given to another one so often."""
_SCHEDULER_S = 10


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_chunks(chunks: Sequence[Chunk], *, jobs: int, scheduler: str | None) -> Iterator[ChunkResult]:
    """The results, as they come. Raises BenchFault if workers keep dying, UsageError if there is no scheduler."""
    if scheduler is not None:
        yield from _on_cluster(chunks, scheduler)
    elif jobs == 1 or len(chunks) == 1:
        yield from map(run_chunk, chunks)
    else:
        yield from _in_processes(chunks, min(jobs, len(chunks)))


def _in_processes(chunks: Sequence[Chunk], jobs: int) -> Iterator[ChunkResult]:
    """Over processes of this machine; when one dies the others are started anew, and what was under way is repeated."""
    left = {chunk.first: chunk for chunk in chunks}
    tries = dict.fromkeys(left, 0)
    while left:
        pool = _pool(jobs)
        under_way: dict[Future[ChunkResult], Chunk] = {}
        try:
            for result in _drive(pool, list(left.values()), jobs, under_way):
                del left[result.first]
                yield result
        except BrokenProcessPool:
            for chunk in under_way.values():
                tries[chunk.first] += 1
                if tries[chunk.first] >= _TRIES:
                    raise BenchFault(
                        f"a worker died {_TRIES} times with pumps {chunk.first} to {chunk.last}; what is finished is "
                        "kept: see to the memory of this machine, and go on with --resume"
                    ) from None
        finally:
            _stop(pool)


def _pool(jobs: int) -> ProcessPoolExecutor:
    """Processes that import the model once, leave Ctrl-C to their parent, and end when it does, however that ends."""
    if sys.platform == "win32":
        context = multiprocessing.get_context("spawn")
    else:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["hil.fleet.chunk"])
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_follow_parent)


def _follow_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _stop(pool: ProcessPoolExecutor) -> None:
    """Let nobody finish what nobody waits for any more."""
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def check_scheduler(address: str) -> None:
    """Whether a Dask scheduler with workers answers there. Raises UsageError."""
    with _client(address) as client:
        _workers(client, address)


def _on_cluster(chunks: Sequence[Chunk], address: str) -> Iterator[ChunkResult]:
    """Over the workers of a Dask cluster; it repeats by itself what a worker that died had under way."""
    with _client(address) as client:
        workers = _workers(client, address)
        executor: Any = client.get_executor(pure=False, retries=_TRIES)
        yield from _drive(executor, chunks, workers, {})


def _workers(client: Any, address: str) -> int:
    workers = sum(each["nthreads"] for each in client.scheduler_info(n_workers=-1)["workers"].values())
    if not workers:
        raise UsageError(f"{address}: this scheduler has no workers; start some with: dask worker {address}")
    return int(workers)


def _client(address: str) -> Any:
    try:
        from distributed import Client  # noqa: PLC0415 - the extra is not always there
    except ImportError:
        raise UsageError('--scheduler needs the extra "cluster": pip install "pumprig[cluster]"') from None
    try:
        return Client(address, timeout=_SCHEDULER_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"{address}: no Dask scheduler answers here ({error})") from error


def _drive(
    executor: Executor, chunks: Sequence[Chunk], workers: int, under_way: dict[Future[ChunkResult], Chunk]
) -> Iterator[ChunkResult]:
    """Keep the workers busy, but no more than that."""
    waiting = iter(chunks)

    def start() -> None:
        chunk = next(waiting, None)
        if chunk is not None:
            under_way[executor.submit(run_chunk, chunk)] = chunk

    for _ in range(_AHEAD * workers):
        start()
    while under_way:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda each: under_way[each].first):
            result = future.result()
            del under_way[future]
            start()
            yield result
