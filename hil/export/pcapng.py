"""pcapng, for Wireshark with our dissector: what stood on the wire, and what was in sealed frames whose keys are known.

Written by its specification (draft-ietf-opsawg-pcapng): a section, an interface for each wire and link type, packets
with their direction. What has no bytes of its own, such as a gap or a remark, is a comment on the next packet; if none
follows, on an empty packet of an interface for that.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from hil.export.flat import for_json
from hil.export.kinds import EVENTS
from hil.export.sink import OpenFile, in_order
from hil.export.tables import Table
from hil.output import writing_to

__all__ = ["ON_THE_WIRE", "PAYLOAD", "REMARKS", "Pcapng"]

ON_THE_WIRE: Final = 147
"""Link type USER0: an encoded frame with the zero at its end."""
PAYLOAD: Final = 148
"""Link type USER1: seq, opcode and body, as they were before they were sealed."""
REMARKS: Final = 150
"""Link type USER3: no bytes at all, only comments. Wireshark takes USER2 for a format of Apple's."""

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_COMMENT, _APPLICATION, _NAME, _DESCRIPTION, _RESOLUTION, _FLAGS = 1, 4, 2, 3, 9, 2
_DIRECTIONS: Final = {"rx": 1, "tx": 2}
"""Inbound and outbound, as seen by who recorded."""
_MILLISECONDS: Final = b"\x03"
_MOST_OPTION_BYTES: Final = 0xFFFF
"""The length of an option has 16 bits."""
_MOST_COMMENTS: Final = 64
"""On one packet: Wireshark refuses blocks of 16 MiB and more."""
_WHAT: Final = {
    ON_THE_WIRE: b"frames on the wire",
    PAYLOAD: b"decrypted payloads",
    REMARKS: b"comments without a packet",
}
_SPOKEN: Final = frozenset(kind.name for kind in EVENTS) - {"rejected", "session", "sealed"}


class Pcapng:
    """One file."""

    needs_encoded = True

    def __init__(self, path: Path) -> None:
        """Create ``path``. Raises UsageError."""
        self._whole = OpenFile(path, "wb")
        self._interfaces: dict[tuple[str, int], int] = {}
        self._comments: list[bytes] = []
        self._said_utc_ms = 0
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
        if self._comments:
            with writing_to(self._whole.path):
                self._remark()
        return [self._whole.finish()]

    def abandon(self) -> None:
        """Delete it."""
        self._whole.abandon()

    def _row(self, table: Table, row: int, content: dict[str, Any], utc_ms: int) -> None:
        if table.kind.name in _SPOKEN:
            said = {name: value for name, value in content.items() if value is not None and name != "utc"}
            self._say(f"{table.kind.name}: {', '.join(f'{name} {value}' for name, value in said.items())}", utc_ms)
            return
        if table.encoded is None:
            return
        frame, payload = table.encoded[row]
        flags = (_FLAGS, struct.pack("<I", _DIRECTIONS[content["direction"]]))
        if frame:
            self._packet(content["wire"], ON_THE_WIRE, utc_ms, frame, flags)
        if payload:
            self._packet(content["wire"], PAYLOAD, utc_ms, payload, flags)

    def _say(self, text: str, utc_ms: int) -> None:
        self._said_utc_ms = utc_ms
        for part in _parts(text.encode()):
            self._comments.append(part)
            if len(self._comments) == _MOST_COMMENTS:
                self._remark()

    def _remark(self) -> None:
        """Write what was said on a packet of its own."""
        self._packet("remarks", REMARKS, self._said_utc_ms, b"")

    def _packet(self, wire: str, link_type: int, utc_ms: int, data: bytes, *options: tuple[int, bytes]) -> None:
        interface = self._interface(wire, link_type)
        head = struct.pack("<IIIII", interface, utc_ms >> 32, utc_ms & 0xFFFFFFFF, len(data), len(data))
        comments = [(_COMMENT, comment) for comment in self._comments]
        self._comments = []
        self._block(_PACKET, head + _padded(data) + _options(*comments, *options))

    def _interface(self, wire: str, link_type: int) -> int:
        number = self._interfaces.get((wire, link_type))
        if number is None:
            number = self._interfaces[wire, link_type] = len(self._interfaces)
            options = _options((_NAME, wire.encode()), (_DESCRIPTION, _WHAT[link_type]), (_RESOLUTION, _MILLISECONDS))
            self._block(_INTERFACE, struct.pack("<HHI", link_type, 0, 0) + options)
        return number

    def _block(self, kind: int, body: bytes) -> None:
        length = len(body) + 12
        self._whole.file.write(struct.pack("<II", kind, length) + body + struct.pack("<I", length))


def _parts(text: bytes) -> Iterator[bytes]:
    """UTF-8 in parts that fit into an option, each whole in itself."""
    begin = 0
    while begin < len(text):
        end = min(begin + _MOST_OPTION_BYTES, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:  # the middle of a character
            end -= 1
        yield text[begin:end]
        begin = end


def _options(*options: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options) + bytes(4)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
