"""Where the recording is that somebody means: a file, or the folder of a run."""

from pathlib import Path

from hil.errors import RecordingError
from hil.run_folder import RECORDING

__all__ = ["recording_at", "run_folder_of"]


def recording_at(path: Path) -> Path:
    """The file of the recording at ``path``: itself, or that of a run folder. Raises RecordingError."""
    file = path / RECORDING if path.is_dir() else path
    if not file.is_file():
        folder = f"; {path} is no run folder, or its run never got to its bench" if path.is_dir() else ""
        raise RecordingError(f"{file}: there is no such recording{folder}")
    return file


def run_folder_of(path: Path) -> Path | None:
    """The run folder that ``path`` is or lies in; None of a recording that stands alone."""
    folder = path if path.is_dir() else path.parent
    is_run = (folder / "manifest.json").is_file() or (folder / "audit.jsonl").is_file()
    return folder if is_run and (path.is_dir() or path.name == RECORDING) else None
