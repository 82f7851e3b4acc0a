"""Everything in the protocol that takes bytes from a peer, as one function: it may count and refuse, never raise."""

from protocols.channel import OpenChannel
from protocols.columns import REASONS, ColumnDecoder
from protocols.errors import ProtocolError
from protocols.exchange import Exchange, PeerRefused
from protocols.framing import MAX_ENCODED_BYTES, FrameDecoder, Rejected, encode_frame
from protocols.messages import MESSAGES, ErrorReply, Identify, Message, Reason, Role, Telecommand, decode_message
from protocols.responder import Responder
from protocols.session.keys import insecure_test_key
from protocols.vectors import examples, vectors
from tests.protocols.session.ends import programmer_end, pump_end

__all__ = ["seeds", "take"]

_KEY = insecure_test_key(0, 7, Role.PROGRAMMER)


def take(data: bytes, pieces: int) -> None:
    """Give ``data``, in so many pieces, to every end. Raises AssertionError if two of them disagree."""
    size = max(1, len(data) // max(1, pieces))
    cut = [data[start : start + size] for start in range(0, len(data), size)]
    decoder, columns = FrameDecoder(), ColumnDecoder()
    accepted, verdicts = 0, []
    for piece in cut:
        for result in decoder.feed(piece):
            verdicts.append(_verdict(result))
            accepted += isinstance(result, bytes)
    counted = sorted(
        (int(each["offset"]), REASONS[each["reason"]]) for piece in cut for each in columns.feed(piece).rejected
    )
    assert [reason for _, reason in counted] == [verdict for verdict in verdicts if verdict]
    assert decoder.accepted == accepted
    assert len(decoder._segment) <= MAX_ENCODED_BYTES
    responder = Responder(OpenChannel(), _carry_out)
    answers = b"".join(responder.receive(piece) for piece in cut)
    assert all(isinstance(each, bytes) for each in FrameDecoder().feed(answers))
    sealed = Responder(pump_end(_KEY), _carry_out)
    assert not b"".join(sealed.receive(piece, 0) for piece in cut)
    _ask(cut)


def _verdict(result: bytes | Rejected) -> str:
    try:
        if isinstance(result, Rejected):
            raise result.reason
        decode_message(OpenChannel().open(result))
    except ProtocolError as error:
        return type(error).__name__
    return ""


def _ask(cut: list[bytes]) -> None:
    """The programmer's ends, with a request that waits."""
    for channel in (OpenChannel(), programmer_end(_KEY)):
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
