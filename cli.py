"""The command line: parse, call, print. Heavy imports wait until a command needs them."""

import os
import signal
from types import FrameType

EXIT_INTERRUPTED = 130


def _end_at_once(_: int, __: FrameType | None) -> None:
    os.write(2, b"pumprig: interrupted\n")
    os._exit(EXIT_INTERRUPTED)


# The imports below take a while on a slow machine, and main() is not there yet to tell of Ctrl-C without a traceback.
_IS_SHIELDED = signal.getsignal(signal.SIGINT) is signal.default_int_handler and __name__ == "cli"
if _IS_SHIELDED:
    signal.signal(signal.SIGINT, _end_at_once)

import errno
import io
import json
import logging
import math
import sys
from pathlib import Path
from typing import Any

import click

__all__ = ["main", "pumprig"]

EXIT_USAGE = 2
EXIT_BENCH_FAULT = 3
EXIT_READER_LEFT = 141  # as of what SIGPIPE ends

EXIT_CODES = """
\b
Exit codes:
  0    pass
  1    a requirement failed
  2    usage or configuration error
  3    bench or communication fault
  4    inconclusive: the uncertainty straddles a limit
  5    nothing ran
  130  interrupted
  141  whoever read the output has left
"""


class _ReaderLeft(Exception):
    """Whoever read what is printed reads no more, as ``head`` does."""


class _Commands(click.Group):
    """All commands. click would end with exit code 1 where a pipe is closed, and that is a requirement that failed."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _ReaderLeft from None


class _InRange(click.FloatRange):
    """A number in a range; to click ``nan`` is in every one, and ``inf`` where there is no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


