"""The procedures that come with pumprig: pytest files. The command line names a file, or one procedure of a file."""

import re
from functools import cache
from pathlib import Path

__all__ = ["PROCEDURES", "single_procedures"]

PROCEDURES = {
    path.stem.replace("_", "-"): path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem != "__init__"
}
"""Files, by their names."""

_MARKED = re.compile(r'^@pytest\.mark\.procedure\(\s*"([^"]+)".*?^def (\w+)\(', re.MULTILINE | re.DOTALL)


@cache
def single_procedures() -> dict[str, str]:
    """What pytest is given to run one procedure alone, by the procedure's name."""
    return {
        name: f"{path}::{function}"
        for path in PROCEDURES.values()
        for name, function in _MARKED.findall(path.read_text(encoding="utf-8"))
    }
