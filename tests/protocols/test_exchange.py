"""The asking side: deadlines, retries, and whose answer it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.channel import OpenChannel
from protocols.exchange import Exchange, ExchangeTimeout, PeerRefused
from protocols.framing import CobsInvalid, decode_frame, encode_frame
from protocols.messages import (
    Alarms,
    ClockSet,
    ErrorReply,
    Identify,
    Identity,
    Message,
    Mode,
    ReadHistory,
    ReadStatus,
    Reason,
    Sampled,
    SetClock,
    decode_message,
    encode_message,
)
from tests.protocols.session.ends import in_session

IDENTITY = Identity(1, bytes(8), "SN0042", "generic-30ml", 1, 2, 3, 7)


def _sampled(number: int) -> Sampled:
    """A notice."""
    return Sampled(number, Mode.MONITORING, Alarms(0), 1, 1000, 37_000, 150_000, 0, 101_325, 30_000_000, 3000)


def wire(seq: int, message: Message) -> bytes:
    """A message as the other end would send it."""
    return encode_frame(OpenChannel().seal(encode_message(seq, message)))


def read(data: bytes) -> tuple[int, Message]:
    """The message in one whole frame."""
    return decode_message(OpenChannel().open(decode_frame(data.removesuffix(b"\x00"))))


class CountingChannel(OpenChannel):
    """An open channel that counts how often it seals, as a sealed one must with its counter."""

    def __init__(self) -> None:
        """Nothing sealed yet."""
        self.sealed = 0

    def seal(self, payload: bytes, now_ms: int = 0) -> bytes:
        """One more frame."""
        self.sealed += 1
        return super().seal(payload, now_ms)


def test_a_request_gets_its_answer() -> None:
    """One frame out, its answer in, nothing left waiting."""
    exchange = Exchange(OpenChannel())
    assert read(exchange.request(0, Identify())) == (0, Identify())
    assert exchange.next_deadline_ms == 1000
    assert exchange.receive(5, wire(0, IDENTITY)) == IDENTITY
    assert exchange.next_deadline_ms is None


def test_an_answer_comes_together_from_single_bytes() -> None:
    """An answer is given with its last byte, whatever the pieces it came in."""
    exchange = Exchange(OpenChannel())
    exchange.request(0, Identify())
    *most, last = [bytes([byte]) for byte in wire(0, IDENTITY)]
    assert [exchange.receive(1, byte) for byte in most] == [None] * len(most)
    assert exchange.receive(1, last) == IDENTITY


def test_seqs_rise_and_wrap() -> None:
    """Each request has a new seq, modulo 2^16, from where the caller wants to begin."""
    exchange = Exchange(OpenChannel(), first_seq=65535)
    assert [read(exchange.request(0, Identify()))[0] for _ in range(3)] == [65535, 0, 1]


def test_a_retry_repeats_the_seq_in_a_frame_of_its_own() -> None:
    """A retransmission carries the same payload, sealed anew, and moves the deadline."""
    channel = CountingChannel()
    exchange = Exchange(channel, deadline_ms=100, attempts=3)
    first = exchange.request(0, ReadStatus())
    assert exchange.on_deadline(99) == b""
    assert exchange.on_deadline(100) == first
    assert exchange.next_deadline_ms == 200
    assert channel.sealed == 2


def test_the_last_attempt_ends_in_a_timeout() -> None:
    """After the last deadline the error says what was asked and how often, and nothing waits any more."""
    exchange = Exchange(OpenChannel(), deadline_ms=100)
    exchange.request(0, ReadStatus())
    assert exchange.on_deadline(100)
    assert exchange.on_deadline(200)
    with pytest.raises(ExchangeTimeout, match="no answer to ReadStatus in 3 attempts of 100 ms"):
        exchange.on_deadline(300)
    assert exchange.next_deadline_ms is None


def test_an_answer_to_any_attempt_is_the_answer() -> None:
    """An answer that comes after a retry is taken once; its duplicate is dropped and counted."""
    exchange = Exchange(OpenChannel(), deadline_ms=100)
    exchange.request(0, Identify())
    exchange.on_deadline(100)
    assert exchange.receive(150, wire(0, IDENTITY) * 2) == IDENTITY
    assert exchange.dropped == 1


@pytest.mark.parametrize(
    "stray",
    [
        wire(6, IDENTITY),
        wire(8, ErrorReply(Reason.INTERNAL, 0)),
        wire(7, ClockSet(1, 2)),
        wire(7, Identify()),
    ],
    ids=["earlier-seq", "later-seq", "other-answer", "own-echo"],
)
def test_what_answers_another_question_is_dropped(stray: bytes) -> None:
    """Another seq or another kind of answer, or the line's echo, is counted and the right answer still awaited."""
    exchange = Exchange(OpenChannel(), first_seq=7)
    exchange.request(0, Identify())
    assert exchange.receive(1, stray) is None
    assert exchange.dropped == 1
    assert exchange.receive(2, wire(7, IDENTITY)) == IDENTITY


def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    """Before the first request, telemetry is nobody's answer."""
    exchange = Exchange(OpenChannel())
    assert exchange.receive(0, wire(0, IDENTITY)) is None
    assert exchange.dropped == 1


