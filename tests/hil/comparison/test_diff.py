"""What changed between two recordings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hil.bench import Bench
from hil.comparison.diff import MeasurementChange, diff
from hil.comparison.page import render_comparison
from tests.hil.recorded import doctored, record_bench, simulated_bench


def script(bench: Bench) -> None:
    """A few questions."""
    assert bench.bath is not None
    for _ in range(3):
        bench.pump.read_status()
        bench.bath.temperature_c()
        bench.sleep(minutes=10)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with a manifest of one measurement."""
    return run(tmp_path_factory.mktemp("a"), script, value=1.0)


def run(folder: Path, play: Callable[[Bench], object], value: float, inject: tuple[str, ...] = ()) -> Path:
    """A folder with recording and manifest."""
    record_bench(folder / "run.mcap", simulated_bench(), play, inject=inject)
    measurement = {"procedure": "p", "name": "flow", "unit": "mL/day", "value": value, "expanded_uncertainty": 0.03}
    measurement |= {"outcome": "pass", "lower": 0.85, "upper": 1.15}
    manifest = {"verdict": "pass", "measurements": [measurement], "versions": {"pumprig": "1"}, "files": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_the_same_run_twice_is_the_same(recorded: Path, tmp_path: Path) -> None:
    """Equal seeds give equal bytes: nothing differs, whatever the folders are called."""
    found = diff(recorded, run(tmp_path, script, value=1.0))
    assert found.is_same
    assert (found.settings, found.counts, found.divergence) == ((), (), None)
    assert found.measurements[0].e_n == 0


def test_what_was_set_otherwise_is_named(recorded: Path, tmp_path: Path) -> None:
    """A fault that was injected is a setting, and shows in the bytes and the measurement."""
    found = diff(recorded, run(tmp_path, script, value=1.06, inject=("outlet-offset=3kPa@5min",)))
    assert [(each.name, each.b) for each in found.settings] == [("recording.inject", '["outlet-offset=3kPa@5min"]')]
    assert found.divergence is not None
    assert "pump/rx" in found.divergence.a
    (flow,) = found.measurements
    assert flow.e_n == pytest.approx(0.06 / 0.0018**0.5)
    assert flow.is_changed
    html = render_comparison(found.page())
    assert "+1.414" in html
    assert "recording.inject" in html


@pytest.mark.parametrize(
    ("change", "offset"),
    [
        (lambda topic, number, content: content[:5] + b"?" + content[6:] if is_it(topic, number) else content, 5),
        (lambda topic, number, content: content[:5] if is_it(topic, number) else content, 5),
        (lambda topic, number, content: None if is_it(topic, number) else content, 0),
    ],
)
def test_the_first_divergence_names_record_and_byte(
    recorded: Path, tmp_path: Path, change: Callable[[str, int, Any], Any], offset: int
) -> None:
    """A byte that is another, a record that is shorter, and one that is missing."""
    found = diff(recorded, doctored(recorded / "run.mcap", tmp_path / "d.mcap", change))
    assert found.divergence is not None
    assert found.divergence.offset == offset
    assert "bath/rx" in found.divergence.a
    assert not found.is_same


def is_it(topic: str, number: int) -> bool:
    """The second answer of the bath."""
    return (topic, number) == ("/wire/bath/rx", 1)


def test_a_longer_recording_goes_on_where_the_other_ends(recorded: Path, tmp_path: Path) -> None:
    """That is a divergence as well, and the counts say of what there is more."""

    def longer(bench: Bench) -> None:
        script(bench)
        bench.pump.identify()

    found = diff(recorded, run(tmp_path, longer, value=1.0))
    assert found.divergence is not None
    assert found.divergence.a == "the recording has ended"
    assert ("/pump/identity", "1", "2") in [(each.name, each.a, each.b) for each in found.counts]


@pytest.mark.parametrize(
    ("a", "b", "u_a", "u_b", "e_n", "is_changed"),
    [
        (1.0, 1.049, 0.03, 0.04, 0.98, False),
        (1.0, 1.06, 0.03, 0.04, 1.2, True),
        (1.0, 0.94, 0.03, 0.04, -1.2, True),
        (1.0, 1.0, 0.0, 0.0, 0.0, False),
        (1.0, 1.1, 0.0, 0.0, None, True),
        (1.0, None, 0.03, None, None, True),
        (None, None, None, None, None, False),
    ],
)
def test_e_n_numbers(
    a: float | None, b: float | None, u_a: float | None, u_b: float | None, e_n: float | None, *, is_changed: bool
) -> None:
    """By hand: 3, 4, 5 is a triangle."""
    found = MeasurementChange("p", "m", "mL/day", a, b, u_a, u_b, "pass", "pass")
    assert found.e_n == (None if e_n is None else pytest.approx(e_n))
    assert found.is_changed is is_changed
