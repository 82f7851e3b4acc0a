"""Filters: each condition takes the rows that plain Python takes, and what cannot be asked is refused clearly."""

import operator
from collections.abc import Callable
from typing import Any

import pytest

from hil.errors import UsageError
from hil.export.selection import Selection
from hil.export.units import unit_of
from protocols.declaration import fields_of
from protocols.messages import MESSAGES
from tests.golden_recordings import FOLDER
from tests.hil.export.recorded import decoded

_OCCLUSION = FOLDER / "occlusion.mcap"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """All rows of a recording."""
    return decoded(_OCCLUSION)


@pytest.mark.parametrize(
    ("where", "types", "takes"),
    [
        ("temperature_mc>36900", ["sampled"], lambda row: row["temperature_mc"] > 36_900),
        ("temperature>36.9°C", ["sampled"], lambda row: row["temperature_mc"] > 36_900),
        ("outlet<=13kPa", ["sampled"], lambda row: row["outlet_pa"] <= 13_000),
        ("flow_nl_per_day<0.5 mL/day", ["status"], lambda row: row["flow_nl_per_day"] < 500_000),
        ("alarms~OCCLUSION", ["sampled", "status"], lambda row: "OCCLUSION" in row["alarms"]),
        ("alarms=FLOW_LOW|OCCLUSION", ["sampled"], lambda row: row["alarms"] == ["FLOW_LOW", "OCCLUSION"]),
        ("alarms=occlusion|flow_low", ["sampled"], lambda row: row["alarms"] == ["FLOW_LOW", "OCCLUSION"]),
        ("alarms=none", ["sampled"], lambda row: row["alarms"] == []),
        ("alarms!=none", ["sampled"], lambda row: row["alarms"] != []),
        ("mode==monitoring", ["sampled"], lambda row: row["mode"] == "MONITORING"),
        ("mode=MONITORING", ["sampled"], lambda row: row["mode"] == "MONITORING"),
        ("flow_valid=no", ["status"], lambda row: not row["flow_valid"]),
        ("serial_number~N00", ["identity"], lambda row: "N00" in row["serial_number"]),
        ("uid=A0983D5C01C86B4C", ["identity"], lambda row: row["uid"] == "a0983d5c01c86b4c"),
        ("settings.capacity_nl>=0x100", ["configuration_report"], lambda row: row["settings.capacity_nl"] >= 256),
        ("clock_utc_ms>1.5", ["status"], lambda row: row["clock_utc_ms"] > 1.5),
        ("number<1e2", ["sampled"], lambda row: row["number"] < 100),
        ("time_ms>=3600.5s", ["sampled"], lambda row: row["time_ms"] >= 3_600_500),
        ("utc>2026-01-02T00:00Z", ["sampled"], lambda row: row["time_ms"] > 86_400_000),
        ("direction=tx", [], lambda row: row.get("direction") == "tx"),
        ("counter>=0", [], lambda row: (row.get("counter") or -1) >= 0),
    ],
)
def test_a_condition_takes_what_plain_python_takes(
    rows: list[dict[str, Any]], where: str, types: list[str], takes: Callable[[dict[str, Any]], bool]
) -> None:
    """Numbers with and without units, flags, names, texts, bytes, times."""
    selection = Selection.parse(1_767_225_600_000, types=types, where=[where])
    expected = [row for row in rows if (not types or row["type"] in types) and takes(row)]
    assert decoded(_OCCLUSION, selection) == expected


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize("symbol", ["=", "!=", "<", "<=", ">", ">="])
def test_comparisons_of_every_size_of_integer(rows: list[dict[str, Any]], symbol: str) -> None:
    """Signed and unsigned, one to eight bytes, against values that fit and values that do not."""
    plain = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    compare = getattr(operator, plain[symbol])
    for name in ("number", "sample_count", "uptime_ms", "temperature_mc", "battery_mv"):
        present = sorted(row[name] for row in rows if row["type"] == "sampled")
        for value in (present[0], present[len(present) // 2], -1, 1 << 70, -(1 << 70)):
            selection = Selection.parse(0, types=["sampled"], where=[f"{name}{symbol}{value}"])
            expected = [row for row in rows if row["type"] == "sampled" and compare(row[name], value)]
            assert decoded(_OCCLUSION, selection) == expected, (name, value)


def test_conditions_all_hold_and_leave_out_what_has_no_such_field(rows: list[dict[str, Any]]) -> None:
    """Two conditions and a time; AlarmList has a field alarms that holds no flags, and is left out."""
    selection = Selection.parse(1_767_225_600_000, "1d", "2026-01-03T12:00:00Z", [], ["alarms~OCCLUSION", "battery<4V"])
    expected = [
        row
        for row in rows
        if row["type"] in {"sampled", "status"}
        and "OCCLUSION" in row["alarms"]
        and 86_400_000 <= row["time_ms"] <= 216_000_000
    ]
    assert decoded(_OCCLUSION, selection) == expected
    assert expected


@pytest.mark.parametrize(
    ("types", "where", "said"),
    [
        (["statsu"], [], "did you mean status"),
        (["nothing"], [], "there are identify, "),
        (["status"], ["volume>3"], ""),
        (["status"], ["bellows>3"], "there are time_ms, utc"),
        ([], ["temperatur>3"], "did you mean temperature_mc"),
        (["status"], ["mode=OFF"], "it has SHELF, SELF_TEST"),
        (["status"], ["mode>SHELF"], "these do: = !="),
        (["status"], ["alarms~OCCLUDED"], "it has LOW_RESERVOIR"),
        (["status"], ["temperature>38kPa"], "it is in m°C or °C"),
        (["status"], ["boot_count=3V"], "has no unit"),
        (["status"], ["volume=much"], "is a number"),
        (["status"], ["volume>1e999"], "more digits than can be compared"),
        (["history"], ["records=3"], "is a list"),
        (["provision_key"], ["psk=00"], "is secret"),
        (["status"], ["utc>yesterday"], "write it like 2026"),
        (["status"], ["no operator"], "write FIELD"),
    ],
)
def test_what_cannot_be_asked_is_refused(types: list[str], where: list[str], said: str) -> None:
    """One line that says what there is instead."""
    if not said:
        Selection.parse(0, types=types, where=where)
        return
    with pytest.raises(UsageError, match=r"--(type|where)") as refused:
        Selection.parse(0, types=types, where=where)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("start", "end", "said"), [("soon", None, "this is no time"), ("2h", "1h", "is later than")])
def test_times_that_are_none_are_refused(start: str, end: str | None, said: str) -> None:
    """With the option's name."""
    with pytest.raises(UsageError, match=said):
        Selection.parse(0, start, end)


def test_every_number_has_a_unit_or_is_a_count() -> None:
    """A field that is described by a unit has it in its name: what is exported without one is a count or a number."""
    for message in MESSAGES.values():
        for field in fields_of(message):
            first = field.meaning.replace(",", " ").replace(":", " ").split()[0]
            if field.kind == "integer" and first in {"ms", "s", "Pa", "nL", "nL/day", "mV", "permille", "h", "ug/mL"}:
                unit = unit_of(field.name)
                assert unit is not None, (message, field.name)
                assert unit.symbol == first
