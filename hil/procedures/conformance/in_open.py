"""Whether a pump in the open mode answers whole frames under their seq, refuses by name, and does nothing twice."""

from collections.abc import Sequence
from typing import TypeVar

import pytest

from hil.bench import Bench
from hil.procedures.conformance.opcodes import TELEMETRY_OPCODES, UNKNOWN_OPCODES
from hil.pump.pump_wire import Heard, PumpWire, wire_of
from protocols.framing import decode_frame
from protocols.messages import (
    BeginRefill,
    CancelRefill,
    ClockSet,
    ErrorReply,
    Identify,
    Identity,
    Message,
    ReadStatus,
    Reason,
    RefillBegun,
    ReportFilled,
    SetClock,
    Status,
    Telecommand,
    Telemetry,
    VolumeFilled,
)
from protocols.vectors import vectors

__all__ = ["check_errors", "check_framing", "check_oversize", "check_repeats", "check_sequence"]

Reply = TypeVar("Reply", bound=Message)

_MORE = 20
"""So many exchanges more, for what happens only now and then."""
_PAUSE_S = 2.0
_HOUR_MS = 3_600_000
_VOLUME_NL = 1_000_000
"""Said to have been filled in, in a refill that is cancelled."""


def check_framing(wire: PumpWire) -> None:
    """Whole frames are answered in whole frames; all else is dropped, and the next frame is taken at once."""
    before = len(wire.others)
    _answered(wire, "framing", "Identify")
    _silent(wire, "framing", [(bytes.fromhex(each["wire"]), each["why"]) for each in vectors()["rejected"]])
    for vector in vectors()["rejected"]:
        _answered(wire, "framing", f"Identify behind: {vector['why']}", bytes.fromhex(vector["wire"]))
    _answered(wire, "framing", "Identify behind zeros", b"\0\0\0")
    _answered(wire, "framing", "Identify behind noise", b"\x55\xaa\x55\0")
    heard = wire.ask(Identify(), Identify())
    both = {seq for seq, _ in heard.answers}
    assert len(both) > 1, f"framing: {heard} came after two frames at once, not two answers"
    for _ in range(_MORE):
        wire.ask(ReadStatus())
    echoes = [each for each in wire.others[before:] if isinstance(each.message, Telecommand)]
    assert not echoes, f"framing: {len(echoes)} questions came back, such as {echoes[0]}: is there an echo on the line?"
    damaged = [each for each in wire.others[before:] if each.problem]
    assert not damaged, f"framing: {len(damaged)} answers were none, such as: {damaged[0]}"


def check_oversize(wire: PumpWire, monsters: Sequence[tuple[bytes, str]]) -> None:
    """What is too long is dropped and leaves nothing behind."""
    _silent(wire, "oversize", monsters)
    _answered(wire, "oversize", "Identify after too long frames")


def check_sequence(wire: PumpWire, seqs: Sequence[int]) -> None:
    """Each answer has the seq of its question: of ``seqs``, and of those that no programmer is near."""
    for seq in (*seqs, *(wire.new_seq() for _ in range(_MORE))):
        before = len(wire.others)
        heard = wire.ask(Identify(), seq=seq)
        strange = [str(each) for each in wire.others[before:] if isinstance(each.message, Telemetry)]
        assert not strange, f"sequence: {strange[0]} came after Identify (seq {seq})"
        assert heard.frames, f"sequence: {heard} came after Identify (seq {seq})"
    wire.listen(wire.silence_ms())
    wire.forget(*seqs)
    seq, opcode = wire.new_seq(), UNKNOWN_OPCODES[0]
    heard = wire.put(wire_of(seq.to_bytes(2, "big") + bytes([opcode])), seq)
    strange = [str(each) for each in heard.others if isinstance(each.message, Telemetry)]
    assert not strange, f"sequence: {strange[0]} came after unknown opcode {opcode:#04x} (seq {seq})"


def check_errors(wire: PumpWire) -> None:
    """What the pump does not know, or cannot read, is refused by name; what is no telecommand is met with silence."""
    _answered(wire, "errors", "Identify")
    for opcode in UNKNOWN_OPCODES:
        seq = wire.new_seq()
        heard = wire.put(wire_of(seq.to_bytes(2, "big") + bytes([opcode])), seq)
        wanted = ErrorReply(Reason.UNKNOWN_OPCODE, opcode)
        assert heard.answers == ((seq, wanted),), f"errors: {heard} came after unknown opcode {opcode:#04x} (seq {seq})"
    silent = []
    for each in vectors()["refused"]:
        data, why = bytes.fromhex(each["wire"]), each["why"]
        wanted_data = {bytes.fromhex(each[answer]) for answer in ("answer", "answer_if_lacking") if each.get(answer)}
        if not wanted_data:
            silent.append((data, why))
            continue
        heard = wire.put(data, _seq_of(min(wanted_data)))
        assert heard.data in wanted_data, f"errors: {heard} came after {why} ({data.hex()})"
    silent += [
        (wire_of(b"\x00\x01" + bytes([opcode])), f"opcode {opcode:#04x}, which is telemetry")
        for opcode in TELEMETRY_OPCODES
    ]
    _silent(wire, "errors", silent)


