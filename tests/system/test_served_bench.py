"""A bench served by another process, over a real pty and real sockets, is the same bench."""

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from hil.pump.pump_session import test_keys as keys_of
from protocols.session.keys import simulated_uid
from tests.system.conftest import PumpRig, Serve

pytestmark = pytest.mark.system


def measured(result: subprocess.CompletedProcess[str]) -> tuple[Any, Path]:
    """The measurements and the run folder that ``pumprig run --json`` speaks of."""
    assert result.returncode == 0, result.stdout + result.stderr
    said = json.loads(result.stdout)
    return said["measurements"], Path(said["folder"])


@pytest.mark.deep
def test_served_in_lock_step_measures_what_in_process_does(
    pumprig: PumpRig, serve: Serve, served_file: Path, tmp_path: Path
) -> None:
    """Pty with pyserial, socket with pyvisa-py, another process: the measurements are those of the in-process run."""
    serve(served_file)
    in_process, _ = measured(pumprig("run", "--seed", "7", "--json"))
    first, first_folder = measured(pumprig("run", "--bench", served_file, "--seed", "7", "--json"))
    second, second_folder = measured(pumprig("run", "--bench", served_file, "--seed", "7", "--json"))
    other, _ = measured(pumprig("run", "--bench", served_file, "--seed", "8", "--json"))
    assert first == in_process
    assert second == first
    assert other != first
    assert (tmp_path / first_folder / "run.mcap").read_bytes() == (tmp_path / second_folder / "run.mcap").read_bytes()


SESSION = """
import pytest

@pytest.mark.procedure("long-silence", measurements=("repeats",))
def test_long_silence(bench, pump, procedure):
    pump.read_status()
    bench.sleep(minutes=2)
    pump.read_status()
    procedure.measure("repeats", pump.repeats, "1", expanded_uncertainty=0.0, upper=0)
"""


def test_a_session_in_lock_step_ends_by_bench_time(
    pumprig: PumpRig, serve: Serve, served_file: Path, tmp_path: Path
) -> None:
    """Behind two minutes of bench time another session is begun at once, and a replay does the same."""
    text = served_file.read_text(encoding="utf-8")
    served_file.write_text(text.replace("[pump]", '[pump]\nsession = "insecure-test-key"'), encoding="utf-8")
    serve(served_file)
    (tmp_path / "silence.py").write_text(SESSION, encoding="utf-8")
    _, folder = measured(pumprig("run", "--bench", served_file, "silence.py", "--json"))
    measured(pumprig("run", "--target", "replay", "--recording", folder, "--json"))


@pytest.mark.deep
def test_fault_is_injected_through_the_control_port(pumprig: PumpRig, serve: Serve, served_file: Path) -> None:
    """An occlusion asked for by the client happens in the server's world."""
    serve(served_file)
    result = pumprig("run", "--bench", served_file, "--inject", "catheter-occlusion@6h")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "flow-accuracy: flow:" in result.stdout


def test_control_port_takes_whole_numbers_only(serve: Serve, served_file: Path) -> None:
    """What a client cannot have meant is refused, and changes neither time nor world."""
    serve(served_file)
    not_whole: tuple[object, ...] = (True, 1.5, "1000", None, -1)
    wrong = [{"do": "advance", "ms": each} for each in not_whole]
    wrong += [{"do": "reset", "seed": each} for each in not_whole]
    text = served_file.read_text(encoding="utf-8")
    port = int(text.split('control = "127.0.0.1:')[1].split('"')[0])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as control:
        replies = control.makefile("r")

        def ask(request: dict[str, object]) -> dict[str, object]:
            control.sendall(json.dumps(request).encode() + b"\n")
            said: dict[str, object] = json.loads(replies.readline())
            return said

        ask({"do": "advance", "ms": 1000})
        before = ask({"do": "hello"})
        assert before["now_ms"] == 1000
        for each in wrong:
            assert "error" in ask(each), each
            assert ask({"do": "hello"}) == before, each


