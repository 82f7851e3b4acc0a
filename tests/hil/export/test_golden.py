"""The shipped recordings decode to what stands beside them; ``python -m tests.golden_recordings`` makes them anew."""

import json
from collections import Counter
from typing import Any

import pytest

from hil.recording.info import describe
from tests.golden_recordings import FOLDER, SCENARIOS, content_hashes
from tests.hil.export.recorded import decoded

_MOST_BYTES = 3_000_000


def _expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _contains(row: dict[str, Any], content: dict[str, Any]) -> bool:
    """Whether the plain fields of a recorded message are those of a decoded row."""
    plain = {name: value for name, value in content.items() if not isinstance(value, dict)}
    frame = {name: content["frame"][name] for name in ("time_ms", "direction", "seq", "session", "counter")}
    expected = {**{name: value for name, value in plain.items() if not name.endswith("_decoded")}, **frame}
    return {name: row[name] for name in expected} == expected


def test_each_scenario_has_a_recording_and_they_stay_small() -> None:
    """A recording and its expectation for each, and nothing else."""
    found = {path.name for path in FOLDER.iterdir()}
    assert found == {f"{name}{suffix}" for name in SCENARIOS for suffix in (".mcap", ".json")}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < _MOST_BYTES
    assert all(describe(FOLDER / f"{name}.mcap").complete for name in SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_decodes_to_what_was_recorded(name: str) -> None:
    """Counts, first and last messages, alarms, and what was rejected."""
    expected, rows = _expected(name), decoded(FOLDER / f"{name}.mcap")
    messages = Counter(row["type"] for row in rows if row["type"] in expected["messages"])
    assert messages == expected["messages"]
    for place, ordered in (("first", rows[::-1]), ("last", rows)):
        last = {row["type"]: row for row in ordered}
        for kind, content in expected[place].items():
            assert _contains(last[kind], content), (place, kind)
    alarms: list[dict[str, Any]] = []
    for row in rows:
        if row["type"] in {"sampled", "status"} and row["alarms"] != (alarms[-1]["alarms"] if alarms else []):
            alarms.append({"time_ms": row["time_ms"], "alarms": row["alarms"]})
    assert alarms == expected["alarms"]
    assert Counter(_event(row) for row in rows if row["type"] not in expected["messages"]) == expected["events"]


def _event(row: dict[str, Any]) -> str:
    match row["type"]:
        case "rejected":
            return f"rejected/{row['direction']}/{row['reason']}"
        case "gaps":
            return f"gaps/{row['kind']}"
    return str(row["type"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_tables_hold_what_they_held(name: str) -> None:
    """Every value of every Parquet table, by its hash."""
    assert content_hashes(FOLDER / f"{name}.mcap") == _expected(name)["tables"]
