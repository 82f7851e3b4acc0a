"""The guide to replaying and verifying says what the code does."""

import re
from pathlib import Path

from cli import pumprig
from hil.comparison.residuals import DEFAULT_TOLERANCES
from hil.recording.looks import QUANTITIES

TEXT = (Path(__file__).parents[2] / "docs" / "guides" / "replay-and-verify.md").read_text(encoding="utf-8")


def test_tolerances_in_the_guide_are_those_of_the_code() -> None:
    """The table of what is allowed is current."""
    for name, allowed in DEFAULT_TOLERANCES.items():
        unit = QUANTITIES[name][0]
        assert f"| {name} | {allowed.mean:g} {unit} | {allowed.maximum:g} {unit} |" in TEXT


def test_every_option_in_the_guide_exists() -> None:
    """Commands can be typed as they stand."""
    for command in re.findall(r"^pumprig (.+)$", TEXT, re.MULTILINE):
        name, *words = command.partition("#")[0].split()
        known = {option for parameter in pumprig.commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, command
