"""Every message that there can be, and what was once one: read from the declarations, so that new ones are covered."""

from typing import Any

from construct import Bytes, FormatField, Renamed
from hypothesis import strategies as st

from protocols.messages import MESSAGES, Message, Secret, encode_message
from protocols.messages.codec import body_codec
from protocols.messages.fields import Ascii, Blob, Bounded, Member, SecretBytes
from protocols.messages.layout import Layout

__all__ = ["hostile_payloads", "messages", "payloads", "seqs", "values"]


def values(subcon: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of field
    """Everything that a declared field can hold."""
    match subcon:
        case Renamed():
            return values(subcon.subcon)
        case Layout():
            return st.builds(subcon.cls, *[values(field) for field in subcon.subcon.subcons])
        case Bounded():
            return st.lists(values(subcon.item), max_size=subcon.most).map(tuple)
        case Member():
            return st.sampled_from([member for n in range(256) if (member := _member_of(subcon.kind, n)) is not None])
        case Ascii():
            return st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=subcon.length)
        case Blob():
            return st.binary(max_size=subcon.most)
        case SecretBytes():
            return st.binary(min_size=subcon.length, max_size=subcon.length).map(Secret)
        case Bytes():
            return st.binary(min_size=subcon.sizeof(), max_size=subcon.sizeof())
        case FormatField():
            low = -(1 << 8 * subcon.length - 1) if subcon.fmtstr[1].islower() else 0
            return st.integers(low, low + (1 << 8 * subcon.length) - 1)
    raise NotImplementedError(f"no strategy for {subcon}")


def _member_of(kind: type[int], number: int) -> int | None:
    """The member of ``kind`` with exactly this ``number``, if there is one."""
    try:
        member = kind(number)
    except ValueError:
        return None
    return member if int(member) == number else None


seqs = st.integers(0, 0xFFFF)
messages: st.SearchStrategy[Message] = st.one_of(
    [values(body_codec(message).interpreted) for message in MESSAGES.values()]
)
payloads = st.builds(encode_message, seqs, messages)


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A payload that was once right: cut, extended, or with bytes replaced."""
    payload = bytearray(draw(payloads))
    for _ in range(draw(st.integers(0, 3))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload[: draw(st.integers(0, len(payload)))]) + draw(st.binary(max_size=3))


hostile_payloads = st.binary(max_size=80) | _damaged()
