"""What must stand beside a run's verdict wherever it is shown: right after the run, and ever after."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from hil.runs.live_view import STYLES

__all__ = ["OUTCOME_STYLES", "verdict_lines"]

OUTCOME_STYLES = {str(outcome): style for outcome, style in STYLES.items()}


def verdict_lines(said: Mapping[str, Any], *, target: str) -> list[str]:
    """The verdict, where the run was taken up again, and what it does not claim, in rich's markup.

    ``said`` is a result for other programs or a manifest; one of an earlier version may lack a key.
    """
    verdict = said["verdict"]
    rejudged = ", re-judged by other limits than the procedure's" if said.get("rejudged") else ""
    lines = [f"verdict    [{OUTCOME_STYLES.get(verdict, 'dim')}]{escape(verdict)}[/]{rejudged}"]
    anew = "from the beginning of the recording" if target == "replay" else "the simulated world began anew"
    for part in said.get("resumed", []):
        how = "the bench went on meanwhile" if part["world"] == "went on" else anew
        lines.append(f"resumed    {escape(part['recording'])}: {how}")
    if not_claimed := said.get("not_claimed"):
        ids = ", ".join(each["requirement"] for each in not_claimed)
        lines.append(f"[yellow]not claimed {escape(ids)}[/]")
    return lines
