"""The report: one file, the same for the same content, whatever texts are in it."""

import base64
import hashlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest
from bokeh.plotting import figure
from bokeh.resources import INLINE

from hil.figure import Figure, Limit, Marker, Series
from hil.measurement import Outcome
from hil.report.content import ProcedureLine, RequirementLine
from hil.report.plot import plot_json
from hil.report.render import render_report
from tests.hil.report_example import example, inconclusive_and_broken

HOSTILE = "</script ><script>alert(1)</script><!--<img src=x onerror=alert(2)>\"'&$$\\int x$${{ 7 * 7 }}@{x}"

_WALL_CLOCK = re.compile(r'<section id="wall-clock".*?</section>', re.DOTALL)
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_VOID = {"meta", "br", "link", "img", "hr", "input"}


class Outline(HTMLParser):
    """Which elements a page has, what they refer to, and whether every one is closed."""

    def __init__(self) -> None:
        """Start with an empty page."""
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and where it points."""
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href"}:
                self.references.append(str(value))
            if name == "id":
                self.ids.append(str(value))
            if name.startswith("on"):
                self.handlers.append(name)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself, as those of SVG do."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Check that the innermost open element is the one that ends."""
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    @classmethod
    def of(cls, page: str) -> "Outline":
        """The outline of a page in which every element is closed."""
        outline = cls()
        outline.feed(page.replace(INLINE.js_raw[0], ""))  # which takes the parser seconds
        outline.close()
        assert outline._open == []
        return outline


@cache
def passed() -> str:
    """The page of the example."""
    return render_report(example())


@cache
def failed() -> str:
    """That of the example with an occlusion."""
    return render_report(example(occluded_at_h=6))


def without_scripts(page: str) -> str:
    """The page as a reader without scripts gets it."""
    return _SCRIPT.sub("", page)


@pytest.mark.parametrize("page", [passed, failed, lambda: render_report(inconclusive_and_broken())])
def test_page_is_one_well_formed_file_that_refers_to_nothing(page: Callable[[], str]) -> None:
    """Every element is closed, ids are unique, and links lead into the page alone."""
    outline = Outline.of(page())
    assert len(set(outline.ids)) == len(outline.ids)
    assert {reference.removeprefix("#") for reference in outline.references} <= set(outline.ids)
    assert not {"link", "img", "iframe", "object"} & set(outline.tags)


def test_verdict_and_finding_come_first() -> None:
    """Before any table a reader finds the verdict and the measurement that failed, with its limit."""
    page = without_scripts(failed())
    top = page[page.index("<body>") : page.index("<table>")]
    assert "<strong>fail</strong>" in top
    assert re.search(r"flow is 0\.\d+ ± 0\.\d+ mL/day, below the lower limit of 0\.85 mL/day", top)


def test_everything_in_the_content_is_shown() -> None:
    """Identities, limits, budget, environment, hashes and the command all stand in the page."""
    content = example(occluded_at_h=6)
    page = without_scripts(failed())
    rows = [*content.device, *content.environment, *content.hashes, *content.identification, *content.wall_clock]
    rows += [(line.name, line.text) for line in content.requirements]
    rows += [row for _, described in content.instruments for row in described]
    texts = [text for row in rows for text in row] + [
        content.command,
        *content.notes,
        *content.deviations,
        *content.not_claimed,
    ]
    texts += [line.name for each in content.measurements for line in each.budget]
    texts += [each.caption for each in content.figures] + [each.title for each in content.figures]
    for text in texts:
        assert text.replace("'", "&#39;") in page, text
    assert "catheter-occlusion@6h" in failed()


def test_budget_shares_add_up_to_all() -> None:
    """The largest contribution comes first, and the printed shares sum to 100 % but for rounding."""
    page = without_scripts(passed())
    shares = [int(share) for share in re.findall(r"</svg>(\d+) %", page)]
    assert shares == sorted(shares, reverse=True)
    assert 96 <= sum(shares) <= 102


def test_requirement_that_nothing_measured_is_not_passed() -> None:
    """A requirement that nothing speaks of is shown as a gap, though all that was measured passed."""
    line = RequirementLine("REQ-NONE-001", "Nobody looked.", "", "", None, "no procedure of this run")
    content = replace(example(), requirements=(line,))
    assert re.search(r'class="gap".*?REQ-NONE-001.*?not shown', without_scripts(render_report(content)), re.DOTALL)


def test_same_content_gives_same_bytes_in_one_process() -> None:
    """Bokeh's running ids leave no trace, even after other plots were made in between."""
    first = passed()
    figure().line([1, 2], [3, 4])
    assert render_report(example()) == first


