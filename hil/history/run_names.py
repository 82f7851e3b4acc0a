"""Which run folder is meant by ``last``, ``last~2``, the beginning of a folder's name, or its last word."""

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from hil.errors import UsageError
from hil.shipped import shipped, shipped_names

__all__ = ["find_run", "run_folders", "started_of", "undated_folders"]

_LAST = re.compile(r"last(?:~(?P<back>\d+))?")
_FOLDER = re.compile(r"\d{8}T\d{6}Z_.+_.+_[0-9a-f]{6}")
_SHOWN = 5


def run_folders(runs: Path) -> list[Path]:
    """Every run folder under ``runs``, the oldest first. Raises UsageError if there is no such folder."""
    if not runs.is_dir():
        raise UsageError(f"{runs}: there is no such folder of runs; name one with --runs")
    return sorted(path for path in runs.iterdir() if _is_named_so(path) and started_of(path) is not None)


def undated_folders(runs: Path) -> list[Path]:
    """What under ``runs`` is named as a run folder is, but for a time that cannot be: no run has made it."""
    return sorted(path for path in runs.iterdir() if _is_named_so(path) and started_of(path) is None)


def started_of(folder: Path) -> datetime | None:
    """When the run began, by its folder's name; None if there is no such time."""
    try:
        return datetime.strptime(folder.name.partition("_")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _is_named_so(path: Path) -> bool:
    return path.is_dir() and _FOLDER.fullmatch(path.name) is not None


def find_run(name: str | Path, runs: Path) -> Path:
    """The run that ``name`` means: a path, ``last``, ``last~N``, or what one folder under ``runs`` begins or ends with.

    A path may be a run folder or a recording; what looks like one is taken as it is. What means no run may be a
    recording that comes with pumprig. Raises UsageError, with the nearest name, if it means none of these, or two runs.
    """
    text = str(name)
    if not text:
        raise UsageError("an empty name means no run; write `last`, or see `pumprig runs`")
    if Path(name).exists() or "/" in text or "\\" in text or text.endswith(".mcap"):
        return Path(name)
    coming = shipped_names("recordings", ".mcap")
    if (match := _LAST.fullmatch(text)) is not None:
        folders, back = run_folders(runs), int(match["back"] or 0)
        if back >= len(folders):
            raise UsageError(f"{text}: there are {len(folders)} runs under {runs}")
        return folders[-1 - back]
    folders = run_folders(runs) if runs.is_dir() else []
    found = [folder for folder in folders if folder.name.startswith(text) or folder.name.endswith(f"_{text}")]
    if len(found) == 1:
        return found[0]
    if not found and text in coming:
        return shipped(f"recordings/{text}.mcap")
    if not found:
        near = get_close_matches(text, ["last", *coming], n=1)
        hint = f"did you mean {near[0]}?" if near else f"recordings that come with pumprig: {', '.join(coming)}"
        raise UsageError(
            f"{text}: is no file, and no run under {runs} begins with it (`pumprig runs` lists them); {hint}"
        )
    names = ", ".join(folder.name for folder in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise UsageError(f"{text}: could be {names}{more}; write more of the name")
