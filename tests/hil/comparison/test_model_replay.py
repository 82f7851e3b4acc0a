"""Today's model against recordings: it agrees with itself, and whatever is another pump or course shows."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from firmware_model.physics.interventions import Aspiration, Filling
from firmware_model.pump import Pump
from hil.bench import Bench
from hil.comparison.compare_console import print_model_replay
from hil.comparison.model_replay import replay_model
from hil.comparison.page import render_comparison
from hil.comparison.residuals import DEFAULT_TOLERANCES, residuals, tolerances
from hil.errors import UsageError
from protocols.messages import BeginRefill, CompleteRefill, ReadStatus, ReportFilled, ReportReturned
from tests.hil.recorded import doctored, record_bench, record_pump, simulated_bench

_HOUR_MS = 3_600_000


def watch(bench: Bench) -> None:
    """Warm the bath and look for ten hours."""
    assert bench.bath is not None
    bench.bath.set_point(37.0)
    bench.bath.start()
    for _ in range(90):
        bench.bath.temperature_c()
        bench.sleep(minutes=1)
    for _ in range(40):
        bench.pump.read_status()
        bench.bath.temperature_c()
        bench.sleep(minutes=15)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated bench whose catheter is blocked half way through, with the bath and the pump read."""
    path = tmp_path_factory.mktemp("model") / "r.mcap"
    record_bench(path, simulated_bench("simulated-secure"), watch, inject=("catheter-occlusion=100%@4h",))
    return path


def test_the_model_agrees_with_a_recording_of_itself(recorded: Path) -> None:
    """Faults that were injected are in the recording and so in the model; a secure session makes no difference."""
    found = replay_model(recorded, None, ())
    assert found.agrees
    names = {each.name: each for each in found.residuals}
    assert set(names) == {"volume", "flow", "temperature", "reservoir", "outlet", "ambient"}
    assert all(each.values.size > 10 for each in names.values())
    assert names["outlet"].recorded.max() > 20  # the block is in what was recorded ...
    assert names["outlet"].maximum < 0.3  # ... and in the model


def test_the_room_of_bench_and_model_changes_at_once(tmp_path: Path) -> None:
    """A step of the ambient pressure is the same step in the recording and in the model."""
    record_bench(tmp_path / "r.mcap", simulated_bench(), watch, inject=("ambient-offset=-20kPa@6h",))
    found = replay_model(tmp_path / "r.mcap", None, ())
    assert found.agrees
    (ambient,) = [each for each in found.residuals if each.name == "ambient"]
    assert ambient.recorded.max() - ambient.recorded.min() > 19


def test_a_change_of_the_pump_shows(recorded: Path) -> None:
    """Another propellant makes another pressure; the flow, which the restrictor was cut for, is hardly another."""
    found = replay_model(recorded, "generic-30ml-butane", ())
    off = {each.name for each in found.residuals if each.is_beyond}
    assert "reservoir" in off
    assert "ambient" not in off
    assert "reservoir" in found.page().finding


def test_a_fault_that_the_recording_does_not_own_up_to_shows(recorded: Path, tmp_path: Path) -> None:
    """With the injection taken out of the metadata, the model's catheter is free."""
    path = doctored(recorded, tmp_path / "d.mcap", lambda *each: each[2], inject="[]")
    off = {each.name for each in replay_model(path, None, ()).residuals if each.is_beyond}
    assert {"outlet", "flow"} <= off


def test_what_was_not_compared_is_not_beyond(recorded: Path, tmp_path: Path) -> None:
    """The pump said its flow only while the model, like any pump that was just started, did not know it yet."""

    def early(topic: str, number: int, content: Any) -> Any:
        if topic != "/pump/status":
            return content
        return {**content, "flow_valid": True} if number < 5 else None

    found = replay_model(doctored(recorded, tmp_path / "early.mcap", early), None, ())
    (flow,) = [each for each in found.residuals if each.name == "flow"]
    assert (flow.is_compared, flow.is_beyond, flow.said) == (False, False, "not compared")
    assert (found.agrees, found.verdict) == (True, "model agrees")
    assert "Not compared" in "".join(found.page().notes)
    assert print_model_replay(tmp_path / "early.mcap", profile=None, allowed=(), out=None, as_json=False) == 0