@pytest.mark.deep
def test_same_content_gives_same_bytes_in_two_processes() -> None:
    """Neither the process nor its hash seed is in the report."""
    program = (
        "import hashlib; from hil.report.render import render_report; from tests.hil.report_example import example; "
        "print(hashlib.sha256(render_report(example()).encode()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert there == hashlib.sha256(passed().encode()).hexdigest()


def test_wall_clock_stays_in_its_section() -> None:
    """Reports of equal runs at different times differ in that one section only."""
    first = passed()
    second = render_report(replace(example(), wall_clock=(("started", "2031-01-01 00:00:00 UTC"),)))
    assert first != second
    assert _WALL_CLOCK.sub("", first) == _WALL_CLOCK.sub("", second)


def test_hostile_texts_stay_texts() -> None:
    """Serial numbers, names and notes come from devices and files: none becomes markup, script, template or TeX."""
    content = example(occluded_at_h=6)
    drawn = replace(
        content.figures[0],
        title=HOSTILE,
        x_label=HOSTILE,
        y_label=HOSTILE,
        caption=HOSTILE,
        series=tuple(replace(each, name=HOSTILE) for each in content.figures[0].series),
        limits=(Limit(1.0, HOSTILE),),
    )
    named = tuple(
        replace(each, name=HOSTILE, unit=HOSTILE, note=HOSTILE, requirements=(HOSTILE,))
        for each in content.measurements
    )
    hostile = replace(
        content,
        title=HOSTILE,
        finding=HOSTILE,
        command=HOSTILE,
        device=((HOSTILE, HOSTILE),),
        requirements=(RequirementLine(HOSTILE, HOSTILE, HOSTILE, HOSTILE, Outcome.PASS, HOSTILE),),
        procedures=(ProcedureLine(HOSTILE, Outcome.FAIL, HOSTILE, HOSTILE),),
        identification=((HOSTILE, HOSTILE),),
        deviations=(HOSTILE,),
        notes=(HOSTILE,),
        not_claimed=(HOSTILE,),
        figures=(drawn,),
        markers=((6.0, HOSTILE),),
        measurements=named,
        instruments=((HOSTILE, ((HOSTILE, HOSTILE),)),),
    )
    page = render_report(hostile)
    plain, attacked = Outline.of(render_report(replace(content, figures=content.figures[:1]))), Outline.of(page)
    assert attacked.tags.count("script") == plain.tags.count("script") == 3
    assert "img" not in attacked.tags
    assert attacked.handlers == []
    assert "{{ 7 * 7 }}" in page


def test_policy_allows_this_files_scripts_and_nothing_else() -> None:
    """The Content-Security-Policy names the hash of each script in the file, and no host."""
    page = passed()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    said = policy[1].replace("&#39;", "'")
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _SCRIPT.findall(page)]
    assert re.findall(r"'sha256-([^']+)'", said) == hashes
    assert said.startswith("default-src 'none'")
    assert "http" not in said
    assert "unsafe" not in said.replace("style-src 'unsafe-inline'", "")


def test_size_is_that_of_bokehs_core() -> None:
    """Widgets, tables and WebGL would add two megabytes that no report uses."""
    assert 1_000_000 < len(passed()) < 1_600_000


def test_a_run_without_figures_needs_no_script() -> None:
    """Nothing measured, nothing drawn: a small page that still gives the verdict."""
    content = replace(example(), verdict=Outcome.ERROR, measurements=(), figures=(), finding="Nothing was measured.")
    page = render_report(content)
    assert len(page) < 40_000
    assert "<script" not in page
    assert "<strong>error</strong>" in page


def _texts(item: object) -> list[str]:
    """Every string in parsed JSON."""
    if isinstance(item, dict):
        return [text for value in item.values() for text in _texts(value)]
    if isinstance(item, list):
        return [text for value in item for text in _texts(value)]
    return [item] if isinstance(item, str) else []


def test_names_that_look_like_ids_are_kept() -> None:
    """A curve may be called like one of Bokeh's ids, before or after they are made canonical."""
    names = ("p1001", "b1", "b2")
    drawn = Figure("t", "x", "y", tuple(Series(name, (1.0, 2.0), (0.0, 1.0)) for name in names))
    texts = _texts(json.loads(plot_json(drawn, (), "plot-1")))
    assert all(name in texts for name in names)
    assert plot_json(drawn, (), "plot-1") == plot_json(drawn, (), "plot-1")


