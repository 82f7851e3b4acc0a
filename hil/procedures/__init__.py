"""The procedures that come with pumprig: each a pytest file, named on the command line by its file name."""

from pathlib import Path

__all__ = ["PROCEDURES"]

PROCEDURES = {
    path.stem.replace("_", "-"): path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem != "__init__"
}
