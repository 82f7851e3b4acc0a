"""Reads a recording of any size and either form, with bounded memory: by time, by topic, from the middle.

::

    with RecordingStream.open(path) as recording:
        for message in recording.messages(topics=["/pump/status"], from_ms=3_600_000):
            ...
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Footer
from zlib_ng.zlib_ng import crc32

from hil.errors import RecordingError
from hil.recording.blocks import HEAD, Block, DamagedRecord, begins_with_chunk, blocks, expand
from hil.recording.contents import Contents, RecordedMessage, TopicFilter
from hil.recording.layout import MAGIC
from hil.recording.spans import Span, parse, spans
from hil.recording.summary import ChunkPlace, Summary, check_summary, read_summary

__all__ = ["RecordedMessage", "RecordingStream", "TopicFilter"]

_NS_PER_MS: Final = 1_000_000
_PIECE_BYTES: Final = 1 << 20


class RecordingStream:
    """One recording, open for reading. Whole, or cut anywhere: then all whole records up to there."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Use ``open`` instead."""
        self.path = path
        self.truncated_at: int | None = None
        """Where the last whole record ends, if the file is cut; known once all messages have been read."""
        self._file = file
        self._size = file.seek(0, 2)
        self._check_magic()
        self.in_chunks = begins_with_chunk(file, self._size)
        """Whether its messages stand in chunks: only a recording that was closed has any."""
        self._summary: Summary | None = None
        self._damage: DamagedRecord | None = None
        try:
            self._summary = read_summary(file, self._size)
        except DamagedRecord as damage:  # said when all before it has been read
            self._damage = damage
        preface = self._preface()
        self.metadata = preface.metadata
        """What the run says of itself."""
        self.start_utc_ms = preface.start_utc_ms or 0
        """UTC at bench time 0; 0 if the recording was cut before it says so, and then it holds no messages."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """The recording at ``path``. Raises RecordingError if it is none, or another program's, or damaged."""
        with _said_of(path):
            file = path.open("rb")
            try:
                return cls(path, file)
            except BaseException:
                file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    @property
    def closed_properly(self) -> bool:
        """Whether it was closed: the run that wrote it was not killed, whatever became of the file since."""
        return self.in_chunks or self._summary is not None or self._damage is not None

    @property
    def chunks(self) -> int:
        """How many chunks it has; 0 for one that was cut, or not rewritten."""
        return len(self._summary.chunks) if self._summary is not None else 0

    def attachments(self) -> dict[str, bytes]:
        """Every attachment by its name. Raises RecordingError."""
        with _said_of(self.path):
            if self._summary is None:
                return self._scanned_attachments()
            return {index.name: self._attachment(index.offset, index.length) for index in self._summary.attachments}

    def messages(
        self, topics: TopicFilter = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Iterator[RecordedMessage]:
        """Messages on ``topics`` from bench time ``from_ms`` to ``to_ms``, both included, in the order of the file.

        Everything before damage is given before RecordingError says where it is. Without times every checksum is
        checked; with times, those of the chunks that are read.
        """
        if self._summary is not None and self._summary.chunks and not (from_ms is None and to_ms is None):
            return self._guarded(self._indexed(self._summary, topics, from_ms, to_ms))
        return self._guarded(self._scanned(Contents(self.path, topics), from_ms, to_ms))

    def blocks(
        self, others: Callable[[Block], Iterable[Span]], *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Iterator[Block]:
        """The records in pieces of bounded size, for who takes millions of them at a time. Raises RecordingError.

        Of a recording in chunks only the chunks, and if there are times those that hold messages of that time, and
        one before them, in which frames may begin that end in the first of them. Else all of it, with the checks of
        ``messages``; ``others`` gives those records of a block that are no messages.
        """
        with _said_of(self.path):
            if self._summary is not None and self._summary.chunks:
                for place in self._places(self._summary.chunks, from_ms, to_ms):
                    yield self._chunk(place)
                return
            contents, end = Contents(self.path), len(MAGIC)
            contents.keeps_attachments = False
            for block in blocks(self._file, len(MAGIC), self._size):
                for span in others(block):
                    contents.take(span)
                    self._check(contents, block, span)
                yield block
                end = block.end
            self._finish(contents, end)

    def channels(self) -> dict[int, str]:
        """Topics by the id of their channel; of a recording without a summary, after a look at all of it."""
        with _said_of(self.path):
            if self._summary is not None:
                return {channel.id: channel.topic for channel in self._summary.channels}
            return self._scanned_channels()

    def _places(self, chunks: list[ChunkPlace], from_ms: int | None, to_ms: int | None) -> list[ChunkPlace]:
        first, last = 0, len(chunks)
        if from_ms is not None:
            from_ns = (self.start_utc_ms + from_ms) * _NS_PER_MS
            first = max(0, bisect_left(chunks, from_ns, key=lambda chunk: chunk.end_ns) - 1)
        if to_ms is not None:
            last = bisect_right(chunks, (self.start_utc_ms + to_ms) * _NS_PER_MS, key=lambda chunk: chunk.start_ns)
        return chunks[first:last]

    def _scanned_channels(self) -> dict[int, str]:
        found: dict[int, str] = {}
        with suppress(DamagedRecord):  # said when it is read
            for block in blocks(self._file, len(MAGIC), self._size):
                for span in spans(block):
                    if span.opcode == Opcode.CHANNEL and isinstance(record := parse(span), Channel):
                        found[record.id] = record.topic
        return found

    def read_into(self, contents: Contents) -> Iterator[RecordedMessage]:
        """All messages, while ``contents`` gathers whatever else there is. Raises RecordingError."""
        return self._guarded(self._scanned(contents, None, None))

    def _guarded(self, found: Iterator[RecordedMessage]) -> Iterator[RecordedMessage]:
        with _said_of(self.path):
            yield from found

    def _scanned(self, contents: Contents, from_ms: int | None, to_ms: int | None) -> Iterator[RecordedMessage]:
        end = len(MAGIC)
        for block in blocks(self._file, len(MAGIC), self._size):
            for span in spans(block):
                message = contents.take(span)
                if message is None:
                    self._check(contents, block, span)
                elif to_ms is not None and message.time_ms > to_ms:
                    return  # bench time never runs backwards
                elif from_ms is None or message.time_ms >= from_ms:
                    yield message
            end = block.end
        self._finish(contents, end)

    def _indexed(
        self, summary: Summary, topics: TopicFilter, from_ms: int | None, to_ms: int | None
    ) -> Iterator[RecordedMessage]:
        contents = Contents(self.path, topics)
        contents.start_utc_ms = self.start_utc_ms
        for channel in summary.channels:
            contents.announce(channel)
        wanted = contents.wanted_channels()
        contents.skip()
        for place in summary.chunks:
            first_ms, last_ms = (ns // _NS_PER_MS - self.start_utc_ms for ns in (place.start_ns, place.end_ns))
            outside = (from_ms is not None and last_ms < from_ms) or (to_ms is not None and first_ms > to_ms)
            if outside or wanted.isdisjoint(place.channels()):
                contents.skip()
                continue
            for span in spans(self._chunk(place)):
                message = contents.take(span)
                if (
                    message is not None
                    and (from_ms is None or message.time_ms >= from_ms)
                    and (to_ms is None or message.time_ms <= to_ms)
                ):
                    yield message

    def _chunk(self, place: ChunkPlace) -> Block:
        self._file.seek(place.at)
        data = self._file.read(place.length)
        opcode, length = HEAD.unpack_from(data) if len(data) > HEAD.size else (0, 0)
        if opcode != Opcode.CHUNK or length != len(data) - HEAD.size or len(data) != place.length:
            raise DamagedRecord(place.at, "the index names a chunk here, but there is none")
        return Block(place.at, expand(place.at, data[HEAD.size :]), place.at + place.length, is_chunk=True)

    def _attachment(self, at: int, length: int) -> bytes:
        block = next(blocks(self._file, at, min(at + length, self._size)), None)
        record = parse(next(spans(block))) if block is not None and not block.is_chunk else None
        if not isinstance(record, Attachment):
            raise DamagedRecord(at, "the index names an attachment here, but there is none")
        return record.data

    def _scanned_attachments(self) -> dict[str, bytes]:
        found = {}
        for block in blocks(self._file, len(MAGIC), self._size):
            for span in spans(block):
                if span.opcode == Opcode.ATTACHMENT and isinstance(record := parse(span), Attachment):
                    found[record.name] = record.data
        return found

    def _check_magic(self) -> None:
        self._file.seek(0)
        magic = self._file.read(len(MAGIC))
        if magic == MAGIC:
            return
        if magic and MAGIC.startswith(magic):
            raise RecordingError(f"{self.path}: cut short at byte {len(magic)}, before anything was recorded")
        raise RecordingError(f"{self.path}: is no MCAP recording (byte 0)")

    def _preface(self) -> Contents:
        """What stands before the first message."""
        contents = Contents(self.path)
        for block in blocks(self._file, len(MAGIC), self._size):
            for span in spans(block):
                if contents.start_utc_ms is not None or block.is_chunk or span.opcode == Opcode.MESSAGE:
                    return contents
                contents.take(span)
        return contents

    def _check(self, contents: Contents, block: Block, span: Span) -> None:
        if span.opcode == Opcode.DATA_END:
            _check_data(block, span)
        elif isinstance(contents.footer, Footer):
            check_summary(self._file, span.at, contents.footer)

    def _finish(self, contents: Contents, end: int) -> None:
        """Say where a file that was cut ends; refuse a whole one with damage at byte ``end``."""
        has_footer = contents.footer is not None
        self._file.seek(end)
        rest = self._file.read(len(MAGIC) + 1)
        if has_footer and rest == MAGIC and self._damage is None:
            if not contents.has_data_end or contents.start_utc_ms is None:
                raise DamagedRecord(len(MAGIC), "the file was closed without saying when its run began")
            return
        self.truncated_at = end
        if self.in_chunks and not (has_footer and len(rest) > len(MAGIC)):
            raise DamagedRecord(end, _lost_end(has_data_end=contents.has_data_end))
        if has_footer and rest != MAGIC and not MAGIC.startswith(rest):
            raise DamagedRecord(end, "something else follows the footer than the end of the file")
        if (
            self._summary is not None
            or self._damage is not None
            or (contents.has_data_end and self._ends_like_closed())
        ):
            raise DamagedRecord(end, "the file was closed, but this record does not lead on to its end")
        if rest.startswith(b"\0") and not self._is_zero_from(end):
            raise DamagedRecord(end, "a record of kind 0")

    def _ends_like_closed(self) -> bool:
        self._file.seek(-len(MAGIC), 2)
        return self._file.read() == MAGIC

    def _is_zero_from(self, at: int) -> bool:
        self._file.seek(at)
        return all(not piece.strip(b"\0") for piece in iter(lambda: self._file.read(_PIECE_BYTES), b""))


def _lost_end(*, has_data_end: bool) -> str:
    """What is wrong with a recording in chunks that does not lead up to its end."""
    if has_data_end:
        return (
            "all messages are there, but the end of the file behind them (summary, footer or magic) is cut or damaged"
        )
    return "the file was closed, but is cut or damaged from here on; what stood in the broken chunk cannot be read"


def _check_data(block: Block, span: Span) -> None:
    """Raise DamagedRecord unless the data before the record in ``span`` is what its checksum says."""
    stated = int.from_bytes(span.content[:4], "little")
    if stated != crc32(block.data[: span.place], block.crc):
        raise DamagedRecord(span.at, f"the checksum over bytes 0 to {span.at} is wrong")


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """Every error as one of the recording's, with its file."""
    try:
        yield
    except FileNotFoundError:
        raise RecordingError(f"{path}: there is no such recording") from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    except DamagedRecord as error:
        raise RecordingError(f"{path}: {error}") from error
