"""A resource has one owner, however it is named; what dead owners leave behind is taken over by exactly one."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hil.benches.links_console import print_locks, unlock
from hil.errors import LinkError, UsageError
from hil.links.link import Link
from hil.links.lock import STALE_AFTER_S, ResourceLock, held_locks, remove_lock
from hil.links.open_link import open_link
from hil.links.resource_key import served_key, used_key
from hil.links.serial_settings import SerialSettings


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder for each test."""
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("hil.links.lock._PATIENCE_S", 0.3)
    return tmp_path / "state"


def opened(resource: str) -> Link:
    """An open link."""
    return open_link(resource, SerialSettings())


def edit(state: Path, **changes: Any) -> Path:
    """Change what the only lock says of its owner; its time of change stays."""
    (path,) = (state / "locks").glob("*.json")
    said, before = json.loads(path.read_text()), path.stat()
    said["owner"] |= changes
    path.write_text(json.dumps(said))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return path


def test_one_resource_has_one_key(port: str, tmp_path: Path) -> None:
    """Path, another name for it, and VISA mean one port; socket, RFC 2217 and VISA mean one address."""
    other = tmp_path / "by-id"
    other.symlink_to(port)
    assert used_key(port) == used_key(str(other)) == used_key(f"ASRL{port}::INSTR") == used_key(f"asrl{other}::instr")
    assert (
        used_key("socket://localhost:5025")
        == used_key("TCPIP::127.0.0.1::5025::SOCKET")
        == used_key("tcpip0::localhost::5025::socket")
        == used_key("rfc2217://127.0.0.1:5025?ign_set_control")
    )
    assert used_key("COM3") == used_key("com3") == used_key("ASRL3::INSTR")
    different = [
        port,
        "/dev/ttyS0",
        "COM3",
        "socket://127.0.0.1:5025",
        "socket://127.0.0.1:5026",
        "USB0::1::2::3::INSTR",
    ]
    assert len({used_key(each) for each in different}) == len(different)
    assert served_key("tcp", "127.0.0.1:5025") != used_key("socket://127.0.0.1:5025")  # a client may use what is served


def test_second_opener_is_told_who_holds_it(port: str, tmp_path: Path) -> None:
    """By pyserial or VISA, by this name or that: whoever comes second learns who was first, until it lets go."""
    other = tmp_path / "by-id"
    other.symlink_to(port)
    with opened(port):
        for name in (f"ASRL{port}::INSTR", str(other)):
            with pytest.raises(
                LinkError, match=rf"in use by this very process \({os.getpid()}\) since 20.*bench locks"
            ):
                opened(name)
    with opened(str(other)):
        pass
    assert held_locks() == []


def test_failed_opening_leaves_no_lock() -> None:
    """A port that is not there is not locked either."""
    with pytest.raises(LinkError, match="cannot be opened"):
        opened("/dev/ttyNOWHERE9")
    assert held_locks() == []


def test_killed_owner_holds_nothing(port: str) -> None:
    """Another process is named while it lives; when it was killed its lock is stale, and the next opener takes it."""
    code = f"from hil.links.lock import ResourceLock; ResourceLock('port:{port}', '{port}'); print(flush=True); input()"
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdin is not None
    owner.stdout.readline()
    with pytest.raises(LinkError, match=rf"process {owner.pid} on "):
        opened(port)
    with pytest.raises(LinkError, match="--force"):
        unlock(port, force=False)
    owner.kill()  # not waited for: a zombie is dead enough
    with opened(port):
        (lock,) = held_locks()
        assert lock.owner.pid == os.getpid()
    owner.communicate()


def test_another_process_with_the_owners_number_is_not_the_owner(state: Path) -> None:
    """Process numbers are used again: the time at which the process began tells the two apart."""
    ResourceLock("port:x", "x")
    (lock,) = held_locks()
    assert not lock.is_stale
    edit(state, start="1")
    (lock,) = held_locks()
    assert lock.is_stale
    ResourceLock("port:x", "x").release()


def test_owner_on_another_machine_lives_as_long_as_its_heart_beats(state: Path) -> None:
    """Of a lock in a shared folder only the heartbeat tells; it is ten seconds old at most."""
    mine = ResourceLock("port:x", "x")
    path = edit(state, host="elsewhere")
    with pytest.raises(LinkError, match="on elsewhere"):
        ResourceLock("port:x", "x")
    mine._released.set()  # its heart stops
    old = time.time() - STALE_AFTER_S - 1
    os.utime(path, (old, old))
    (lock,) = held_locks()
    assert lock.is_stale
    taken = ResourceLock("port:x", "x")
    assert taken.is_ours()
    assert not mine.is_ours()


_HOLD = "from hil.links.lock import ResourceLock; ResourceLock('port:x', 'x'); print('has it', flush=True); input()"
_NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")


def _can_unshare() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*_NAMESPACE, "true"], check=False).returncode == 0


