"""Where this machine keeps what it knows of its benches between runs."""

import os
from pathlib import Path

__all__ = ["state_folder"]


def state_folder() -> Path:
    """The folder; ``PUMPRIG_STATE_DIR`` names another place, which several users or machines may share."""
    named = os.environ.get("PUMPRIG_STATE_DIR")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "state"
    return Path(base) / "pumprig" / "benches"
