"""What a finished run leaves behind beside its recording: measurements as a table, the report, the manifest."""

import io
import platform
import tomllib
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hil.bench import Bench
from hil.evaporation import evaporation_text
from hil.measurement import Measurement, Outcome
from hil.procedure import Procedure
from hil.pump_session import said_of
from hil.report.content import ReportContent, Rows
from hil.report.finding import finding
from hil.report.render import render_report
from hil.run_folder import RECORDING, RunFolder
from hil.run_result import RunResult
from hil.safe_state import is_confirmed
from hil.shipped import shipped

__all__ = ["write_documents"]

_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("procedure", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("expanded_uncertainty", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("outcome", pa.string()),
        ("requirements", pa.list_(pa.string())),
    ]
)


def write_documents(folder: RunFolder, result: RunResult, bench: Bench | None) -> None:
    """Write measurements.parquet, report.html and, last, manifest.json into ``folder``."""
    folder.write("measurements.parquet", _parquet(result.measurements))
    hashes = folder.hashes()
    reproducible = {name: hashes[name] for name in (RECORDING, "measurements.parquet") if name in hashes}
    folder.write("report.html", render_report(_content(result, bench, reproducible)).encode())
    folder.finish(_manifest(result, bench))


def _parquet(measurements: list[Measurement]) -> bytes:
    table = pa.Table.from_pylist([measurement.as_json() for measurement in measurements], schema=_SCHEMA)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _manifest(result: RunResult, bench: Bench | None) -> dict[str, Any]:
    plan = result.plan
    return {
        "schema": "pumprig.manifest/1",
        "verdict": str(result.verdict),
        "exit_code": result.exit_code,
        "rejudged": bool(plan.new_limits),
        "target": plan.target,
        "seed": plan.seed,
        "inject": list(plan.injections),
        "parameters": {name: dict(values) for name, values in result.parameters.items()},
        "overdue": {role: day.isoformat() for role, day in result.overdue.items()},
        "accepted_overdue": dict(plan.accepted_overdue),
        "procedures": [
            {"name": page.name, "outcome": str(page.outcome), "problem": page.problem} for page in result.procedures
        ],
        "measurements": [measurement.as_json() for measurement in result.measurements],
        "pump": dict(_device(result, bench)),
        "instruments": {role: dict(rows) for role, rows in _instruments(result, bench)},
        "safe_state": {
            "confirmed": is_confirmed(result.safe_state),
            "instruments": [asdict(step) for step in result.safe_state],
        },
        "configuration": plan.bench.model_dump(mode="json"),
        "versions": {"pumprig": version("pumprig"), "python": platform.python_version()},
        "reproduce": plan.command,
        "wall_clock": {
            "started_utc": result.started.isoformat(timespec="milliseconds"),
            "finished_utc": result.finished.isoformat(timespec="milliseconds"),
            "duration_s": round((result.finished - result.started).total_seconds(), 3),
            "host": platform.node(),
            "files": ["audit.jsonl", "junit.xml", "report.html#wall-clock"],
        },
    }


def _content(result: RunResult, bench: Bench | None, hashes: dict[str, str]) -> ReportContent:
    plan = result.plan
    names = ", ".join(plan.procedures)
    environment = plan.bench.file.environment
    judged = "Re-judged: " if plan.new_limits else ""
    serial_number = plan.bench.file.pump.serial_number or "unidentified"
    return ReportContent(
        verdict=result.verdict,
        rejudged=bool(plan.new_limits),
        title=f"{judged}{names} of pump {serial_number} on bench {plan.bench.file.name}",
        finding=_finding(result),
        device=_device(result, bench),
        measurements=tuple(result.measurements),
        requirements=_requirements(result),
        figures=tuple(figure for page in result.procedures for figure in page.figures),
        markers=plan.markers(),
        instruments=_instruments(result, bench),
        environment=(
            ("room", f"{environment.room_temperature_c:g} C, {environment.relative_humidity_percent:g} % humidity"),
            ("ambient pressure", f"{environment.ambient_kpa:g} kPa absolute, u = {environment.u_ambient_kpa:g} kPa"),
            ("outlet pressure", f"{environment.outlet_kpa:g} kPa gauge, u = {environment.u_outlet_kpa:g} kPa"),
            ("evaporation", evaporation_text(environment)),
        ),
        notes=_notes(result),
        not_claimed=_not_claimed(result),
        hashes=tuple(hashes.items()),
        command=plan.command,
        wall_clock=(
            ("run folder", result.folder.name),
            ("started", f"{result.started:%Y-%m-%d %H:%M:%S} UTC"),
            ("finished", f"{result.finished:%Y-%m-%d %H:%M:%S} UTC"),
            ("host", platform.node()),
            ("pumprig, Python", f"{version('pumprig')}, {platform.python_version()}"),
        ),
    )


