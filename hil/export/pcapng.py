"""pcapng, for Wireshark with our dissector: what stood on the wire, and what was in sealed frames whose keys are known.

Written by its specification (draft-ietf-opsawg-pcapng): a section, an interface for each wire and link type, packets
with their direction. What has no bytes of its own, such as a gap or a remark, is a comment on the next packet.
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from hil.export.flat import for_json
from hil.export.kinds import EVENTS
from hil.export.sink import OpenFile, in_order
from hil.export.tables import Table
from hil.output import writing_to

__all__ = ["ON_THE_WIRE", "PAYLOAD", "Pcapng"]

ON_THE_WIRE: Final = 147
"""Link type USER0: an encoded frame with the zero at its end."""
PAYLOAD: Final = 148
"""Link type USER1: seq, opcode and body, as they were before they were sealed."""

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_COMMENT, _APPLICATION, _NAME, _DESCRIPTION, _RESOLUTION, _FLAGS = 1, 4, 2, 3, 9, 2
_DIRECTIONS: Final = {"rx": 1, "tx": 2}
"""Inbound and outbound, as seen by who recorded."""
_MILLISECONDS: Final = b"\x03"
_SPOKEN: Final = frozenset(kind.name for kind in EVENTS) - {"rejected", "session", "sealed"}


class Pcapng:
    """One file."""

    needs_encoded = True

    def __init__(self, path: Path) -> None:
        """Create ``path``. Raises UsageError."""
        self._whole = OpenFile(path, "wb")
        self._interfaces: dict[tuple[str, int], int] = {}
        self._comments: list[str] = []
        self._block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + _options((_APPLICATION, b"pumprig export")))

    def write(self, tables: Sequence[Table]) -> None:
        """Append a piece. Raises BenchFault if the disk does not take it."""
        rows = [for_json(table.rows) for table in tables]
        utc_ms = [table.rows.column("utc").cast(pa.int64()).to_pylist() for table in tables]
        with writing_to(self._whole.path):
            for number, row in in_order(tables):
                self._row(tables[number], row, rows[number][row], utc_ms[number][row])

    def finish(self) -> list[Path]:
        """Make it whole. Raises BenchFault if the disk does not take the rest."""
        return [self._whole.finish()]

    def abandon(self) -> None:
        """Delete it."""
        self._whole.abandon()

    def _row(self, table: Table, row: int, content: dict[str, Any], utc_ms: int) -> None:
        if table.kind.name in _SPOKEN:
            said = {name: value for name, value in content.items() if value is not None and name not in {"utc", "wire"}}
            self._comments.append(f"{table.kind.name}: {', '.join(f'{name} {value}' for name, value in said.items())}")
            return
        if table.encoded is None:
            return
        frame, payload = table.encoded[row]
        if frame:
            self._packet(ON_THE_WIRE, content, utc_ms, frame)
        if payload:
            self._packet(PAYLOAD, content, utc_ms, payload)

    def _packet(self, link_type: int, content: dict[str, Any], utc_ms: int, data: bytes) -> None:
        interface = self._interface(content["wire"], link_type)
        head = struct.pack("<IIIII", interface, utc_ms >> 32, utc_ms & 0xFFFFFFFF, len(data), len(data))
        comments = [(_COMMENT, comment.encode()) for comment in self._comments]
        self._comments = []
        flags = (_FLAGS, struct.pack("<I", _DIRECTIONS[content["direction"]]))
        self._block(_PACKET, head + _padded(data) + _options(*comments, flags))

    def _interface(self, wire: str, link_type: int) -> int:
        number = self._interfaces.get((wire, link_type))
        if number is None:
            number = self._interfaces[wire, link_type] = len(self._interfaces)
            what = b"frames on the wire" if link_type == ON_THE_WIRE else b"decrypted payloads"
            options = _options((_NAME, wire.encode()), (_DESCRIPTION, what), (_RESOLUTION, _MILLISECONDS))
            self._block(_INTERFACE, struct.pack("<HHI", link_type, 0, 0) + options)
        return number

    def _block(self, kind: int, body: bytes) -> None:
        length = len(body) + 12
        self._whole.file.write(struct.pack("<II", kind, length) + body + struct.pack("<I", length))


def _options(*options: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options) + bytes(4)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