class _Place(click.Path):
    """Where something is written: a file or folder. Other tools take ``-`` for standard output; here it is a slip."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-":
            self.fail("nothing is written to standard output (-); name a place. (./- is one of that name.)", param, ctx)
        return super().convert(value, param, ctx)


_FILE = click.Path(path_type=Path, dir_okay=False)
_ANY_PATH = click.Path(path_type=Path)
_PLACE = _Place(path_type=Path)
_FILE_PLACE = _Place(path_type=Path, dir_okay=False)
_WIRE_FAULT = "WIRE:KIND[=VALUE][@FROM][+DURATION]"
_WIRE_FAULT_HELP = "Fault of a simulated wire, such as pump:drop=1% or *:delay=300ms@2h+10min. May be repeated."


@click.group(
    cls=_Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="pumprig", prog_name="pumprig")
def pumprig() -> None:
    """Simulate and test constant-flow implantable infusion pumps.

    A tool for testing devices on a bench: it never treats a patient.
    """


@pumprig.command(epilog=EXIT_CODES, short_help="Run procedures on a bench; write recording and report.")
@click.argument("procedures", nargs=-1, metavar="[PROCEDURE]...")
@click.option(
    "--bench", type=_FILE, help="Bench: a file, or the name of one that comes with pumprig. Default: simulated."
)
@click.option(
    "--target",
    type=click.Choice(["sim", "bench", "replay"]),
    help="What stands behind the bench: a simulation, real ports or a recording. Default: as the bench file says.",
)
@click.option("--recording", metavar="RUN", help="Recording for --target replay: a file, a run folder, or `last`.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random on a simulated bench. [default: 1]")
@click.option(
    "--inject",
    "injections",
    multiple=True,
    metavar="FAULT[=VALUE]@TIME",
    help="Fault to simulate, such as catheter-occlusion@6h or bath-offset=+1.5C@0h. May be repeated.",
)
@click.option("--wire-fault", "wire_faults", multiple=True, metavar=_WIRE_FAULT, help=_WIRE_FAULT_HELP)
@click.option("--list-wire-faults", is_flag=True, help="Say what can go wrong on a simulated wire, and how to say it.")
@click.option(
    "--out",
    type=_Place(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where run folders go.",
)
@click.option(
    "--set",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of a procedure, such as collection_h=48.",
)
@click.option(
    "--accept-overdue",
    multiple=True,
    metavar="ROLE=REASON",
    help="Judge by an instrument although its calibration is overdue, and say why in every document of the run.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Only say what the run will do; no port is touched.")
@click.option(
    "--uncertainty", metavar="PERCENT", help="With --plan: say how long a collection must be, such as for 2%."
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=LOWER..UPPER",
    help="Re-judge a recording, such as --limit 'flow=0.9 mL/day..1.1 mL/day'. May be repeated.",
)
@click.option("--limits", "limits_file", type=_FILE, help="Re-judge a recording by the [limits] of a TOML file.")
@click.option(
    "--retries",
    type=click.IntRange(min=0, max=100),
    default=0,
    help="Repeat a group of procedures that did not pass so often; a pass by retry is no plain pass.",
)
@click.option(
    "--resume",
    metavar="RUN",
    help="Go on with a run that was killed or interrupted: its folder or `last`, and no other option.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def run(
    procedures: tuple[str, ...],
    bench: Path | None,
    target: Any,
    recording: str | None,
    seed: int | None,
    injections: tuple[str, ...],
    wire_faults: tuple[str, ...],
    list_wire_faults: bool,
    out: Path,
    parameters: tuple[str, ...],
    accept_overdue: tuple[str, ...],
    only_plan: bool,
    uncertainty: str | None,
    limits: tuple[str, ...],
    limits_file: Path | None,
    retries: int,
    resume: str | None,
    as_json: bool,
) -> None:
    """Run procedures on a bench and write a run folder with recording and report.

    A PROCEDURE is the name of one that comes with pumprig (flow-accuracy), a single one of those that one name stands
    for (protocol-framing of protocol-conformance), or a pytest file of your own.
    With no arguments: flow accuracy on the simulated bench.
    """
    if list_wire_faults:
        from hil.benches.links_console import print_wire_faults

        print_wire_faults(as_json=as_json)
        return
    from hil.history.run_names import find_run
    from hil.runs.console import console_observer, print_result
    from hil.runs.observer import Silent
    from hil.runs.run_procedures import run_procedures
    from hil.runs.run_settings import RunSettings

    settings = RunSettings(
        procedures,
        bench,
        target,
        None if recording is None else find_run(recording, Path("runs")),
        seed,
        injections,
        out,
        wire_faults=wire_faults,
        parameters=parameters,
        accept_overdue=accept_overdue,
        retries=retries,
        resume=None if resume is None else find_run(resume, out),
        limits=limits,
        limits_file=limits_file,
    )
    if only_plan:
        from hil.runs.forecast_console import print_forecast

        sys.exit(print_forecast(settings, uncertainty, as_json=as_json))
    if uncertainty is not None:
        raise click.UsageError("--uncertainty goes with --plan")
    result = run_procedures(settings, Silent() if as_json else console_observer())
    if as_json:
        from hil.runs.run_folder import without_nan

        click.echo(json.dumps(without_nan(result.as_json()), indent=2, allow_nan=False))
    else:
        print_result(result)
    sys.exit(result.exit_code)


@pumprig.group(name="bench")
def bench_group() -> None:
    """Find, simulate, share and make safe what stands on a bench."""


@bench_group.command(name="serve")
@click.argument("file", type=_FILE, required=False)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of everything random.")
@click.option("--rate", type=_InRange(min=0, min_open=True), help="Let time pass N times as fast as real time.")
@click.option("--lock-step", is_flag=True, help="Let time pass only when a client sleeps.")
@click.option("--inject", "injections", multiple=True, metavar="FAULT[=VALUE]@TIME", help="Fault to simulate.")
@click.option("--wire-fault", "wire_faults", multiple=True, metavar=_WIRE_FAULT, help=_WIRE_FAULT_HELP)
def bench_serve(
    file: Path | None,
    seed: int,
    rate: float | None,
    lock_step: bool,
    injections: tuple[str, ...],
    wire_faults: tuple[str, ...],
) -> None:
    """Simulate the bench of FILE as a process of its own: pump, balance and bath on sockets and pseudo-terminals.

    Without FILE: served, which comes with pumprig. Time passes as the file's [serve] table says, unless --rate
    or --lock-step says otherwise. Stop it with Ctrl-C.
    """
    if rate is not None and lock_step:
        raise click.UsageError("--rate and --lock-step exclude each other")
    from hil.runs.console import serve_bench

    serve_bench(file, seed=seed, rate=rate, lock_step=lock_step, injections=injections, wire_faults=wire_faults)


@bench_group.command("example", short_help="Print a bench file to begin with.")
@click.argument("name", default="example-real")
def bench_example(name: str) -> None:
    """Print the bench file NAME that comes with pumprig, to write your own from: pumprig bench example > my-bench.toml.

    Without NAME: example-real, a bench with serial ports, commented.
    """
    from hil.shipped import file_or_shipped

    click.echo(file_or_shipped(name, "benches", "bench").read_text(encoding="utf-8"), nl=False)


@bench_group.command("check", short_help="Ask every device of a bench who it is; set nothing.")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def bench_check(file: Path, as_json: bool) -> None:
    """Check the bench of FILE: identities, calibrations, communication, safe state. Exits 0, or 3 if any is amiss."""
    from hil.runs.console import print_check

    sys.exit(print_check(file, as_json=as_json))


@bench_group.command("safe", short_help="Bring a bench to its safe state, and say what is read back.")
@click.argument("file", type=_FILE)
def bench_safe(file: Path) -> None:
    """Bring the bench of FILE to its safe state, read it back, and let runs use it again."""
    from hil.runs.console import print_safe_state

    sys.exit(print_safe_state(file))


@bench_group.command("locks", short_help="Say who holds which port.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def bench_locks(as_json: bool) -> None:
    """Say which ports are locked, by whom, since when, and whether the owner still lives."""
    from hil.benches.links_console import print_locks

    print_locks(as_json=as_json)


@bench_group.command("unlock", short_help="Take a lock away that its owner left behind.")
@click.argument("resource")
@click.option("--force", is_flag=True, help="Also from an owner that still lives.")
def bench_unlock(resource: str, force: bool) -> None:
    """Take the lock of RESOURCE away, a port by any of its names. One that is held only with --force."""
    from hil.benches.links_console import unlock

    unlock(resource, force=force)


@bench_group.command("scan", short_help="Say which ports and instruments there are.")
@click.option("--bench", type=_FILE, help="Also ask the devices of this bench file who they are.")
@click.option("--network", is_flag=True, help="Also look for instruments on the network, by VXI-11 broadcast and mDNS.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def bench_scan(bench: Path | None, network: bool, as_json: bool) -> None:
    """Say which serial ports and VISA resources there are, what is probably behind them, and who holds them.

    Nothing is written to a port, and none is opened, but those that --bench names.
    """
    from hil.benches.links_console import print_scan

    print_scan(bench, network=network, as_json=as_json)


@pumprig.command(epilog=EXIT_CODES, short_help="Run one simulated pump through a scenario.")
@click.argument("scenario", required=False)
@click.option("--days", type=_InRange(min=0, min_open=True, max=3650), help="Run so long, not as the scenario says.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random. Default: as the scenario says.")
@click.option("--profile", help="Another pump: the name of a profile that comes with pumprig, or a file.")
@click.option("--out", type=_PLACE, help="Folder for events.json, curves.parquet and report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--list-faults", is_flag=True, help="Say what can go wrong, and how to say it.")
@click.option("--list-scenarios", is_flag=True, help="Say which scenarios come with pumprig.")
def sim(
    scenario: str | None,
    days: float | None,
    seed: int | None,
    profile: str | None,
    out: Path | None,
    as_json: bool,
    list_faults: bool,
    list_scenarios: bool,
) -> None:
    """Run one simulated pump through SCENARIO, and say what it logged and whether that was expected.

    SCENARIO is the name of one that comes with pumprig (--list-scenarios) or a TOML file of your own.
    """
    from hil.simulation.sim_console import print_faults, print_scenarios, run_sim

    if list_faults:
        print_faults(as_json=as_json)
    elif list_scenarios:
        print_scenarios()
    elif scenario is None:
        raise click.UsageError("name a SCENARIO; --list-scenarios says which there are")
    else:
        sys.exit(run_sim(scenario, days=days, seed=seed, profile=profile, out=out, as_json=as_json))


@pumprig.command(short_help="Print the flow to expect under given conditions.")
@click.option(
    "--profile",
    default="generic-30ml",
    show_default=True,
    help="Pump profile: the name of one that comes with pumprig, or a file.",
)
@click.option("--temperature-c", type=float, default=37.0, show_default=True, help="Temperature of the propellant.")
@click.option("--ambient-kpa", type=float, default=101.325, show_default=True, help="Absolute pressure around it.")
@click.option("--outlet-kpa", type=float, default=12.40, show_default=True, help="Gauge pressure at the tip.")
@click.option("--volume-ml", type=float, default=30.0, show_default=True, help="Volume in the reservoir.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def flow(
    profile: str, temperature_c: float, ambient_kpa: float, outlet_kpa: float, volume_ml: float, as_json: bool
) -> None:
    """Print the flow that a pump is expected to have under given conditions."""
    from firmware_model.physics.flow import expected_flow
    from firmware_model.profile import load_profile
    from hil.shipped import file_or_shipped

    pump = load_profile(file_or_shipped(profile, "pumps", "profile"))
    point = expected_flow(pump, temperature_c, ambient_kpa, outlet_kpa, volume_ml)
    if as_json:
        click.echo(json.dumps({"schema": "pumprig.flow/1", **vars(point)}, indent=2))
        return
    click.echo(f"flow              {point.flow_ml_per_day:10.4f} mL/day")
    click.echo(f"driving pressure  {point.driving_pressure_kpa:10.2f} kPa")


_RUNS = click.option(
    "--runs", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"), show_default=True,
    help="Where run folders are.",
)  # fmt: skip


def _run_filter(command: Any) -> Any:
    """The options that say which runs are meant."""
    day = click.DateTime(formats=["%Y-%m-%d"])
    for option in reversed(
        [
            click.option("--dut", metavar="SERIAL", help="Only runs of this pump."),
            click.option("--procedure", help="Only runs of this procedure."),
            click.option("--since", type=day, help="Only runs begun on this day or later (YYYY-MM-DD, UTC)."),
            click.option("--until", type=day, help="Only runs begun on this day or earlier."),
            _RUNS,
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text."),
        ]
    ):
        command = option(command)
    return command


_VERDICTS = ["pass", "fail", "inconclusive", "error", "incomplete", "damaged"]


@pumprig.command(name="runs", short_help="List earlier runs.")
@click.option("--verdict", type=click.Choice(_VERDICTS), help="Only runs that ended so.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="So many at most; 0: all.")
@_run_filter
def list_runs(
    verdict: str | None, limit: int, dut: str | None, procedure: str | None, since: Any, until: Any, runs: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """List earlier runs, the newest last."""
    from hil.history.history_console import print_runs
    from hil.history.run_index import RunFilter

    which = RunFilter(dut, procedure, verdict, since and since.date(), until and until.date())
    print_runs(runs, which, limit=limit, as_json=as_json)


@pumprig.command(name="report", short_help="Say what a run came to, and where its report is.")
@click.argument("run")
@_RUNS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def show_report(run: str, runs: Path, as_json: bool) -> None:
    """Say what RUN came to: a folder, `last`, `last~2`, or the beginning or end of a folder's name."""
    from hil.history.history_console import print_report

    print_report(run, runs, as_json=as_json)


