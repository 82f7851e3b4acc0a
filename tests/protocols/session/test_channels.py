"""The secure link: who gets in, who stays in, and that nothing forged, old or misplaced has an effect."""

import random
import struct
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from protocols.channel import UnexpectedFrame
from protocols.errors import FrameError
from protocols.framing import MAX_FRAME_BYTES
from protocols.messages import Role, Secret
from protocols.session.handshake import Greeting, Wake, first_frame, prologue
from protocols.session.keys import SessionKey, insecure_test_key
from protocols.session.noise import Initiator
from protocols.session.programmer_channel import ProgrammerChannel
from protocols.session.pump_channel import CONFIRM_MS, IDLE_MS, MAX_SESSION_MS, MAX_VIOLATIONS, PumpChannel
from protocols.session.records import MAX_FRAMES, MAX_SEALED_PAYLOAD_BYTES, FrameOpener, FrameSealer, SealedFrameError
from tests.depth import at_depth
from tests.protocols.session.ends import UID, Keys, in_session, programmer_end, pump_end, random_bytes, shake_hands

_KEY = insecure_test_key(0, 7, Role.PROGRAMMER)


def _rejects(pump: PumpChannel, frame: bytes, now_ms: int = 0) -> bool:
    try:
        pump.open(frame, now_ms)
    except FrameError:
        return pump.take_reply() is None
    return False


def test_payloads_go_both_ways() -> None:
    """In a session both ends read what the other one wrote, up to the longest payload."""
    programmer, pump = in_session()
    assert pump.role(0) is Role.PROGRAMMER
    assert pump.kid(0) == 7
    for payload in (b"", b"x", bytes(MAX_SEALED_PAYLOAD_BYTES)):
        assert pump.open(programmer.seal(payload)) == payload
        assert programmer.open(pump.seal(payload)) == payload
    with pytest.raises(ValueError, match="at most"):
        pump.seal(bytes(MAX_SEALED_PAYLOAD_BYTES + 1))


def test_the_greeting_says_where_the_pump_stands() -> None:
    """Boots, state and log's head come with the handshake."""
    programmer, _ = in_session()
    assert programmer.greeting == (3, 42, 9000)


@pytest.mark.parametrize("which", ["first", "second", "sealed"])
def test_no_single_bit_can_be_turned(which: str) -> None:
    """Every bit of either handshake message and of a sealed frame: turned over, the frame has no effect."""
    programmer, pump = programmer_end(_KEY), pump_end(_KEY)
    first = programmer.wake()
    if which == "first":
        victims, frame = pump, first
    else:
        pump.open(first)
        second = pump.take_reply()
        assert second is not None
        if which == "second":
            for bit in range(8 * len(second)):
                with pytest.raises(FrameError):
                    programmer.open(_flipped(second, bit))
            assert programmer.open(second) is None
            return
        programmer.open(second)
        victims, frame = pump, programmer.seal(b"a telecommand")
    for bit in range(8 * len(frame)):
        assert _rejects(victims, _flipped(frame, bit)), bit
    assert pump.handshakes == (0 if which == "first" else 1)
    assert victims.open(frame) == (None if which == "first" else b"a telecommand")


