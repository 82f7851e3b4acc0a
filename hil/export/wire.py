"""What the bytes of one direction of a pump's wire hold: millions of messages as columns, all else one by one.

::

    Stream ── protocols.columns ──┬── open, of fixed size ──> Columns: rows with time and place
                                  ├── open, of any size ────> Single: Heard
                                  └── anything else ── protocols.listener, under the session's keys ──> Single
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.export.pieces import ORDER_STEP, Side, Stream
from protocols.columns import ColumnDecoder, Decoded, Rows
from protocols.framing import DELIMITER, MAX_ENCODED_BYTES, FrameTooLong
from protocols.listener import Heard, Listener, Overheard, Place, Refused, Sealed
from protocols.session.noise import SessionKeys
from protocols.session.records import SID_BYTES

__all__ = ["Columns", "Single", "Window", "WireDecoder"]

Integers = NDArray[np.int64]
_RECENT_BYTES: Final = MAX_ENCODED_BYTES + 1


class Window(NamedTuple):
    """Part of a stream: what came before the byte at ``begin``, and what comes from there on."""

    begin: int
    before: bytes
    data: bytes

    def encoded(self, offset: int, length: int) -> bytes:
        """An encoded frame, with its zero; of one that is longer than any frame, its end."""
        place = offset - self.begin
        if place >= 0:
            return self.data[place : place + length + 1]
        before = self.before[max(0, len(self.before) + place) :]
        return before[: length + 1] + self.data[: max(0, place + length + 1)]

    def length(self, offset: int) -> int:
        """Of the encoded frame there, without its zero."""
        place = offset - self.begin
        return self.data.index(DELIMITER, max(0, place)) - place


@dataclass(frozen=True)
class Columns:
    """Messages of one kind, in the open and of fixed size."""

    side: Side
    rows: Rows
    time_ms: Integers
    order: Integers
    window: Window


@dataclass(frozen=True)
class Single:
    """Anything else that a wire said."""

    side: Side
    overheard: Overheard
    time_ms: int
    order: int
    encoded: bytes


class WireDecoder:
    """Decodes one direction of one wire, from its first byte on or from the middle."""

    def __init__(self, side: Side, keys: Iterable[SessionKeys] = ()) -> None:
        """Read sealed frames under these ``keys``."""
        self._side = side
        self._decoder = ColumnDecoder()
        self._listener = Listener()
        self._keys = {each.handshake_hash[:SID_BYTES]: each for each in keys}
        self._fed = 0
        self._recent = b""

    def feed(self, stream: Stream) -> Iterator[Columns | Single]:
        """What the bytes complete: columns first, then the rest in order."""
        window = Window(self._fed, self._recent, stream.data)
        when = _Moments(self._fed, stream)
        self._fed += len(stream.data)
        decoded = self._decoder.feed(stream.data)
        self._recent = (self._recent + stream.data[-_RECENT_BYTES:])[-_RECENT_BYTES:]
        for rows in decoded.rows.values():
            time_ms, order = when.of(rows.offset + rows.length)
            yield Columns(self._side, rows, time_ms, order, window)
        yield from self._singles(decoded, window, when)

    def _singles(self, decoded: Decoded, window: Window, when: "_Moments") -> Iterator[Single]:
        found: list[tuple[Overheard, bytes]] = []
        for offset, seq, message in decoded.messages:
            length = window.length(offset)
            place = Place(self._side.direction, offset, length)
            found.append((Heard(place, seq, message), window.encoded(offset, length)))
        for offset, length, _ in decoded.rejected.tolist():
            encoded = window.encoded(offset, length)
            found.append((self._overheard(Place(self._side.direction, offset, length), encoded), encoded))
        found.sort(key=lambda each: each[0].place.offset)
        times, orders = when.of(np.array([each.place.offset + each.place.length for each, _ in found], np.int64))
        for (overheard, encoded), time_ms, order in zip(found, times.tolist(), orders.tolist(), strict=True):
            yield Single(self._side, overheard, time_ms, order, encoded)

    def _overheard(self, place: Place, encoded: bytes) -> Overheard:
        if place.length > MAX_ENCODED_BYTES:
            return Refused(place, FrameTooLong(place.length, MAX_ENCODED_BYTES))
        (overheard,) = self._listener.feed(self._side.direction, encoded)
        if isinstance(overheard, Sealed) and overheard.session in self._keys:
            self._listener.learn(self._keys[overheard.session])  # it remembers a few sessions only
            (overheard,) = self._listener.feed(self._side.direction, encoded)
        return replace(overheard, place=place)


class _Moments:
    """When the byte at an offset of the stream came, and in which order."""

    def __init__(self, begin: int, stream: Stream) -> None:
        self._begin = begin
        self._stream = stream

    def of(self, offsets: Integers) -> tuple[Integers, Integers]:
        stream, places = self._stream, offsets - self._begin
        record = np.searchsorted(stream.ends, places, side="right")
        starts = np.where(record > 0, stream.ends[record - 1], 0)
        return stream.time_ms[record], stream.order[record] + np.minimum(places - starts, ORDER_STEP - 1)
