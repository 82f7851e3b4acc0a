"""The report in a real browser: curves are drawn, nothing is complained of, nothing is fetched."""

import base64
import hashlib
import itertools
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hil.report.content import ReportContent
from hil.report.render import render_report
from tests.hil.report.test_report import HOSTILE
from tests.hil.report_example import example

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine; CI installs it (apt install chromium)"),
]

PROBE = """
addEventListener("load", () => setTimeout(() => {
  const canvases = (root) => [...root.querySelectorAll("*")].flatMap((element) => [
    ...(element.tagName === "CANVAS" ? [element] : []),
    ...(element.shadowRoot ? canvases(element.shadowRoot) : []),
  ]);
  const ink = (canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let dark = 0;
    for (let at = 0; at < pixels.length; at += 4) dark += pixels[at + 3] > 0 && pixels[at] < 128;
    return dark;
  };
  document.body.dataset.ink = [...document.querySelectorAll(".plot")]
    .map((plot) => Math.max(0, ...canvases(plot).filter((canvas) => canvas.width > 0).map(ink)))
    .join(",");
}, 1500));
"""
"""Counts the dark pixels of each plot, which no dump of the DOM shows: Bokeh draws on canvases in shadow roots."""


def browse(page: str, folder: Path) -> tuple[str, list[str], set[str]]:
    """The DOM as the browser leaves it, its console, and which of the hosts that the page names it asked for anything.

    Browsers ask hosts of their own for updates and the time; a page can only ask those that stand in it.
    """
    assert BROWSER is not None
    file, net_log = folder / "report.html", folder / "net.json"
    file.write_text(page, encoding="utf-8")
    finished = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",  # the browser itself would call home
            f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr",
            "--v=0",
            f"--log-net-log={net_log}",
            "--window-size=1200,2400",
            "--virtual-time-budget=6000",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    console = re.findall(r"^\[[^\]]*CONSOLE[^\]]*\] (.*)$", finished.stderr, re.MULTILINE)
    asked = set(re.findall(r'"url":"(?:https?|wss?)://([^/:"]+)', net_log.read_text(encoding="utf-8")))
    named = set(re.findall(r"(?:https?|wss?)://([\w.-]+)", page))
    return finished.stdout, console, asked & named


def probed(page: str) -> str:
    """The page with a script more, which its policy lets run."""
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    allowed = page.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    return allowed.replace("</body>", f"<script>{PROBE}</script></body>")


def drawing(text: str, tex: str) -> ReportContent:
    """A failed run in whose figures every text is ``text``, or ``tex`` where Bokeh might look for it."""
    content = example(occluded_at_h=6)
    figures = tuple(
        replace(
            drawn,
            x_label=text,
            y_label=tex,
            series=tuple(replace(each, name=text) for each in drawn.series),
            limits=tuple(
                replace(each, label=said)
                for each, said in zip(drawn.limits, itertools.cycle([tex, text]), strict=False)
            ),
        )
        for drawn in content.figures
    )
    return replace(content, figures=figures, markers=((6.0, text),), title=text, finding=text)


CONTENTS = {
    "pass": example(),
    "hostile": drawing(HOSTILE, "$$\\int x$$"),  # TeX, which Bokeh may hand to MathJax; the report has none
}


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_curves_are_drawn_without_network_or_complaint(content: ReportContent, tmp_path: Path) -> None:
    """Every plot has ink on it, the console holds Bokeh's greeting and no more, and no host is asked for anything."""
    dom, console, asked = browse(probed(render_report(content)), tmp_path)
    ink = re.search(r'data-ink="([\d,]+)"', dom)
    assert ink is not None, console
    counts = [int(count) for count in ink[1].split(",")]
    assert len(counts) == len(content.figures)
    assert min(counts) > 500, counts
    assert [line for line in console if "[bokeh" not in line or "document idle" not in line] == []
    assert asked == set()


@pytest.mark.deep
def test_faults_would_be_seen(tmp_path: Path) -> None:
    """The test above can fail: the policy's refusals reach the console, and without it the request reaches the log."""
    attack = '<script>alert(1)</script><img src="https://example.invalid/x.png"></body>'
    page = render_report(example()).replace("</body>", attack)
    _, console, asked = browse(page, tmp_path)
    assert sum("Content Security Policy" in line for line in console) >= 2, console
    assert asked == set()
    unguarded = page.replace("Content-Security-Policy", "X-None").replace("alert(1)", "throw new Error('seen')")
    _, console, asked = browse(unguarded, tmp_path)
    assert any("seen" in line for line in console), console
    assert asked == {"example.invalid"}
