"""The guide to links says what the code does. ``python tests/docs/test_links_guide.py`` writes its table anew."""

import re
from pathlib import Path

from hil.links.lock import STALE_AFTER_S
from hil.links.port_link import REOPEN_FOR_S
from hil.links.wire_faults import WIRE_FAULTS, parse_wire_fault

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "links.md"
_BEGIN, _END = "<!-- begin wire faults -->\n", "<!-- end wire faults -->\n"


def wire_faults_table() -> str:
    """One row for each kind of fault."""
    rows = ["| kind | value, if none is given | range | what happens |", "|---|---|---|---|"]
    for kind in WIRE_FAULTS.values():
        takes_value = kind.lower < kind.upper
        default = f"{kind.default:g}{kind.unit}" if takes_value else "none"
        span = f"{kind.lower:g} to {kind.upper:g}{kind.unit}" if takes_value else ""
        rows.append(f"| `{kind.name}` | {default} | {span} | {kind.summary} |")
    return "\n".join(rows) + "\n"


def test_wire_faults_in_the_guide_are_those_of_the_code() -> None:
    """The table is current."""
    text = GUIDE.read_text(encoding="utf-8")
    assert text.partition(_BEGIN)[2].partition(_END)[0] == wire_faults_table()


def test_examples_in_the_guide_can_be_used() -> None:
    """Every fault that the guide writes down is one."""
    examples = re.findall(r"--wire-fault '?([^\s'`]+)'?", GUIDE.read_text(encoding="utf-8"))
    examples = [each for each in examples if not each.startswith("WIRE:")]
    assert len(examples) >= 5
    for example in examples:
        parse_wire_fault(example, ("pump", "balance", "bath"))


def test_times_in_the_guide_are_those_of_the_code() -> None:
    """How old a heartbeat may be, and how long a command waits for its port."""
    text = GUIDE.read_text(encoding="utf-8")
    assert f"older than {STALE_AFTER_S:g} s" in text
    assert f"waits up to {REOPEN_FOR_S:g} s" in text


if __name__ == "__main__":
    before, _, rest = GUIDE.read_text(encoding="utf-8").partition(_BEGIN)
    GUIDE.write_text(before + _BEGIN + wire_faults_table() + _END + rest.partition(_END)[2], encoding="utf-8")