def _flipped(frame: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if place == bit // 8 else 0) for place, byte in enumerate(frame))


def test_misplaced_frames_have_no_effect() -> None:
    """Replayed, reordered beyond the window, from another session, another role, or back to their sender."""
    count = at_depth(10_000, 100_000)
    programmer, pump = in_session()
    others = [in_session(name="other"), in_session(Role.READER, name="reader")]
    chance = random.Random(1)  # noqa: S311 - nothing secret
    old = [programmer.seal(bytes([n % 256])) for n in range(300)]
    assert [pump.open(frame) for frame in old] == [bytes([n % 256]) for n in range(300)]
    foreign = [other.seal(b"x") for other, _ in others for _ in range(200)]
    echoes = [pump.seal(b"x") for _ in range(200)]
    first_frames = [programmer_end(_KEY).wake(), programmer_end(insecure_test_key(1, 7, Role.PROGRAMMER)).wake()]
    frames = [*old, *foreign, *echoes, *first_frames]
    assert sum(_rejects(pump, chance.choice(frames)) for _ in range(count)) == count
    assert pump.handshakes == 1
    assert pump.open(programmer.seal(b"still here")) == b"still here"


@given(st.permutations(range(40)))
def test_frames_may_overtake_each_other(order: list[int]) -> None:
    """Within the window any order is taken, each frame once."""
    programmer, _ = in_session()
    assert programmer.session_keys is not None
    key, sid = programmer.session_keys.to_pump, b"\0\1\2\3"
    sealer, opener = FrameSealer(key, sid), FrameOpener(key, sid)
    frames = [sealer.seal(bytes([n])) for n in range(40)]
    assert [opener.open(frames[place]) for place in order] == [bytes([place]) for place in order]
    for frame in frames:
        with pytest.raises(SealedFrameError, match="came before"):
            opener.open(frame)


def test_a_frame_beyond_the_window_is_too_old() -> None:
    """What was held back for 64 frames is not taken any more."""
    programmer, pump = in_session()
    late = [programmer.seal(bytes([n])) for n in range(2)]
    for _ in range(63):
        pump.open(programmer.seal(b""))
    assert pump.open(late[1]) == b"\x01"
    with pytest.raises(FrameError):
        pump.open(late[0])


@pytest.mark.parametrize(
    ("kind", "counter", "length", "is_taken"),
    [
        (0x0110, 0, 2, True),
        (0x0110, MAX_FRAMES - 1, 2, True),
        (0x0110, MAX_FRAMES, 2, False),
        (0x0110, 0, 1, False),
        (0x0110, 0, 3, False),
        (0x0111, 0, 2, False),
        (0x0210, 0, 2, False),
    ],
)
def test_a_header_must_fit_its_frame(kind: int, counter: int, length: int, *, is_taken: bool) -> None:
    """Whoever has the key may seal anything: a counter too high, a length that is not there, another type."""
    programmer, pump = in_session()
    keys = programmer.session_keys
    assert keys is not None
    header = struct.pack(">H4sIH", kind, keys.handshake_hash[:4], counter, length)
    frame = header + AESGCM(keys.to_pump).encrypt(bytes(4) + counter.to_bytes(8, "big"), b"xy", header)
    opener = FrameOpener(keys.to_pump, keys.handshake_hash[:4])
    if is_taken:
        assert opener.open(frame) == b"xy"
    else:
        with pytest.raises(SealedFrameError, match="does not fit"):
            opener.open(frame)
        assert opener.newest == -1
        assert _rejects(pump, frame)


def test_a_handshake_is_taken_once() -> None:
    """The same first message, and one with an older wake, get silence and cost no curve."""
    programmer, pump = programmer_end(_KEY), pump_end(_KEY)
    older, first = programmer.wake(), programmer.wake()
    pump.open(first)
    pump.take_reply()
    assert _rejects(pump, first)
    assert _rejects(pump, older)
    assert pump.handshakes == 1


def test_a_second_message_is_taken_once() -> None:
    """One that nobody asked for, or that comes again, begins no session and ends none."""
    programmer, pump = programmer_end(_KEY), pump_end(_KEY)
    pump.open(programmer.wake())
    second = pump.take_reply()
    assert second is not None
    with pytest.raises(UnexpectedFrame):
        programmer_end(_KEY).open(second)
    programmer.open(second)
    began = programmer.session_keys
    with pytest.raises(UnexpectedFrame):
        programmer.open(second)
    assert pump.take_reply() is None
    assert pump.open(programmer.seal(b"x")) == b"x"
    assert programmer.session_keys is began


def test_a_session_begins_with_its_first_sealed_frame() -> None:
    """Until then there is none, an older one goes on, and after 2 s it is too late."""
    programmer, pump = programmer_end(_KEY), pump_end(_KEY)
    pump.open(programmer.wake(), 0)
    reply = pump.take_reply()
    assert reply is not None
    assert pump.role(0) is None
    programmer.open(reply, 0)
    assert _rejects(pump, programmer.seal(b"late", CONFIRM_MS), CONFIRM_MS)
    assert pump.role(CONFIRM_MS) is None
    shake_hands(programmer, pump, 10_000)
    intruder = programmer_end(replace(_KEY), "intruder", first_wake=100)
    pump.open(intruder.wake(), 10_001)
    assert pump.open(programmer.seal(b"mine", 10_002), 10_002) == b"mine"


def test_a_new_session_takes_the_place_of_the_old_one() -> None:
    """With its first sealed frame, while the old one is still open: that one is over, all goes to the new one."""
    old, other = programmer_end(_KEY), insecure_test_key(0, 8, Role.READER)
    new, (pump, _) = programmer_end(other, "new"), _pump_and_keys(_KEY, other)
    assert (pump.role(0), pump.kid(0)) == (None, None)
    pump.note_violation()
    shake_hands(old, pump)
    assert (pump.role(0), pump.kid(0)) == (Role.PROGRAMMER, 7)
    shake_hands(new, pump)
    assert (pump.role(0), pump.kid(0)) == (Role.READER, 8)
    assert new.open(pump.seal(b"for the new one")) == b"for the new one"
    assert _rejects(pump, old.seal(b"x"))


@pytest.mark.parametrize("header", [b"\x01\x00", b"\x01\x02", b"\x02\x10"])
def test_other_frames_are_none_for_a_pump_in_the_secure_mode(header: bytes) -> None:
    """Open ones, its own second messages and those of another version: not even in a session."""
    _, pump = in_session()
    with pytest.raises(UnexpectedFrame):
        pump.open(header + bytes(60))


def test_a_programmer_that_takes_short_frames_only_is_not_let_in() -> None:
    """Its wake is authentic, but some answers would not reach it."""
    for most, taken in ((MAX_FRAME_BYTES, True), (MAX_FRAME_BYTES - 1, False)):
        pump = pump_end(_KEY)
        initiator = Initiator(_KEY.psk, prologue(UID, _KEY), Secret(bytes([9] * 32)))
        first = first_frame(UID, _KEY.kid, initiator.first(Wake(1, most).encode()))
        assert _rejects(pump, first) is not taken
        assert pump.handshakes == taken


@pytest.mark.parametrize(("step_ms", "alive_ms"), [(IDLE_MS, 0), (IDLE_MS - 1, MAX_SESSION_MS)])
def test_a_session_ends(step_ms: int, alive_ms: int) -> None:
    """After a minute of silence, and after half an hour whatever is said."""
    programmer, pump = in_session()
    now_ms = step_ms
    while now_ms < alive_ms:
        assert pump.open(programmer.seal(b"x", now_ms), now_ms) == b"x"
        programmer.open(pump.seal(b"y", now_ms), now_ms)
        now_ms += step_ms
    assert pump.role(now_ms) is None
    with pytest.raises(SealedFrameError):
        pump.seal(b"", now_ms)
    assert not programmer.is_open(now_ms)


@pytest.mark.parametrize(("late_ms", "since_ms"), [(IDLE_MS, 0), (MAX_SESSION_MS, MAX_SESSION_MS - 1)])
def test_no_frame_comes_back_to_a_session_that_is_over(late_ms: int, since_ms: int) -> None:
    """What the wire held back until then is not read any more, and brings no session to life again."""
    programmer, pump = in_session()
    for now_ms in range(0, since_ms + 1, IDLE_MS - 1):
        programmer.open(pump.seal(b"y", now_ms), now_ms)
        pump.open(programmer.seal(b"x", now_ms), now_ms)
    late = pump.seal(b"late", since_ms)
    with pytest.raises(FrameError, match="not of this session"):
        programmer.open(late, late_ms)
    assert not programmer.is_open(late_ms)


def test_a_session_is_as_old_as_it_is() -> None:
    """Counted from when it began, not from when either end was switched on."""
    begin_ms = 10 * MAX_SESSION_MS
    programmer, pump = in_session(now_ms=begin_ms)
    for end_ms, is_open in ((begin_ms + IDLE_MS - 1, True), (begin_ms + IDLE_MS, False)):
        assert (pump.role(end_ms) is not None) is is_open
        assert programmer.is_open(end_ms) is is_open


def test_a_session_ends_with_its_last_counter() -> None:
    """The last frame each way is read; then either end has no session any more, instead of a counter too high."""
    programmer, pump = in_session()
    for end in (programmer, pump):
        _sealer_of(end).next_counter = MAX_FRAMES - 1
    assert pump.open(programmer.seal(b"last")) == b"last"
    assert programmer.open(pump.seal(b"answer")) == b"answer"
    for end in (programmer, pump):
        with pytest.raises(SealedFrameError, match="no session"):
            end.seal(b"one more")
    assert not programmer.is_open(0)
    assert pump.role(0) is None
    shake_hands(programmer, pump)
    assert programmer.open(pump.seal(b"anew")) == b"anew"


def _sealer_of(end: ProgrammerChannel | PumpChannel) -> FrameSealer:
    if isinstance(end, ProgrammerChannel):
        assert end._sealer is not None
        return end._sealer
    assert end._session is not None
    return end._session.sealer


def test_violations_end_a_session() -> None:
    """Asking five times for what the role does not allow closes it, for whoever holds the key."""
    programmer, pump = in_session(Role.READER)
    for number in range(MAX_VIOLATIONS):
        assert pump.open(programmer.seal(b"x")) == b"x"
        pump.note_violation()
        assert programmer.open(pump.seal(b"not allowed")) == b"not allowed", number
    assert pump.role(0) is None
    assert _rejects(pump, programmer.seal(b"x"))
    programmer.end()
    shake_hands(programmer, pump)
    assert pump.role(0) is Role.READER


@pytest.mark.parametrize("change", ["revoked", "unknown", "role"])
def test_a_key_must_be_the_pumps_own(change: str) -> None:
    """A revoked key, an unknown number, or a key under another role: silence."""
    held = {
        "revoked": replace(_KEY, enabled=False),
        "unknown": replace(_KEY, kid=8),
        "role": replace(_KEY, role=Role.READER),
    }[change]
    pump = pump_end(held)
    assert _rejects(pump, programmer_end(_KEY).wake())
    assert pump.handshakes == 0


@pytest.mark.parametrize("change", ["revoked", "role", "secret", "gone"])
def test_a_session_ends_with_its_key(change: str) -> None:
    """The answer to what took the key away is the last frame of its session."""
    programmer, pump, keys = programmer_end(_KEY), *_pump_and_keys(_KEY)
    shake_hands(programmer, pump)
    assert pump.open(programmer.seal(b"revoke")) == b"revoke"
    if change == "gone":
        del keys.slots[_KEY.kid]
    else:
        keys.slots[_KEY.kid] = _changed(change)
    assert programmer.open(pump.seal(b"revoked")) == b"revoked"
    assert pump.role(0) is None
    assert _rejects(pump, programmer.seal(b"x"))


@pytest.mark.parametrize("change", ["revoked", "role", "secret"])
def test_a_handshake_is_worth_nothing_without_its_key(change: str) -> None:
    """Between handshake and first sealed frame somebody else's session takes the key away: no session begins."""
    other = insecure_test_key(0, 8, Role.PROGRAMMER)
    first, second = programmer_end(other), programmer_end(_KEY, "second")
    pump, keys = _pump_and_keys(_KEY, other)
    shake_hands(first, pump)
    pump.open(second.wake())
    reply = pump.take_reply()
    assert reply is not None
    second.open(reply)
    keys.slots[_KEY.kid] = _changed(change)
    assert _rejects(pump, second.seal(b"x"))
    assert pump.open(first.seal(b"y")) == b"y"


def _changed(change: str) -> SessionKey:
    return {
        "revoked": replace(_KEY, enabled=False),
        "role": replace(_KEY, role=Role.READER),
        "secret": replace(_KEY, psk=insecure_test_key(1, 7, Role.PROGRAMMER).psk),
    }[change]


def _pump_and_keys(*held: SessionKey) -> tuple[PumpChannel, Keys]:
    keys = Keys(*held)
    return PumpChannel(UID, keys, lambda: Greeting(3, 42, 9000), random_bytes("pump")), keys


def test_a_restart_ends_the_session() -> None:
    """Keys of a session are in no memory that survives."""
    programmer, pump = in_session()
    pump.end()
    assert _rejects(pump, programmer.seal(b"x"))


@given(st.binary(max_size=200))
def test_any_frame_gives_a_frame_error(frame: bytes) -> None:
    """Whatever comes before a session, the pump says nothing and raises nothing else."""
    assert _rejects(pump_end(_KEY), frame)
