"""What a finished run leaves behind beside its recording: measurements as a table, the report, the manifest."""

import io
import platform
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hil.benches.safe_state import is_confirmed
from hil.flow.evaporation import evaporation_text
from hil.measurement import Measurement, Outcome
from hil.procedure import Procedure
from hil.pump.pump_session import said_of
from hil.report.content import ProcedureLine, ReportContent, Rows
from hil.report.finding import finding
from hil.report.render import render_report
from hil.runs.kept_run import Part
from hil.runs.requirement_lines import requirement_lines
from hil.runs.run_folder import MEASUREMENTS, RunFolder
from hil.runs.run_result import RunResult

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


_NAMED = 3
"""More procedures than this are counted in a title, not named."""
_TARGETS = {"sim": "simulated bench", "bench": "bench", "replay": "recording"}


def write_documents(folder: RunFolder, result: RunResult) -> None:
    """Write measurements.parquet, report.html and, last, manifest.json into ``folder``."""
    folder.write(MEASUREMENTS, _parquet(result.measurements))
    hashes = folder.hashes()
    reproducible = {name: each for name, each in hashes.items() if name.endswith((".mcap", ".parquet"))}
    folder.write("report.html", render_report(_content(result, reproducible)).encode())
    folder.finish(_manifest(result))


def _parquet(measurements: list[Measurement]) -> bytes:
    table = pa.Table.from_pylist([measurement.as_json() for measurement in measurements], schema=_SCHEMA)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _manifest(result: RunResult) -> dict[str, Any]:
    plan = result.plan
    return {
        "schema": "pumprig.manifest/1",
        "verdict": str(result.verdict),
        "exit_code": result.exit_code,
        "rejudged": bool(plan.new_limits),
        "target": plan.target,
        "seed": plan.seed,
        "inject": list(plan.injections),
        "wire_faults": list(plan.wire_faults),
        "parameters": {name: dict(values) for name, values in result.parameters.items()},
        "overdue": {role: day.isoformat() for role, day in result.overdue.items()},
        "accepted_overdue": dict(plan.accepted_overdue),
        "interrupted": result.interrupted,
        "resumable": result.resumable,
        "retries": plan.retries,
        "procedures": [page.as_json() for page in result.procedures],
        "measurements": result.measurements_as_json(),
        "requirements": [
            {"id": line.name, "procedures": line.procedures, "outcome": line.outcome and str(line.outcome)}
            for line in requirement_lines(result.final)
        ],
        "not_claimed": result.not_claimed,
        "quarantine": result.quarantine,
        "resumed": result.resumed,
        "recordings": [part.recording for part in result.parts],
        "deviations": list(_deviations(result)),
        "pump": dict(_device(result)),
        "instruments": {role: dict(rows) for role, rows in _instruments(result)},
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
            "files": ["audit.jsonl", "journal.jsonl", "junit.xml", "plan.json", "report.html#wall-clock"],
        },
    }


def _content(result: RunResult, hashes: dict[str, str]) -> ReportContent:
    plan = result.plan
    several = len(plan.procedures) > _NAMED
    names = f"{len(result.final)} procedures" if several else ", ".join(plan.procedures)
    environment = plan.bench.file.environment
    judged = "Re-judged: " if plan.new_limits else ""
    serial_number = plan.bench.file.pump.serial_number or "unidentified"
    return ReportContent(
        verdict=result.verdict,
        rejudged=bool(plan.new_limits),
        title=f"{judged}{names} of pump {serial_number} on bench {plan.bench.file.name}",
        finding=_finding(result),
        identification=_identification(result),
        device=_device(result),
        measurements=tuple(result.measurements),
        requirements=requirement_lines(result.final),
        procedures=tuple(
            ProcedureLine(
                name=page.name,
                outcome=page.outcome or Outcome.ERROR,
                said=page.said,
                problem=page.problem or "",
                attempt=page.attempt,
                superseded=page.superseded,
            )
            for page in result.procedures
        ),
        superseded=_superseded(result),
        deviations=_deviations(result),
        figures=tuple(figure for page in result.procedures for figure in page.figures),
        markers=plan.markers(),
        instruments=_instruments(result),
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
            *(("resumed", f"{datetime.fromisoformat(part['utc']):%Y-%m-%d %H:%M:%S} UTC") for part in result.resumed),
            ("finished", f"{result.finished:%Y-%m-%d %H:%M:%S} UTC"),
            ("host", platform.node()),
            ("pumprig, Python", f"{version('pumprig')}, {platform.python_version()}"),
        ),
    )


def _finding(result: RunResult) -> str:
    if not result.procedures:
        return "No procedure was run."
    problems = [
        f"{page.name}: {page.problem}"
        for page in result.final
        if page.problem and page.outcome is not Outcome.SKIPPED and not _is_measured(page)
    ]
    if result.quarantine is not None and any(page.quarantined for page in result.final):
        problems.append(f"The rest was not run, {result.quarantine}")
    problems += [f"{page.name} passed only in attempt {page.attempt}" for page in result.final if _passed_late(page)]
    measurements = [measurement for page in result.final for measurement in page.measurements]
    if not measurements and any(page.outcome is Outcome.PASS for page in result.final):
        count = sum(page.outcome is Outcome.PASS for page in result.final)
        return " ".join([*(f"{each}." for each in problems), f"{count} procedures passed without a measurement."])
    return finding(measurements, problems)


def _passed_late(page: Procedure) -> bool:
    return page.outcome is Outcome.PASS and page.attempt > 1


def _superseded(result: RunResult) -> frozenset[int]:
    flags = [page.superseded for page in result.procedures for _ in page.measurements]
    return frozenset(number for number, flag in enumerate(flags) if flag)


