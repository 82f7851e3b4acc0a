"""The data that comes with pumprig: benches, pumps, scenarios, fleets, recordings, requirements."""

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from hil.errors import UsageError

__all__ = ["file_or_shipped", "shipped", "shipped_names"]


def shipped(name: str) -> Path:
    """The file ``name``, such as ``benches/simulated.toml``, in the installed ``fixtures``."""
    return Path(str(files("fixtures").joinpath(name)))


def shipped_names(folder: str, suffix: str = ".toml") -> list[str]:
    """The names of what is in a folder of ``fixtures``, without their ending."""
    return sorted(path.stem for path in shipped(folder).glob(f"*{suffix}"))


def file_or_shipped(name: str | Path, folder: str, what: str) -> Path:
    """A file of the user's, or what comes with pumprig under this bare ``name`` in ``folder`` of ``fixtures``.

    What ends in ``.toml`` or is there is a file. Raises UsageError, with the nearest name, for what is neither.
    """
    text, known = str(name), shipped_names(folder)
    if text.endswith(".toml") or (text not in known and Path(name).exists()):
        return Path(name)
    if text in known:
        return shipped(f"{folder}/{text}.toml")
    close = get_close_matches(text, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}."
    raise UsageError(f"unknown {what} {text!r}; {hint} A file's name ends in .toml")
