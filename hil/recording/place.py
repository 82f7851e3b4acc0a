"""Where the recording is that somebody means: a file, or the folder of a run, which has one for each of its parts."""

from itertools import count, takewhile
from pathlib import Path

from hil.errors import RecordingError, UsageError
from hil.runs.run_folder import RECORDING, recording_name

__all__ = ["only_recording_at", "recordings_at", "run_folder_of"]


def recordings_at(path: Path) -> tuple[Path, ...]:
    """The file at ``path``; of a run folder, the recordings of all parts of its run, in order. Raises RecordingError.

    A run has more than one part if it was interrupted and resumed.
    """
    file = path / RECORDING if path.is_dir() else path
    if file.exists() and not file.is_file():
        raise RecordingError(f"{file}: is no file that can be read from any place; copy what it gives into one")
    if not file.is_file():
        folder = f"; {path} is no run folder, or its run never got to its bench" if path.is_dir() else ""
        raise RecordingError(f"{file}: there is no such recording{folder}")
    if not path.is_dir():
        return (file,)
    return tuple(takewhile(Path.is_file, (path / recording_name(part) for part in count(1))))


def only_recording_at(path: Path) -> Path:
    """The one recording at ``path``, for who cannot join several. Raises UsageError naming them, RecordingError."""
    first, *later = recordings_at(path)
    if later:
        names = " and ".join(file.name for file in (first, *later))
        raise UsageError(
            f"{path}: the run was resumed, and no recording of it is whole; name one of its files, {names}"
        )
    return first


def run_folder_of(path: Path) -> Path | None:
    """The run folder that ``path`` is or lies in; None of a recording that stands alone."""
    folder = path if path.is_dir() else path.parent
    is_run = (folder / "manifest.json").is_file() or (folder / "audit.jsonl").is_file()
    return folder if is_run and (path.is_dir() or path.name == RECORDING) else None
