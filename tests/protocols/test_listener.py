"""Who listens to both directions of a wire: what is heard, sealed, a handshake, or refused, and where it stood."""

import pytest

from protocols.channel import OpenChannel, UnexpectedFrame
from protocols.framing import CobsInvalid, encode_frame
from protocols.listener import MAX_SESSIONS, Greeted, Heard, Listener, Place, Refused, Sealed, WireDirection
from protocols.messages import Identify, ReadStatus, Role, encode_message
from protocols.session.keys import insecure_test_key
from protocols.session.noise import SessionKeys
from protocols.session.programmer_channel import ProgrammerChannel
from protocols.session.pump_channel import PumpChannel
from protocols.session.records import SealedFrameError
from tests.protocols.session.ends import UID, in_session, programmer_end, pump_end

_KEY = insecure_test_key(0, 7, Role.PROGRAMMER)
_ASKED = encode_message(9, ReadStatus())


def _keys_of(programmer: ProgrammerChannel) -> SessionKeys:
    assert programmer.session_keys is not None
    return programmer.session_keys


def _session(name: str) -> tuple[ProgrammerChannel, PumpChannel, bytes]:
    programmer, pump = in_session(name=name)
    return programmer, pump, _keys_of(programmer).handshake_hash[:4]


def test_places_are_counted_in_each_direction() -> None:
    """Offset and length of the encoded bytes, whatever lay between, in whatever pieces they came."""
    wire = encode_frame(OpenChannel().seal(_ASKED))
    listener = Listener()
    heard = [each for byte in b"\0\x05ab\0" + wire + wire[:3] for each in listener.feed("tx", bytes([byte]))]
    refused, asked = heard
    assert isinstance(refused, Refused)
    assert isinstance(refused.reason, CobsInvalid)
    assert refused.place == Place("tx", 1, 3)
    assert asked == Heard(Place("tx", 5, len(wire) - 1), 9, ReadStatus())
    assert listener.feed("rx", wire + wire) == [
        Heard(Place("rx", 0, len(wire) - 1), 9, ReadStatus()),
        Heard(Place("rx", len(wire), len(wire) - 1), 9, ReadStatus()),
    ]
    assert (listener.heard_bytes("tx"), listener.pending("tx")) == (5 + len(wire) + 3, 3)
    assert (listener.heard_bytes("rx"), listener.pending("rx")) == (2 * len(wire), 0)


def test_a_handshake_is_told_by_its_directions() -> None:
    """The first frame names pump and key, the second nobody; either the wrong way round, or cut, is refused."""
    programmer, pump = programmer_end(_KEY), pump_end(_KEY)
    first = programmer.wake()
    pump.open(first)
    second = pump.take_reply()
    assert second is not None
    cases: list[tuple[WireDirection, bytes, tuple[object, ...] | None]] = [
        ("tx", first, ("wake", UID, 7)),
        ("tx", first[:14], ("wake", UID, 7)),
        ("tx", first[:13], None),
        ("rx", first, None),
        ("rx", second, ("greeting", None, None)),
        ("tx", second, None),
        ("tx", b"\x01\x03" + first[2:], None),
        ("rx", b"\x02\x00" + _ASKED, None),
    ]
    for direction, frame, told in cases:
        (said,) = Listener().feed(direction, encode_frame(frame))
        if told is None:
            assert isinstance(said, Refused)
            assert type(said.reason) is UnexpectedFrame
        else:
            assert isinstance(said, Greeted)
            assert (said.kind, said.uid, said.kid) == told


def test_a_sealed_message_is_heard_where_its_keys_are_known() -> None:
    """Each way under its own counter; else its session, counter and length are all that can be told."""
    programmer, pump, session = _session("")
    listener = Listener()
    sent, answered = encode_frame(programmer.seal(_ASKED)), encode_frame(pump.seal(encode_message(4, Identify())))
    place = Place("tx", 0, len(sent) - 1)
    assert Listener().feed("tx", sent) == [Sealed(place, session, 1, len(_ASKED))]
    assert listener.learn(_keys_of(programmer)) == session
    assert listener.feed("tx", sent) == [Heard(place, 9, ReadStatus(), session, 1)]
    (answer,) = listener.feed("rx", answered)
    assert isinstance(answer, Heard)
    assert (answer.seq, answer.message, answer.session, answer.counter) == (4, Identify(), session, 0)
    (wrong_way,) = listener.feed("tx", answered)
    assert isinstance(wrong_way, Refused)


def test_a_frame_that_comes_again_is_refused_however_often_its_keys_are_learnt() -> None:
    """A replay is none of the session's messages."""
    programmer, _, _ = _session("")
    listener, sent = Listener(), encode_frame(programmer.seal(_ASKED))
    for expected in (Heard, Refused, Refused):
        listener.learn(_keys_of(programmer))
        (said,) = listener.feed("tx", sent)
        assert isinstance(said, expected)
    assert isinstance(said, Refused)
    assert type(said.reason) is SealedFrameError


@pytest.mark.parametrize("kept", [1, 3, MAX_SESSIONS])
def test_the_oldest_sessions_are_forgotten(kept: int) -> None:
    """As many as are to be kept are heard; the others' frames are sealed."""
    listener = Listener() if kept == MAX_SESSIONS else Listener(max_sessions=kept)
    ends = [_session(f"{number}") for number in range(kept + 1)]
    for programmer, _, _ in ends:
        listener.learn(_keys_of(programmer))
    said = [listener.feed("tx", encode_frame(programmer.seal(_ASKED)))[0] for programmer, _, _ in ends]
    assert [type(each) for each in said] == [Sealed] + [Heard] * kept
