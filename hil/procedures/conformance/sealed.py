"""Whether a pump in the secure mode takes each frame of its session once, nothing else, and answers what is in it."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

import pytest

from hil.bench import Bench
from hil.procedures.conformance.opcodes import TELEMETRY_OPCODES, UNKNOWN_OPCODES
from hil.pump.programmer import Programmer
from hil.pump.pump_wire import PATIENCE_MS, PumpWire, wire_of
from protocols.channel import OpenChannel
from protocols.errors import MessageError, ProtocolError
from protocols.framing import decode_frame, encode_frame
from protocols.messages import (
    ErrorReply,
    Identify,
    ReadStatus,
    Reason,
    SetClock,
    decode_message,
    encode_message,
)
from protocols.reference import ANSWER_MS
from protocols.vectors import vectors

__all__ = [
    "check_answers",
    "check_dropped",
    "check_errors",
    "check_frames_once",
    "check_framing",
    "check_sequence",
    "check_unstaged",
    "instead",
]

Mangle = Callable[[bytes], bytes]
"""What is made of a sealed frame that the pump has not had yet."""

_ATTEMPTS = 3
"""A line may lose a frame, or bring an answer twice or late, for once."""
_AHEAD = 1000
_CTR = slice(6, 10)
_SEQ = 0x4321
"""No programmer is near it, who counts from the time on."""
_EXCHANGES = 50
_HOUR_MS = 3_600_000


def check_answers(pump: Programmer, bench: Bench) -> None:
    """Every telecommand is answered, once and in time, by a frame whose tag fits."""
    before = pump.rejected, pump.surplus, pump.repeats
    slowest_ms = 0
    for _ in range(_EXCHANGES):
        asked_ms = bench.pump_link.monotonic_ms()
        pump.read_status()
        slowest_ms = max(slowest_ms, bench.pump_link.monotonic_ms() - asked_ms)
    after = pump.rejected, pump.surplus, pump.repeats
    rejected, surplus, repeats = (now - then for then, now in zip(before, after, strict=True))
    assert not rejected, f"sealed: {rejected} frames were damaged or forged in {_EXCHANGES} exchanges"
    assert not surplus, f"sealed: {surplus} answers came twice or late in {_EXCHANGES} exchanges"
    assert not repeats, f"sealed: {repeats} of {_EXCHANGES} telecommands had to be asked again"
    assert slowest_ms <= ANSWER_MS, (
        f"sealed: the slowest of {_EXCHANGES} answers took {slowest_ms} ms, over {ANSWER_MS}"
    )


def check_framing(pump: Programmer, wire: PumpWire) -> None:
    """Damaged and forged frames get silence and change nothing: the frame that they were made of is still taken."""
    check_dropped(pump, wire, "framing", [*_damaged(), *_forged()])
    for data, what in ((b"\0\0\0", "zeros"), (b"\x55\xaa\x55\0", "noise")):
        assert _is_taken(pump, wire, data), f"framing: silence came after a sealed frame behind {what}"


def check_dropped(pump: Programmer, wire: PumpWire, check: str, mangles: Sequence[tuple[Mangle, str]]) -> None:
    """Send all that can be made of a frame, then the frame; if something is wrong, one by one, to find out by which."""

    def everything(frame: bytes) -> bytes:
        return b"".join(mangle(frame) for mangle, _ in mangles)

    amiss = _amiss(pump, wire, everything)
    if not amiss:
        return
    for mangle, what in mangles:
        each = _amiss(pump, wire, mangle)
        assert not each, f"{check}: {each} {what}"
    pytest.fail(f"{check}: {amiss} all of: {'; '.join(what for _, what in mangles)}")


def check_frames_once(pump: Programmer, wire: PumpWire) -> None:
    """A sealed frame that comes again is not answered again."""
    for _ in range(_ATTEMPTS):
        frame = pump.unsent(ReadStatus())
        first = wire.send(frame, PATIENCE_MS)
        again = wire.send(frame, wire.silence_ms())
        if first.others and again.is_silence:
            return
    assert first.others, "repeats: silence came after a sealed frame"
    pytest.fail(f"repeats: {again} came, not silence, after a sealed frame that came again")


def check_unstaged(pump: Programmer, bench: Bench) -> bool:
    """A telecommand that changes state is refused unless it was staged, and changes nothing; False if there is none."""
    before, before_ms = pump.read_status(), bench.now_ms()
    answer = pump.exchange(SetClock(before.clock_utc_ms + _HOUR_MS))
    if isinstance(answer, ErrorReply) and answer.reason is Reason.UNKNOWN_OPCODE:
        return False
    went_ms = pump.read_status().clock_utc_ms - before.clock_utc_ms
    if went_ms > _HOUR_MS / 2:  # put right again, in the way that works here
        pump.exchange(SetClock(before.clock_utc_ms + bench.now_ms() - before_ms))
        pytest.fail(f"repeats: {answer} came after SetClock without Stage and Commit, and the clock was set")
    refused = isinstance(answer, ErrorReply) and answer.reason is Reason.NOT_STAGED
    assert refused, f"repeats: {answer} came after SetClock without Stage and Commit, not NOT_STAGED"
    return True


def check_sequence(pump: Programmer, seqs: Iterable[int]) -> None:
    """Each answer has the seq of its question."""
    for seq in seqs:
        answers = _answers(pump, encode_message(seq, Identify()), partial(_is_under, seq))
        assert answers, f"sequence: silence came after Identify (seq {seq})"
        assert _is_under(seq, answers[0]), f"sequence: {_said(answers)} came after Identify (seq {seq})"


def check_errors(pump: Programmer, silence_ms: int) -> None:
    """What the pump does not know, or cannot read, is refused by name; what is no telecommand is met with silence."""
    silent = [(_bare(opcode), f"opcode {opcode:#04x}, which is telemetry") for opcode in TELEMETRY_OPCODES]
    tried = [(_bare(opcode), _unknown(opcode), f"unknown opcode {opcode:#04x}") for opcode in UNKNOWN_OPCODES]
    for each in vectors()["refused"]:
        with suppress(ProtocolError):  # what is no open frame holds no payload
            payload = _payload(each["wire"])
            wanted = {_payload(each[name]) for name in ("answer", "answer_if_lacking") if each.get(name)}
            if wanted:
                tried.append((payload, wanted, each["why"]))
            else:
                silent.append((payload, each["why"]))
    for payload, wanted, why in tried:
        answers = _answers(pump, payload, wanted.__contains__)
        right = bool(answers) and answers[0] in wanted
        assert right, f"errors: {_said(answers)} came after {why} ({payload.hex()})"
    if pump.answers_to(*(payload for payload, _ in silent), wait_ms=silence_ms):
        for payload, why in silent:
            answers = pump.answers_to(payload, wait_ms=silence_ms)
            assert not answers, f"errors: {_said(answers)} came, not silence, after {why} ({payload.hex()})"
        pytest.fail(f"errors: something came, not silence, after all of: {'; '.join(why for _, why in silent)}")


def instead(data: bytes, what: str) -> tuple[Mangle, str]:
    """Bytes that are the same whatever the frame is."""
    return lambda _: data, what


def _answers(pump: Programmer, payload: bytes, is_right: Callable[[bytes], bool]) -> list[bytes]:
    """What came back at the last attempt, or when it was right: a line may lose or damage a frame."""
    for _ in range(_ATTEMPTS):
        answers = pump.answers_to(payload, wait_ms=PATIENCE_MS)
        if answers and is_right(answers[0]):
            break
    return answers


def _bare(opcode: int) -> bytes:
    """A payload that is no more than an opcode."""
    return _SEQ.to_bytes(2, "big") + bytes([opcode])


def _unknown(opcode: int) -> set[bytes]:
    return {encode_message(_SEQ, ErrorReply(Reason.UNKNOWN_OPCODE, opcode))}


def _payload(wire: str) -> bytes:
    return OpenChannel().open(decode_frame(bytes.fromhex(wire).rstrip(b"\0")))


def _is_under(seq: int, answer: bytes) -> bool:
    return answer.startswith(seq.to_bytes(2, "big"))


def _said(answers: Sequence[bytes]) -> str:
    """For findings: what came, in words."""
    if not answers:
        return "silence"
    try:
        seq, message = decode_message(answers[0])
    except MessageError as error:
        return f"{answers[0].hex()} ({error})"
    return f"{message} (seq {seq})"


def _amiss(pump: Programmer, wire: PumpWire, mangle: Mangle) -> str:
    """What is wrong with what came of it, up to the word "after"; nothing if only the frame itself was answered."""
    for _ in range(_ATTEMPTS):
        frame = pump.unsent(ReadStatus())
        heard = wire.send(mangle(frame), wire.silence_ms())
        wire.listen(wire.silence_ms() if heard.others else 0)
        if wire.send(frame, PATIENCE_MS).others and not heard.others:
            return ""
        pump.read_status()  # if the session has ended, another begins
    if heard.others:
        return f"{heard} came, not silence, after"
    return "silence came after the whole frame that followed on"


def _is_taken(pump: Programmer, wire: PumpWire, before: bytes) -> bool:
    return any(wire.send(before + pump.unsent(ReadStatus()), PATIENCE_MS).others for _ in range(_ATTEMPTS))


def _damaged() -> list[tuple[Mangle, str]]:
    pieces: list[tuple[Mangle, str]] = [
        (_flipped(0.0), "a sealed frame with a bit of its count turned over"),
        (_flipped(0.5), "a sealed frame with a bit turned over"),
        (_flipped(1.0), "a sealed frame with a bit of its CRC turned over"),
        (lambda frame: frame[:-2] + b"\0", "a sealed frame without its last byte"),
        (lambda frame: frame[1:], "a sealed frame without its first byte"),
    ]
    return pieces + [instead(bytes.fromhex(each["wire"]), each["why"]) for each in vectors()["rejected"]]


def _forged() -> list[tuple[Mangle, str]]:
    """Each with a CRC that fits."""

    def ahead(frame: bytes) -> bytes:
        raw = decode_frame(frame[:-1])
        counter = int.from_bytes(raw[_CTR], "big") + _AHEAD
        return encode_frame(raw[: _CTR.start] + counter.to_bytes(4, "big") + raw[_CTR.stop :])

    asked = encode_message(1, ReadStatus())
    return [
        (_altered(2), "a frame of another session"),
        (_altered(11), "a frame whose length does not fit"),
        (_altered(12), "a frame whose ciphertext was altered"),
        (_altered(-1), "a frame whose tag was altered"),
        (ahead, f"a frame whose counter was raised by {_AHEAD}"),
        (lambda _: wire_of(asked), "an open frame"),
    ]


def _flipped(share: float) -> Mangle:
    """With one bit turned over so far behind its beginning, as a share of its length; no byte becomes a zero."""

    def flipped(frame: bytes) -> bytes:
        at = round(share * (len(frame) - 2))
        return frame[:at] + bytes([frame[at] ^ (0x20 if frame[at] == 0x10 else 0x10)]) + frame[at + 1 :]

    return flipped


def _altered(at: int) -> Mangle:
    def altered(frame: bytes) -> bytes:
        raw = bytearray(decode_frame(frame[:-1]))
        raw[at] ^= 1
        return encode_frame(bytes(raw))

    return altered
