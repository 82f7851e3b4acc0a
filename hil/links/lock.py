"""One lock of our own for each resource, whoever opens it and by which library.

::

    free ── take ──> held ── release ──> free
                      │
                      └── the owner died, or sends no heartbeat ──> stale ── take ──> held

A lock is a small file in the folder of locks; its time of change is the heartbeat, which a thread renews. Every change
is made under one guard, which the operating system lets go of when a process dies: so of two who take over a stale
lock only one finds it stale.
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from shlex import quote

from hil.errors import LinkError
from hil.links.guard import guarded
from hil.links.owner import Owner
from hil.state_folder import state_folder

__all__ = ["HEARTBEAT_S", "STALE_AFTER_S", "HeldLock", "ResourceLock", "held_locks", "remove_lock"]

HEARTBEAT_S = 1.0
STALE_AFTER_S = 10.0
"""Without a heartbeat, for an owner that cannot be asked: on another machine that shares the folder."""
_PATIENCE_S = 2.0
"""An owner that was killed a moment ago seems to live until its last thread has ended: on a busy machine, for long."""
_RETRY_S = 0.02


@dataclass(frozen=True)
class HeldLock:
    """A lock as its file says, and how old its heartbeat is."""

    key: str
    resource: str
    """As the owner wrote it."""
    owner: Owner
    since: str
    token: str
    heartbeat_age_s: float

    @property
    def is_stale(self) -> bool:
        """Whether it may be taken: the owner is dead or, if that cannot be known, silent for too long."""
        dead = self.owner.is_dead()
        return self.heartbeat_age_s > STALE_AFTER_S if dead is None else dead


class ResourceLock:
    """The lock of one resource, held until it is released or this process ends."""

    def __init__(self, key: str, resource: str) -> None:
        """Take the lock ``key``. Raises LinkError that says who holds it, or why it cannot be taken."""
        self.key = key
        self._token = uuid.uuid4().hex
        give_up = time.monotonic() + _PATIENCE_S
        while (holder := self._take(resource)) is not None:
            if time.monotonic() >= give_up:
                raise LinkError(f"{resource}: in use by {holder.owner} since {holder.since}; see `pumprig bench locks`")
            time.sleep(_RETRY_S)
        self._released = threading.Event()
        threading.Thread(target=self._beat, name=f"lock {key}", daemon=True).start()

    def release(self) -> None:
        """Let others have it. Releasing twice is harmless."""
        if self._released.is_set():
            return
        self._released.set()
        with suppress(OSError, LinkError), _locks(self.key) as (path, now_s):
            held = _read(path, now_s)
            if held is not None and held.token == self._token:
                path.unlink()

    def is_ours(self) -> bool:
        """Whether it still is: another machine may take it from one that slept, and ``unlock --force`` from anybody."""
        held = _read(_path(self.key), 0.0)
        return held is not None and held.token == self._token

    def _take(self, resource: str) -> HeldLock | None:
        """Take it, or give who has it."""
        try:
            with _locks(self.key) as (path, now_s):
                held = _read(path, now_s)
                if held is not None and not held.is_stale:
                    return held
                path.unlink(missing_ok=True)
                self._write(path, resource)
        except OSError as error:
            raise LinkError(
                f"{resource}: cannot be locked in {state_folder()}: {error.strerror or error}; "
                "PUMPRIG_STATE_DIR names another folder"
            ) from error
        return None

    def _write(self, path: Path, resource: str) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        said = {
            "key": self.key,
            "resource": resource,
            "owner": asdict(Owner.this_process()),
            "since": since,
            "token": self._token,
        }
        whole = path.with_name(f".{self._token}")
        whole.write_text(json.dumps(said, indent=1), encoding="utf-8")
        try:
            os.link(whole, path)  # fails if anything is there: nobody is overwritten, guard or no guard
        except FileExistsError:
            raise
        except OSError:
            whole.rename(path)  # file systems without links
        finally:
            whole.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT_S):
            with suppress(OSError):
                if self.is_ours():
                    os.utime(_path(self.key))


def held_locks() -> list[HeldLock]:
    """Every lock in the folder, by resource. Raises LinkError if the folder cannot be looked into."""
    try:
        if not any(_folder().iterdir()):
            return []
        with _guard() as now_s:
            found = [_read(path, now_s) for path in _folder().glob("*.json")]
    except FileNotFoundError:
        return []  # nobody has locked anything yet
    except OSError as error:
        raise LinkError(
            f"{state_folder()}: locks cannot be read: {error.strerror}; PUMPRIG_STATE_DIR names another folder"
        ) from error
    return sorted((lock for lock in found if lock is not None), key=lambda lock: lock.key)


def remove_lock(lock: HeldLock, *, force: bool = False) -> None:
    """Take ``lock`` away from its owner. Raises LinkError if it is not stale, unless by ``force``."""
    with _locks(lock.key) as (path, now_s):
        held = _read(path, now_s)
        if held is None or held.token != lock.token:
            return  # let go, or taken over, meanwhile
        if not (held.is_stale or force):
            raise LinkError(
                f"{held.resource}: in use by {held.owner} since {held.since}; end that program, or take the lock away "
                f"with `pumprig bench unlock {quote(held.resource)} --force`"
            )
        path.unlink()


@contextmanager
def _locks(key: str) -> Iterator[tuple[Path, float]]:
    """The file of a lock and the time by the clock of its file system, while nobody else changes any lock."""
    _folder().mkdir(parents=True, exist_ok=True)
    with _guard() as now_s:
        yield _path(key), now_s


def _guard() -> AbstractContextManager[float]:
    return guarded(_folder() / ".guard")


def _folder() -> Path:
    return state_folder() / "locks"


def _path(key: str) -> Path:
    return _folder() / f"{sha256(key.encode()).hexdigest()[:16]}.json"


def _read(path: Path, now_s: float) -> HeldLock | None:
    """The lock in ``path``; None if there is none, or what is there is none: nobody could ever let go of it."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        age_s = max(0.0, now_s - path.stat().st_mtime)
        return HeldLock(
            said["key"], said["resource"], Owner(**said["owner"]), said["since"], said["token"], round(age_s, 1)
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