def test_a_refusal_is_an_error_with_its_reason() -> None:
    """The pump's refusal raises, says why, and ends the request."""
    exchange = Exchange(OpenChannel())
    exchange.request(0, ReadHistory(0, 255))
    with pytest.raises(PeerRefused, match=r"refused ReadHistory: OUT_OF_RANGE \(detail 255\)") as caught:
        exchange.receive(1, wire(0, ErrorReply(Reason.OUT_OF_RANGE, 255)))
    assert (caught.value.request, caught.value.reason, caught.value.detail) == ("ReadHistory", Reason.OUT_OF_RANGE, 255)
    assert exchange.next_deadline_ms is None


def test_a_notice_is_no_answer_and_is_kept() -> None:
    """Whatever its seq, it waits with it until somebody looks, once; the answer behind it is still taken."""
    exchange = Exchange(OpenChannel(), first_seq=7)
    exchange.request(0, Identify())
    assert exchange.receive(1, wire(7, _sampled(0)) + wire(3, _sampled(1))) is None
    assert exchange.dropped == 0
    assert exchange.receive(2, wire(7, IDENTITY)) == IDENTITY
    assert exchange.take_notices() == [(7, _sampled(0)), (3, _sampled(1))]
    assert exchange.take_notices() == []


def test_notices_that_nobody_looks_at_are_bounded() -> None:
    """The oldest of thousands are forgotten."""
    exchange = Exchange(OpenChannel())
    exchange.receive(0, b"".join(wire(3, _sampled(number)) for number in range(4100)))
    assert [notice for _, notice in exchange.take_notices()] == [_sampled(number) for number in range(4, 4100)]


def test_what_was_not_taken_is_counted_and_told() -> None:
    """Damage and strays each have a count and a last reason, forgotten with the next request; so have repeats."""
    exchange = Exchange(OpenChannel(), first_seq=7)
    assert (exchange.rejected, exchange.dropped, exchange.repeats) == (0, 0, 0)
    exchange.request(0, Identify())
    exchange.on_deadline(1000)
    exchange.on_deadline(2000)
    exchange.receive(2001, wire(6, IDENTITY) + b"\x05ab\x00" + b"\x05ab\x00")
    assert (exchange.rejected, exchange.dropped, exchange.repeats, exchange.last_seq) == (2, 1, 2, 7)
    assert type(exchange.last_rejection) is CobsInvalid
    assert exchange.last_dropped == "Identity with seq 6 came, not Identity with seq 7"
    exchange.request(2002, ReadStatus())
    forgotten: tuple[object, ...] = (exchange.last_rejection, exchange.last_dropped)
    assert (*forgotten, exchange.last_seq) == (None, None, 8)


def test_a_frame_for_the_channel_is_no_message() -> None:
    """The greeting that opens a session is neither an answer nor damage, and what waits goes on waiting."""
    programmer, pump = in_session()
    exchange = Exchange(programmer)
    exchange.request(0, Identify())
    pump.open(programmer.wake())
    greeting = pump.take_reply()
    assert greeting is not None
    assert exchange.receive(1, encode_frame(greeting)) is None
    assert (exchange.rejected, exchange.dropped, exchange.next_deadline_ms) == (0, 0, 1000)


def test_noise_before_a_request_does_not_swallow_its_answer() -> None:
    """Half a frame from before belongs to no answer of this request."""
    exchange = Exchange(OpenChannel())
    exchange.receive(0, b"\x7fnoise without an end")
    exchange.request(1, Identify())
    assert exchange.receive(2, wire(0, IDENTITY)) == IDENTITY


@given(st.binary(max_size=600) | st.binary(max_size=80).map(lambda body: encode_frame(b"\x01\x00\x00\x07\x81" + body)))
def test_garbage_is_never_an_answer(data: bytes) -> None:
    """Any bytes at all are counted or awaited, never raised and never an answer."""
    exchange = Exchange(OpenChannel(), first_seq=7)
    exchange.request(0, SetClock(1))
    assert exchange.receive(1, data) is None
    assert exchange.next_deadline_ms == 1000


def test_callers_mistakes_are_refused() -> None:
    """Telemetry cannot be asked, a field must fit, and no deadline exists while nothing waits."""
    exchange = Exchange(OpenChannel())
    with pytest.raises(TypeError, match="Identity is no telecommand"):
        exchange.request(0, IDENTITY)
    with pytest.raises(ValueError, match="utc_ms"):
        exchange.request(0, SetClock(-1))
    with pytest.raises(ValueError, match="no request waits"):
        exchange.on_deadline(0)
    with pytest.raises(ValueError, match="must be >= 1"):
        Exchange(OpenChannel(), attempts=0)
    with pytest.raises(ValueError, match="must be >= 1"):
        Exchange(OpenChannel(), deadline_ms=0)
    impatient = Exchange(OpenChannel(), deadline_ms=1, attempts=1)
    impatient.request(0, ReadStatus())
    with pytest.raises(ExchangeTimeout) as caught:
        impatient.on_deadline(1)
    assert (caught.value.request, caught.value.attempts, caught.value.deadline_ms) == ("ReadStatus", 1, 1)
