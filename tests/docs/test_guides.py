"""What the guides say is what the code has. ``python tests/docs/test_guides.py`` writes the generated parts anew."""

import re
from pathlib import Path

from hil.runs.run import _EXIT_CODES, EXIT_INTERRUPTED, EXIT_NOTHING_RAN
from hil.shipped import shipped
from hil.virtual_bench.bench_faults import KNOWN_FAULTS

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "device-engineers.md"
_BEGIN, _END = "<!-- begin faults -->\n", "<!-- end faults -->\n"


def faults_table() -> str:
    """One row for each fault that can be injected."""
    rows = ["| fault | value, if none is given | range | what happens |", "|---|---|---|---|"]
    rows += [
        f"| `{kind.name}` | {kind.default:g}{kind.unit} | {kind.lower:g} to {kind.upper:g}{kind.unit} "
        f"| {kind.summary} |"
        for kind in sorted(KNOWN_FAULTS.values(), key=lambda kind: kind.name)
    ]
    return "\n".join(rows) + "\n"


def test_faults_in_the_guide_are_those_of_the_code() -> None:
    """The table of faults is current."""
    text = GUIDE.read_text(encoding="utf-8")
    assert text.partition(_BEGIN)[2].partition(_END)[0] == faults_table()


def test_benches_in_the_guide_are_those_that_come_with_pumprig() -> None:
    """Every bench file is in the guide's table, and none else."""
    text = GUIDE.read_text(encoding="utf-8")
    benches = sorted(path.name for path in shipped("benches").glob("*.toml"))
    assert sorted(re.findall(r"^\| `([\w-]+\.toml)` \|", text, re.MULTILINE)) == benches


def test_exit_codes_in_the_guide_are_those_of_the_code() -> None:
    """Every exit code of a run is in the guide's table."""
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)}
    assert {*_EXIT_CODES.values(), EXIT_NOTHING_RAN, EXIT_INTERRUPTED, 2, 3} == documented


if __name__ == "__main__":
    before, _, rest = GUIDE.read_text(encoding="utf-8").partition(_BEGIN)
    GUIDE.write_text(before + _BEGIN + faults_table() + _END + rest.partition(_END)[2], encoding="utf-8")
