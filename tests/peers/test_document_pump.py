"""A pump made from the page of the reference alone, against the rig: in both modes, in virtual time.

The page's tables are its codec. So what the page says otherwise than the code, or not at all, fails here.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cobs.cobs import decode as decoded_cobs
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from hil.bench import Bench, open_bench
from hil.benches.bench_file import load_bench
from hil.benches.wiring import SimulatedWiring
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings
from hil.links.virtual import VirtualLink
from hil.procedures import protocol_conformance as conformance
from hil.pump.programmer import CommandNotApplied
from protocols.errors import FrameError
from protocols.framing import CrcMismatch, decode_frame
from protocols.messages import Outcome, SetClock
from protocols.vectors import vectors
from tests.hil.procedures.conforming import Nowhere, findings
from tests.peers.document_pump.pump import _SENSED, DocumentPump, Key
from tests.peers.document_pump.tables import FOR_READERS, MESSAGES, decoded, encoded
from tests.peers.document_pump.wire import Session, Untrue, answered, first_payload, framed, unframed

_BENCHES = Path(__file__).parents[2] / "fixtures" / "benches"
_UID = hashlib.blake2b(b"pumprig uid 1", digest_size=8).digest()
"""Of a simulated pump, and so are the test keys: as the guide says."""


def _settings() -> dict[str, int]:
    (middling,) = [each for each in vectors()["messages"] if each["message"] == "ConfigurationReport"][1:2]
    settings: dict[str, int] = dict(middling["fields"]["settings"])
    return settings | {"capacity_nl": 30_000_000, "flow_debounce_m": 3, "flow_debounce_n": 2}


def _keys() -> dict[int, Key]:
    psks = {kid: hashlib.sha256(f"pumprig insecure test key 1 {kid} {role}".encode()) for kid, role in ((1, 2), (2, 1))}
    return {1: Key(2, psks[1].digest()), 2: Key(1, psks[2].digest())}


class _Wiring(SimulatedWiring):
    """The simulated bench with another pump in it."""

    pump: DocumentPump

    def open(self, wire: str, resource: str, serial: SerialSettings) -> Link:
        """Plug in."""
        if wire != "pump":
            return super().open(wire, resource, serial)
        world = self._world
        return VirtualLink(resource, self.pump, lambda: world.now_ms, world.advance_to)


@contextmanager
def _bench(name: str, pump: DocumentPump, tmp_path: Path) -> Iterator[Bench]:
    text = (_BENCHES / name).read_text(encoding="utf-8").replace('"../pumps', f'"{_BENCHES.parent}/pumps')
    path = tmp_path / name
    path.write_text(text.replace('serial_number = "SN0042"', 'serial_number = "DOC-1"'), encoding="utf-8")
    loaded = load_bench(path)
    wiring = _Wiring(loaded, 1, ())
    wiring.pump = pump
    with ExitStack() as cleanup:
        yield open_bench(loaded, wiring, Nowhere(), cleanup, seed=1)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda each: each.hex()))


def test_the_tables_are_those_of_the_vectors() -> None:
    """Every message, to fields and back, frame and all; each opcode of the page has a vector."""
    for vector in vectors()["messages"]:
        payload = bytes.fromhex(vector["payload"])
        assert framed(b"\1\0" + payload).hex() == vector["wire"]
        assert unframed(bytes.fromhex(vector["wire"])[:-1])[2:] == payload
        name, fields = decoded(payload[2:])
        assert (name, _plain(fields)) == (vector["message"], vector["fields"])
        assert encoded(name, **fields) == payload[2:]
    assert {each["opcode"] for each in vectors()["messages"]} == MESSAGES.keys()


def test_the_vectors_session_is_the_specifications() -> None:
    """Second message and sealed frames, by an implementation that shares no line with the rig's."""
    given = vectors()["session"]
    state, payload = first_payload(
        bytes.fromhex(given["prologue"]), bytes.fromhex(given["psk"]), bytes.fromhex(given["first_frame"])[14:]
    )
    assert payload.hex() == "0000000000000001" + "0200"
    theirs, secret = bytes.fromhex(given["first_frame"])[14:46], bytes.fromhex(given["responder_ephemeral"])
    told = bytes.fromhex("000000030000002a00002328")
    message, session = answered(state, theirs, told, secret)
    assert (b"\1\2" + message).hex() == given["second_frame"]
    assert state.hash.hex() == given["handshake_hash"]
    for sent, back in zip(given["to_pump"], given["from_pump"], strict=True):
        frame = bytes.fromhex(sent["frame"])
        assert session.open(frame).hex() == sent["payload"]
        assert session.seal(bytes.fromhex(back["payload"])).hex() == back["frame"]
        with pytest.raises(Untrue):
            session.open(frame)