@pytest.mark.parametrize(
    "drawn",
    [
        Figure("no curve", "x", "y", ()),
        Figure("empty curve", "x", "y", (Series("s", (), ()),), (Limit(1.0, "limit"),)),
        Figure("gap", "x", "y", (Series("s", (1.0, 2.0, 3.0), (1.0, math.nan, 2.0)),)),
        Figure("flat", "x", "y", (Series("s", (1.0, 2.0), (5.0, 5.0)),)),
        Figure("one point", "x", "y", (Series("s", (1.0,), (0.0,), "points"),)),
        Figure("log from zero", "x", "y", (Series("s", (0.0, 10.0), (1.0, 2.0)),), log_x=True),
        Figure("log of nothing", "x", "y", (), log_x=True),
        Figure("open limits", "x", "y", (Series("s", (1.0,), (1.0,)),), (Limit(0.0, "low"), Limit(math.inf, "high"))),
    ],
    ids=lambda drawn: drawn.title,
)
def test_odd_figures_are_drawn_all_the_same(drawn: Figure) -> None:
    """No data, gaps, flat lines, no upper limit: a figure with finite axes rather than a lost report."""
    item = json.loads(plot_json(drawn, (Marker(1.0, "here"),), "plot-1"))
    ranges = [model for model in _models(item) if model.get("name") == "Range1d"]
    assert len(ranges) == 2
    for each in ranges:
        start, end = each["attributes"].get("start", 0), each["attributes"].get("end", 1)  # Bokeh leaves out defaults
        assert math.isfinite(start)
        assert math.isfinite(end)
        assert start < end


@pytest.mark.parametrize(("x", "whole"), [((1.0, 2.0, 3.0), True), ((0.25, 1.0, 2.0), False)])
def test_nothing_is_counted_in_parts(x: tuple[float, ...], whole: bool) -> None:
    """Where every x is a whole number, as of runs, no tick stands between two of them."""
    item = json.loads(plot_json(Figure("f", "run", "y", (Series("s", x, (1.0, 2.0, 1.0)),)), (), "plot-1"))
    steps = [model["attributes"].get("min_interval") for model in _models(item) if model.get("name") == "BasicTicker"]
    assert (1 in steps) is whole


def test_no_name_of_a_limit_hides_a_value() -> None:
    """Limits and their names lie below the curves: in a narrow window they reach to the last value."""
    drawn = Figure("f", "x", "y", (Series("s", (1.0, 2.0), (1.0, 1.0)),), (Limit(1.0, "required, upper"),))
    item = json.loads(plot_json(drawn, (), "plot-1"))
    models = [model for model in _models(item) if model.get("name") in {"Label", "Span"}]
    assert [model["attributes"].get("level") for model in models] == ["underlay", "underlay"]


def test_names_of_limits_that_are_close_stand_above_one_another() -> None:
    """Of two limits that are nearly the same both can be read; one that is alone keeps its place on its line."""
    limits = (Limit(1.01, "mean", "reference"), Limit(1.0, "lower"), Limit(2.0, "upper"))
    item = json.loads(plot_json(Figure("f", "x", "y", (), limits), (), "plot-1"))
    labels = [model["attributes"] for model in _models(item) if model.get("name") == "Label"]
    assert [(label["y"], label.get("y_offset", 0)) for label in labels] == [(1.0, 0), (1.01, 13), (2.0, 0)]


def test_a_figure_in_a_narrow_window_is_scrolled() -> None:
    """A figure has room for its legend at any width of the window, and its box lets it be moved."""
    curves = tuple(Series(name, (1.0,), (1.0,)) for name in ("gravimetric, 60 min mean", "pump's own estimate (6 h)"))
    item = json.loads(plot_json(Figure("f", "x", "y", curves), (), "plot-1"))
    (width,) = [model["attributes"]["min_width"] for model in _models(item) if model.get("name") == "Figure"]
    assert 400 < width < 600
    css = (resources.files("hil.report") / "report.css").read_text(encoding="utf-8")
    assert ".plot { min-height: 360px; overflow-x: auto; }" in css
    assert ".plot { min-height: 0; overflow: visible; }" in css, "paper cannot be scrolled"


def _models(item: object) -> list[dict[str, Any]]:
    """Every object in parsed JSON that has attributes."""
    found = []
    if isinstance(item, dict):
        found = [item] if "attributes" in item else []
        found += [model for value in item.values() for model in _models(value)]
    elif isinstance(item, list):
        found = [model for value in item for model in _models(value)]
    return found


def test_an_injected_fault_is_in_view_even_before_the_first_sample() -> None:
    """A marker left of all data widens the axis: what was injected at 0 h is seen."""
    drawn = Figure("t", "h", "y", (Series("s", (2.0, 24.0), (0.0, 1.0)),))
    starts = [
        model["attributes"].get("start", 0)
        for model in _models(json.loads(plot_json(drawn, (Marker(0.0, "bath-offset=+1.5C@0h"),), "plot-1")))
        if model.get("name") == "Range1d"
    ]
    assert min(starts) < 0


def test_curves_of_unequal_length_are_refused() -> None:
    """Each x has its y."""
    with pytest.raises(ValueError, match="2 x go with 1 y"):
        Series("s", (1.0, 2.0), (1.0,))
