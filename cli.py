"""The command line: parse, call, print. Heavy imports wait until a command needs them."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

__all__ = ["main", "pumprig"]

EXIT_USAGE = 2
EXIT_BENCH_FAULT = 3
EXIT_INTERRUPTED = 130

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
"""

_FILE = click.Path(path_type=Path, dir_okay=False)
_ANY_PATH = click.Path(path_type=Path)


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="pumprig", prog_name="pumprig")
def pumprig() -> None:
    """Simulate and test constant-flow implantable infusion pumps.

    A tool for testing devices on a bench: it never treats a patient.
    """


@pumprig.command(epilog=EXIT_CODES, short_help="Run procedures on a bench; write recording and report.")
@click.argument("procedures", nargs=-1, metavar="[PROCEDURE]...")
@click.option("--bench", type=_FILE, help="Bench file. Default: the simulated bench that comes with pumprig.")
@click.option(
    "--target",
    type=click.Choice(["sim", "bench", "replay"]),
    help="What stands behind the bench: a simulation, real ports or a recording. Default: as the bench file says.",
)
@click.option("--recording", type=_ANY_PATH, help="Recording (run.mcap or a run folder) for --target replay.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random on a simulated bench. [default: 1]")
@click.option(
    "--inject",
    "injections",
    multiple=True,
    metavar="FAULT[=VALUE]@TIME",
    help="Fault to simulate, such as catheter-occlusion@6h or bath-offset=+1.5C@0h. May be repeated.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where run folders go.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def run(
    procedures: tuple[str, ...],
    bench: Path | None,
    target: Any,
    recording: Path | None,
    seed: int | None,
    injections: tuple[str, ...],
    out: Path,
    as_json: bool,
) -> None:
    """Run procedures on a bench and write a run folder with recording and report.

    A PROCEDURE is the name of one that comes with pumprig (flow-accuracy) or a pytest file of your own.
    With no arguments: flow accuracy on the simulated bench.
    """
    from hil.console import console_observer, print_result
    from hil.observer import Silent
    from hil.run_procedures import run_procedures
    from hil.run_settings import RunSettings

    settings = RunSettings(procedures, bench, target, recording, seed, injections, out)
    result = run_procedures(settings, Silent() if as_json else console_observer())
    if as_json:
        click.echo(json.dumps(result.as_json(), indent=2))
    else:
        print_result(result)
    sys.exit(result.exit_code)


@pumprig.group(name="bench")
def bench_group() -> None:
    """Simulate a bench for other programs."""


@bench_group.command(name="serve")
@click.argument("file", type=_FILE, required=False)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of everything random.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Let time pass N times as fast as real time.")
@click.option("--lock-step", is_flag=True, help="Let time pass only when a client sleeps.")
@click.option("--inject", "injections", multiple=True, metavar="FAULT[=VALUE]@TIME", help="Fault to simulate.")
def bench_serve(file: Path | None, seed: int, rate: float | None, lock_step: bool, injections: tuple[str, ...]) -> None:
    """Simulate the bench of FILE as a process of its own: pump, balance and bath on sockets and pseudo-terminals.

    Without FILE: served.toml, which comes with pumprig. Time passes as the file's [serve] table says, unless --rate
    or --lock-step says otherwise. Stop it with Ctrl-C.
    """
    if rate is not None and lock_step:
        raise click.UsageError("--rate and --lock-step exclude each other")
    from hil.console import serve_bench

    serve_bench(file, seed=seed, rate=rate, lock_step=lock_step, injections=injections)


@bench_group.command("safe", short_help="Bring a bench to its safe state, and say what is read back.")
@click.argument("file", type=_FILE)
def bench_safe(file: Path) -> None:
    """Bring the bench of FILE to its safe state, read it back, and let runs use it again."""
    from hil.console import print_safe_state

    sys.exit(print_safe_state(file))


@pumprig.command(epilog=EXIT_CODES, short_help="Run one simulated pump through a scenario.")
@click.argument("scenario", required=False)
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True, max=3650), help="Run so long, not as the scenario says."
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random. Default: as the scenario says.")
@click.option("--profile", help="Another pump: the name of a profile that comes with pumprig, or a file.")
@click.option("--out", type=_ANY_PATH, help="Folder for events.json, curves.parquet and report.html.")
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
@click.option("--profile", type=_FILE, help="Pump profile. Default: generic-30ml, which comes with pumprig.")
@click.option("--temperature-c", type=float, default=37.0, show_default=True, help="Temperature of the propellant.")
@click.option("--ambient-kpa", type=float, default=101.325, show_default=True, help="Absolute pressure around it.")
@click.option("--outlet-kpa", type=float, default=12.40, show_default=True, help="Gauge pressure at the tip.")
@click.option("--volume-ml", type=float, default=30.0, show_default=True, help="Volume in the reservoir.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def flow(
    profile: Path | None, temperature_c: float, ambient_kpa: float, outlet_kpa: float, volume_ml: float, as_json: bool
) -> None:
    """Print the flow that a pump is expected to have under given conditions."""
    from firmware_model.flow import expected_flow
    from firmware_model.profile import load_profile
    from hil.shipped import shipped

    point = expected_flow(
        load_profile(profile or shipped("pumps/generic-30ml.toml")), temperature_c, ambient_kpa, outlet_kpa, volume_ml
    )
    if as_json:
        click.echo(json.dumps({"schema": "pumprig.flow/1", **vars(point)}, indent=2))
        return
    click.echo(f"flow              {point.flow_ml_per_day:10.4f} mL/day")
    click.echo(f"driving pressure  {point.driving_pressure_kpa:10.2f} kPa")