def test_it_conforms_in_the_open_mode(tmp_path: Path) -> None:
    """Not one finding."""
    with _bench("simulated.toml", DocumentPump(_settings(), _UID), tmp_path) as bench:
        assert findings(bench) == {}


def test_it_conforms_in_the_secure_mode(tmp_path: Path) -> None:
    """In sessions that the rig opens with the test keys: not one finding."""
    with _bench("simulated-secure.toml", DocumentPump(_settings(), _UID, _keys()), tmp_path) as bench:
        assert findings(bench) == {}


def _no_tag(monkeypatch: pytest.MonkeyPatch, _: DocumentPump) -> None:
    """Deciphers, and looks at nothing."""
    keys: dict[bytes, bytes] = {}
    begin = Session.__init__

    def kept(session: Session, sid: bytes, to_pump: bytes, from_pump: bytes) -> None:
        keys[sid] = to_pump
        begin(session, sid, to_pump, from_pump)

    def opened(session: Session, frame: bytes) -> bytes:
        number = int.from_bytes(frame[6:10], "big")
        if number in session._taken:
            raise Untrue("old")
        session._taken.add(number)
        first_block = bytes(4) + number.to_bytes(8, "big") + b"\0\0\0\2"
        return Cipher(AES(keys[session.sid]), CTR(first_block)).decryptor().update(frame[12:-16])

    monkeypatch.setattr(Session, "__init__", kept)
    monkeypatch.setattr(Session, "open", opened)


def _no_crc(monkeypatch: pytest.MonkeyPatch, _: DocumentPump) -> None:
    """Takes any four bytes for a CRC."""

    def unchecked(piece: bytes) -> bytes:
        try:
            return decode_frame(piece)
        except CrcMismatch:
            return bytes(decoded_cobs(piece))[:-4]
        except FrameError:
            raise Untrue from None

    monkeypatch.setattr("tests.peers.document_pump.pump.unframed", unchecked)


def _no_window(monkeypatch: pytest.MonkeyPatch, _: DocumentPump) -> None:
    """Takes a frame as often as it comes."""
    opened = Session.open

    def again(session: Session, frame: bytes) -> bytes:
        session._taken.clear()
        return opened(session, frame)

    monkeypatch.setattr(Session, "open", again)


def _early_window(monkeypatch: pytest.MonkeyPatch, _: DocumentPump) -> None:
    """Moves its window before it looks at the tag."""
    opened = Session.open

    def moved(session: Session, frame: bytes) -> bytes:
        number = int.from_bytes(frame[6:10], "big")
        if number <= session._newest - 64:
            raise Untrue("old")
        session._newest = max(session._newest, number)
        return opened(session, frame)

    monkeypatch.setattr(Session, "open", moved)


def _ends_session(monkeypatch: pytest.MonkeyPatch, pump: DocumentPump) -> None:
    """Ends its session with a frame whose tag does not fit."""
    opened = Session.open

    def ended(session: Session, frame: bytes) -> bytes:
        try:
            return opened(session, frame)
        except Untrue:
            pump.session = None
            raise

    monkeypatch.setattr(Session, "open", ended)


def _unstaged(monkeypatch: pytest.MonkeyPatch, pump: DocumentPump) -> None:
    """Sets its clock for whoever asks."""
    told = DocumentPump._told

    def at_once(self: DocumentPump, payload: bytes, kid: int, role: int) -> bytes:
        if payload[2] != SetClock.OPCODE:
            return told(self, payload, kid, role)
        _, fields = decoded(payload[2:])
        return pump._set_clock(**fields)

    monkeypatch.setattr(DocumentPump, "_told", at_once)


def _celsius(monkeypatch: pytest.MonkeyPatch, _: DocumentPump) -> None:
    monkeypatch.setitem(_SENSED, "temperature_mc", 37)


def _microlitres(monkeypatch: pytest.MonkeyPatch, _: DocumentPump) -> None:
    """Tells its flow in uL/day."""
    told = DocumentPump._read_status
    monkeypatch.setattr(
        DocumentPump, "_read_status", lambda self: (body := told(self))[:52] + (1000).to_bytes(4, "big") + body[56:]
    )


