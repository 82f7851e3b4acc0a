"""Playing a wire to another program: what is sent, in which order, and what the controls do."""

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.errors import BenchFault, UsageError
from hil.player.outlet import Outlet, open_outlet
from hil.player.pace import Lateness, Pace, wait_until_ns
from hil.player.player import Player
from hil.player.schedule import Schedule, place_and_time, speed_of, time_of
from hil.recording.writer import RecordingWriter

PIECES = [(time_ms, b"piece %d\n" % time_ms) for time_ms in (0, 100, 100, 350, 60_000, 60_010, 200_000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording of two wires, with what was sent, an answer that was cut off and drains that found nothing."""
    writer = RecordingWriter(tmp_path / "r.mcap", start_utc_ms=1000, metadata={}, attachments={})
    for number, (time_ms, data) in enumerate(PIECES):
        writer.write("dut", "tx", time_ms, b"asked\n")
        writer.write("dut", "rx", time_ms, b"")
        writer.write("other", "rx", time_ms, b"another wire\n")
        writer.write("dut", "timeout" if number == 3 else "rx", time_ms, data)
    writer.close()
    return tmp_path / "r.mcap"


class Script:
    """Controls that do something each time they are asked, and stop after the last."""

    def __init__(self, *actions: Callable[[Player], object]) -> None:
        self._actions = list(actions)
        self.stopped = False

    def wait(self, seconds: float, player: Player) -> bool:
        """The next action."""
        if self._actions:
            self._actions.pop(0)(player)
            return True
        time.sleep(min(seconds, 0.001))
        return self.stopped

    def should_stop(self) -> bool:
        """As it was told."""
        return self.stopped


class Ear:
    """An outlet that keeps what it gets."""

    where = "an ear"

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def has_listener(self) -> bool:
        """It always listens."""
        return True

    def send(self, data: bytes) -> None:
        """Keep it."""
        self.heard.append(data)

    def idle(self) -> None:
        """Nobody comes."""

    def is_behind(self) -> bool:
        """Never."""
        return False

    def cut_bytes(self) -> int:
        """It takes everything."""
        return 0

    def close(self) -> None:
        """Nothing."""


def test_only_what_came_over_the_wire_is_played(path: Path) -> None:
    """In order, with what had come of an answer that was cut off; at full speed nothing is waited for."""
    ear = Ear()
    played = Player(Schedule(path, "dut"), ear, Script(), None).play(loop=False)
    assert ear.heard == [data for _, data in PIECES]
    assert (played.pieces, played.bytes, len(played.lateness)) == (7, sum(map(len, ear.heard)), 0)


class Slow(Ear):
    """An outlet whose other side takes a while, or for ever."""

    def __init__(self, looks: int | None) -> None:
        super().__init__()
        self._looks = looks
        self._left: int | None = 0

    def send(self, data: bytes) -> None:
        """It is behind from now on."""
        super().send(data)
        self._left = self._looks

    def is_behind(self) -> bool:
        """For so many looks."""
        if self._left:
            self._left -= 1
        return self._left != 0


def test_at_full_speed_only_an_end_or_a_seek_goes_before_what_is_not_taken(path: Path) -> None:
    """A key that asks for neither loses nothing; both are heard while somebody takes nothing at all."""
    script = Script(*[lambda player: player.change_speed(1)] * 5)
    slow = Slow(looks=3)
    assert Player(Schedule(path, "dut"), slow, script, None).play(loop=False).pieces == len(PIECES)
    stuck = Slow(looks=None)
    script = Script(
        lambda _: None,  # each before something is sent
        lambda player: player.seek(60_000),
        lambda _: None,
        lambda _: setattr(script, "stopped", True),
    )
    Player(Schedule(path, "dut"), stuck, script, None).play(loop=False)
    assert stuck.heard == [b"piece 0\n", b"piece 60000\n"]


@pytest.mark.parametrize(
    ("begin", "end", "skip", "due"),
    [
        (None, None, None, [0, 100, 100, 350, 60_000, 60_010, 200_000]),
        (100, 60_005, None, [0, 0, 250, 59_900]),
        (50, None, 1000, [50, 50, 300, 1300, 1310, 2310]),
    ],
)
def test_times_count_from_where_it_begins(
    path: Path, begin: int | None, end: int | None, skip: int | None, due: list[int]
) -> None:
    """With a part of the recording, and with every longer silence cut."""
    cues = list(Schedule(path, "dut", begin, end, skip).cues())
    assert [cue.due_ms for cue in cues] == due
    assert all(cue.time_ms >= (begin or 0) for cue in cues)


def test_nothing_is_played_from_before_it_begins(path: Path) -> None:
    """Wherever somebody wants to go on from."""
    assert [cue.time_ms for cue in Schedule(path, "dut", 350).cues(100)] == [350, 60_000, 60_010, 200_000]
    assert [cue.time_ms for cue in Schedule(path, "dut", 350).cues(60_010)] == [60_010, 200_000]
    assert next(Schedule(path, "dut").cues(0)).time_ms == 0


def test_a_wire_on_which_nothing_came_names_those_on_which_something_did(path: Path) -> None:
    """So that a typing mistake is seen at once."""
    with pytest.raises(UsageError, match=r"nothing came on wire 'bath' in that time .*; bytes came on dut, other"):
        Schedule(path, "bath").span_ms()
    assert Schedule(path, "dut").span_ms() == (0, 200_000)


def test_seeking_goes_on_from_there(path: Path) -> None:
    """Forward over the long silence, from the piece that was sent last; and back."""
    ear = Ear()
    script = Script(lambda player: player.seek(60_000), lambda player: player.change_speed(9))
    Player(Schedule(path, "dut"), ear, script, 0.001).play(loop=False)
    assert ear.heard[-3:] == [b"piece 60000\n", b"piece 60010\n", b"piece 200000\n"]
    assert b"piece 350\n" not in ear.heard


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """A recording of two hours with bytes at each full hour only."""
    writer = RecordingWriter(tmp_path / "s.mcap", start_utc_ms=0, metadata={}, attachments={})
    for hour in range(3):
        writer.write("dut", "rx", hour * 3_600_000, b"hour %d\n" % hour)
    writer.close()
    return tmp_path / "s.mcap"


class Midway:
    """Controls that seek once half an hour has passed, and stop then."""

    def __init__(self, *by_ms: int) -> None:
        self._by_ms = by_ms
        self.stood: list[int] = []

    def wait(self, seconds: float, player: Player) -> bool:
        """Seek, and keep where it stood before and behind each time."""
        time.sleep(min(seconds, 0.001))
        if self.should_stop() or player.position_ms() < 1_800_000:
            return False
        player.toggle()  # nothing passes while it is looked at
        self.stood.append(player.position_ms())
        for by_ms in self._by_ms:
            player.seek(by_ms)
            self.stood.append(player.position_ms())
        return True

    def should_stop(self) -> bool:
        """After the seeking."""
        return bool(self.stood)


@pytest.mark.parametrize("by_ms", [(10_000,), (-10_000,), (10_000, 10_000, 600_000), (-600_000, -10_000)])
def test_seeking_in_a_silence_counts_from_where_it_stands(silence: Path, by_ms: tuple[int, ...]) -> None:
    """Half an hour behind the last bytes, ten seconds ahead is ahead; several times in a row add up."""
    controls = Midway(*by_ms)
    Player(Schedule(silence, "dut"), Ear(), controls, 36_000.0).play(loop=False)
    assert [after - before for before, after in itertools.pairwise(controls.stood)] == list(by_ms)
    assert 1_800_000 <= controls.stood[0] < 3_600_000


def test_where_it_stands_goes_no_further_than_the_next_bytes(silence: Path) -> None:
    """A silence that is cut passes as fast as it is cut; and nothing is sought before what is played at all."""
    stood = []

    def look(player: Player) -> None:
        player.pace.move_to(2_000.0)
        stood.append(player.position_ms())
        player.pace.move_to(1e9)
        stood.append(player.position_ms())
        player.seek(-9_000_000)
        stood.append(player.position_ms())

    cut = Schedule(silence, "dut", from_ms=1_000, skip_gaps_ms=5_000)
    script = Script(look, lambda player: player.change_speed(9))
    Player(cut, Ear(), script, 1.0).play(loop=False)
    assert stood == [3_000, 3_600_000, 1_000]


def test_a_pause_holds_until_it_is_ended(path: Path) -> None:
    """Nothing is sent while it stands, whatever time passes; speed can be changed meanwhile."""
    ear = Ear()
    during: list[int] = []
    actions = [Player.toggle, *[lambda _: during.append(len(ear.heard))] * 5, lambda player: player.change_speed(9)]
    script = Script(*actions, Player.toggle)
    Player(Schedule(path, "dut", to_ms=350), ear, script, 0.01).play(loop=False)
    assert len(set(during)) == 1
    assert len(ear.heard) == 4


def test_a_loop_plays_on_until_it_is_stopped(path: Path) -> None:
    """From the beginning each time."""
    ear = Ear()
    script = Script()

    class Counting(Ear):
        def send(self, data: bytes) -> None:
            ear.send(data)
            script.stopped = len(ear.heard) >= 16

    Player(Schedule(path, "dut"), Counting(), script, None).play(loop=True)
    assert ear.heard[7:14] == ear.heard[:7]


def heard_from(outlet: Outlet, read: Callable[[], bytes], path: Path, want: int) -> bytes:
    """What another program reads while the recording is played to a real outlet."""
    got = bytearray()

    def listen() -> None:
        while len(got) < want:
            data = read()
            if not data:
                break
            got.extend(data)

    reader = threading.Thread(target=listen, daemon=True)
    reader.start()
    Player(Schedule(path, "dut"), outlet, Script(), None).play(loop=False)
    reader.join(5)
    return bytes(got)


def test_a_pseudo_terminal_carries_every_byte(path: Path, tmp_path: Path) -> None:
    """Read as any serial port; raw, so that nothing is changed on the way. What is said to it is thrown away."""
    outlet = open_outlet(f"pty:{tmp_path / 'port'}", 9600)
    port = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
    os.write(port, b"nobody listens")
    whole = b"".join(data for _, data in PIECES)
    assert heard_from(outlet, lambda: os.read(port, 100), path, len(whole)) == whole
    os.close(port)
    outlet.close()
    assert not (tmp_path / "port").exists()


def test_everyone_who_connects_hears_it(path: Path) -> None:
    """A listening socket; it waits for the first one, and takes no harm from one that leaves."""
    outlet = open_outlet("tcp:127.0.0.1:0", 9600)
    assert not outlet.has_listener()
    address = outlet.where.split()[1].rpartition(":")
    gone = socket.create_connection((address[0], int(address[2])))
    with socket.create_connection((address[0], int(address[2])), timeout=5) as one:
        outlet.idle()
        assert outlet.has_listener()
        gone.close()
        whole = b"".join(data for _, data in PIECES)
        assert heard_from(outlet, lambda: one.recv(100), path, len(whole)) == whole
    outlet.close()


def _connected(outlet: Outlet) -> socket.socket:
    host, _, port = outlet.where.split()[1].rpartition(":")
    client = socket.create_connection((host, int(port)), timeout=5)
    before = time.monotonic()
    while not outlet.has_listener() and time.monotonic() - before < 5:
        outlet.idle()
    return client


def test_who_reads_too_slowly_is_told_what_was_left_out(tmp_path: Path) -> None:
    """As many bytes as are missing from what it reads in the end."""
    writer = RecordingWriter(tmp_path / "r.mcap", start_utc_ms=0, metadata={}, attachments={})
    pieces = [bytes([65 + number % 26]) * 60_000 for number in range(200)]
    for number, data in enumerate(pieces):
        writer.write("dut", "rx", number, data)
    writer.close()
    outlet = open_outlet("tcp:127.0.0.1:0", 9600)
    got = bytearray()
    with _connected(outlet) as client:
        reader = threading.Thread(target=lambda: got.extend(_until_closed(client)))

        class Late(Script):
            def wait(self, seconds: float, player: Player) -> bool:
                if player.played.pieces == len(pieces) and reader.ident is None:
                    reader.start()
                return super().wait(seconds, player)

        played = Player(Schedule(tmp_path / "r.mcap", "dut"), outlet, Late(), 10.0).play(loop=False)
        outlet.close()
        reader.join(10)
    assert played.untaken
    assert played.cut_bytes == sum(map(len, pieces)) - len(got) > 0


def _until_closed(client: socket.socket) -> bytes:
    got = bytearray()
    while data := client.recv(1 << 16):
        got.extend(data)
    return bytes(got)


def test_who_takes_everything_has_lost_nothing(path: Path) -> None:
    """Although it reads only later: what the system holds for it is not lost."""
    outlet = open_outlet("tcp:127.0.0.1:0", 9600)
    with _connected(outlet):
        played = Player(Schedule(path, "dut"), outlet, Script(), None).play(loop=False)
        outlet.close()
    assert (played.untaken, played.cut_bytes) == (False, 0)


def test_a_pseudo_terminal_that_nobody_reads_is_told_too(tmp_path: Path) -> None:
    """What is behind the backlog's end and the system's buffer."""
    outlet = open_outlet(f"pty:{tmp_path / 'port'}", 9600)
    outlet.send(bytes(3 << 20))
    assert outlet.cut_bytes() >= 1 << 20
    outlet.close()


def test_who_says_nothing_more_still_listens(path: Path) -> None:
    """A client that closes its sending side, as of /dev/null, hears everything; one that hung up goes."""
    outlet = open_outlet("tcp:127.0.0.1:0", 9600)
    with _connected(outlet) as client:
        client.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        whole = b"".join(data for _, data in PIECES)
        assert heard_from(outlet, lambda: client.recv(100), path, len(whole)) == whole
        assert outlet.has_listener()
    before = time.monotonic()
    while outlet.has_listener() and time.monotonic() - before < 5:
        outlet.send(b"anybody?")
        outlet.idle()
    assert not outlet.has_listener()
    outlet.close()


def test_what_is_no_outlet_is_refused() -> None:
    """With what would have been right; a port that is not there is the bench's fault."""
    for wrong in ("x", "serial:", "tcp:host", "tcp:1.2.3.4:99999"):
        with pytest.raises(UsageError, match="--to"):
            open_outlet(wrong, 9600)
    with pytest.raises(BenchFault, match="/dev/none"):
        open_outlet("serial:/dev/none", 9600)


def test_speeds_and_times_as_people_write_them() -> None:
    """A number or max; times with units."""
    assert (speed_of("max"), speed_of("2.5"), speed_of("0.5")) == (None, 2.5, 0.5)
    assert (time_of("--from", None), time_of("--from", "0"), time_of("--from", "1h30min")) == (None, 0, 5_400_000)
    for wrong in ("0", "-1", "nan", "inf", "fast"):
        with pytest.raises(UsageError, match="--speed"):
            speed_of(wrong)
    with pytest.raises(UsageError, match="--from 3x"):
        time_of("--from", "3x")


def test_where_to_and_until_when_are_said_by_one_option() -> None:
    """In either order, and only once each."""
    assert place_and_time("--to", ("pty", "1d2h")) == place_and_time("--to", ("1d2h", "pty")) == ("pty", 93_600_000)
    assert place_and_time("--to", ()) == (None, None)
    for twice in (("pty", "tcp"), ("1h", "2h")):
        with pytest.raises(UsageError, match=f"--to {twice[0]} already"):
            place_and_time("--to", twice)


def test_a_wait_is_over_when_it_is_due_or_something_happens() -> None:
    """It sleeps for all but the last stretch; at full speed there is nothing to wait for."""
    slept: list[float] = []

    def sleep(seconds: float) -> bool:
        slept.append(seconds)
        time.sleep(seconds)
        return False

    due_ns = time.monotonic_ns() + 50_000_000
    assert wait_until_ns(due_ns, sleep)
    assert time.monotonic_ns() >= due_ns
    assert 0 < slept[0] < 0.05
    assert not wait_until_ns(time.monotonic_ns() + 10**12, lambda _: True)
    assert Pace(None).position_ms() == 0.0
    assert wait_until_ns(Pace(None).due_ns(1e9), lambda _: True)


def test_a_change_of_speed_does_not_jump() -> None:
    """The position stays; only how fast it moves is another."""
    pace = Pace(1.0)
    pace.move_to(5000.0)
    before = pace.position_ms()
    pace.set_speed(100.0)
    assert before <= pace.position_ms() < before + 2000
    pace.set_paused(paused=True)
    here = pace.position_ms()
    assert pace.position_ms() == here
    assert pace.due_ns(here + 100) - pace.due_ns(here) == 1_000_000


def test_lateness_is_told_by_quantiles() -> None:
    """Of a hundred pieces, each a millisecond later than the one before."""
    lateness = Lateness()
    with pytest.raises(ValueError, match="nothing"):
        lateness.quantiles_ms()
    for ms in range(101):
        lateness.add(ms * 1_000_000)
    assert lateness.quantiles_ms() == (50.0, 99.0, 100.0)
