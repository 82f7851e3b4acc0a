"""What a person sees: progress on a terminal, plain lines elsewhere, and the verdict at the end."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from firmware_model.faults.injection import parse_injection
from hil.bench_file import load_bench
from hil.errors import RecordingError
from hil.measurement import Measurement, Outcome
from hil.observer import Observer
from hil.recording.info import describe
from hil.run_result import RunResult
from hil.safe_state import BenchState, bring_to_safe_state, is_confirmed
from hil.shipped import shipped
from hil.virtual_bench.bench_faults import KNOWN_FAULTS

__all__ = ["console_observer", "print_recording", "print_result", "print_safe_state", "serve_bench"]

_STYLES = {
    Outcome.PASS: "bold green",
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.ERROR: "bold magenta",
    Outcome.SKIPPED: "dim",
}


def console_observer() -> Observer:
    """An observer for this process's standard output: a live line on a terminal, one line per step elsewhere."""
    console = Console(file=sys.stdout, highlight=False)  # this very stream: pytest puts another in its place
    return _LiveObserver(console) if console.is_terminal else _PlainObserver(console)


class _PlainObserver:
    """Lines for logs: each activity when it begins, then every measurement."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._activity = ""

    def procedure_started(self, procedure: str) -> None:
        self._console.print(f"{escape(procedure)}", style="bold")

    def progressed(self, activity: str, fraction: float) -> None:  # noqa: ARG002 - plain lines tell what, not how far
        kind = activity.partition(":")[0]
        if kind != self._activity:
            self._activity = kind
            self._console.print(f"  {escape(kind)} ...")

    def measured(self, measurement: Measurement) -> None:
        style = _STYLES[measurement.outcome]
        self._console.print(f"  [{style}]{measurement.outcome:<12}[/] {escape(str(measurement))}")

    def procedure_finished(self, procedure: str, outcome: str) -> None:
        """The result says it."""


class _LiveObserver(_PlainObserver):
    """One line that says what is being done and how far it is; measurements stay above it."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._status: Status | None = None

    def procedure_started(self, procedure: str) -> None:
        super().procedure_started(procedure)
        self._status = self._console.status("starting")
        self._status.start()

    def progressed(self, activity: str, fraction: float) -> None:
        if self._status is not None:
            self._status.update(f"{escape(activity)}  [dim]{fraction:4.0%}[/]")

    def procedure_finished(self, procedure: str, outcome: str) -> None:  # noqa: ARG002 - the result says it
        if self._status is not None:
            self._status.stop()
            self._status = None


def print_result(result: RunResult) -> None:
    """The verdict, why, where everything stands, and how to repeat it if it is not a pass."""
    console = Console(highlight=False, soft_wrap=True)
    for page in result.procedures:
        if page.problem is not None:
            console.print(f"[{_STYLES[page.outcome or Outcome.ERROR]}]{page.name}:[/] {escape(page.problem)}")
    if not result.procedures:
        console.print("no procedure was run")
    rejudged = ", re-judged by other limits than the procedure's" if result.plan.new_limits else ""
    console.print(f"verdict    [{_STYLES[result.verdict]}]{result.verdict}[/]{rejudged}")
    for step in result.safe_state:
        said = f"[bold magenta]not confirmed:[/] {escape(step.problem)}" if step.problem else "confirmed: "
        console.print(f"safe state {said}{'' if step.problem else f'{step.instrument} {escape(step.found)}'}")
    console.print(f"report     {escape(str(result.folder / 'report.html'))}")
    if result.exit_code != 0:
        console.print(f"reproduce  {escape(result.plan.command)}")


def print_recording(path: Path, *, as_json: bool) -> None:
    """What a recording holds, cut short or not; raises RecordingError if it is none, or behind it, what is damaged."""
    contents = describe(path / "run.mcap" if path.is_dir() else path)
    if as_json:
        sys.stdout.write(json.dumps(contents.as_json(), indent=2) + "\n")
    else:
        Console(highlight=False, soft_wrap=True).print(str(contents), markup=False)
    if contents.problem:
        raise RecordingError(contents.problem)


def serve_bench(
    file: Path | None, *, seed: int, rate: float | None, lock_step: bool, injections: Sequence[str]
) -> None:
    """Serve a simulated bench until Ctrl-C or SIGTERM. Raises BenchFault if a port is taken."""
    from hil.virtual_bench.serve import ServedBench  # noqa: PLC0415 - a simulated bench is slow to import

    bench = load_bench(file or shipped("benches/served.toml"))
    faults = [parse_injection(text, KNOWN_FAULTS) for text in injections]
    stopped: list[int] = []

    def stop(signal_number: int, _: FrameType | None) -> None:
        stopped.append(signal_number)

    served = ServedBench(bench, seed=seed, rate=rate, lock_step=lock_step, injections=faults)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"{escape(bench.file.name)}: pump {bench.file.pump.serial_number}, {served.pace}", style="bold")
        for port in served.served:
            console.print(f"  {port.device:<8} {port.kind}  {escape(port.where)}")
        console.print("ready; stop with Ctrl-C")
        served.run(lambda: bool(stopped))
    finally:
        served.close()


def print_safe_state(file: Path) -> int:
    """Bring a bench to its safe state and print what is read back; gives the exit code. Raises BenchFault if in use."""
    bench = load_bench(file)
    state, console = BenchState(bench), Console(highlight=False, soft_wrap=True)
    state.refuse_if_in_use()
    steps = bring_to_safe_state(bench)
    state.write(safe=is_confirmed(steps), run="pumprig bench safe", runner=os.getpid(), supervisor=0, steps=steps)
    for step in steps:
        console.print(f"{step.instrument:<8} {escape(step.problem or f'confirmed: {step.found}')}")
    if not steps:
        console.print("nothing on this bench has a safe state of its own")
    return 0 if is_confirmed(steps) else 3
