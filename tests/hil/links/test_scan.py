"""A scan says what there is and asks nobody but those that a bench file names; a served bench holds what it serves."""

import json
import os
import select
import socket
import tempfile
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvisa_py.serial
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from hil.benches.bench_file import LoadedBench, ServedDevice, ServeTable, load_bench
from hil.benches.links_console import print_scan, print_wire_faults
from hil.benches.scan_identity import bench_devices
from hil.errors import LinkError
from hil.links.lock import held_locks
from hil.links.port_scan import FoundPort, _guess_of_visa
from hil.links.wire_faults import parse_wire_faults
from hil.shipped import shipped
from hil.virtual_bench.serve import ServedBench

BENCH = load_bench(shipped("benches/simulated.toml"))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("hil.links.lock._PATIENCE_S", 0.1)


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that the system lists and no bench file names; gives the end at which every byte would come out."""
    master, slave = os.openpty()
    tty.setraw(slave)
    port = ListPortInfo(os.ttyname(slave))
    port.description, port.vid, port.pid, port.serial_number = "Mettler-Toledo balance", 0x0EB8, 0x2200, "B1"
    monkeypatch.setattr(list_ports, "comports", lambda: [port])
    monkeypatch.setattr(pyvisa_py.serial, "comports", lambda: [port])
    yield master
    os.close(master)
    os.close(slave)


@pytest.fixture
def served() -> Iterator[ServedBench]:
    """The simulated bench on free ports, in a thread."""
    bench = ServedBench(BENCH, seed=1, rate=1)
    stop = threading.Event()
    thread = threading.Thread(target=bench.run, args=(stop.is_set,))
    thread.start()
    yield bench
    stop.set()
    thread.join(timeout=5)
    bench.close()


def linked(served: ServedBench) -> LoadedBench:
    """The bench file of a client: pump by its pseudo-terminal, balance by VISA, bath by a socket that is not there."""
    where = {(port.device, port.kind): port.where for port in served.served}
    text = shipped("benches/simulated.toml").read_text(encoding="utf-8")
    text = text.replace("sim:pump", where["pump", "pty"]).replace("sim:bath", "socket://127.0.0.1:1")
    text = text.replace("sim:balance", "TCPIP::{}::{}::SOCKET".format(*where["balance", "tcp"].split(":")))
    path = Path(where["pump", "pty"]).with_name("client.toml")
    path.write_text(text, encoding="utf-8")
    return load_bench(path)


def test_strange_ports_are_told_and_not_written_to(stranger: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Port, USB ids, the name to use, VISA's name for it, and a guess; not one byte comes out at its other end."""
    print_scan(None, network=False, as_json=True)
    said = json.loads(capsys.readouterr().out)
    (port,) = said["ports"]
    assert (port["vid"], port["usb_name"], port["maker"], port["driver_guess"]) == (
        0x0EB8,
        "usb:B1",
        "Mettler-Toledo",
        "mt-sics",
    )
    assert {"resource": f"ASRL{port['device']}::INSTR", "driver_guess": None} in said["visa"]
    assert said["bench"] == []
    print_scan(None, network=False, as_json=False)
    assert "probably for mt-sics" in capsys.readouterr().out
    assert not select.select([stranger], [], [], 0.1)[0]


def test_devices_of_a_bench_file_are_asked_who_they_are(
    stranger: int, served: ServedBench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each by its own driver over its own link; one that is not there says why; nobody else is asked."""
    bench = linked(served)
    print_scan(Path(bench.path), network=False, as_json=True)
    pump, balance, bath = json.loads(capsys.readouterr().out)["bench"]
    assert "serial number SN0042" in pump["identity"]
    assert "SIM-BALANCE-1" in balance["identity"]
    assert bath["identity"] == ""
    assert "socket://127.0.0.1:1: cannot be opened" in bath["problem"]
    assert not select.select([stranger], [], [], 0.1)[0]
    assert all(lock.key.startswith("serve:") for lock in held_locks())  # the client has let go


def test_simulated_devices_are_not_asked() -> None:
    """In a process of their own there is nobody to ask."""
    assert [device.identity for device in bench_devices(BENCH)] == ["simulated"] * 3


def test_what_is_served_is_locked(tmp_path: Path) -> None:
    """A second server on the same pseudo-terminal's name is told who serves it, instead of taking the name away."""
    table = ServeTable(control="127.0.0.1:0", pump=ServedDevice(pty=str(tmp_path / "pump")))
    bench = BENCH.model_copy(update={"file": BENCH.file.model_copy(update={"serve": table})})
    first = ServedBench(bench, seed=1)
    device = (tmp_path / "pump").readlink()
    assert sorted(lock.key.split(":")[1] for lock in held_locks()) == ["pty", "tcp"]
    with pytest.raises(LinkError, match=rf"{tmp_path}/pump: in use by this very process"):
        ServedBench(bench, seed=1)
    assert (tmp_path / "pump").readlink() == device
    first.close()
    assert held_locks() == []


def test_nothing_is_left_of_a_served_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for the names of its pseudo-terminals goes with it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    served = ServedBench(BENCH, seed=1)
    (folder,) = temporary.iterdir()
    assert sorted(link.name for link in folder.iterdir()) == ["balance", "bath", "pump"]
    served.close()
    assert list(temporary.iterdir()) == []


def test_served_wire_has_faults() -> None:
    """On a served bench an answer that is late comes with the next one, over a real socket."""
    bench = ServedBench(BENCH, seed=1, rate=1, wire_faults=parse_wire_faults(["bath:late=100%"], ("bath",)))
    stop = threading.Event()
    thread = threading.Thread(target=bench.run, args=(stop.is_set,))
    thread.start()
    (where,) = [port.where for port in bench.served if (port.device, port.kind) == ("bath", "tcp")]
    host, port = where.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as bath:
        bath.sendall(b"version\r")
        assert not select.select([bath], [], [], 0.2)[0]
        bath.sendall(b"status\r")
        assert b"JULABO" in bath.recv(100)
    stop.set()
    thread.join(timeout=5)
    bench.close()


@pytest.mark.parametrize(
    ("resource", "driver"),
    [
        ("USB0::0x1AB1::0x0E11::DP8A1::INSTR", "scpi"),
        ("USB0::10893::769::MY1::0::INSTR", "scpi"),
        ("USB0::0x9999::1::X::INSTR", None),
        ("USB0::odd", None),
        ("ASRL/dev/ttyS0::INSTR", None),
    ],
)
def test_visa_names_tell_the_maker(resource: str, driver: str | None) -> None:
    """USB test equipment has its maker's number in its name."""
    assert _guess_of_visa(resource) == driver


def test_adapter_says_nothing_of_what_is_behind_it() -> None:
    """An FTDI cable may lead anywhere: its maker is told, a driver is not guessed."""
    port = FoundPort("/dev/ttyUSB0", "FT232R USB UART", 0x0403, 0x6001, "A1", ())
    assert (port.maker, port.driver_guess) == ("FTDI", None)


def test_kinds_of_wire_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its unit and what happens, for people and for programs."""
    print_wire_faults(as_json=False)
    assert "delay      300ms, 0 to 600000ms" in capsys.readouterr().out
    print_wire_faults(as_json=True)
    assert {kind["name"] for kind in json.loads(capsys.readouterr().out)["kinds"]} >= {"drop", "unplug"}
