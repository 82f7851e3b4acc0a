"""In which order the procedures of a run are run, repeated, taken over or left out.

::

    for each group:  attempt 1, 2, ... until all pass or no retry is left
        for each procedure of it:  quarantined? -> skipped    ended before a resumption? -> its page    else -> run

A retry repeats a whole group: what a procedure needs of those before it is made again by them. The last attempt that
was not skipped decides.
"""

from collections.abc import Sequence

import pytest

from hil.measurement import Outcome
from hil.procedure import EXIT_USAGE, Procedure
from hil.pytest_plugin import ATTEMPT_KEY, page_of
from hil.runs.run import Run

__all__ = ["RunLoop"]

_REPORTED = {Outcome.PASS: "passed", Outcome.SKIPPED: "skipped"}


class RunLoop:
    """Takes the place of pytest's own loop over the procedures."""

    def __init__(self, run: Run) -> None:
        """Run the procedures of ``run``."""
        self._run = run

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all groups."""
        groups = groups_of(session.items)
        self._run.observer.planned(len(session.items))
        for number, group in enumerate(groups):
            following = groups[number + 1][0] if number + 1 < len(groups) else None
            self._run_group(session, group, following)
        return True

    def _run_group(self, session: pytest.Session, group: Sequence[pytest.Item], following: pytest.Item | None) -> None:
        retries = self._run.plan.retries
        before: list[Procedure] = []
        for attempt in range(1, retries + 2):
            is_last = following is None and attempt == retries + 1
            # With a retry to come, nothing may be left over from this attempt: None takes all fixtures down.
            pages = self._attempt(session, group, attempt, following if retries == 0 else None, is_last=is_last)
            for earlier, page in zip(before, pages, strict=True) if before else ():
                earlier.superseded = page.outcome is not Outcome.SKIPPED  # which decides nothing
            if attempt > retries or self._run.quarantine is not None or not any(map(_is_worth_a_retry, pages)):
                return
            before = pages

    def _attempt(
        self,
        session: pytest.Session,
        group: Sequence[pytest.Item],
        attempt: int,
        following: pytest.Item | None,
        *,
        is_last: bool,
    ) -> list[Procedure]:
        pages = []
        lasted = self._lasted(group, attempt)
        left = [item for item in group if item not in lasted]
        for item in group:
            page = lasted.get(item)
            if page is not None:
                self._run.restore(page)
                _report(item, page)
            elif self._run.quarantine is not None:
                page = page_of(item, self._run, attempt)
                self._run.isolate(page)
                _report(item, page)
            else:
                left.remove(item)
                item.stash[ATTEMPT_KEY] = attempt
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=left[0] if left else following)
                page = page_of(item, self._run, attempt)
                if left or not is_last:
                    self._run.examine(page, any_pump=item.get_closest_marker("any_pump") is not None)
            pages.append(page)
            _stop_if_asked(session)
        return pages

    def _lasted(self, group: Sequence[pytest.Item], attempt: int) -> dict[pytest.Item, Procedure]:
        """Pages of an attempt that had ended before the run was interrupted.

        Of a group that its author declared, all or none: its procedures need one another.
        """
        found = {item: self._run.keeper.before((item.nodeid, attempt), self._run.observer) for item in group}
        ended = {item: page for item, page in found.items() if page is not None}
        return {} if len(ended) < len(group) and _declared_group(group[0]) is not None else ended


def groups_of(items: Sequence[pytest.Item]) -> list[list[pytest.Item]]:
    """Procedures that are repeated together: those of one ``group`` of their markers, else those of one file."""
    groups: dict[object, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(_declared_group(item) or item.path, []).append(item)
    return list(groups.values())


def _declared_group(item: pytest.Item) -> str | None:
    marker = item.get_closest_marker("procedure")
    name = None if marker is None else marker.kwargs.get("group")
    return None if name is None else f"group {name}"


def _is_worth_a_retry(page: Procedure) -> bool:
    """A usage error stays one, however often it is tried; a skip has its reason."""
    return page.outcome not in (Outcome.PASS, Outcome.SKIPPED) and page.exit_code != EXIT_USAGE


def _report(item: pytest.Item, page: Procedure) -> None:
    """Tell pytest (and so junit.xml) of a procedure that is not run now."""
    outcome = _REPORTED.get(page.outcome or Outcome.ERROR, "failed")
    said = page.problem or ""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for when in ("setup", "call", "teardown"):
        is_call = when == "call"
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome=outcome if is_call else "passed",  # type: ignore[arg-type]
            longrepr=None
            if not is_call or outcome == "passed"
            else (str(item.path), 0, said)
            if outcome == "skipped"
            else said,
            when=when,
        )
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _stop_if_asked(session: pytest.Session) -> None:
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