@pytest.mark.skipif(not _can_unshare(), reason="this system lets us make no PID namespaces")
def test_owner_in_another_container_lives_as_long_as_its_heart_beats(state: Path) -> None:
    """Processes that do not see each other's numbers, on one machine: the lock keeps the second one out."""
    owner = subprocess.Popen(
        [*_NAMESPACE, sys.executable, "-c", _HOLD], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "has it\n"
    (held,) = held_locks()
    assert held.owner.is_dead() is None
    with pytest.raises(LinkError, match="x: in use by "):
        ResourceLock("port:x", "x")
    owner.communicate("\n")
    (path,) = (state / "locks").glob("*.json")
    old = time.time() - STALE_AFTER_S - 1
    os.utime(path, (old, old))
    ResourceLock("port:x", "x").release()


def test_lock_of_an_older_pumprig_is_read(state: Path) -> None:
    """A file that does not say where its process number counts is a lock as well, as long as its heart beats."""
    lock = ResourceLock("port:x", "x")
    (path,) = (state / "locks").glob("*.json")
    said = json.loads(path.read_text())
    del said["owner"]["pid_namespace"]
    path.write_text(json.dumps(said))
    with pytest.raises(LinkError, match="x: in use by "):
        ResourceLock("port:x", "x")
    lock.release()


def test_heart_beats(state: Path) -> None:
    """While it is held, the lock's heartbeat is renewed by itself."""
    lock = ResourceLock("port:x", "x")
    (path,) = (state / "locks").glob("*.json")
    os.utime(path, (1, 1))
    deadline = time.monotonic() + 5
    while path.stat().st_mtime == 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lock.release()
    lock.release()
    assert not path.exists()


def test_what_takes_a_lock_away_can_be_copied() -> None:
    """A port may have a space in its name: the command in the refusal is quoted as a shell needs it."""
    held = ResourceLock("port:/tmp/my bench/pump", "/tmp/my bench/pump")  # noqa: S108 - a name, not a file
    (lock,) = held_locks()
    with pytest.raises(LinkError, match=r"`pumprig bench unlock '/tmp/my bench/pump' --force`"):
        remove_lock(lock)
    held.release()


def test_release_leaves_the_locks_of_others_alone() -> None:
    """Who lost its lock to somebody else does not take it back by letting go."""
    first = ResourceLock("port:x", "x")
    (lock,) = held_locks()
    with pytest.raises(LinkError, match="in use"):
        remove_lock(lock)
    remove_lock(lock, force=True)
    second = ResourceLock("port:x", "x")
    first.release()
    assert second.is_ours()
    remove_lock(lock, force=True)  # of one that is gone already
    assert second.is_ours()
    second.release()


def test_broken_lock_file_locks_nobody_out(state: Path) -> None:
    """A file that is no lock, left by a full disk or by hand, is nobody's."""
    ResourceLock("port:x", "x")
    (path,) = (state / "locks").glob("*.json")
    path.write_text('{"key": ')
    assert held_locks() == []
    ResourceLock("port:x", "x").release()


def test_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock, no port, and no list that says that nothing is locked: which folder, and how to choose another."""
    monkeypatch.setenv("PUMPRIG_STATE_DIR", "/dev/null/state")
    with pytest.raises(LinkError, match=r"/dev/null/state: locks cannot be read: .*PUMPRIG_STATE_DIR"):
        held_locks()
    with pytest.raises(LinkError, match=r"/dev/null/state: .*PUMPRIG_STATE_DIR"):
        ResourceLock("port:x", "x")


_TAKER = """
import json, os, sys, time
from hil.errors import LinkError
from hil.links import lock as locks
folder, times = sys.argv[1], int(sys.argv[2])
read = locks._read
def slow_read(path, now_s):
    held = read(path, now_s)
    time.sleep(0.002)  # between look and leap
    return held
locks._read = slow_read
taken = 0
while taken < times:
    try:
        lock = locks.ResourceLock("port:x", "x")
    except LinkError:
        continue
    inside = os.open(folder + "/inside", os.O_CREAT | os.O_EXCL)  # two at once: FileExistsError
    os.close(inside)
    taken += 1
    os.unlink(folder + "/inside")
    if taken % 3:
        lock.release()
        continue
    lock._released.set()  # die without letting go
    path = locks._path("port:x")
    said = json.loads(path.read_text())
    said["owner"]["start"] = "1"
    part = path.with_name(".dying%d" % os.getpid())
    part.write_text(json.dumps(said))
    part.replace(path)
"""


def test_of_many_takers_one_wins(tmp_path: Path) -> None:
    """Four processes fight for a lock whose owners let go or die: never are two of them inside."""
    takers = [
        subprocess.Popen([sys.executable, "-c", _TAKER, str(tmp_path), "25"], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [taker.communicate(timeout=60)[1] for taker in takers]
    assert [taker.returncode for taker in takers] == [0] * 4, said


def test_locks_are_listed_and_taken_away(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, or one object, for each lock; only a stale one is taken away without force."""
    ResourceLock("tcp:127.0.0.1:5025", "socket://127.0.0.1:5025")
    edit(state, start="1", user="ann", command="pumprig run")
    print_locks(as_json=False)
    said = capsys.readouterr().out
    assert said.startswith("stale socket://127.0.0.1:5025  used by ann, process ")
    print_locks(as_json=True)
    (listed,) = json.loads(capsys.readouterr().out)["locks"]
    assert (listed["owner"], listed["state"], listed["role"]) == ("ann", "stale", "used")
    assert 0 <= listed["heartbeat_age_s"] < 10
    unlock("TCPIP::localhost::5025::SOCKET", force=False)
    assert held_locks() == []
    with pytest.raises(UsageError, match="is not locked"):
        unlock("socket://127.0.0.1:5025", force=False)


def test_owner_is_the_same_after_a_round_trip() -> None:
    """What stands in the file is who took it."""
    lock = ResourceLock("port:x", "x")
    (held,) = held_locks()
    assert held.owner.is_this_process()
    assert held.owner.is_dead() is False
    assert replace(held.owner, boot="another start of this machine").is_dead() is None
    lock.release()
