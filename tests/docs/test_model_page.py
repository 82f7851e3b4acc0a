"""docs/model.md says what the code does: its tables, its diagram and its plots are current."""

import pytest

from tests.docs.model_page import IMAGES, PAGE, images, parts


@pytest.mark.parametrize("part", ["modes", "alarms", "conditions", "faults"])
def test_generated_parts_are_current(part: str) -> None:
    """Each part is what the code gives; ``python -m tests.docs.model_page`` writes them anew."""
    text = PAGE.read_text(encoding="utf-8")
    assert text.partition(f"<!-- begin {part} -->\n")[2].partition(f"<!-- end {part} -->\n")[0] == parts()[part]


def test_plots_are_current() -> None:
    """Each plot is what the model gives today."""
    for name, drawn in images().items():
        assert (IMAGES / name).read_text(encoding="utf-8") == drawn, name
