"""``summary.json``: what a fleet came to, for other programs."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from firmware_model.fleet.life import DAY_MS, YEAR_MS
from firmware_model.fleet.population import Population
from hil.fleet.comparison import compared
from hil.fleet.findings import Findings
from hil.fleet.folder import SCHEMA, FleetPlan
from hil.fleet.verdict import Case, exit_code

__all__ = ["summary_of"]

_VERDICTS = {0: "pass", 1: "fail", 4: "inconclusive"}
_WORST = 10


def summary_of(findings: Findings, population: Population, plan: FleetPlan, cases: list[Case]) -> dict[str, Any]:
    """The object. Its names change only together with the number in ``schema``; what is not a number is null."""
    names = [variant.name for variant in population.variant]
    document = {
        "schema": SCHEMA,
        "title": population.title,
        "verdict": _VERDICTS[exit_code(cases)],
        "plan": asdict(plan),
        "command": plan.command(),
        "events_sha256": findings.events_sha256(),
        "criteria": [case.as_json() for case in cases],
        "variants": {name: _variant(findings, name) for name in names},
        "paired": [asdict(row) for other in names[1:] for row in compared(findings, names[0], other)],
        "problems": [
            {"pump": pump, "variant": variant, "problem": problem, "reproduce": plan.rerun(pump, variant)}
            for pump, variant, problem in findings.rows(
                "select pump, variant, problem from pumps where problem is not null order by pump, variant limit 100"
            )
        ],
        "worst_pumps": [
            {"pump": pump, "variant": variant, "why": why, "reproduce": plan.rerun(pump, variant)}
            for pump, variant, why in _worst(findings)
        ],
    }
    cleaned: dict[str, Any] = _finite(document)
    return cleaned


def _variant(findings: Findings, name: str) -> dict[str, Any]:
    pumps, ended = findings.one(
        "select count(*), count(*) filter (\"end\" = 'departed') from pumps where variant = ?", name
    )
    errors, survival = findings.flow_errors(name), findings.survival(name)
    return {
        "pumps": pumps,
        "pump_years": findings.pump_years(name),
        "departed": ended,
        "false_alarms": _rate(findings, name, "false_alarms"),
        "misleading_alarms": _rate(findings, name, "misleading_alarms"),
        "justified_alarms": _rate(findings, name, "justified_alarms"),
        "false_by_alarm": dict(
            findings.rows(
                "select alarm, count(*) from events where variant = ? and judgement = 'false' "
                "group by 1 order by 2 desc, 1",
                name,
            )
        ),
        "detections": [asdict(each) for each in findings.detections(name)],
        "flow_error_percent": {
            "refills": errors.size,
            "mean": float(errors.mean()) if errors.size else math.nan,
            "sd": float(errors.std(ddof=1)) if errors.size > 1 else math.nan,
            "percentiles": {f"{p:g}": float(np.percentile(errors, p)) for p in (1, 5, 50, 95, 99)}
            if errors.size
            else {},
        },
        "failed": {f"{years}y": asdict(survival.failed_by(years * 365 * DAY_MS / YEAR_MS)) for years in (1, 2)},
    }


def _rate(findings: Findings, variant: str, column: str) -> dict[str, Any]:
    measured = findings.alarm_rate(variant, column)
    return {"count": measured.of, "per_pump_year": asdict(measured.interval), "worst_pump": measured.worst_pump}


def _worst(findings: Findings) -> list[tuple[int, str, str]]:
    """Pumps that somebody should look at: those that could not be run, then missed failures, then false alarms."""
    return findings.rows(
        "with bad as ("
        "select pump, variant, 0 as rank, 0 as size, 'could not be simulated: ' || problem as why from pumps "
        "where problem is not null union all "
        "select pump, variant, 1, watched_ms, fault || ' ' || value || ' not detected in ' || "
        "round(watched_ms / 86400000.0, 1) || ' d' from faults where latency_ms is null and is_failure union all "
        "select pump, variant, 2, false_alarms, false_alarms || ' false alarms' from pumps where false_alarms > 0) "
        "select pump, variant, why from bad order by rank, size desc, pump, variant limit ?",
        _WORST,
    )


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value
