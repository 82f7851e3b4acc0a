"""The answering side: one answer for each telecommand, one effect at most, and silence for all else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.channel import OpenChannel
from protocols.exchange import Responder
from protocols.framing import FrameDecoder, decode_frame, encode_frame
from protocols.messages import (
    Alarms,
    ClockSet,
    ErrorReply,
    History,
    Message,
    Mode,
    ReadHistory,
    ReadStatus,
    Reason,
    Role,
    Sampled,
    SetClock,
    Telecommand,
    decode_message,
    encode_message,
)
from protocols.session.keys import insecure_test_key
from tests.protocols.session.ends import programmer_end, pump_end


def frame(payload: bytes) -> bytes:
    """A payload as the other end would send it."""
    return encode_frame(OpenChannel().seal(payload))


def wire(seq: int, message: Message) -> bytes:
    """A message as the other end would send it."""
    return frame(encode_message(seq, message))


def read(data: bytes) -> list[tuple[int, Message]]:
    """The messages in whole frames."""
    return [decode_message(OpenChannel().open(decode_frame(segment))) for segment in data.split(b"\x00")[:-1]]


class Pump:
    """As much of a pump as has an effect: a clock, and a history that grows with each reading of it."""

    def __init__(self) -> None:
        """The clock was never set."""
        self.settings = [0]
        self.readings = 0

    def handle(self, telecommand: Telecommand) -> Message:
        """Set the clock, or read; refuse all else."""
        match telecommand:
            case SetClock(utc_ms=0):
                return ErrorReply(Reason.OUT_OF_RANGE, 0)
            case SetClock():
                self.settings.append(telecommand.utc_ms)
                return ClockSet(*self.settings[-2:])
            case ReadHistory():
                self.readings += 1
                return History(0, self.readings, bytes(16), (), bytes(16))
        return ErrorReply(Reason.NOT_IN_THIS_MODE, 0)


@pytest.fixture
def pump() -> Pump:
    """A pump whose clock was never set."""
    return Pump()


@pytest.fixture
def responder(pump: Pump) -> Responder:
    """That pump's answering side."""
    return Responder(OpenChannel(), pump.handle)


def test_a_telecommand_gets_its_answer(responder: Responder) -> None:
    """The answer carries the question's seq."""
    assert read(responder.receive(wire(9, SetClock(5)))) == [(9, ClockSet(0, 5))]


def test_telecommands_may_come_in_any_pieces(responder: Responder) -> None:
    """Two telecommands, byte by byte, get two answers in order."""
    stream = wire(1, SetClock(5)) + wire(2, SetClock(6))
    answers = b"".join(responder.receive(bytes([byte])) for byte in stream)
    assert read(answers) == [(1, ClockSet(0, 5)), (2, ClockSet(5, 6))]


def test_a_repeated_telecommand_has_one_effect(responder: Responder, pump: Pump) -> None:
    """A retry gets the stored answer, to the byte, and changes nothing a second time."""
    first = responder.receive(wire(9, SetClock(5)))
    assert responder.receive(wire(9, SetClock(5)) * 2) == first * 2
    assert pump.settings == [0, 5]
    assert responder.repeated == 2


def test_a_late_duplicate_has_no_effect_behind_a_newer_one(responder: Responder, pump: Pump) -> None:
    """An old telecommand that the wire held back does not undo a newer one."""
    responder.receive(wire(1, SetClock(5)) + wire(2, SetClock(6)))
    assert read(responder.receive(wire(1, SetClock(5)))) == [(1, ClockSet(0, 5))]
    assert pump.settings == [0, 5, 6]


def test_the_same_seq_with_other_bytes_is_another_telecommand(responder: Responder, pump: Pump) -> None:
    """A second programmer that happens to count from the same seq is not told the first one's answer."""
    responder.receive(wire(1, SetClock(5)))
    assert read(responder.receive(wire(1, SetClock(6)))) == [(1, ClockSet(5, 6))]
    assert pump.settings == [0, 5, 6]


def test_a_reading_is_never_older_than_its_question(responder: Responder) -> None:
    """Reading again with the same seq, as a restarted programmer does, reads again."""
    answers = [read(responder.receive(wire(1, ReadHistory(0, 10)))) for _ in range(2)]
    assert answers == [[(1, History(0, 1, bytes(16), (), bytes(16)))], [(1, History(0, 2, bytes(16), (), bytes(16)))]]


def test_memory_for_repeats_is_bounded(responder: Responder) -> None:
    """A thousand telecommands leave sixteen answers behind."""
    for seq in range(1000):
        responder.receive(wire(seq, SetClock(seq + 1)))
    assert len(responder._answers) == 16


def test_in_a_session_the_channel_answers_for_itself(pump: Pump) -> None:
    """A handshake with its second message, a telecommand with a sealed answer; silence if it ended the session."""
    key = insecure_test_key(0, 7, Role.PROGRAMMER)
    programmer, channel = programmer_end(key), pump_end(key)
    ended = iter([False, True])

    def handle(telecommand: Telecommand) -> Message:
        if next(ended):
            channel.end()
        return pump.handle(telecommand)

    responder = Responder(channel, handle)
    (second,) = FrameDecoder().feed(responder.receive(encode_frame(programmer.wake())))
    assert isinstance(second, bytes)
    assert programmer.open(second) is None
    asked = [encode_frame(programmer.seal(encode_message(1, SetClock(utc_ms)))) for utc_ms in (5, 6, 7)]
    (answer,) = FrameDecoder().feed(responder.receive(asked[0]))
    assert isinstance(answer, bytes)
    assert decode_message(programmer.open(answer) or b"") == (1, ClockSet(0, 5))
    assert responder.receive(asked[1]) == b""
    assert responder.receive(asked[2]) == b""
    assert (responder.accepted, responder.rejected) == (3, 1)
    assert pump.settings == [0, 5, 6]


