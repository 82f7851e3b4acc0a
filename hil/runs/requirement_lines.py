"""Which requirement a run speaks of, by which procedure, and what that came to; and of which it says nothing."""

import tomllib
from collections.abc import Iterable

from hil.measurement import Outcome, verdict
from hil.procedure import Procedure
from hil.report.content import RequirementLine
from hil.shipped import shipped

__all__ = ["requirement_lines"]

_ENDED = {Outcome.SKIPPED: "was skipped", Outcome.ERROR: "ended by an error"}
_STATED_ELSEWHERE = "stated outside pumprig"


def requirement_lines(pages: Iterable[Procedure]) -> tuple[RequirementLine, ...]:
    """One line for each requirement: those that ``pages`` (the last attempts) speak of first, then the others."""
    pages = tuple(pages)
    known = {
        name: str(table.get("text", ""))
        for name, table in tomllib.loads(shipped("requirements.toml").read_text("utf-8")).items()
    }
    spoken = dict.fromkeys(each for page in pages for each in spoken_of(page))
    lines = [_line(each, known.get(each, _STATED_ELSEWHERE), pages) for each in spoken]
    lines.sort(key=lambda line: (line.outcome is None, line.name))
    nobody = "no procedure of this run"
    lines += [RequirementLine(each, text, "", "", None, nobody) for each, text in known.items() if each not in spoken]
    return tuple(lines)


def spoken_of(page: Procedure) -> tuple[str, ...]:
    """The requirements that a procedure or one of its measurements names."""
    return (*page.requirements, *(each for taken in page.measurements for each in taken.requirements))


def _line(requirement: str, text: str, pages: tuple[Procedure, ...]) -> RequirementLine:
    speaking = [page for page in pages if requirement in spoken_of(page)]
    outcomes = [outcome for page in speaking for outcome in _outcomes(requirement, page)]
    measured = [taken.name for page in speaking for taken in page.measurements if requirement in taken.requirements]
    silent = [page for page in speaking if not _outcomes(requirement, page)]
    return RequirementLine(
        name=requirement,
        text=text,
        procedures=", ".join(dict.fromkeys(page.name for page in speaking)),
        evidence=", ".join(dict.fromkeys(measured)),
        outcome=verdict(outcomes) if outcomes else None,
        gap="; ".join(
            f"{page.name} {_ENDED.get(page.outcome or Outcome.ERROR, 'took no measurement')}: {page.problem}"
            for page in silent
        ),
    )


def _outcomes(requirement: str, page: Procedure) -> list[Outcome]:
    """What a page says of a requirement: nothing if it was skipped, or ended before it could."""
    taken = [each.outcome for each in page.measurements if requirement in each.requirements]
    outcome = page.outcome or Outcome.ERROR
    if outcome in (Outcome.SKIPPED, Outcome.ERROR):
        return taken
    explained = any(each.outcome is outcome for each in page.measurements)
    found = taken if taken and explained else [*taken, outcome]
    return [Outcome.INCONCLUSIVE if each is Outcome.PASS and page.attempt > 1 else each for each in found]
