"""Columns: for every frame what construct gives, for every other segment why it is none, in any pieces."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.channel import OpenChannel, UnexpectedFrame
from protocols.columns import REASONS, ColumnDecoder, Decoded, NotColumnar, column_dtype, decode_columns
from protocols.declaration import fields_of
from protocols.errors import ProtocolError
from protocols.framing import FrameDecoder, Rejected, encode_frame
from protocols.messages import MESSAGES, History, Identity, Message, Sampled, Status, decode_message, encode_message
from protocols.vectors import examples
from tests.depth import tries
from tests.protocols.strategies import hostile_payloads, payloads

_wires = st.builds(lambda payload: encode_frame(OpenChannel().seal(payload)), payloads)
_pieces = st.one_of(
    _wires,
    st.builds(lambda payload: encode_frame(OpenChannel().seal(payload)), hostile_payloads),
    st.builds(encode_frame, st.binary(min_size=1, max_size=40)),
    st.binary(max_size=30),
    st.builds(lambda wire, at: wire[:at] + b"\1" + wire[at + 1 :], _wires, st.integers(0, 60)),
    st.just(b"\0\0"),
    st.builds(lambda size: b"\7" * size, st.integers(500, 700)),
)


def _one_by_one(data: bytes) -> list[tuple[int, Any]]:
    """Offset, and (seq, message) or the name of what is wrong: by the decoders that take one frame at a time."""
    found: list[tuple[int, Any]] = []
    offset = 0
    for segment in data.split(b"\0")[:-1]:
        for result in FrameDecoder().feed(segment + b"\0"):
            try:
                if isinstance(result, Rejected):
                    raise result.reason
                found.append((offset, decode_message(OpenChannel().open(result))))
            except ProtocolError as error:
                found.append((offset, type(error).__name__))
        offset += len(segment) + 1
    return found


def _all_of(decoded: Decoded) -> list[tuple[int, Any]]:
    """The same from columns."""
    found: list[tuple[int, Any]] = [(offset, (seq, message)) for offset, seq, message in decoded.messages]
    found += [(int(each["offset"]), REASONS[each["reason"]]) for each in decoded.rejected]
    for rows in decoded.rows.values():
        for row in range(rows.offset.size):
            body = rows.data[row].tobytes()
            payload = int(rows.seq[row]).to_bytes(2, "big") + bytes([rows.message.OPCODE]) + body
            found.append((int(rows.offset[row]), decode_message(payload)))
    return sorted(found, key=lambda each: each[0])


@settings(max_examples=tries(300))
@given(st.lists(_pieces, max_size=12).map(b"".join))
def test_columns_are_what_construct_gives(data: bytes) -> None:
    """Every frame, every rejection, with offset and reason."""
    decoded = decode_columns(data)
    assert _all_of(decoded) == _one_by_one(data)
    assert decoded.frames == len(_one_by_one(data))


@settings(max_examples=tries(150))
@given(st.lists(_pieces, max_size=8).map(b"".join), st.lists(st.integers(0, 3000), max_size=6))
def test_it_does_not_matter_in_what_pieces_a_stream_comes(data: bytes, cuts: list[int]) -> None:
    """Cut anywhere, the same comes out."""
    decoder = ColumnDecoder()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [decoder.feed(data[start:end]) for start, end in pairwise(edges)]
    found = [each for part in parts for each in _all_of(part)]
    assert found == _one_by_one(data)


def test_every_example_of_every_message_is_found() -> None:
    """The longest ones too, as construct gives them, in one stream and with the last empty group that some send."""
    wires = [
        encode_frame(OpenChannel().seal(encode_message(7, each)))
        for kind in MESSAGES.values()
        for each in examples(kind)
    ]
    assert max(len(wire) for wire in wires) > 255
    data = b"".join(wires)
    assert _all_of(decode_columns(data)) == _one_by_one(data)
    assert not decode_columns(data).rejected.size


@pytest.mark.parametrize("size", [*range(247, 257), *range(500, 513)])
@pytest.mark.parametrize("filled", [b"\1", b"\1" * 40 + b"\0", b"\0\1"], ids=["full groups", "few zeros", "many zeros"])
def test_frames_around_full_groups_are_whole(size: int, filled: bytes) -> None:
    """Up to the longest: the CRC is found right, and one turned bit anywhere is found; with a last 01, too."""
    frame = (b"\1\0" + b"\2\3\x82" + filled * size)[:size]
    wire = encode_frame(frame)
    altered = bytearray(wire[:-1])
    altered[-1] ^= 0x40
    data = wire + bytes(altered) + b"\0" + wire[:-1] + b"\1\0" + wire
    assert _all_of(decode_columns(data)) == _one_by_one(data)
    assert [REASONS[each] for each in decode_columns(wire).rejected["reason"]] == ["MalformedMessage"]


_ODD = {"bool": [b"\2", b"\xff"], "text": [b"\x1f", b"\x7f", b"\x80", b"A\0B", b"\0B"]}
_FAIR = {"text": [b" ~", b"\0\0", b"A"]}


def _with_each_value() -> Iterator[tuple[bytes, bool]]:
    """Payloads in which one field that has a type of its own is set to each of some values; whether that is one."""
    for kind in MESSAGES.values():
        fields = fields_of(kind)
        if any(field.size is None for field in fields):
            continue
        body = bytearray(encode_message(7, examples(kind)[0]))
        for field in fields:
            size, begin = field.size or 0, 3 + (field.offset or 0)
            values = [(value, False) for value in _ODD.get(field.kind, [])]
            values += [(value.ljust(size, b"\0"), True) for value in _FAIR.get(field.kind, [])]
            if field.values is not None:
                known = [int(each) for each in field.values]
                every = range(256) if field.kind == "enumeration" else [1 << bit for bit in range(8 * size)]
                values += [(value.to_bytes(size, "big"), value in known) for value in every if value < 1 << 8 * size]
            for value, is_good in values:
                yield bytes(body[:begin] + value.ljust(size, b"\0") + body[begin + size :]), is_good


def test_a_value_that_its_type_does_not_name_is_malformed() -> None:
    """Of every field of every message of fixed size: numbers of enumerations, bits of flags, bools and texts."""
    payloads_and_verdicts = list(_with_each_value())
    data = b"".join(encode_frame(OpenChannel().seal(payload)) for payload, _ in payloads_and_verdicts)
    found = _all_of(decode_columns(data))
    assert found == _one_by_one(data)
    good = [not isinstance(what, str) for _, what in found]
    assert good == [is_good for _, is_good in payloads_and_verdicts]
    assert {what for _, what in found if isinstance(what, str)} == {"MalformedMessage"}


def test_bytes_are_a_column_of_bytes() -> None:
    """Not of numbers, whatever their size; texts are without what fills them up."""
    rows = decode_columns(encode_frame(OpenChannel().seal(encode_message(3, examples(Identity)[1])))).rows[Identity]
    assert rows.data.dtype["uid"] == np.dtype("V8")
    assert rows.column("uid")[0].tobytes() == bytes.fromhex("565758595a5b5c5d")
    assert rows.column("serial_number").tolist() == [b"SN-7"]
    with pytest.raises(KeyError, match="Identity has no field 'nonsense'"):
        rows.column("nonsense")


def test_a_monster_is_one_rejection() -> None:
    """A megabyte without a zero is kept no longer than a frame, and told with its true length."""
    decoder = ColumnDecoder()
    for _ in range(1000):
        assert decoder.feed(b"\5" * 1000).frames == 0
        assert len(decoder._carry) < 600
    wire = encode_frame(OpenChannel().seal(encode_message(3, examples(Status)[1])))
    decoded = decoder.feed(b"\5\0" + wire)
    assert [tuple(each) for each in decoded.rejected.tolist()] == [(0, 1_000_001, REASONS.index("FrameTooLong"))]
    assert decoded.rows[Status].offset.tolist() == [1_000_002]
    assert decoded.frames == 2


@pytest.mark.parametrize("message", [Status, Sampled])
def test_every_field_is_a_column(message: type[Message]) -> None:
    """Values, signs and byte order are construct's."""
    wanted = [examples(message)[n * n % 3] for n in range(100)]
    data = b"".join(encode_frame(OpenChannel().seal(encode_message(n, each))) for n, each in enumerate(wanted))
    rows = decode_columns(data).rows[message]
    assert rows.seq.tolist() == list(range(100))
    for name in vars(wanted[0]):
        assert rows.column(name).tolist() == [int(getattr(each, name)) for each in wanted]
        assert rows.column(name).dtype.isnative
    with pytest.raises(KeyError, match="no field 'nonsense'"):
        rows.column("nonsense")


def test_what_varies_is_no_column() -> None:
    """The field that makes it so is named."""
    with pytest.raises(NotColumnar, match="History: the size of records varies"):
        column_dtype(History)


def test_unexpected_frames_are_told_apart() -> None:
    """Sealed frames and handshakes are whole, but say nothing without their keys."""
    decoded = decode_columns(encode_frame(b"\1\x10" + bytes(30)))
    assert [REASONS[each] for each in decoded.rejected["reason"]] == [UnexpectedFrame.__name__]
    assert np.array_equal(decoded.rejected["offset"], [0])