def _slow(monkeypatch: pytest.MonkeyPatch, pump: DocumentPump) -> None:
    """Answers after 600 ms."""
    receive, due_ms, emit = pump.receive, pump.next_emit_ms, pump.emit
    waiting: list[tuple[int, bytes]] = []

    def received(now_ms: int, data: bytes) -> bytes:
        waiting.append((now_ms + 600, receive(now_ms, data)))
        return b""

    def emitted(now_ms: int) -> bytes:
        out = b"".join(data for at_ms, data in waiting if at_ms <= now_ms)
        waiting[:] = [each for each in waiting if each[0] > now_ms]
        notice_ms = due_ms()
        return out + (emit(now_ms) if notice_ms is not None and notice_ms <= now_ms else b"")

    def next_ms() -> int | None:
        return min((each for each in (due_ms(), *(at_ms for at_ms, _ in waiting)) if each is not None), default=None)

    for name, method in (("receive", received), ("emit", emitted), ("next_emit_ms", next_ms)):
        monkeypatch.setattr(pump, name, method)


_SECURE_FAULTS: dict[str, tuple[Callable[[pytest.MonkeyPatch, DocumentPump], None], str, str]] = {
    "no-tag": (_no_tag, "protocol-framing", "came, not silence, after a frame whose (length|ciphertext|tag) "),
    "no-crc": (_no_crc, "protocol-framing", "came, not silence, after a sealed frame with a bit of its CRC"),
    "early-window": (_early_window, "protocol-framing", "silence came after .* whose counter was raised by 1000"),
    "ends-session": (_ends_session, "protocol-framing", "silence came after .* a frame whose length does not fit"),
    "no-window": (_no_window, "protocol-repeats", "came, not silence, after a sealed frame that came again"),
    "unstaged": (_unstaged, "protocol-repeats", "ClockSet.* came after SetClock without Stage"),
    "slow": (_slow, "protocol-sealed", "the slowest of 50 answers took 600 ms, over 500"),
    "celsius": (_celsius, "protocol-values", "temperature_mc is 37, outside"),
    "microlitres": (_microlitres, "protocol-flow", "flow_nl_per_day is 1000 in Status, outside 100000 to 10000000"),
}


@pytest.mark.parametrize("fault", _SECURE_FAULTS)
def test_a_fault_in_the_secure_mode_is_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """By the procedure that is there for it, and by no other."""
    sabotage, procedure, said = _SECURE_FAULTS[fault]
    pump = DocumentPump(_settings(), _UID, _keys())
    sabotage(monkeypatch, pump)
    with _bench("simulated-secure.toml", pump, tmp_path) as bench:
        found = findings(bench)
    assert found.keys() == {procedure}, found
    assert re.search(said, found[procedure]), found


def test_a_tag_that_does_not_fit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though only every seventh answer has one, and asking again helps."""
    sealed = Session.seal

    def forged(session: Session, payload: bytes) -> bytes:
        frame = sealed(session, payload)
        return frame if frame[9] % 7 else frame[:-1] + bytes([frame[-1] ^ 1])

    monkeypatch.setattr(Session, "seal", forged)
    with (
        _bench("simulated-secure.toml", DocumentPump(_settings(), _UID, _keys()), tmp_path) as bench,
        pytest.raises(AssertionError, match=r"sealed: [78] frames were damaged or forged in 50 exchanges"),
    ):
        conformance.test_sealed(bench, bench.pump)


def test_a_reader_that_may_do_anything_is_found(tmp_path: Path) -> None:
    """And the refill that it began is cancelled."""
    keys = _keys()
    pump = DocumentPump(_settings(), _UID, keys)
    FOR_READERS.update({0x10, 0x11, 0x12})
    try:
        with _bench("simulated-secure.toml", pump, tmp_path) as bench:
            with pytest.raises(pytest.fail.Exception, match="BeginRefill was carried out for a reader"):
                conformance.test_roles(bench, bench.pump)
            conformance.test_lockout(bench, bench.pump)
    finally:
        FOR_READERS.difference_update({0x10, 0x11, 0x12})


def test_the_programmers_verbs_work_with_it(tmp_path: Path) -> None:
    """A clock is set once, a wrong configuration is refused for good, and the log tells of both."""
    pump = DocumentPump(_settings(), _UID, _keys())
    with _bench("simulated-secure.toml", pump, tmp_path) as bench:
        before_ms = bench.pump.read_status().clock_utc_ms
        assert bench.pump.set_clock(before_ms + 5000).previous_utc_ms == before_ms
        with pytest.raises(CommandNotApplied, match="OUT_OF_RANGE") as refused:
            bench.pump.set_clock(0)
        assert refused.value.outcome is Outcome.REFUSED
        assert bench.pump.read_diagnostics().state_seq == 2
        assert [event.value for event in bench.pump.read_events(3)] == [5000]
        assert len(bench.pump.read_history(0)) == 30
