"""What a person sees of a recording that is decoded or exported."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

from hil.export.export import SMALL_PIECE_BYTES, Format, Part, export
from hil.export.json_lines import json_lines
from hil.export.lines import lines
from hil.export.selection import Selection
from hil.export.telemetry import Telemetry
from hil.recording.place import recordings_at

__all__ = ["print_decoded", "print_export"]


def print_decoded(
    recording: Path,
    from_text: str | None,
    to_text: str | None,
    types: Sequence[str],
    where: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """A line for each thing that is wanted. Raises RecordingError behind what stands before damage, UsageError."""
    with _opened(recording, from_text, to_text, types, where) as parts:
        for telemetry, selection in parts:
            for tables in telemetry.tables(selection, piece_bytes=SMALL_PIECE_BYTES):
                for line in json_lines(tables) if as_json else lines(tables):
                    sys.stdout.write(line + "\n")
        _say_where_it_ends(parts)


def print_export(
    recording: Path,
    from_text: str | None,
    to_text: str | None,
    types: Sequence[str],
    where: Sequence[str],
    *,
    form: Format,
    out: Path,
    as_json: bool,
) -> None:
    """Export, and say what was written. Raises RecordingError, UsageError."""
    with _opened(recording, from_text, to_text, types, where) as parts:
        done = export(parts, form, out)
    streams = [part.telemetry.stream for part in parts]
    if as_json:
        content = {
            "schema": "pumprig.export/1",
            "format": form,
            "rows": dict(sorted(done.rows.items())),
            "files": [str(file) for file in done.files],
            "truncated_at": streams[-1].truncated_at,
            "recordings": [{"path": str(each.path), "truncated_at": each.truncated_at} for each in streams],
        }
        sys.stdout.write(json.dumps(content, indent=2) + "\n")
        return
    for name, count in sorted(done.rows.items()):
        sys.stdout.write(f"{count:>10} {name}\n")
    nothing = "" if done.rows else "nothing of that kind; "
    sys.stdout.write(f"{nothing}{f'written to {out}' if done.files else 'no file was written'}\n")
    _say_where_it_ends(parts)


@contextmanager
def _opened(
    recording: Path, from_text: str | None, to_text: str | None, types: Sequence[str], where: Sequence[str]
) -> Iterator[list[Part]]:
    """All recordings that are meant, each with what is wanted of it."""
    with ExitStack() as files:
        opened = [files.enter_context(Telemetry.open(path)) for path in recordings_at(recording)]
        yield [
            Part(each, Selection.parse(each.stream.start_utc_ms, from_text, to_text, types, where)) for each in opened
        ]


def _say_where_it_ends(parts: Sequence[Part]) -> None:
    """Where a recording is cut, and where a run was interrupted and went on."""
    streams = [part.telemetry.stream for part in parts]
    for stream, following in pairwise(streams):
        cut = "" if stream.truncated_at is None else f" at byte {stream.truncated_at}"
        began_ms = following.metadata.get("began_ms", "0")
        goes_on = "begins anew at bench time 0" if began_ms == "0" else f"goes on at {began_ms} ms of bench time"
        sys.stderr.write(
            f"{stream.path.name} ends{cut}, where the run was interrupted; {following.path.name} {goes_on}\n"
        )
    if streams[-1].truncated_at is not None:
        sys.stderr.write(
            f"the recording is cut short at byte {streams[-1].truncated_at}: this is all that stands before\n"
        )