@pumprig.command(short_help="Say what a recording holds.")
@click.argument("recording", type=_ANY_PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def info(recording: Path, as_json: bool) -> None:
    """Say what a RECORDING (run.mcap or a run folder) holds, even if it was cut short."""
    from hil.console import print_recording

    print_recording(recording, as_json=as_json)


def _selects(command: Any) -> Any:
    """The options that say which part of a recording is wanted."""
    for option in (
        click.option("--where", multiple=True, metavar="COND", help="Such as temperature>38°C. Repeatable."),
        click.option("--type", "types", multiple=True, metavar="NAME", help="Such as status or rejected. Repeatable."),
        click.option("--to", "to_text", metavar="TIME", help="Up to this time."),
        click.option("--from", "from_text", metavar="TIME", help="Bench time (1d12h) or UTC (2026-11-23T03:15Z)."),
        click.argument("recording", type=_ANY_PATH),
    ):
        command = option(command)
    return command


@pumprig.command(short_help="Print the messages in a recording.")
@_selects
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line instead of text.")
def decode(as_json: bool, **selected: Any) -> None:
    """Print what a RECORDING (run.mcap or a run folder) tells of its pumps, a line each, as it is read.

    Messages with their fields; in capitals what was rejected, and what is missing. All conditions must hold, such as
    --where 'temperature>38°C' --where alarms~OCCLUSION.
    """
    from hil.export.export_console import print_decoded

    print_decoded(**selected, as_json=as_json)


@pumprig.command(short_help="Write a recording as CSV, Parquet, JSON lines or pcapng.")
@_selects
@click.option("--format", "form", type=click.Choice(["csv", "parquet", "jsonl", "pcapng"]), required=True)
@click.option("--out", type=_ANY_PATH, required=True, help="Folder with a file a type (csv, parquet), or a file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def export(form: Any, out: Path, as_json: bool, **selected: Any) -> None:
    """Write what a RECORDING (run.mcap or a run folder) tells of its pumps for other programs.

    csv and parquet: a table for each type of message, and for what was rejected or is missing. jsonl: all of it in
    order. pcapng: the frames, for Wireshark with the dissector that `pumprig protocol dissector` prints.
    """
    from hil.export.export_console import print_export

    print_export(**selected, form=form, out=out, as_json=as_json)


@pumprig.command(name="record", epilog=EXIT_CODES, short_help="Record a pump's wire, or any device's.")
@click.option("--link", required=True, help="Its port: /dev/ttyUSB0, socket://HOST:PORT, or a VISA resource.")
@click.option("--subscribe", metavar="PERIOD", help="Have the pump send notices, such as 1s. Default: only listen.")
@click.option("--out", type=_ANY_PATH, default=Path("recordings"), show_default=True, help="FILE.mcap, or a folder.")
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
    from firmware_model.quantities import duration_ms
    from hil.links.serial_settings import SerialSettings
    from hil.recorder.record import RecordSettings, subscription_period_s
    from hil.recorder.record_console import run_record

    settings = RecordSettings(
        link=link,
        out=out,
        serial=SerialSettings(baud, int(bits), parity, int(stop_bits), flow),  # type: ignore[arg-type]
        wire=wire or ("device" if raw else "pump"),
        is_pump=not raw,
        subscribe_s=None if subscribe is None else subscription_period_s(subscribe),
        duration_ms=None if duration is None else duration_ms(duration),
        notes=notes,
        session=session,
        key_file=key_file,
        seed=seed,
    )
    sys.exit(run_record(settings))


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


def main() -> None:
    """Run the command line; every error of ours leaves as one line and a documented exit code."""
    try:
        sys.exit(pumprig(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("pumprig: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read our output has left: say no more
        sys.exit(0)
    except Exception as error:
        if os.environ.get("PUMPRIG_DEBUG"):
            raise
        click.echo(f"pumprig: {_one_line(error)}", err=True)
        sys.exit(_exit_code(error))


def _exit_code(error: Exception) -> int:
    from firmware_model.errors import ModelError
    from hil.errors import UsageError

    return EXIT_USAGE if isinstance(error, (UsageError, ModelError, ValueError)) else EXIT_BENCH_FAULT


def _one_line(error: Exception) -> str:
    from firmware_model.errors import ModelError
    from hil.errors import RigError
    from protocols.errors import ProtocolError

    if isinstance(error, (RigError, ModelError, ProtocolError, ValueError)):
        return str(error)
    return f"internal error: {type(error).__name__}: {error}; set PUMPRIG_DEBUG=1 to see where, and report it"


if __name__ == "__main__":
    main()
