"""What a person sees: progress on a terminal, plain lines elsewhere, and the verdict at the end."""

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from types import FrameType

from rich.markup import escape

from firmware_model.faults.injection import parse_injection
from hil.benches.bench_file import load_bench
from hil.benches.bench_state import BenchState
from hil.benches.safe_state import bring_to_safe_state, is_confirmed
from hil.errors import RecordingError
from hil.links.wire_faults import parse_wire_faults
from hil.measurement import Outcome
from hil.recording.info import describe
from hil.recording.place import recordings_at
from hil.runs.live_view import STYLES, LiveView, PlainLines
from hil.runs.observer import Observer
from hil.runs.run_result import RunResult
from hil.runs.verdict_lines import verdict_lines
from hil.screen import screen
from hil.shipped import shipped
from hil.virtual_bench.bench_faults import KNOWN_FAULTS

__all__ = ["console_observer", "print_check", "print_recording", "print_result", "print_safe_state", "serve_bench"]


def console_observer() -> Observer:
    """An observer for this process's standard output: a live line on a terminal, one line per step elsewhere."""
    console = screen(outlives_reader=True)
    return LiveView(console) if console.is_terminal else PlainLines(console)


def print_result(result: RunResult) -> None:
    """The verdict, why, where everything stands, and how to repeat it if it is not a pass."""
    console = screen(outlives_reader=True)
    for page in result.procedures:
        if (page.problem is not None or page.attempt > 1) and not page.quarantined:
            repeated = f" [dim](attempt {page.attempt}; repeated)[/]" if page.superseded else ""
            said = page.problem or f"{page.said} (attempt {page.attempt})"
            console.print(f"[{STYLES[page.outcome or Outcome.ERROR]}]{escape(page.name)}:[/] {escape(said)}{repeated}")
    if quarantined := [page.name for page in result.procedures if page.quarantined]:
        console.print(f"quarantined {escape(', '.join(quarantined))}: {escape(result.quarantine or '')}")
    if not result.procedures:
        files = ", ".join(file.name for file in result.plan.files)
        console.print(
            f"no procedure was run: {files} holds none; a procedure is a function named test_...", markup=False
        )
    for line in verdict_lines(result.as_json(), target=result.plan.target):
        console.print(line)
    for step in result.safe_state:
        said = f"[bold magenta]not confirmed:[/] {escape(step.problem)}" if step.problem else "confirmed: "
        console.print(f"safe state {said}{'' if step.problem else f'{step.instrument} {escape(step.found)}'}")
    console.print(f"report     {escape(str(result.folder / 'report.html'))}")
    if result.exit_code != 0:
        console.print(f"reproduce  {escape(result.plan.command)}")
    if result.resumable:
        if not is_confirmed(result.safe_state):
            console.print(f"first      pumprig bench safe {escape(quote(result.plan.bench.path))}")
        console.print(f"go on      pumprig run --resume {escape(quote(str(result.folder)))}")


def print_recording(path: Path, *, as_json: bool) -> None:
    """What a recording holds, cut short or not; of a run that was resumed, what each of them holds.

    Raises RecordingError if there is none, or behind what they hold, for what is damaged.
    """
    found = [describe(file) for file in recordings_at(path)]
    if as_json:
        said = [each.as_json() for each in found]
        several = {"schema": "pumprig.info-parts/1", "path": str(path), "recordings": said}
        sys.stdout.write(json.dumps(said[0] if len(said) == 1 else several, indent=2) + "\n")
    else:
        screen().print("\n\n".join(map(str, found)), markup=False)
    problems = [each.problem for each in found if each.problem]
    if problems:
        raise RecordingError("; ".join(problems))


def serve_bench(
    file: Path | None,
    *,
    seed: int,
    rate: float | None,
    lock_step: bool,
    injections: Sequence[str],
    wire_faults: Sequence[str] = (),
) -> None:
    """Serve a simulated bench until Ctrl-C or SIGTERM. Raises BenchFault if a port is taken."""
    from hil.virtual_bench.serve import ServedBench  # noqa: PLC0415 - a simulated bench is slow to import

    bench = load_bench(file or shipped("benches/served.toml"))
    faults = [parse_injection(text, KNOWN_FAULTS) for text in injections]
    wires = parse_wire_faults(wire_faults, bench.file.links())
    stopped: list[int] = []

    def stop(signal_number: int, _: FrameType | None) -> None:
        stopped.append(signal_number)

    served = ServedBench(bench, seed=seed, rate=rate, lock_step=lock_step, injections=faults, wire_faults=wires)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        console = screen()
        console.print(f"{escape(bench.file.name)}: pump {bench.file.pump.serial_number}, {served.pace}", style="bold")
        width = max(len(port.device) for port in served.served)
        for port in served.served:
            console.print(f"  {port.device:<{width}} {port.kind}  {escape(port.where)}")
        console.print("ready; stop with Ctrl-C")
        served.run(lambda: bool(stopped))
    finally:
        served.close()


def print_check(file: Path, *, as_json: bool) -> int:
    """Check a bench and print a line for each device; gives the exit code."""
    from hil.benches.bench_check import check_bench  # noqa: PLC0415

    lines = check_bench(load_bench(file))
    sound = not any(line.problem for line in lines)
    if as_json:
        said = {"schema": "pumprig.check/1", "ok": sound, "lines": [line.as_json() for line in lines]}
        sys.stdout.write(json.dumps(said, indent=2) + "\n")
        return 0 if sound else 3
    console = screen()
    for line in lines:
        mark = "[bold red]amiss[/]" if line.problem else "[green]ok[/]   "
        console.print(f"{mark} {line.name:<17} {escape(str(line))}")
    return 0 if sound else 3


def print_safe_state(file: Path) -> int:
    """Bring a bench to its safe state and print what is read back; gives the exit code. Raises BenchFault if in use."""
    bench, console = load_bench(file), screen()
    state = BenchState(bench)
    with state.held("pumprig bench safe"):
        steps = bring_to_safe_state(bench)
        width = max((len(step.instrument) for step in steps), default=0)
        for step in steps:
            console.print(f"{step.instrument:<{width}} {escape(step.problem or f'confirmed: {step.found}')}")
        if not steps:
            console.print("nothing on this bench has a safe state of its own")
        state.end("pumprig bench safe", steps)
    return 0 if is_confirmed(steps) else 3