def test_nothing_compared_is_no_pass(recorded: Path) -> None:
    """A model whose firmware is down at every look neither agrees nor differs, and that is not taken for agreement."""
    found = replay_model(recorded, None, ())
    looks = found.telemetry.looks
    silent = replace(found, residuals=residuals(looks, [None] * len(looks), DEFAULT_TOLERANCES))
    assert {each.said for each in silent.residuals} == {"not compared"}
    assert (silent.agrees, silent.verdict) == (False, "nothing compared")
    assert silent.page().finding == "There was nothing to compare."


def test_tolerances_decide(recorded: Path) -> None:
    """A tolerance that is tight enough is missed; it is said in any unit of its kind."""
    assert not replay_model(recorded, None, ("volume=0.0000001 mL",)).agrees
    assert replay_model(recorded, None, ("flow=1 uL/h",)).agrees
    assert tolerances(("flow=1 uL/h",))["flow"].maximum == pytest.approx(0.024)
    assert tolerances(("temperature=0.2 C",))["temperature"].maximum == pytest.approx(0.2)
    for wrong in ("flow=1 K", "flow", "flw=1", "flow=-1", "flow=x"):
        with pytest.raises(UsageError):
            tolerances((wrong,))


@pytest.mark.parametrize("wrong", ["flow=inf", "flow=nan", "flow=1 mL", "temperature=1 kPa"])
def test_a_tolerance_that_decides_nothing_is_refused(wrong: str) -> None:
    """Infinite ones agree with everything, and JSON cannot say them; the message names the option and what was said."""
    with pytest.raises(UsageError, match=f"^--tolerance {wrong}: "):
        tolerances((wrong,))


def test_refills_are_made_in_the_model_as_they_were_reported(tmp_path: Path) -> None:
    """What came out and what went in: the model's reservoir follows, by needle and by telecommand."""

    def aspirate(pump: Pump, now_ms: int) -> None:
        pump.foresee(Aspiration(now_ms))

    def fill(volume_nl: int, pump: Pump, now_ms: int) -> None:
        pump.foresee(Filling(now_ms, volume_nl, 22.0))

    status = ReadStatus()
    asked = [(hour * _HOUR_MS, status, None) for hour in range(8)]
    minute = 60_000
    refill = [
        (8 * _HOUR_MS, BeginRefill(), None),
        (8 * _HOUR_MS + 5 * minute, ReportReturned(9_000_000), aspirate),
        (8 * _HOUR_MS + 10 * minute, ReportFilled(25_000_000), partial(fill, 25_000_000)),
        (8 * _HOUR_MS + 15 * minute, CompleteRefill(), None),
    ]
    later = [(hour * _HOUR_MS, status, None) for hour in range(10, 20)]
    path = record_pump(tmp_path / "r.mcap", [*asked, *refill, *later])
    found = replay_model(path, "generic-30ml", ())
    assert len(found.telemetry.commands) == 4
    volume = next(each for each in found.residuals if each.name == "volume")
    assert volume.recorded[0] < 10.5
    assert volume.recorded.max() > 20
    assert volume.maximum < 0.15
    assert dict(found.course.sources)["temperature around the pump"].startswith("the pump's own sensor")


def test_the_page_is_one_file_and_says_what_it_compares(recorded: Path) -> None:
    """Twelve figures, every source, and no host to load anything from."""
    page = replay_model(recorded, None, ()).page()
    html = render_comparison(page)
    assert len(page.figures) == 12
    assert "130 readings of the bath" in html
    assert "https://" not in html.partition("<script>")[0]


def test_a_recording_that_says_too_little_is_refused(tmp_path: Path) -> None:
    """No profile, or no telemetry: the error says what to do."""
    path = record_pump(tmp_path / "r.mcap", [(0, ReadStatus(), None)])
    with pytest.raises(UsageError, match="--profile"):
        replay_model(path, None, ())
    with pytest.raises(UsageError, match="known: "):
        replay_model(path, "none", ())
    bare = record_pump(tmp_path / "s.mcap", [(0, BeginRefill(), None)])
    with pytest.raises(UsageError, match="no Status"):
        replay_model(bare, "generic-30ml", ())
