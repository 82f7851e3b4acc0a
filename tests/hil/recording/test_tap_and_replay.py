"""What a tap records of a wire is what a replay needs to be that wire: answers, silences, drains, losses and order."""

from pathlib import Path

import pytest

from hil.errors import LinkError, LinkTimeout, RecordingError
from hil.links.link import Link
from hil.links.virtual import VirtualLink
from hil.pump.programmer import Programmer, PumpFault
from hil.recording.reader import Record, Recording
from hil.recording.replay import ReplayClock, ReplayLink
from hil.recording.tap import TappedLink
from hil.recording.writer import RecordingWriter


class Echo:
    """A device on a virtual wire that says what it is told to, now or later."""

    def __init__(self) -> None:
        """Silent."""
        self.now_ms = 0
        self.start_utc_ms = 1000
        self.later: list[tuple[int, bytes]] = []

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Each line back, but for those that begin with a question mark."""
        del now_ms
        return b"" if data.startswith(b"?") else data

    def next_emit_ms(self) -> int | None:
        """When it speaks unasked."""
        return self.later[0][0] if self.later else None

    def emit(self, now_ms: int) -> bytes:
        """What it says unasked."""
        del now_ms
        return self.later.pop(0)[1]

    def advance_to(self, now_ms: int) -> None:
        """Let time pass."""
        self.now_ms = now_ms


class EchoClock:
    """The time of an Echo's world."""

    def __init__(self, echo: Echo) -> None:
        """Follow ``echo``."""
        self.start_utc_ms = echo.start_utc_ms
        self._echo = echo

    def now_ms(self) -> int:
        """Bench time."""
        return self._echo.now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Let time pass."""
        self._echo.now_ms += duration_ms


class Failing(Link):
    """A link whose port fails with bytes still unread."""

    resource = "/dev/ttyGONE"

    def write(self, data: bytes) -> None:
        """Fail, if told to."""
        if data == b"fail\n":
            raise LinkError(f"{self.resource}: lost while writing")

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """Fail."""
        del terminator, timeout_ms
        raise LinkError(f"{self.resource}: lost while reading")

    def drain(self) -> bytes:
        """What had come."""
        return b"half an ans"

    def monotonic_ms(self) -> int:
        """No time passes."""
        return 0

    def close(self) -> None:
        """Nothing to close."""


class Recorder:
    """A recording under way, and then its replay, recorded again."""

    def __init__(self, folder: Path) -> None:
        """Write into ``folder``."""
        self.echo = Echo()
        self.clock = EchoClock(self.echo)
        self.path = folder / "live.mcap"
        self.again = folder / "again.mcap"
        self.writer = RecordingWriter(self.path, start_utc_ms=1000, metadata={}, attachments={})

    def link(self, wire: str = "echo") -> TappedLink:
        """A tapped link to the echo."""
        echo = self.echo
        return self.tap(VirtualLink(wire, echo, lambda: echo.now_ms, echo.advance_to), wire)

    def tap(self, link: Link, wire: str = "echo") -> TappedLink:
        """``link``, tapped."""
        return TappedLink(link, wire, self.writer, self.clock)

    def stop(self) -> Recording:
        """What was recorded."""
        self.writer.close()
        return Recording.open(self.path)


def replay(recording: Recording, wire: str = "echo") -> tuple[ReplayLink, ReplayClock]:
    """One wire of ``recording``."""
    clock = ReplayClock(recording)
    return ReplayLink(recording, wire, clock), clock


def converse(link: Link) -> list[bytes]:
    """Every operation of a link, among them those that a replay could mix up."""
    heard = [link.drain()]
    link.write(b"one\ntwo\n")
    heard += [link.read_until(b"\n", 100), link.drain(), link.drain()]
    link.write(b"three\nfour\n")
    heard += [link.read_until(b"\n", 100), link.read_until(b"\n", 100)]
    link.write(b"")
    link.write(b"five\n")
    assert link.drain() == b"five\n"
    link.write(b"?\n")
    assert link.drain() == b""
    with pytest.raises(LinkTimeout) as silence:
        link.read_until(b"\n", 250)
    heard.append(str(silence.value.timeout_ms).encode() + silence.value.partial)
    link.write(b"six")
    with pytest.raises(LinkTimeout) as half:
        link.read_until(b"\n", 300)
    heard.append(str(half.value.timeout_ms).encode() + half.value.partial)
    link.write(b"unread\n")
    link.close()
    return heard


def test_replay_hears_what_was_heard_and_records_the_same_bytes(tmp_path: Path) -> None:
    """Answers, empty and full drains, timeouts with their wait and partial bytes; and the file comes out identical."""
    live = Recorder(tmp_path)
    heard = converse(live.link())
    recording = live.stop()
    link, clock = replay(recording)
    writer = RecordingWriter(live.again, start_utc_ms=1000, metadata={}, attachments={})
    assert converse(TappedLink(link, "echo", writer, clock)) == heard
    writer.close()
    assert clock.tape.unplayed == 0
    assert live.again.read_bytes() == live.path.read_bytes()


def test_empty_drain_does_not_swallow_the_answer_behind_it(tmp_path: Path) -> None:
    """A device that speaks by itself: nothing to drain yet, then its line is read; a replay tells them apart."""
    live = Recorder(tmp_path)
    live.echo.later = [(50, b"S S 1 g\r\n")]
    link = live.link()
    assert link.drain() == b""
    assert link.read_until(b"\r\n", 100) == b"S S 1 g\r\n"
    again, clock = replay(live.stop())
    assert again.drain() == b""
    assert again.read_until(b"\r\n", 100) == b"S S 1 g\r\n"
    assert clock.now_ms() == 50


def test_what_nobody_read_is_in_the_recording(tmp_path: Path) -> None:
    """Every byte on every wire: also those that were still waiting when the link was closed."""
    live = Recorder(tmp_path)
    link = live.link()
    link.write(b"one\ntwo\n")
    link.read_until(b"\n", 100)
    link.close()
    link.close()
    assert [record.data for record in live.stop().records] == [b"one\ntwo\n", b"one\n", b"two\n"]


def test_time_of_the_last_answer_is_the_same_in_a_replay(tmp_path: Path) -> None:
    """Time passes between the bytes on a real wire; what a procedure decides by is recorded, whatever it sent since."""
    live = Recorder(tmp_path)
    link = live.link()
    times = []
    for number in range(3):
        live.echo.now_ms += 7
        link.write(b"x\n")
        times.append(link.last_time_ms)
        live.echo.now_ms += number
        link.read_until(b"\n", 100)
        times.append(link.last_time_ms)
    inner, clock = replay(live.stop())
    writer = RecordingWriter(live.again, start_utc_ms=1000, metadata={}, attachments={})
    again = TappedLink(inner, "echo", writer, clock)
    played = []
    for _ in range(3):
        again.write(b"x\n")
        played.append(again.last_time_ms)
        again.read_until(b"\n", 100)
        played.append(again.last_time_ms)
    writer.close()
    assert played == times


@pytest.mark.parametrize("sent", [b"fail\n", b"ask\n"])
def test_lost_port_is_recorded_and_lost_again(tmp_path: Path, sent: bytes) -> None:
    """A port that fails while writing or reading: the bytes that had come are kept, the error is a note."""

    def ask(link: Link) -> None:
        link.write(sent)
        link.read_until(b"\n", 100)

    live = Recorder(tmp_path)
    with pytest.raises(LinkError, match="lost while"):
        ask(live.tap(Failing()))
    recording = live.stop()
    assert recording.records == (Record("echo", "tx", 0, sent), Record("echo", "lost", 0, b"half an ans"))
    assert recording.notes[0].text.startswith("echo: /dev/ttyGONE: lost while")
    link, clock = replay(recording)
    with pytest.raises(LinkError, match="the port failed here, at 0 ms of bench time"):
        ask(link)
    assert link.drain() == b"half an ans"
    assert clock.tape.unplayed == 0


def test_retries_replay_although_no_bench_time_passed(tmp_path: Path) -> None:
    """In lock step a wait on a real port takes no bench time; its replay must still reach the deadline."""
    path = tmp_path / "r.mcap"
    writer = RecordingWriter(path, start_utc_ms=1000, metadata={}, attachments={})
    told: list[bytes] = []

    class Silent(Failing):
        """A port on which nothing comes, and whose waits pass in its own time."""

        waited_ms = 0

        def write(self, data: bytes) -> None:
            told.append(data)

        def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
            del terminator
            self.waited_ms += timeout_ms
            raise LinkTimeout("x", timeout_ms, b"")

        def monotonic_ms(self) -> int:
            return self.waited_ms

    with pytest.raises(PumpFault, match="3 attempts"):
        Programmer(TappedLink(Silent(), "pump", writer, EchoClock(Echo()))).identify()
    writer.close()
    assert len(told) == 3
    link, clock = replay(Recording.open(path), "pump")
    with pytest.raises(PumpFault, match="3 attempts"):
        Programmer(link).identify()
    assert clock.tape.unplayed == 0


def two_wires() -> Recording:
    """The pump is asked, then the bath."""
    records = (
        Record("pump", "tx", 10, b"P\n"),
        Record("pump", "rx", 11, b"p\n"),
        Record("bath", "tx", 5000, b"B\n"),
        Record("bath", "rx", 5001, b"b\n"),
    )
    return Recording(Path("r.mcap"), 1000, {}, {}, records, None)


def test_another_order_of_wires_is_another_procedure() -> None:
    """Each wire alone would match; together they do not, and the first difference is named."""
    recording = two_wires()
    clock = ReplayClock(recording)
    bath = ReplayLink(recording, "bath", clock)
    with pytest.raises(RecordingError, match=r"bath: diverges at 10 ms .* sends b'B\\n', but .* tx on wire pump"):
        bath.write(b"B\n")


def test_waiting_for_longer_is_another_procedure() -> None:
    """A procedure that now waits past the time of what it did next is told so; less or as long is as recorded."""
    recording = two_wires()
    for waits_ms, differs in ((1000, False), (4989, False), (6000, True)):
        clock = ReplayClock(recording)
        pump, bath = (ReplayLink(recording, wire, clock) for wire in ("pump", "bath"))
        pump.write(b"P\n")
        pump.read_until(b"\n", 100)
        clock.sleep_ms(waits_ms)
        if differs:
            with pytest.raises(RecordingError, match="has waited until 6011 ms"):
                bath.write(b"B\n")
        else:
            bath.write(b"B\n")
            assert clock.now_ms() == 5000


@pytest.mark.parametrize("cut", [None, 321])
def test_end_of_the_recording_says_why(cut: int | None) -> None:
    """A replay that runs past the end says so, and that the recording was cut short if it was."""
    recording = Recording(Path("r.mcap"), 1000, {}, {}, (), cut)
    link, _ = replay(recording)
    with pytest.raises(RecordingError, match=r"r\.mcap:echo: .* has ended" + (": it is cut.*321" if cut else "")):
        link.write(b"x\n")


def test_answer_without_the_terminator_is_a_divergence() -> None:
    """A procedure that now reads up to something else is told what had come."""
    recording = Recording(Path("r.mcap"), 1000, {}, {}, (Record("echo", "rx", 3, b"x\n"),), None)
    link, _ = replay(recording)
    with pytest.raises(RecordingError, match=r"at 3 ms .* reads up to b'\\r', but .* b'x\\n' came"):
        link.read_until(b"\r", 100)
