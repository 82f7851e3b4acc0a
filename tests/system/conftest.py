"""Real processes: the command line as a user starts it, and benches served by another process."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.shipped import shipped
from tests import command_line

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as under nohup: what we start would ignore Ctrl-C as well
    signal.signal(signal.SIGINT, signal.default_int_handler)

PumpRig = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pumprig(tmp_path: Path) -> PumpRig:
    """Run the command line in an empty folder: ``pumprig("run", "--seed", "2")``."""

    def run(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        env = {"COLUMNS": "120", "PUMPRIG_STATE_DIR": str(tmp_path / "state")}
        return command_line.pumprig(arguments, cwd=tmp_path, env=env, timeout=timeout)

    return run


def free_ports(count: int) -> list[int]:
    """TCP ports on the loopback that nobody listened on a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def copy_of(name: str, folder: Path) -> Path:
    """A copy of a served bench that comes with pumprig, with ports and pseudo-terminals of its own in ``folder``."""
    text = shipped(f"benches/{name}.toml").read_text(encoding="utf-8")
    ports = sorted(set(re.findall(r"\b476\d\d\b", text)))
    for old, new in zip(ports, free_ports(len(ports)), strict=True):
        text = text.replace(old, str(new))
    text = text.replace(f"/tmp/pumprig-{name}", str(folder / "ptys"))  # noqa: S108 - the shipped file's own path
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def served_file(tmp_path: Path) -> Path:
    """A copy of served.toml with ports and pseudo-terminals of its own, so that tests can run side by side."""
    return copy_of("served", tmp_path)


@pytest.fixture
def served_full_file(tmp_path: Path) -> Path:
    """The same of served-full.toml."""
    return copy_of("served-full", tmp_path)


Serve = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start ``pumprig bench serve FILE ...`` and wait until it says that it is ready."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        process = command_line.Started(["bench", "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        processes.append(process)
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("ready"):
                return process
        pytest.fail(f"the bench was not served:\n{''.join(said)}")

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()


def manifest_of(result: subprocess.CompletedProcess[str], tmp_path: Path) -> dict[str, Any]:
    """The manifest of the only run under ``tmp_path``/runs."""
    folders = list((tmp_path / "runs").iterdir())
    assert len(folders) == 1, result.stdout + result.stderr
    manifest: dict[str, Any] = json.loads((folders[0] / "manifest.json").read_text(encoding="utf-8"))
    return manifest