def test_the_oldest_is_what_is_forgotten(responder: Responder, pump: Pump) -> None:
    """Behind sixteen newer ones a telecommand is a new one; each of the sixteen still has one effect."""
    for seq in range(17):
        responder.receive(wire(seq, SetClock(seq + 1)))
    for seq in range(16, 0, -1):
        assert read(responder.receive(wire(seq, SetClock(seq + 1)))) == [(seq, ClockSet(seq, seq + 1))]
    assert pump.settings == [*range(18)]
    responder.receive(wire(0, SetClock(1)))
    assert pump.settings == [*range(18), 1]


def test_what_came_is_counted(responder: Responder) -> None:
    """Whole frames, damaged ones, and which seq was answered last."""
    assert (responder.accepted, responder.rejected, responder.seq) == (0, 0, 0)
    responder.receive(wire(7, ReadStatus()) + wire(9, SetClock(5)) + b"\x05ab\x00")
    assert (responder.accepted, responder.rejected, responder.seq) == (2, 1, 9)


def test_a_notice_carries_the_seq_of_what_asked_for_it(responder: Responder) -> None:
    """It goes out as one frame, if there is anybody to tell."""
    notice = Sampled(3, Mode.MONITORING, Alarms(0), 1, 1000, 37_000, 150_000, 0, 101_325, 30_000_000, 3000)
    assert read(responder.notify(7, notice, 0)) == [(7, notice)]
    assert Responder(pump_end(), lambda _: ClockSet(0, 0)).notify(7, notice, 0) == b""


def test_a_refusal_by_the_handler_is_an_answer(responder: Responder) -> None:
    """What the pump refuses is refused with the question's seq, a changed state or not."""
    assert read(responder.receive(wire(1, SetClock(0)))) == [(1, ErrorReply(Reason.OUT_OF_RANGE, 0))]
    assert read(responder.receive(wire(2, ReadStatus()))) == [(2, ErrorReply(Reason.NOT_IN_THIS_MODE, 0))]


@pytest.mark.parametrize("reason", [Reason.NOT_ALLOWED, Reason.NOT_STAGED])
def test_a_refusal_of_who_asked_is_not_remembered(reason: Reason) -> None:
    """The same bytes may come in another session, under another role: they are looked at anew, each time."""
    answers = iter([ErrorReply(reason, 0), ErrorReply(reason, 0), ClockSet(0, 5)])
    responder = Responder(OpenChannel(), lambda _: next(answers))
    told = [read(responder.receive(wire(1, SetClock(5)))) for _ in range(4)]
    assert told == [[(1, ErrorReply(reason, 0))]] * 2 + [[(1, ClockSet(0, 5))]] * 2
    assert responder.repeated == 1


@pytest.mark.parametrize(
    ("payload", "reason"),
    [("0102 7e", Reason.UNKNOWN_OPCODE), ("0102 04 00", Reason.MALFORMED), ("0102 02 00", Reason.MALFORMED)],
)
def test_what_is_no_telecommand_of_ours_is_refused(responder: Responder, payload: str, reason: Reason) -> None:
    """An unknown opcode and a malformed body are answered with the reason and the opcode."""
    data = bytes.fromhex(payload)
    assert read(responder.receive(frame(data))) == [(0x0102, ErrorReply(reason, data[2]))]


@pytest.mark.parametrize(
    "payload", ["", "00", "0001", "0001 84" + 16 * "00", "0001 84", "0001 ff 01 00000000", "0001 90"]
)
def test_what_is_not_for_a_pump_gets_no_answer(responder: Responder, payload: str) -> None:
    """Telemetry, known or not, and payloads without a header are dropped: two pumps never talk to each other."""
    assert responder.receive(frame(bytes.fromhex(payload))) == b""
    assert responder.dropped == 1


@pytest.mark.parametrize(
    "data", [b"\x05ab\x00", encode_frame(b"\x01\x10sealed"), encode_frame(b"\x02\x00\x00\x01\x01")]
)
def test_damage_gets_no_answer(responder: Responder, data: bytes) -> None:
    """What is no frame for this channel is counted only; the next telecommand is answered."""
    assert responder.receive(data) == b""
    assert responder.rejected == 1
    assert read(responder.receive(wire(1, SetClock(5)))) == [(1, ClockSet(0, 5))]


@given(st.binary(max_size=600) | st.binary(max_size=80).map(frame))
def test_any_bytes_are_survived(data: bytes) -> None:
    """Whatever comes, the answers are whole frames, and the next telecommand is answered."""
    responder = Responder(OpenChannel(), Pump().handle)
    read(responder.receive(data + b"\x00"))
    assert len(read(responder.receive(wire(1, ReadHistory(0, 1))))) == 1


def test_a_handlers_wrong_answer_is_its_mistake() -> None:
    """Firmware that answers SetClock with a history is found out at once, not by the peer."""
    responder = Responder(OpenChannel(), lambda _: History(0, 0, bytes(16), (), bytes(16)))
    with pytest.raises(TypeError, match="History is no answer to SetClock"):
        responder.receive(wire(1, SetClock(5)))
