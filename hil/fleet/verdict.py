"""Whether a fleet holds what its population's file demands: one case for each criterion and variant."""

import math
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from firmware_model.fleet.population import Population
from hil.fleet.findings import Findings
from hil.fleet.folder import FleetPlan

__all__ = ["Case", "exit_code", "judge_fleet", "junit_of"]


@dataclass(frozen=True)
class Case:
    """One criterion of one variant. Nothing to measure it by is no pass."""

    criterion: str
    variant: str
    outcome: str
    """``pass``, ``fail`` or ``inconclusive``."""
    estimate: float | None
    low: float | None
    high: float | None
    of: int
    worst_pump: int | None
    reproduce: str | None
    """The command that repeats the worst pump; of a case that failed."""
    finding: str

    def as_json(self) -> dict[str, Any]:
        """What other programs see."""
        return vars(self)


def judge_fleet(findings: Findings, population: Population, plan: FleetPlan) -> list[Case]:
    """All cases: the file's criteria of every variant, and that every pump could be simulated."""
    cases = [
        _case(findings, criterion, variant.name, plan)
        for variant in population.variant
        for criterion in population.criteria
    ]
    cases.append(_sound(findings, plan, "every pump could be simulated", "problem", "problem is not null"))
    if plan.audit:
        what = "audited pumps log the same, sample by sample"
        cases.append(_sound(findings, plan, what, "audit", "audit is not null and audit != 'same'"))
    if plan.wire:
        what = "what the programmer has is what the pump remembers"
        cases.append(_sound(findings, plan, what, "wire", "wire is not null and wire != 'same'"))
    return cases


def exit_code(cases: list[Case]) -> int:
    """0 if all passed, 1 if one failed, else 4: one could not be judged."""
    outcomes = {case.outcome for case in cases}
    return 1 if "fail" in outcomes else 4 if "inconclusive" in outcomes else 0


def junit_of(cases: list[Case], title: str) -> bytes:
    """The cases as JUnit XML; what could not be judged is an error there, for a skipped case would pass."""
    suite = ET.Element(
        "testsuite",
        name=title,
        tests=str(len(cases)),
        failures=str(sum(case.outcome == "fail" for case in cases)),
        errors=str(sum(case.outcome == "inconclusive" for case in cases)),
    )
    for case in cases:
        element = ET.SubElement(suite, "testcase", classname=f"fleet.{case.variant}", name=case.criterion)
        ET.SubElement(element, "system-out").text = case.finding
        if case.outcome != "pass":
            kind = "failure" if case.outcome == "fail" else "error"
            problem = ET.SubElement(element, kind, message=case.finding)
            problem.text = f"reproduce: {case.reproduce}" if case.reproduce else case.finding
    ET.indent(suite)
    document: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(findings: Findings, criterion: Any, variant: str, plan: FleetPlan) -> Case:
    measured = findings.measured(criterion, variant)
    estimate, low, high = (
        measured.interval.estimate,
        measured.interval.low,
        measured.interval.high,
    )
    if math.isnan(estimate):
        outcome = "inconclusive"
        finding = f"there was nothing to measure it by ({measured.basis}): run more pumps, or for longer"
    else:
        outcome = "pass" if criterion.holds(estimate) else "fail"
        interval = f" ({low:.4g} to {high:.4g})" if not math.isnan(low) else ""
        finding = f"{estimate:.4g}{interval}, {measured.basis}"
        bound = low if criterion.operator.startswith(">") else high
        if outcome == "pass" and not math.isnan(bound) and not criterion.holds(bound):
            finding += "; the interval reaches beyond the limit: more pumps would tell more"
    failed = outcome == "fail" and measured.worst_pump is not None
    return Case(
        criterion=criterion.text,
        variant=variant,
        outcome=outcome,
        estimate=_finite(estimate),
        low=_finite(low),
        high=_finite(high),
        of=measured.of,
        worst_pump=measured.worst_pump,
        reproduce=plan.rerun(measured.worst_pump or 0, variant, criterion.text) if failed else None,
        finding=finding,
    )


def _sound(findings: Findings, plan: FleetPlan, text: str, column: str, condition: str) -> Case:
    """A case of the simulation itself: no pump may be of that condition."""
    bad = findings.rows(
        f"select pump, variant, {column} from pumps where {condition} order by pump, variant limit 1"  # noqa: S608 - our own names
    )
    asked = "true" if column == "problem" else f"{column} is not null"
    of, wrong = findings.one(
        f"select count(*) filter ({asked}), count(*) filter ({condition}) from pumps"  # noqa: S608
    )
    finding = f"{wrong} of {of} runs not" if wrong else f"{of} of {of} runs"
    if bad:
        finding += f"; pump {bad[0][0]} ({bad[0][1]}): {bad[0][2]}"
    outcome = "fail" if wrong else "pass" if of else "inconclusive"
    return Case(
        criterion=text,
        variant="all",
        outcome=outcome,
        estimate=float(of - wrong),
        low=None,
        high=None,
        of=int(of),
        worst_pump=bad[0][0] if bad else None,
        reproduce=plan.rerun(bad[0][0], bad[0][1]) if bad else None,
        finding=finding,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