@pumprig.command(short_help="Follow a measurement over runs, as a control chart.")
@click.argument("measurement")
@click.option("--out", type=_FILE_PLACE, help="HTML file for the chart.")
@_run_filter
def trend(
    measurement: str, out: Path | None, dut: str | None, procedure: str | None, since: Any, until: Any, runs: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Follow MEASUREMENT, such as `flow`, over earlier runs: individuals and moving ranges (I-MR).

    Replays are left out: they say nothing new about the device.
    """
    from hil.history.history_console import print_trend
    from hil.history.run_index import RunFilter

    which = RunFilter(dut, procedure, None, since and since.date(), until and until.date())
    print_trend(measurement, runs, which, out=out, as_json=as_json)


@pumprig.command(short_help="Say what a recording holds.")
@click.argument("recording")
@_RUNS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def info(recording: str, runs: Path, as_json: bool) -> None:
    """Say what a RECORDING holds, even if it was cut short: a file, a run folder, or a run's name as in `report`."""
    from hil.history.run_names import find_run
    from hil.runs.console import print_recording

    print_recording(find_run(recording, runs), as_json=as_json)


def _selects(command: Any) -> Any:
    """The options that say which part of a recording is wanted."""
    for option in (
        click.option("--where", multiple=True, metavar="COND", help="Such as temperature>38°C. Repeatable."),
        click.option("--type", "types", multiple=True, metavar="NAME", help="Such as status or rejected. Repeatable."),
        click.option("--to", "to_text", metavar="TIME", help="Up to this time."),
        click.option("--from", "from_text", metavar="TIME", help="Bench time (1d12h) or UTC (2026-11-23T03:15Z)."),
        _RUNS,
        click.argument("recording"),
    ):
        command = option(command)
    return command


@pumprig.command(short_help="Print the messages in a recording.")
@_selects
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line instead of text.")
def decode(recording: str, runs: Path, as_json: bool, **selected: Any) -> None:
    """Print what a RECORDING (a file, a run folder, or a run's name) tells of its pumps, a line each, as it is read.

    Messages with their fields; in capitals what was rejected, and what is missing. All conditions must hold, such as
    --where 'temperature>38°C' --where alarms~OCCLUSION.
    """
    from hil.export.export_console import print_decoded
    from hil.history.run_names import find_run

    print_decoded(find_run(recording, runs), **selected, as_json=as_json)


@pumprig.command(short_help="Write a recording as CSV, Parquet, JSON lines or pcapng.")
@_selects
@click.option("--format", "form", type=click.Choice(["csv", "parquet", "jsonl", "pcapng"]), required=True)
@click.option("--out", type=_PLACE, required=True, help="Folder with a file a type (csv, parquet), or a file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def export(recording: str, runs: Path, form: Any, out: Path, as_json: bool, **selected: Any) -> None:
    """Write what a RECORDING (a file, a run folder, or a run's name) tells of its pumps for other programs.

    csv and parquet: a table for each type of message, and for what was rejected or is missing. jsonl: all of it in
    order, as `pumprig decode --json` prints it. pcapng: the frames, for Wireshark with the dissector that
    `pumprig protocol dissector` prints.
    """
    from hil.export.export_console import print_export
    from hil.history.run_names import find_run

    print_export(find_run(recording, runs), **selected, form=form, out=out, as_json=as_json)


@pumprig.command(name="record", epilog=EXIT_CODES, short_help="Record a pump's wire, or any device's.")
@click.option("--link", required=True, help="Its port: /dev/ttyUSB0, socket://HOST:PORT, or a VISA resource.")
@click.option("--subscribe", metavar="PERIOD", help="Have the pump send notices, such as 1s. Default: only listen.")
@click.option("--out", type=_PLACE, default=Path("recordings"), show_default=True, help="FILE.mcap, or a folder.")
@click.option("--duration", metavar="TIME", help="Stop after so long, such as 90s or 1d12h. Default: at Ctrl-C.")
@click.option("--note", "notes", multiple=True, metavar="TEXT", help="Remark to begin with. May be repeated.")
@click.option("--raw", is_flag=True, help="The device is no pump: record its bytes only.")
@click.option("--wire", help="What to call the wire. [default: pump; device with --raw]")
@click.option(
    "--session",
    type=click.Choice(["open", "insecure-test-key", "key-file"]),
    default="open",
    show_default=True,
    help="How to talk to the pump with --subscribe.",
)
@click.option("--key-file", type=_FILE, help="With --session key-file.")
@click.option("--seed", type=click.IntRange(min=0), default=1, help="With --session insecure-test-key.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Of a serial port.")
@click.option("--bits", type=click.Choice(["7", "8"]), default="8", show_default=True)
@click.option("--parity", type=click.Choice(["N", "E", "O"]), default="N", show_default=True)
@click.option("--stop-bits", type=click.Choice(["1", "2"]), default="1", show_default=True)
@click.option("--flow", type=click.Choice(["none", "rts-cts", "xon-xoff"]), default="none", show_default=True)
def record_wire(
    link: str,
    subscribe: str | None,
    out: Path,
    duration: str | None,
    notes: tuple[str, ...],
    raw: bool,
    wire: str | None,
    session: Any,
    key_file: Path | None,
    seed: int,
    baud: int,
    bits: Any,
    parity: Any,
    stop_bits: Any,
    flow: Any,
) -> None:
    """Record what passes over a pump's wire: bytes, messages, what was rejected, what is missing.

    Ends at Ctrl-C or after --duration, with a whole recording either way. Without --subscribe nothing is written to
    the wire. On a terminal every line that is typed becomes a note; m sets a mark.
    """
    from hil.links.serial_settings import SerialSettings
    from hil.recorder.record_console import run_record
    from hil.recorder.record_settings import RecordSettings, recording_ms, subscription_period_s

    settings = RecordSettings(
        link=link,
        out=out,
        serial=SerialSettings(baud, int(bits), parity, int(stop_bits), flow),  # type: ignore[arg-type]
        wire=wire if wire is not None else ("device" if raw else "pump"),
        is_pump=not raw,
        subscribe_s=None if subscribe is None else subscription_period_s(subscribe),
        duration_ms=None if duration is None else recording_ms(duration),
        notes=notes,
        session=session,
        key_file=key_file,
        seed=seed,
    )
    sys.exit(run_record(settings))


@pumprig.command(epilog=EXIT_CODES, short_help="Play a recording to another program, or to today's pump model.")
@click.argument("recording")
@_RUNS
@click.option(
    "--to",
    "ends",
    multiple=True,
    metavar="WHERE|TIME",
    help="pty, tcp[:HOST:PORT], serial:PORT, or a link such as socket://HOST:PORT. Again: the time to end at.",
)
@click.option("--speed", default="1", show_default=True, help="Times as fast as recorded, or max.")
@click.option("--from", "begin", metavar="TIME", help="Bench time to begin at, such as 90min or 1d2h.")
@click.option("--skip-gaps", metavar="TIME", help="Cut every longer silence to this, such as 2s.")
@click.option("--loop", is_flag=True, help="Begin anew at the end.")
@click.option("--wire", default="pump", show_default=True, help="Whose bytes to play.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Of a serial port.")
@click.option("--model", is_flag=True, help="Compare what the pump said with today's model under the same conditions.")
@click.option("--profile", help="With --model: another pump, the name of a profile or a file.")
@click.option(
    "--tolerance", "allowed", multiple=True, metavar="QUANTITY=VALUE", help="With --model, such as flow='0.1 mL/day'."
)
@click.option("--out", type=_PLACE, help="With --model: folder for model.html.")
@click.option("--json", "as_json", is_flag=True, help="With --model: print one JSON object instead of text.")
def replay(
    recording: str,
    runs: Path,
    ends: tuple[str, ...],
    speed: str,
    begin: str | None,
    skip_gaps: str | None,
    loop: bool,
    wire: str,
    baud: int,
    model: bool,
    profile: str | None,
    allowed: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Play what came over a wire of RECORDING to another program, at its recorded times.

    RECORDING is a file, a run folder, or a run's name as in `report`.
    On a terminal, keys pause, seek and change the speed. At the end it says how exactly the times were kept.
    To run procedures on a recording, use: pumprig run --target replay --recording RECORDING.
    """
    from hil.history.run_names import find_run
    from hil.player.play_console import PlaySettings, run_player
    from hil.player.schedule import Schedule, place_and_time, speed_of, time_of
    from hil.recording.place import only_recording_at

    to, end_ms = place_and_time("--to", ends)
    if model == (to is not None):
        raise click.UsageError("say where to play to with --to WHERE, or compare with the model with --model")
    file = only_recording_at(find_run(recording, runs))
    if to is None:
        from hil.comparison.compare_console import print_model_replay

        sys.exit(print_model_replay(file, profile=profile, allowed=allowed, out=out, as_json=as_json))
    schedule = Schedule(
        file,
        wire,
        time_of("--from", begin),
        end_ms,
        time_of("--skip-gaps", skip_gaps),
    )
    sys.exit(run_player(schedule, PlaySettings(to, speed_of(speed), loop, baud)))


@pumprig.command(epilog=EXIT_CODES, short_help="Check a recording or a run's folder against itself.")
@click.argument("recording")
@_RUNS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def verify(recording: str, runs: Path, as_json: bool) -> None:
    """Check a RECORDING: hashes, audit chain, checksums and tags of every frame, clocks, alarms, and more.

    RECORDING is a file, a run folder, or a run's name as in `report`.
    One line for each check, and what was not checked and why. Exit code 0 without findings, 1 with, 3 if nothing of it
    can be read.
    """
    from hil.history.run_names import find_run
    from hil.verification.verify_console import print_verification

    sys.exit(print_verification(find_run(recording, runs), as_json=as_json))


@pumprig.command(name="diff", epilog=EXIT_CODES, short_help="Say what changed between two recordings.")
@click.argument("a")
@click.argument("b")
@_RUNS
@click.option("--out", type=_FILE_PLACE, help="Write a page with the curves laid over each other: FILE.html.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def diff_recordings(a: str, b: str, runs: Path, out: Path | None, as_json: bool) -> None:
    """Say what changed between A and B (files, run folders, or runs' names): settings, messages, timing, measurements.

    Exit code 0 if they are the same but for timing, 1 if not.
    """
    from hil.comparison.compare_console import print_diff
    from hil.history.run_names import find_run

    sys.exit(print_diff(find_run(a, runs), find_run(b, runs), out=out, as_json=as_json))


@pumprig.group(short_help="The telemetry protocol, for people and other tools.")
def protocol() -> None:
    """The telemetry protocol, for people and other tools: all made from the declarations that the code works by."""


@protocol.command(short_help="Print the protocol's reference.")
@click.option("--html", is_flag=True, help="As one HTML page instead of Markdown.")
def reference(html: bool) -> None:
    """Print the normative reference: frames, sessions, commands, and every message byte by byte."""
    from protocols.reference import reference_html, reference_markdown

    click.echo(reference_html() if html else reference_markdown(), nl=False)


@protocol.command(short_help="Print the Wireshark dissector.")
def dissector() -> None:
    """Print a Wireshark dissector in Lua; use it with: tshark -X lua_script:FILE.

    It reads frames in the open mode (link type USER0) and decrypted payloads (USER1).
    """
    from protocols.dissector import dissector_lua

    click.echo(dissector_lua(), nl=False)


@protocol.command(name="vectors", short_help="Print test vectors for another implementation.")
def print_vectors() -> None:
    """Print test vectors as JSON: every message, frames to reject, refusals, a whole session, chain and digest."""
    from protocols.vectors import vectors_json

    click.echo(vectors_json(), nl=False)


@pumprig.group(short_help="Thousands of simulated pumps.")
def fleet() -> None:
    """Run thousands of simulated pumps of one population, and judge what their firmware makes of it."""


_SHARE = _InRange(min=0, max=1)
_SEED = click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of all chance.")
_DAYS = click.option("--days", type=float, default=365.0, show_default=True, help="For how long they are looked at.")


@fleet.command(
    name="run",
    epilog=EXIT_CODES.replace("the uncertainty straddles a limit", "nothing to measure a criterion by"),
    short_help="Run a fleet, and judge it.",
)
@click.argument("population", metavar="FILE", default="ambulatory")
@click.option("--pumps", type=int, default=1000, show_default=True, help="How many.")
@_DAYS
@_SEED
@click.option("--jobs", type=click.IntRange(min=1), help="Processes. Default: one for each core.")
@click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler, such as tcp://host:8786, instead of processes.")
@click.option("--out", type=_PLACE, help="Folder for tables, summary and report. Default: under fleets/.")
@click.option("--junit", type=_FILE_PLACE, help="Write the criteria as JUnit XML as well.")
@click.option("--audit", type=_SHARE, default=0.0, help="Run this share of the pumps again, sample by sample.")
@click.option("--wire", type=_SHARE, default=0.0, help="Read this share of the pumps over a bad wire, and compare.")
@click.option("--resume", is_flag=True, help="Go on with the fleet in the folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def fleet_run(population: str, as_json: bool, **options: Any) -> None:
    """Run the fleet of FILE: the name of a population that comes with pumprig (ambulatory) or a TOML file.

    Exit code 1 if one of the file's criteria is not met. Ctrl-C keeps what is finished; --resume goes on.
    """
    from hil.fleet.fleet_console import run_and_print
    from hil.fleet.fleet_run import FleetSettings

    sys.exit(run_and_print(FleetSettings(population, **options), as_json=as_json))


@fleet.command(name="rerun", short_help="Repeat one pump of a fleet in full detail.")
@click.argument("population", metavar="FILE")
@click.option("--pump", type=click.IntRange(min=0), required=True, help="Its number.")
@_SEED
@_DAYS
@click.option("--variant", help="Of the firmware. Default: the file's first.")
@click.option("--criterion", metavar="TEXT", help="Say only what is wrong by this criterion. Default: all.")
@click.option("--out", type=_PLACE, help="Folder for scenario, events, curves and report. Default: under fleets/.")
@click.option("--shrink", is_flag=True, help="Write the fewest events that still go wrong, as a scenario.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def fleet_rerun(population: str, as_json: bool, **options: Any) -> None:
    """Repeat pump number PUMP of the population in FILE: event log, curves, and what its alarms were worth.

    Exit code 1 if something went wrong with it: a fault that was not detected, a false alarm, or what --criterion asks.
    """
    from hil.fleet.rerun import RerunSettings, rerun_and_print

    sys.exit(rerun_and_print(RerunSettings(population, **options), as_json=as_json))


@fleet.command(name="report", short_help="Judge a fleet's folder anew, and write its report.")
@click.argument("folder", type=_ANY_PATH)
@click.option("--junit", type=_FILE_PLACE, help="Write the criteria as JUnit XML as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def fleet_report(folder: Path, junit: Path | None, as_json: bool) -> None:
    """Judge the fleet in FOLDER anew, write its summary and report anew, and say what is in it."""
    from hil.fleet.fleet_console import print_fleet

    sys.exit(print_fleet(folder, junit=junit, as_json=as_json))


class _Saying(logging.Handler):
    """Says on a terminal why nothing is to be seen yet."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"pumprig: {record.getMessage()}", err=True)


def main() -> None:
    """Run the command line; every error of ours leaves as one line and a documented exit code."""
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what a terminal or pipe has no letter for ends nothing
    if sys.stderr.isatty():
        compiling = logging.getLogger("pumprig.compiling")
        compiling.setLevel(logging.INFO)
        compiling.addHandler(_Saying())
    try:
        sys.exit(pumprig(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("pumprig: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except (_ReaderLeft, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read our output has left: say no more
        sys.exit(EXIT_READER_LEFT)
    except Exception as error:
        if os.environ.get("PUMPRIG_DEBUG"):
            raise
        click.echo(f"pumprig: {_one_line(error)}", err=True)
        sys.exit(_exit_code(error))


def _open_closed_streams() -> None:
    """Let a standard stream that was closed (``>&-``) lead nowhere; the next file would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we live


def _exit_code(error: Exception) -> int:
    from firmware_model.errors import ModelError
    from hil.errors import UsageError

    if isinstance(error, (UsageError, ModelError, ValueError)) or not _has_working_folder():
        return EXIT_USAGE
    return EXIT_BENCH_FAULT


def _has_working_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _one_line(error: Exception) -> str:
    from firmware_model.errors import ModelError
    from hil.errors import RigError
    from protocols.errors import ProtocolError

    if isinstance(error, (RigError, ModelError, ProtocolError, ValueError)) and not isinstance(error, UnicodeError):
        return str(error)
    if (
        isinstance(error, OSError)
        and error.filename is None
        and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    ):
        return f"standard output cannot be written: {error.strerror}"
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object[error.start : error.end]!r} in a name is no text in UTF-8; rename the file or folder"
    if isinstance(error, FileNotFoundError) and not _has_working_folder():
        return "the folder that this was started in is no longer there; change to one that is"
    return f"internal error: {type(error).__name__}: {error}; set PUMPRIG_DEBUG=1 to see where, and report it"


if _IS_SHIELDED:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if __name__ == "__main__":
    main()
