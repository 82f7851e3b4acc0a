"""The protocol's reference, made from its declarations: ``docs/protocol.md``, and the same as one HTML page."""

from collections.abc import Iterator
from enum import IntFlag
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt

from protocols.commands.journal import JOURNAL_DEPTH, STAGED_MS
from protocols.declaration import Field, fields_of, fixed_size, header_fields, type_name
from protocols.exchange import DEADLINE_MS
from protocols.framing import MAX_ENCODED_BYTES, MAX_FRAME_BYTES
from protocols.messages import (
    CHAIN_BYTES,
    DIGEST_BYTES,
    EVENT_MEANINGS,
    HOURS_PER_CHAIN,
    KEY_SLOTS,
    BootReason,
    EventKind,
    Message,
    Telecommand,
)
from protocols.messages.codec import FAMILIES, messages_of
from protocols.responder import REMEMBERED
from protocols.session.pump_channel import CONFIRM_MS, IDLE_MS, MAX_SESSION_MS
from protocols.session.records import MAX_FRAMES, MAX_SEALED_PAYLOAD_BYTES

__all__ = ["ANSWER_MS", "VERSION", "reference_html", "reference_markdown"]

VERSION = 1
ANSWER_MS = 500
"""So soon a pump must have answered; half of what a programmer waits."""
_WAKE_MS = 1000
_CSS = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a232c}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{border:1px solid #c9d2d9;padding:.2rem .6rem;"
    "text-align:left;vertical-align:top}th{background:#eef2f5}code,pre{background:#f2f5f7;font-size:.92em}"
    "pre{padding:.7rem;overflow-x:auto}h4{margin-bottom:.2rem}"
)


def reference_markdown() -> str:
    """The reference as Markdown."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, from our own declarations
    )
    families = [_family(family) for family in FAMILIES]
    text = environment.get_template("reference.md.j2").render(
        version=VERSION,
        max_frame=MAX_FRAME_BYTES,
        max_encoded=MAX_ENCODED_BYTES,
        header=header_fields(),
        type_name=type_name,
        answer_ms=ANSWER_MS,
        deadline_ms=DEADLINE_MS,
        attempts=3,
        remembered=REMEMBERED,
        digest_bytes=DIGEST_BYTES,
        staged_s=STAGED_MS // 1000,
        journal_depth=JOURNAL_DEPTH,
        chain_bytes=CHAIN_BYTES,
        hours_per_chain=HOURS_PER_CHAIN,
        key_slots=KEY_SLOTS,
        confirm_s=CONFIRM_MS // 1000,
        wake_ms=_WAKE_MS,
        max_sealed=MAX_SEALED_PAYLOAD_BYTES,
        max_frames=MAX_FRAMES,
        session_min=MAX_SESSION_MS // 60_000,
        idle_s=IDLE_MS // 1000,
        families=families,
        parts=[_part(field) for field in _parts()],
        enumerations=[_numbers(values) for values in _enumerations()],
    )
    return "\n".join(_spaced([line.rstrip() for line in text.splitlines()])) + "\n"


def reference_html() -> str:
    """The reference as one HTML page that needs nothing else."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(reference_markdown())
    title = escape(reference_markdown().splitlines()[0].removeprefix("# "))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_CSS}</style></head>\n<body>\n{body}</body></html>\n"
    )


def _spaced(lines: list[str]) -> Iterator[str]:
    """The lines with one empty line around headings and tables, as Markdown needs them, and none too many."""
    before = ""
    for line in lines:
        starts = line.startswith("#") or (line.startswith("|") and not before.startswith("|"))
        ends = before.startswith("#") or (before.startswith("|") and not line.startswith("|"))
        if before and line and (starts or ends):
            yield ""
        if line or before:
            yield line
        before = line


def _family(family: Any) -> dict[str, Any]:
    return {
        "title": (family.__doc__ or "").splitlines()[0].rstrip("."),
        "messages": [_message(message) for message in messages_of(family)],
    }


def _message(message: type[Message]) -> dict[str, Any]:
    command = message if issubclass(message, Telecommand) else None
    return {
        "name": message.__name__,
        "opcode": message.OPCODE,
        "doc": " ".join((message.__doc__ or "").split()).replace("``", "`"),
        "reply": command.REPLY.__name__ if command else "",
        "role": command.ROLE.name.lower() if command else "",
        "changes": command is not None and command.CHANGES_STATE,
        "fields": _rows(fields_of(message)),
    }


def _rows(fields: tuple[Field, ...]) -> list[dict[str, Any]]:
    return [
        {
            "offset": "" if field.offset is None else field.offset,
            "size": "varies" if field.size is None else field.size,
            "type": type_name(field),
            "name": field.name,
            "meaning": field.meaning.replace("``", "`"),
        }
        for field in fields
    ]


def _all_fields() -> Iterator[Field]:
    for family in FAMILIES:
        for message in messages_of(family):
            for field in fields_of(message):
                yield field
                yield from field.fields


def _parts() -> list[Field]:
    return list({field.part: field for field in _all_fields() if field.part}.values())


def _part(field: Field) -> dict[str, Any]:
    return {"name": field.part, "size": fixed_size(field.fields), "fields": _rows(field.fields)}


def _enumerations() -> list[type[Any]]:
    used = list(dict.fromkeys(field.values for field in _all_fields() if field.values is not None))
    return [*used, EventKind, BootReason]


def _numbers(values: type[Any]) -> dict[str, Any]:
    is_flags = issubclass(values, IntFlag)
    meanings = {int(kind): meaning for kind, meaning in EVENT_MEANINGS.items()} if values is EventKind else {}
    return {
        "name": values.__name__,
        "doc": " ".join((values.__doc__ or "").split()).replace("``", "`"),
        "meanings": bool(meanings),
        "rows": [
            {
                "number": f"bit {int(value).bit_length() - 1}" if is_flags else int(value),
                "name": value.name,
                "meaning": meanings.get(int(value), ""),
            }
            for value in values
        ],
    }
