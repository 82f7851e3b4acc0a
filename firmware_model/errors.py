"""Every error of the pump model.

::

    ModelError
    ├── ConfigurationError    a file that a person wrote says something we cannot use: which file, key and line
    ├── CommandRefused        the firmware does not do what it was told
    └── PowerLost             the supply failed in the middle of a write to the memory
"""

from pathlib import Path

__all__ = ["ConfigurationError", "ModelError"]


class ModelError(Exception):
    """The model was asked for something it cannot do."""


class ConfigurationError(ModelError):
    """A configuration file is wrong; carries the file, the dotted key and the line where they are known."""

    def __init__(self, path: Path | str, problem: str, *, key: str | None = None, line: int | None = None) -> None:
        """Say where (``path``, ``line`` counted from 1, dotted ``key``) and what the ``problem`` is."""
        where = f"{path}" if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {key}: {problem}" if key else f"{where}: {problem}")
        self.path = Path(path)
        self.problem = problem
        self.key = key
        self.line = line