def _is_measured(page: Procedure) -> bool:
    """Whether the measurements themselves say what a procedure came to."""
    return any(page.outcome is measurement.outcome for measurement in page.measurements)


def _identification(result: RunResult) -> Rows:
    """What tells one report from another, without the wall clock: that has a section of its own."""
    plan, pump = result.plan, result.devices.get("pump", {})
    return (
        ("pump", pump.get("serial number", "not identified")),
        ("firmware", pump.get("firmware", "not identified")),
        ("bench", plan.bench.file.name),
        ("target", _TARGETS[plan.target]),
        ("procedures", f"{len(result.final)}, {len(result.measurements)} measurements"),
        ("seed", str(plan.seed)),
    )


def _device(result: RunResult) -> Rows:
    profile = result.plan.bench.profile
    stated = (
        ("profile", profile.model),
        ("label flow", f"{profile.label_flow_ml_per_day:g} mL/day +- {profile.label_tolerance_percent:g} %"),
        ("propellant", profile.propellant),
        ("link", result.plan.bench.file.pump.link),
        ("session", said_of(result.plan.bench.file.pump.session)),
    )
    told = tuple(result.devices.get("pump", {}).items())
    return told + stated


def _instruments(result: RunResult) -> tuple[tuple[str, Rows], ...]:
    described = []
    for role, table in result.plan.bench.file.instruments.present().items():
        told = tuple(result.devices.get(role, {}).items())
        due = "not stated" if table.calibration_due is None else table.calibration_due.isoformat()
        described.append((role, (*told, ("driver", table.driver), ("link", table.link), ("calibration due", due))))
    return tuple(described)


def _deviations(result: RunResult) -> tuple[str, ...]:
    """What did not go as the procedures say, in the order of how much it matters."""
    plan, said = result.plan, []
    if result.quarantine is not None:
        said.append(f"Quarantine: {result.quarantine}. Nothing was run on the pump from then on.")
    retried = [page for page in result.final if page.attempt > 1]
    said += [
        f"Repeated: {page.name} came to {page.outcome} in attempt {page.attempt}, not in the first." for page in retried
    ]
    for before, part in pairwise(result.parts):
        said.append(_resumption(part, replayed=plan.target == "replay"))
        if before.pumprig != part.pumprig:
            earlier = before.pumprig or "another"
            said.append(f"Part {part.part} was run by pumprig {part.pumprig}, the one before it by {earlier}.")
    said += [
        f"A fault of the bench ended what was begun again or gone on with: {each}." for each in result.bench_faults
    ]
    said += [f"Begun again after an interruption: {name}." for name in result.repeated if name not in result.went_on]
    said += [f"Went on after an interruption from what had been recorded: {name}." for name in result.went_on]
    said += [f"Lost, and come back at bench time {ms / 3.6e6:.2f} h: {remark}." for ms, remark in result.wire_remarks]
    skipped = [page for page in result.final if page.outcome is Outcome.SKIPPED and not page.quarantined]
    said += [f"Skipped: {page.name}: {page.problem}." for page in skipped]
    said += _overdue(result)
    said += [f"Injected on purpose: {injection}." for injection in plan.injections]
    said += [f"Injected on purpose, into the wires: {fault}." for fault in plan.wire_faults]
    return tuple(said)


def _resumption(part: Part, *, replayed: bool) -> str:
    if part.world == "went on":
        return (
            f"Interrupted, and resumed at bench time {part.began_ms / 3_600_000:.2f} h ({part.recording}); "
            "nobody watched the bench in between."
        )
    if replayed:
        return f"Interrupted, and done again from the beginning of the recording ({part.recording})."
    return (
        f"Interrupted, and resumed with a simulated world that began anew ({part.recording}): bench time starts at 0 "
        f"again, and nothing that happened before part {part.part} has happened to its pump."
    )


def _notes(result: RunResult) -> tuple[str, ...]:
    plan = result.plan
    notes = []
    if plan.target == "replay":
        notes.append("Judged from a recording: no device was touched.")
    if plan.target == "replay" and plan.bench.file.pump.session == "key-file":
        notes.append("Its key is not in the recording: frames were found authentic when recorded, and are not again.")
    notes += [f"RE-JUDGED by other limits than the procedure's: {each}." for each in result.rejudged]
    notes += [
        f"Parameters of {name}: {', '.join(f'{key} = {value:g}' for key, value in values.items())}."
        for name, values in result.parameters.items()
    ]
    notes += [
        f"Safe state: the {step.instrument} is {step.found}{f'; {step.problem}' if step.problem else ', as wanted'}."
        for step in result.safe_state
    ]
    notes.append(f"Seed {plan.seed}.")
    notes.append(f"The telemetry session was {said_of(plan.bench.file.pump.session)}.")
    return tuple(notes)


def _not_claimed(result: RunResult) -> tuple[str, ...]:
    said = [f"{each['requirement']}: {each['why']}." for each in result.not_claimed]
    if result.plan.target == "sim" or result.plan.bench.file.serve is not None:
        said.append("The pump and its bench were simulated: this says nothing about any real device.")
    return tuple(said)


def _overdue(result: RunResult) -> list[str]:
    """Instruments whose calibration had run out by the bench's own date, and who answers for them."""
    accepted = result.plan.accepted_overdue
    return [
        f"The calibration of the {role} was due on {day}: its results are not traceable. "
        + (f"Accepted: {accepted[role]}." if role in accepted else "What rests on it is inconclusive.")
        for role, day in result.overdue.items()
    ]