def _finding(result: RunResult) -> str:
    if not result.procedures:
        return "No procedure was run."
    problems = [f"{page.name}: {page.problem}" for page in result.procedures if page.problem and not _is_measured(page)]
    return finding(result.measurements, problems)


def _is_measured(page: Procedure) -> bool:
    """Whether the measurements themselves say what a procedure came to."""
    return any(page.outcome is measurement.outcome for measurement in page.measurements)


def _device(result: RunResult, bench: Bench | None) -> Rows:
    profile = result.plan.bench.profile
    stated = (
        ("profile", profile.model),
        ("label flow", f"{profile.label_flow_ml_per_day:g} mL/day +- {profile.label_tolerance_percent:g} %"),
        ("propellant", profile.propellant),
        ("link", result.plan.bench.file.pump.link),
        ("session", "open: not authenticated, not encrypted"),
    )
    if bench is None:
        return stated
    identity = bench.pump_identity
    told = (
        ("serial number", identity.serial_number),
        ("model", identity.model),
        ("firmware", identity.firmware_version),
        ("UID", identity.uid.hex()),
    )
    return told + stated


def _instruments(result: RunResult, bench: Bench | None) -> tuple[tuple[str, Rows], ...]:
    tables = result.plan.bench.file.instruments
    described = []
    for role in type(tables).model_fields:
        table = getattr(tables, role)
        if table is None:
            continue
        identity = None if bench is None else bench.identities.get(role)
        told: Rows = ()
        if identity is not None:
            told = tuple(
                (name, text)
                for name, text in (
                    ("model", identity.model),
                    ("serial number", identity.serial_number),
                    ("version", identity.version),
                )
                if text
            )
        due = "not stated" if table.calibration_due is None else table.calibration_due.isoformat()
        described.append((role, (*told, ("driver", table.driver), ("link", table.link), ("calibration due", due))))
    return tuple(described)


def _requirements(result: RunResult) -> Rows:
    known = tomllib.loads(shipped("requirements.toml").read_text(encoding="utf-8"))
    ids = dict.fromkeys(each for page in result.procedures for each in page.requirements)
    return tuple((each, known.get(each, {}).get("text", "stated outside pumprig")) for each in ids)


def _notes(result: RunResult) -> tuple[str, ...]:
    plan = result.plan
    notes = [f"Skipped: {page.name}: {page.problem}" for page in result.procedures if page.outcome is Outcome.SKIPPED]
    if plan.target == "replay":
        notes.append("Judged from a recording: no device was touched.")
    if plan.target == "replay" and plan.bench.file.pump.session == "key-file":
        notes.append("Its key is not in the recording: frames were found authentic when recorded, and are not again.")
    notes += [f"RE-JUDGED by other limits than the procedure's: {each}." for each in result.rejudged]
    notes += _overdue(result)
    notes += [
        f"Parameters of {name}: {', '.join(f'{key} = {value:g}' for key, value in values.items())}."
        for name, values in result.parameters.items()
    ]
    notes += [f"Injected on purpose: {injection}" for injection in plan.injections]
    notes += [
        f"Safe state: the {step.instrument} is {step.found}{f'; {step.problem}' if step.problem else ', as wanted'}."
        for step in result.safe_state
    ]
    notes.append(f"Seed {plan.seed}.")
    notes.append(f"The telemetry session was {said_of(plan.bench.file.pump.session)}.")
    return tuple(notes)


def _not_claimed(result: RunResult) -> tuple[str, ...]:
    if result.plan.target == "sim" or result.plan.bench.file.serve is not None:
        return ("The pump and its bench were simulated: this says nothing about any real device.",)
    return ()


def _overdue(result: RunResult) -> list[str]:
    """Instruments whose calibration had run out by the bench's own date, and who answers for them."""
    accepted = result.plan.accepted_overdue
    return [
        f"The calibration of the {role} was due on {day}: its results are not traceable. "
        + (f"Accepted: {accepted[role]}." if role in accepted else "What rests on it is inconclusive.")
        for role, day in result.overdue.items()
    ]
