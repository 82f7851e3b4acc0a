"""``pumprig diff A B``: what changed between two recordings, in settings, messages, timing and measurements."""

import math
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Any

from hil.comparison.page import ComparisonPage, PageTable
from hil.comparison.sides import Side, read_side
from hil.figure import Figure, Series
from hil.recording.looks import QUANTITIES
from hil.recording.reader import Record
from hil.report.numbers import unit_text

__all__ = ["Change", "Diff", "Divergence", "MeasurementChange", "diff"]

_ABSENT = "not there"
_SHOWN_BYTES = 40
_NAMES = ("A", "B")


@dataclass(frozen=True)
class Change:
    """One thing that differs, as each side has it."""

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class Divergence:
    """Where the bytes of two recordings part, times aside."""

    record: int
    """Number of the record, from 0, over all wires."""
    offset: int
    """Of the first byte in it that differs; 0 if it is another wire or direction."""
    a: str
    b: str


@dataclass(frozen=True)
class MeasurementChange:
    """One measurement of both sides; ``e_n`` is the difference over the combined expanded uncertainty."""

    procedure: str
    name: str
    unit: str
    a: float | None
    b: float | None
    u_a: float | None
    u_b: float | None
    outcome_a: str
    outcome_b: str

    @property
    def difference(self) -> float | None:
        """B less A; None if one has no number."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def e_n(self) -> float | None:
        """E_n number (ISO 13528): beyond 1 the difference is more than the uncertainties explain.

        None where there is no difference to tell, or no uncertainty to tell it by.
        """
        if self.difference is None or self.u_a is None or self.u_b is None:
            return None
        combined = math.hypot(self.u_a, self.u_b)
        if combined == 0:
            return 0.0 if self.difference == 0 else None
        return self.difference / combined

    @property
    def is_changed(self) -> bool:
        """Whether it is more than the uncertainties explain, came out otherwise, or is missing on one side."""
        if self.outcome_a != self.outcome_b or (self.a is None) != (self.b is None):
            return True
        if self.e_n is None:
            return self.difference not in (None, 0.0)
        return abs(self.e_n) > 1


@dataclass(frozen=True)
class Diff:
    """All that changed."""

    a: Side
    b: Side
    settings: tuple[Change, ...]
    counts: tuple[Change, ...]
    divergence: Divergence | None
    timing: tuple[Change, ...]
    measurements: tuple[MeasurementChange, ...]
    command: str

    @property
    def is_same(self) -> bool:
        """Whether settings, bytes and measurements agree; timing alone is no difference."""
        changed = any(each.is_changed for each in self.measurements)
        return not (self.settings or self.counts or self.divergence or changed)

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "schema": "pumprig.diff/1",
            "a": str(self.a.path),
            "b": str(self.b.path),
            "same": self.is_same,
            "settings": [asdict(each) for each in self.settings],
            "messages": {
                "counts": [asdict(each) for each in self.counts],
                "first_divergence": None if self.divergence is None else asdict(self.divergence),
            },
            "timing": [asdict(each) for each in self.timing],
            "measurements": [
                {**asdict(each), "difference": each.difference, "e_n": each.e_n, "changed": each.is_changed}
                for each in self.measurements
            ],
            "reproduce": self.command,
        }

    def finding(self) -> str:
        """One line."""
        if self.is_same:
            return "Settings, bytes and measurements are the same."
        changed = sum(each.is_changed for each in self.measurements)
        parts = [
            f"{len(self.settings)} settings" if self.settings else "",
            "the bytes" if self.divergence else "",
            f"{changed} of {len(self.measurements)} measurements" if changed else "",
        ]
        said = ", ".join(part for part in parts if part) or "counts of messages"
        return f"They differ in {said}."

    def page(self) -> ComparisonPage:
        """The page with its curves."""
        header = ("What", "A", "B")
        tables = [
            PageTable("Settings", header, _rows(self.settings)),
            PageTable("Messages", header, _rows(self.counts), remark="Records by topic, where their numbers differ."),
        ]
        if self.divergence is not None:
            at = (
                f"record {self.divergence.record}, byte {self.divergence.offset}",
                self.divergence.a,
                self.divergence.b,
            )
            tables.append(PageTable("First divergence", header, (at,), remark="In the bytes, times aside."))
        tables += [PageTable("Timing", header, _rows(self.timing)), _measured(self.measurements)]
        return ComparisonPage(
            kind="Two recordings compared",
            title=f"{_title(self.a)} (A) and {_title(self.b)} (B)",
            agrees=self.is_same,
            verdict="same" if self.is_same else "different",
            finding=self.finding(),
            tables=tuple(tables),
            figures=tuple(_figures(self.a, self.b)),
            notes=(
                "E_n is B less A over their combined expanded uncertainty (ISO 13528); beyond 1 it is a change.",
                "Two runs share their instruments: what both have in common makes E_n smaller than it should be.",
            ),
            command=self.command,
        )


def diff(a: Path, b: Path) -> Diff:
    """Compare the recordings or run folders at ``a`` and ``b``. Raises RecordingError for one that cannot be read."""
    one, other = read_side(a), read_side(b)
    return Diff(
        a=one,
        b=other,
        settings=tuple(_changes(one.settings, other.settings)),
        counts=tuple(_changes(_texts(one.counts), _texts(other.counts))),
        divergence=_divergence(one, other),
        timing=tuple(_timing(one, other)),
        measurements=tuple(_measurements(one, other)),
        command=shlex.join(["pumprig", "diff", str(a), str(b)]),
    )


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*a, *b)):
        ours, theirs = a.get(name, _ABSENT), b.get(name, _ABSENT)
        if ours != theirs:
            yield Change(name, ours, theirs)


def _texts(counts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in sorted(counts.items())}


def _divergence(a: Side, b: Side) -> Divergence | None:
    for number, (ours, theirs) in enumerate(zip_longest(a.records(), b.records())):
        if ours is None or theirs is None or (ours.wire, ours.direction) != (theirs.wire, theirs.direction):
            return Divergence(number, 0, _shown(ours, 0), _shown(theirs, 0))
        if ours.data != theirs.data:
            pairs = enumerate(zip(ours.data, theirs.data, strict=False))
            at = next((place for place, (x, y) in pairs if x != y), min(len(ours.data), len(theirs.data)))
            return Divergence(number, at, _shown(ours, at), _shown(theirs, at))
    return None


def _shown(record: Record | None, at: int) -> str:
    if record is None:
        return "the recording has ended"
    begin = max(0, at - 8)
    piece = record.data[begin : begin + _SHOWN_BYTES]
    dots = "..." if begin else ""
    return f"at {record.time_ms} ms, {record.wire}/{record.direction}, {len(record.data)} bytes: {dots}{piece!r}"


def _timing(a: Side, b: Side) -> Iterator[Change]:
    yield Change("duration, s of bench time", f"{a.duration_ms / 1000:.3f}", f"{b.duration_ms / 1000:.3f}")
    for wire in dict.fromkeys((*a.latencies_ms, *b.latencies_ms)):
        sides = [side.latencies_ms.get(wire) for side in (a, b)]
        texts = [f"{median(each):.0f} median, {max(each)} at most" if each else _ABSENT for each in sides]
        yield Change(f"{wire}: from question to answer, ms", *texts)
    at_most = 0
    for ours, theirs in zip(a.records(), b.records(), strict=False):
        if (ours.wire, ours.direction) != (theirs.wire, theirs.direction):
            break
        at_most = max(at_most, abs(ours.time_ms - theirs.time_ms), key=abs)
    yield Change("the same record, ms apart at most", "0", str(at_most))


def _measurements(a: Side, b: Side) -> Iterator[MeasurementChange]:
    ours, theirs = (
        {(str(each.get("procedure")), str(each.get("name"))): each for each in side.manifest.get("measurements", ())}
        for side in (a, b)
    )
    for procedure, name in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get((procedure, name), {}), theirs.get((procedure, name), {})
        unit = str(one.get("unit", other.get("unit", "")))
        same_unit = other.get("unit", unit) == unit
        yield MeasurementChange(
            procedure,
            name,
            unit,
            one.get("value"),
            other.get("value") if same_unit else None,
            one.get("expanded_uncertainty"),
            other.get("expanded_uncertainty"),
            str(one.get("outcome", _ABSENT)),
            str(other.get("outcome", _ABSENT)),
        )


def _figures(a: Side, b: Side) -> Iterator[Figure]:
    for name, (unit, _, _) in QUANTITIES.items():
        curves = []
        for letter, side in zip(_NAMES, (a, b), strict=True):
            points = [(look.time_ms / 3_600_000, look.quantity(name)) for look in side.telemetry.looks]
            kept = [(x, y) for x, y in points if y is not None]
            if kept:
                x, y = zip(*kept, strict=True)
                curves.append(Series(letter, x, y))
        if curves:
            yield Figure(
                name.capitalize(), "bench time, h", f"{name}, {unit_text(unit)}", tuple(curves), in_bench_hours=True
            )


def _rows(changes: tuple[Change, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((each.name, each.a, each.b) for each in changes)


def _measured(measurements: tuple[MeasurementChange, ...]) -> PageTable:
    rows = tuple(
        (
            f"{each.procedure}: {each.name}",
            unit_text(each.unit),
            _number(each.a, each.u_a),
            _number(each.b, each.u_b),
            "none" if each.difference is None else f"{each.difference:+.5f}",
            "none" if each.e_n is None else f"{each.e_n:+.3f}",
            each.outcome_a if each.outcome_a == each.outcome_b else f"{each.outcome_a}, then {each.outcome_b}",
        )
        for each in measurements
    )
    bad = frozenset(place for place, each in enumerate(measurements) if each.is_changed)
    header = ("Measurement", "Unit", "A", "B", "B less A", "E_n", "Outcome")
    return PageTable("Measurements", header, rows, bad)


def _number(value: float | None, u: float | None) -> str:
    return "none" if value is None else f"{value:.5f} ± {'unknown' if u is None else f'{u:.5f}'}"


def _title(side: Side) -> str:
    return side.path.parent.name if side.path.name == "run.mcap" else side.path.name
