"""What a person sees of a recording that is decoded or exported."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hil.export.export import SMALL_PIECE_BYTES, Format, export
from hil.export.json_lines import json_lines
from hil.export.lines import lines
from hil.export.selection import Selection
from hil.export.telemetry import Telemetry

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
    with Telemetry.open(recording) as telemetry:
        selection = Selection.parse(telemetry.stream.start_utc_ms, from_text, to_text, types, where)
        for tables in telemetry.tables(selection, piece_bytes=SMALL_PIECE_BYTES):
            for line in json_lines(tables) if as_json else lines(tables):
                sys.stdout.write(line + "\n")
        _say_cut(telemetry.stream.truncated_at)


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
    with Telemetry.open(recording) as telemetry:
        selection = Selection.parse(telemetry.stream.start_utc_ms, from_text, to_text, types, where)
        done = export(telemetry, selection, form, out)
    if as_json:
        content = {
            "schema": "pumprig.export/1",
            "format": form,
            "rows": dict(sorted(done.rows.items())),
            "files": [str(file) for file in done.files],
            "truncated_at": done.truncated_at,
        }
        sys.stdout.write(json.dumps(content, indent=2) + "\n")
        return
    for name, count in sorted(done.rows.items()):
        sys.stdout.write(f"{count:>10} {name}\n")
    sys.stdout.write(f"{'nothing of that kind; ' if not done.rows else ''}written to {out}\n")
    _say_cut(done.truncated_at)


def _say_cut(at: int | None) -> None:
    if at is not None:
        sys.stderr.write(f"the recording is cut short at byte {at}: this is all that stands before\n")
