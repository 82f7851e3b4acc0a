"""Everything in the protocol that takes bytes from a peer, as one function: it may count and refuse, never raise."""

from collections.abc import Callable, Mapping
from typing import Any

from protocols.channel import OpenChannel
from protocols.columns import REASONS, ColumnDecoder
from protocols.errors import ProtocolError
from protocols.exchange import Exchange, PeerRefused
from protocols.framing import MAX_ENCODED_BYTES, FrameDecoder, Rejected, encode_frame
from protocols.messages import MESSAGES, ErrorReply, Identify, Message, Reason, Role, Telecommand, decode_message
from protocols.responder import Responder
from protocols.session.keys import insecure_test_key
from protocols.session.programmer_channel import ProgrammerChannel
from protocols.vectors import examples, vectors
from tests.protocols.session.ends import programmer_end, pump_end

__all__ = ["ENDS", "seeds", "take"]

_KEY = insecure_test_key(0, 7, Role.PROGRAMMER)


def take(data: bytes, pieces: int) -> None:
    """Give ``data``, in so many pieces, to every end. Raises AssertionError if two of them disagree."""
    size = max(1, len(data) // max(1, pieces))
    cut = [data[start : start + size] for start in range(0, len(data), size)]
    one_by_one, in_columns = (ENDS[name](cut) for name in ("decoder", "columns"))
    assert one_by_one == in_columns
    for name in ENDS:
        ENDS[name](cut)


def _decode(cut: list[bytes]) -> list[str]:
    decoder = FrameDecoder()
    results = [result for piece in cut for result in decoder.feed(piece)]
    assert decoder.accepted == sum(isinstance(result, bytes) for result in results)
    assert len(decoder._segment) <= MAX_ENCODED_BYTES
    return [verdict for verdict in map(_verdict, results) if verdict]


def _decode_columns(cut: list[bytes]) -> list[str]:
    columns = ColumnDecoder()
    rejected = [(int(each["offset"]), int(each["reason"])) for piece in cut for each in columns.feed(piece).rejected]
    return [REASONS[reason] for _, reason in sorted(rejected)]


def _answer(cut: list[bytes]) -> None:
    responder = Responder(OpenChannel(), _carry_out)
    answers = b"".join(responder.receive(piece) for piece in cut)
    assert all(isinstance(each, bytes) for each in FrameDecoder().feed(answers))


def _keep_silent(cut: list[bytes]) -> None:
    sealed = Responder(pump_end(_KEY), _carry_out)
    assert not b"".join(sealed.receive(piece, 0) for piece in cut)


def _verdict(result: bytes | Rejected) -> str:
    try:
        if isinstance(result, Rejected):
            raise result.reason
        decode_message(OpenChannel().open(result))
    except ProtocolError as error:
        return type(error).__name__
    return ""


def _ask(channel: OpenChannel | ProgrammerChannel, cut: list[bytes]) -> None:
    """A programmer with a request that waits."""
    exchange = Exchange(channel)
    if isinstance(channel, OpenChannel):
        exchange.request(0, Identify())
    else:
        channel.wake()
    for piece in cut:
        try:
            exchange.receive(0, piece)
        except PeerRefused:
            continue


ENDS: Mapping[str, Callable[[list[bytes]], Any]] = {
    "decoder": _decode,
    "columns": _decode_columns,
    "open pump": _answer,
    "secure pump": _keep_silent,
    "open programmer": lambda cut: _ask(OpenChannel(), cut),
    "secure programmer": lambda cut: _ask(programmer_end(_KEY), cut),
}
"""Each takes bytes in pieces. The first two give what they rejected, and why."""


def _carry_out(telecommand: Telecommand) -> Message:
    return ErrorReply(Reason.INTERNAL, telecommand.OPCODE)


def seeds() -> list[bytes]:
    """What to begin with: every message, what must be rejected or refused, a session, and pairs of them."""
    given = vectors()
    wires = [bytes.fromhex(each["wire"]) for part in ("messages", "rejected", "refused") for each in given[part]]
    session = given["session"]
    frames = [session["first_frame"], session["second_frame"]]
    frames += [each["frame"] for way in ("to_pump", "from_pump") for each in session[way]]
    wires += [encode_frame(bytes.fromhex(frame)) for frame in frames]
    pairs = [first + second for first, second in zip(wires, wires[7:], strict=False)]
    bodies = [repr(message).encode()[:200] for kind in MESSAGES.values() for message in examples(kind)]
    return [*wires, *pairs, *bodies]
