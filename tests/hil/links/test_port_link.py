"""A port that was lost is opened again by its name when it comes back, and the loss stays visible."""

import contextlib
import os
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from hil.benches.bench_file import PumpTable
from hil.clock import WallClock
from hil.errors import LinkError, LinkTimeout
from hil.links.link import Link
from hil.links.lock import held_locks
from hil.links.open_link import open_link
from hil.links.port_link import PortLink
from hil.links.port_name import resolve_port
from hil.links.resource_key import used_key
from hil.links.serial_port import SerialLink
from hil.links.serial_settings import SerialSettings
from hil.recording.layout import Direction
from hil.recording.tap import TappedLink, WireSink


class Sheet(WireSink):
    """A recording on a sheet of paper."""

    def __init__(self) -> None:
        self.records: list[tuple[Direction, bytes]] = []
        self.notes: list[str] = []

    def write(self, wire: str, direction: Direction, time_ms: int, data: bytes) -> None:
        """Keep it."""
        assert wire == "w"
        assert time_ms >= 0
        self.records.append((direction, data))

    def note(self, time_ms: int, text: str) -> None:
        """Keep it."""
        assert time_ms >= 0
        self.notes.append(text)


class Plug:
    """A serial adapter: a pseudo-terminal under a name that stays, while the device behind it does not."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.plug_in()

    def plug_in(self) -> None:
        """Appear, as another device than before."""
        self._ends = os.openpty()
        tty.setraw(self._ends[1])
        self.device = os.ttyname(self._ends[1])
        self.name.symlink_to(self.device)

    def pull_out(self) -> None:
        """Disappear."""
        self.name.unlink()
        for end in self._ends:
            os.close(end)

    def send(self, data: bytes) -> None:
        """Say it."""
        os.write(self._ends[0], data)

    def receive(self) -> bytes:
        """What the rig said."""
        return os.read(self._ends[0], 100)


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Plug]:
    """An adapter that is plugged in."""
    adapter = Plug(tmp_path / "adapter")
    yield adapter
    with contextlib.suppress(OSError):
        adapter.pull_out()


def tapped(link: Link) -> tuple[TappedLink, Sheet]:
    """The link with a recorder on it."""
    sheet = Sheet()
    return TappedLink(link, "w", sheet, WallClock()), sheet


@pytest.mark.parametrize("form", ["{}", "ASRL{}::INSTR"])
def test_adapter_that_comes_back_is_opened_again(plug: Plug, form: str) -> None:
    """The exchange that met the loss fails, with what had come in the recording; the next one goes through, noted."""
    resource = form.format(plug.name)
    link, sheet = tapped(open_link(resource, SerialSettings()))
    with link:
        link.write(b"one\n")
        plug.send(b"1\n2")
        assert link.read_until(b"\n", 2000) == b"1\n"
        plug.pull_out()
        with pytest.raises(LinkError) as lost:
            link.read_until(b"\n", 2000)
        assert not isinstance(lost.value, LinkTimeout)
        assert resource in str(lost.value)
        with pytest.raises(LinkError, match="lost"):
            link.read_until(b"\n", 2000)
        plug.plug_in()
        assert link.drain() == b""
        link.write(b"two\n")
        assert plug.receive() == b"two\n"
        plug.send(b"2\n")
        assert link.read_until(b"\n", 2000) == b"2\n"
        assert [lock.key for lock in held_locks()] == [f"port:{plug.device}"]
    directions = [direction for direction, _ in sheet.records]
    assert directions == ["tx", "rx", "lost", "lost", "rx", "tx", "rx"]
    assert sheet.records[2] == ("lost", b"2")
    assert any(note.startswith(f"w: {resource}: reopened as ") for note in sheet.notes)
    assert held_locks() == []


@pytest.mark.parametrize("form", ["{}", "ASRL{}::INSTR"])
@pytest.mark.parametrize("settings", [SerialSettings(4800, 7, "E", flow="rts-cts"), SerialSettings(parity="O")])
def test_pseudo_terminal_is_opened_as_often_as_a_port(plug: Plug, form: str, settings: SerialSettings) -> None:
    """Whatever bits and parity the instrument has: a pseudo-terminal has none, and refuses them the second time."""
    for _ in range(3):
        with open_link(form.format(plug.name), settings) as link:
            link.write(b"one\n")
            assert plug.receive() == b"one\n"


@pytest.mark.parametrize("form", ["socket://127.0.0.1:{}", "TCPIP::127.0.0.1::{}::SOCKET"])
def test_server_that_comes_back_is_connected_to_again(form: str) -> None:
    """A serial server that hangs up and restarts: one exchange fails, the next waits until it is back."""
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    link, sheet = tapped(open_link(form.format(port), SerialSettings()))
    with link:
        connection, _ = server.accept()
        connection.close()
        server.close()
        with pytest.raises(LinkError) as lost:
            link.read_until(b"\n", 1000)
        assert not isinstance(lost.value, LinkTimeout)
        restarted: list[socket.socket] = []

        def restart() -> None:
            restarted.append(socket.create_server(("127.0.0.1", port)))

        threading.Timer(0.3, restart).start()
        link.write(b"hello\n")
        connection, _ = restarted[0].accept()
        with connection, restarted[0]:
            assert connection.recv(100) == b"hello\n"
            connection.sendall(b"yes\n")
            assert link.read_until(b"\n", 2000) == b"yes\n"
    assert any("reopened" in note for note in sheet.notes)


def test_adapter_that_comes_back_while_it_is_opened_has_its_own_lock(plug: Plug) -> None:
    """A name that led nowhere when it was locked, and to a device once it was open, is locked as that device."""
    away = False

    def open_port() -> SerialLink:
        nonlocal away
        if away:
            away = False
            plug.plug_in()
        return SerialLink(str(plug.name), SerialSettings())

    link = PortLink(str(plug.name), open_port)
    plug.pull_out()
    with pytest.raises(LinkError, match="lost"):
        link.read_some(100)
    away = True
    link.write(b"two\n")
    assert plug.receive() == b"two\n"
    assert [lock.key for lock in held_locks()] == [f"port:{plug.device}"]
    with pytest.raises(LinkError, match="in use by this very process"):
        open_link(plug.device, SerialSettings())
    link.close()
    assert held_locks() == []


def test_name_that_never_stays_is_refused(plug: Plug) -> None:
    """A name that leads to another device each time it is opened gives neither a port nor a lock."""
    others = [Plug(plug.name.with_name(f"other{number}")) for number in range(3)]
    devices = iter(others)

    def open_port() -> SerialLink:
        plug.name.unlink()
        plug.name.symlink_to(next(devices).device)
        return SerialLink(str(plug.name), SerialSettings())

    with pytest.raises(LinkError, match="leads to another device each time it is opened"):
        PortLink(str(plug.name), open_port)
    assert held_locks() == []
    for other in others:
        other.pull_out()


class HangsUpBehindTheFirstByte(serial.Serial):
    """A real port whose other end goes away as soon as one byte was read."""

    plug: Plug

    def read(self, size: int = 1) -> bytes:
        """Read, and be pulled out."""
        data: bytes = super().read(size)
        if data:
            self.plug.pull_out()
        return data


@pytest.mark.parametrize(("form", "below"), [("{}", "_port"), ("ASRL{}::INSTR", "_below")])
def test_byte_before_a_loss_is_delivered_and_counted(plug: Plug, form: str, below: str) -> None:
    """A port that fails right behind a byte still gives that byte; the next read says that it is lost."""
    link = open_link(form.format(plug.name), SerialSettings())
    assert isinstance(link, PortLink)
    port = getattr(link._link, below)
    port.close()
    setattr(link._link, below, HangsUpBehindTheFirstByte(plug.device, timeout=0.05))
    getattr(link._link, below).plug = plug
    sender = threading.Timer(0.2, plug.send, (b"1",))
    sender.start()
    assert link.read_some(2000) == b"1"
    assert link.received_bytes == 1
    with pytest.raises(LinkError, match="lost while reading"):
        link.read_some(100)
    sender.join()
    link.close()


def test_adapter_that_stays_away_is_given_up(plug: Plug) -> None:
    """A command waits for its port for a while, not for ever; and the port is free for others after close."""
    settings = SerialSettings()
    link = PortLink(str(plug.name), lambda: SerialLink(str(plug.name), settings), reopen_for_s=0.3)
    plug.pull_out()
    with pytest.raises(LinkError, match="lost"):
        link.read_until(b"\n", 500)
    with pytest.raises(LinkError, match=r"lost, and not back within 0\.3 s"):
        link.write(b"?")
    link.close()
    assert held_locks() == []
    with pytest.raises(LinkError, match="closed"):
        link.write(b"?")


def usb(device: str, serial_number: str, vid: int = 0x0403, pid: int = 0x6001) -> ListPortInfo:
    """A port as the system lists it."""
    port = ListPortInfo(device, skip_link_detection=True)
    port.serial_number, port.vid, port.pid = serial_number, vid, pid
    return port


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> list[ListPortInfo]:
    """What the system lists: this machine has no USB adapters."""
    ports: list[ListPortInfo] = []
    monkeypatch.setattr(list_ports, "comports", lambda: list(ports))
    return ports


def test_port_is_found_by_its_usb_serial_number(plug: Plug, there: list[ListPortInfo]) -> None:
    """In whatever case it is written; plugged in elsewhere, it is found there; path and number are one resource."""
    there[:] = [usb("/dev/ttyS9", "A1"), usb(str(plug.name), "FT4x")]
    with open_link("usb:ft4X", SerialSettings()) as link:
        link.write(b"hi")
        assert plug.receive() == b"hi"
        assert used_key("usb:FT4x") == used_key(plug.device)
        with pytest.raises(LinkError, match="in use"):
            open_link(plug.device, SerialSettings())
        plug.pull_out()
        with pytest.raises(LinkError, match="lost"):
            link.read_until(b"\n", 500)
        plug.name = plug.name.with_name("ttyUSB7")
        plug.plug_in()
        there[:] = [usb(str(plug.name), "FT4x")]
        link.write(b"again")
        assert plug.receive() == b"again"
        assert link.take_remarks() == [f"usb:ft4X: reopened as {plug.device}"]


def test_number_that_is_missing_or_ambiguous_is_told_with_what_is_there(there: list[ListPortInfo]) -> None:
    """One line: which ports there are, or which of them it could mean."""
    there[:] = [usb("/dev/ttyUSB0", "A1"), usb("/dev/ttyUSB1", "a1", vid=0x067B, pid=0x2303)]
    with pytest.raises(LinkError, match=r"usb:B2: no port has .*: /dev/ttyUSB0 \(usb:A1\), /dev/ttyUSB1 \(usb:a1\)"):
        open_link("usb:B2", SerialSettings())
    with pytest.raises(LinkError, match="2 ports have this serial number: /dev/ttyUSB0, /dev/ttyUSB1; write usb:VID"):
        open_link("usb:A1", SerialSettings())
    assert resolve_port("usb:067b:2303:A1") == "/dev/ttyUSB1"


@pytest.mark.parametrize("link", ["usb:FT4XYZ", "usb:0403:6001:FT4XYZ", "/dev/serial/by-id/usb-FTDI_X-if00-port0"])
def test_bench_file_takes_names_that_stay(link: str) -> None:
    """A bench file can name a port by the serial number of its adapter."""
    assert PumpTable(link=link, profile="p.toml").link == link


def test_bench_file_refuses_what_is_no_usb_name() -> None:
    """Three hex digits are no vendor."""
    with pytest.raises(ValueError, match="this is no link"):
        PumpTable(link="usb:403:6001:FT4XYZ", profile="p.toml")