def test_faster_than_real_time_serves_programs_that_know_no_lock_step(serve: Serve, served_file: Path) -> None:
    """At --rate the world moves by itself: a plain socket sees the bath's clock-driven warming."""
    serve(served_file, "--rate", "600")
    port = int(served_file.read_text(encoding="utf-8").split("socket://127.0.0.1:")[1].split('"')[0])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as bath:

        def ask(command: bytes) -> bytes:
            bath.sendall(command + b"\r")
            return bath.recv(100)

        bath.sendall(b"out_sp_00 37.00\r")
        bath.sendall(b"out_mode_05 1\r")
        cold = float(ask(b"in_pv_00"))
        deadline = time.monotonic() + 10
        while (warm := float(ask(b"in_pv_00"))) < cold + 1 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert warm >= cold + 1


def test_port_in_use_ends_in_one_line(pumprig: PumpRig, serve: Serve, served_file: Path) -> None:
    """A second server on the same ports says which port, and what to do, and exits 3."""
    serve(served_file)
    result = pumprig("bench", "serve", served_file)
    assert result.returncode == 3
    assert len(result.stderr.strip().splitlines()) == 1
    assert "in use" in result.stderr
    assert "127.0.0.1:" in result.stderr


def test_client_without_a_server_is_told_to_start_one(pumprig: PumpRig, served_file: Path, tmp_path: Path) -> None:
    """Running against a served bench that is not there exits 3, names control port and command, and leaves no run."""
    result = pumprig("run", "--bench", served_file)
    assert result.returncode == 3
    assert result.stderr.startswith("pumprig: control port 127.0.0.1:")
    assert "pumprig bench serve" in result.stderr
    assert (result.stdout, len(result.stderr.splitlines())) == ("", 1)
    assert not (tmp_path / "runs").exists()


def test_who_comes_right_after_another_drives_the_bench(serve: Serve, served_file: Path) -> None:
    """A client that has hung up is gone at once: it does not count as the one that drives the bench."""
    serve(served_file)
    text = served_file.read_text(encoding="utf-8")
    port = int(text.split('control = "127.0.0.1:')[1].split('"')[0])
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as control:
            control.sendall(b'{"do": "hello"}\n')
            assert "instance" in json.loads(control.makefile("r").readline())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as first, first.makefile("r") as replies:
        first.sendall(b'{"do": "hello"}\n')
        assert "instance" in json.loads(replies.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as second:
            assert "another client drives this bench" in second.makefile("r").readline()


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("role", ["programmer", "reader"])
def test_a_key_that_the_served_pump_does_not_have_is_refused(
    pumprig: PumpRig, serve: Serve, served_file: Path, tmp_path: Path, role: str
) -> None:
    """A simulated pump has its test keys: with one of them it is served, with any other it would never answer."""
    text = served_file.read_text(encoding="utf-8")
    keyed = text.replace(
        'serial_number = "SN0042"\n', 'serial_number = "SN0042"\nsession = "key-file"\nkey_file = "k.toml"\n'
    )
    served_file.write_text(keyed, encoding="utf-8")
    key = keys_of(1)[("programmer", "reader").index(role)]
    lines = f'uid = "{simulated_uid(1).hex()}"\nkid = {key.kid}\nrole = "{role}"\npsk = "{{}}"\n'
    (tmp_path / "k.toml").write_text(lines.format("00" * 32), encoding="utf-8")
    refused = pumprig("bench", "serve", served_file)
    assert refused.returncode == 2, refused.stdout
    assert "k.toml: is no key of the simulated pump" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    (tmp_path / "k.toml").write_text(lines.format(bytes(key.psk).hex()), encoding="utf-8")
    other_seed = pumprig("bench", "serve", served_file, "--seed", "2")
    assert "from its seed, 2," in other_seed.stderr
    serve(served_file)
    checked = pumprig("bench", "check", served_file)
    assert "SN0042, firmware" in checked.stdout, checked.stdout


def test_another_world_than_the_served_one_is_refused(
    pumprig: PumpRig, serve: Serve, served_file: Path, tmp_path: Path
) -> None:
    """A bench file that states another world than the served one is a usage error, not a silent difference."""
    serve(served_file)
    other = tmp_path / "other.toml"
    text = served_file.read_text(encoding="utf-8")
    other.write_text(text.replace("bath_time_constant_min = 12.0", "bath_time_constant_min = 20.0"), encoding="utf-8")
    result = pumprig("run", "--bench", other)
    assert result.returncode == 2
    assert "another world" in result.stdout + result.stderr
