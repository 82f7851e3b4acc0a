"""The line of a key, also in arrays of tables."""

import pytest

from firmware_model.config import line_of

_TEXT = """\
title = "a"  # [[refill]]
table = [
  [0.0, 3000],
  [1.0, 2000]
]
[surroundings]
outlet_kpa = 1

[[refill]]
at = "1d"
fill_ml = 1
  [[ refill ]]  # the second one
  at = "2d"
  "fill_ml" = 2
[refill.more]
deep = 1
[[visit]]
at = "3d"
[[refill]]
fill_ml = 3
[a.b]
c.d = 1
"""


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("title",), 1),
        (("table", 1, 0), 2),
        (("surroundings",), 6),
        (("surroundings", "outlet_kpa"), 7),
        (("refill",), 9),
        (("refill", 0), 9),
        (("refill", 0, "fill_ml"), 11),
        (("refill", 1), 12),
        (("refill", 1, "at"), 13),
        (("refill", 1, "fill_ml"), 14),
        (("refill", 1, "infusate_c"), 12),
        (("visit", 0, "at"), 18),
        (("refill", 2, "fill_ml"), 20),
        (("refill", 2, "at"), 19),
        (("a", "b", "c", "d"), 22),
        (("nowhere", 3), None),
        ((), None),
    ],
)
def test_line_of_a_key_or_of_its_table(loc: tuple[int | str, ...], line: int | None) -> None:
    """The n-th table of a name has its own lines; a key that is not there has that of its table; a comment has none."""
    assert line_of(_TEXT, loc) == line