def check_repeats(wire: PumpWire, bench: Bench) -> None:
    """A telecommand that changes state and comes again has no second effect, and gets the same answer."""
    lacking = [_repeated_clock(wire, bench), _repeated_volume(wire)]
    if all(lacking):
        pytest.skip("the pump has neither SetClock nor BeginRefill")


def _repeated_clock(wire: PumpWire, bench: Bench) -> bool:
    """Whether the pump has no clock to set."""
    before, before_ms = _status(wire, "repeats", bench)
    wanted_ms = before.clock_utc_ms + _HOUR_MS
    seq = wire.new_seq()
    first = wire.ask(SetClock(wanted_ms), seq=seq)
    if _lacks(first):
        return True
    assert _is(first, ClockSet), f"repeats: {first} came after SetClock"
    try:
        bench.sleep(seconds=_PAUSE_S)
        again = wire.ask(SetClock(wanted_ms), seq=seq)
        assert again.data == first.data, f"repeats: {again} came after SetClock came again, not the same answer"
        went_ms = _status(wire, "repeats", bench)[0].clock_utc_ms - wanted_ms
        shown = f"repeats: the clock shows {went_ms} ms since it was set"
        assert 0 <= went_ms <= _HOUR_MS / 2, f"{shown}: it was not set"
        assert went_ms >= _PAUSE_S * 500, f"{shown}: it was set twice"
    finally:  # whatever was found, the clock goes right
        wire.ask(SetClock(before.clock_utc_ms + bench.now_ms() - before_ms))
    return False


def _repeated_volume(wire: PumpWire) -> bool:
    """Whether the pump knows of no refills."""
    begun = wire.ask(BeginRefill())
    if _lacks(begun):
        return True
    assert _is(begun, RefillBegun), f"repeats: {begun} came after BeginRefill"
    try:
        seq = wire.new_seq()
        first, again = (wire.ask(ReportFilled(_VOLUME_NL), seq=seq) for _ in range(2))
        assert _is(first, VolumeFilled), f"repeats: {first} came after ReportFilled"
        assert again.data == first.data, f"repeats: {again} came after ReportFilled came again, not the same answer"
        more = wire.ask(ReportFilled(_VOLUME_NL))
        wanted = VolumeFilled(2 * _VOLUME_NL)
        said = [message for _, message in more.answers]
        assert said == [wanted], f"repeats: {more} came after ReportFilled in all twice, not {wanted}"
    finally:
        wire.ask(CancelRefill())
    return False


def _silent(wire: PumpWire, check: str, pieces: Sequence[tuple[bytes, str]]) -> None:
    """Send them all, and wait for silence; if it does not come, one by one, to find out which was answered."""
    if not wire.send(b"".join(data for data, _ in pieces), wire.silence_ms()).others:
        return
    wire.listen(wire.silence_ms())
    for data, what in pieces:
        heard = wire.send(data, wire.silence_ms())
        assert not heard.others, f"{check}: {heard} came, not silence, after {what} ({data.hex()[:80]})"
    pytest.fail(f"{check}: something came, not silence, after all of: {'; '.join(what for _, what in pieces)}")


def _answered(wire: PumpWire, check: str, what: str, behind: bytes = b"") -> None:
    heard = wire.ask(Identify(), behind=behind)
    assert _is(heard, Identity), f"{check}: {heard} came after {what}, not Identity"


def _seq_of(data: bytes) -> int:
    """The seq in a whole open frame."""
    return int.from_bytes(decode_frame(data.rstrip(b"\0"))[2:4], "big")


def _reply(wire: PumpWire, check: str, question: Telecommand, kind: type[Reply]) -> Reply:
    heard = wire.ask(question)
    found = heard.answers[0][1] if heard.answers else None
    assert isinstance(found, kind), f"{check}: {heard} came after {type(question).__name__}, not {kind.__name__}"
    return found


def _status(wire: PumpWire, check: str, bench: Bench) -> tuple[Status, int]:
    """The pump's status, and the bench time in ms at which it came."""
    status = _reply(wire, check, ReadStatus(), Status)
    return status, bench.now_ms()


def _is(heard: Heard, kind: type[Message]) -> bool:
    return bool(heard.answers) and all(isinstance(message, kind) for _, message in heard.answers)


def _lacks(heard: Heard) -> bool:
    """Whether the pump says that it has no such telecommand, which it may."""
    said = heard.answers[0][1] if heard.answers else None
    return isinstance(said, ErrorReply) and said.reason is Reason.UNKNOWN_OPCODE
