"""Writes a run's journal, and answers from it what an interrupted process had found before this one."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hil.errors import RecordingError
from hil.measurement import Measurement
from hil.procedure import Procedure
from hil.runs.kept_run import ItemKey, KeptRun, Page, Part, Taken
from hil.runs.observer import Observer
from hil.runs.run_journal import JOURNAL, RunJournal

__all__ = ["RunKeeper"]


class RunKeeper:
    """Keeps what procedures find out as they find it."""

    def __init__(self, folder: Path, resumed: KeptRun | None) -> None:
        """Begin the journal of the run in ``folder``, or go on with it. Raises UsageError if it is in use."""
        self._journal = RunJournal(folder / JOURNAL)
        self._resumed = resumed
        self.parts: list[Part] = [] if resumed is None else list(resumed.parts)
        self.devices: dict[str, dict[str, str]] = {} if resumed is None else dict(resumed.devices)
        self.repeated: list[str] = []
        """Names of procedures of which an interrupted attempt was begun again."""
        self.went_on: list[str] = []
        """Names of procedures that went on from what they had kept."""
        self.bench_faults: list[str] = [] if resumed is None else list(resumed.bench_faults)
        """What ended attempts that were resumed: which procedure, and what was wrong with the bench."""

    @property
    def world_went_on(self) -> bool:
        """Whether the bench is the one that the interrupted process left."""
        return bool(self.parts) and self.parts[-1].world == "went on"

    @property
    def bench_lives_on(self) -> bool:
        """Whether the bench outlives the process that works on it."""
        return bool(self.parts) and self.parts[-1].lives_on

    def take_up(self, part: Part) -> None:
        """A process begins to work on the bench."""
        self.parts.append(part)
        self._journal.append("part", **part.model_dump(mode="json"))

    def identified(self, devices: dict[str, dict[str, str]]) -> None:
        """Every device has said who it is."""
        self.devices |= devices
        self._journal.append("devices", devices=devices)

    def begun(self, page: Procedure) -> None:
        """An attempt begins."""
        if self._resumed is not None and (page.item, page.attempt) in self._resumed.begun:
            self.repeated.append(page.name)
        self._journal.append("begun", item=page.item, attempt=page.attempt, name=page.name, utc=_now())

    def measured(self, page: Procedure, measurement: Measurement) -> None:
        """Keep a measurement; it is on the disk when this returns."""
        said = _plain(Taken(measurement=measurement))
        self._journal.append("measured", item=page.item, attempt=page.attempt, **said)

    def keep(self, page: Procedure, name: str, data: Any) -> None:
        """Keep ``data``; it is on the disk when this returns. Not where the bench ends with the process anyway."""
        if self.bench_lives_on:
            self._journal.append("kept", item=page.item, attempt=page.attempt, name=name, data=data)

    def kept(self, page: Procedure, name: str) -> list[Any]:
        """What was kept under ``name`` by the interrupted process, if its bench is still there."""
        if self._resumed is None or not self.world_went_on:
            return []
        found = self._resumed.kept.get((page.item, page.attempt, name), [])
        if found and page.name not in self.went_on:
            self.went_on.append(page.name)
        return list(found)

    def ended(self, page: Procedure) -> None:
        """An attempt has ended. One that was interrupted or left unfinished is begun again by a resumed run."""
        if isinstance(page.error, KeyboardInterrupt):
            return
        if not page.unfinished:
            self._journal.append(
                "finished", item=page.item, attempt=page.attempt, utc=_now(), page=_plain(Page.of(page))
            )
        elif page.error is not None:  # else it was quarantined behind one that has an error
            fault = f"{page.name}: {page.problem}"
            with suppress(RecordingError):  # what is not written here is begun again all the same
                self._journal.append("unfinished", item=page.item, attempt=page.attempt, fault=fault)

    def quarantined(self, reason: str) -> None:
        """The pump failed."""
        self._journal.append("quarantined", reason=reason)

    def before(self, key: ItemKey, observer: Observer) -> Procedure | None:
        """The page of an attempt that had ended before the run was interrupted."""
        page = None if self._resumed is None else self._resumed.finished.get(key)
        if page is None:
            return None
        found = {name: getattr(page, name) for name in Page.model_fields}
        found |= {"measurements": list(page.measurements), "figures": list(page.figures)}
        return Procedure(**found, observer=observer, item=key[0], attempt=key[1])

    def lasted(self, key: ItemKey) -> bool:
        """Whether an attempt had ended before the run was interrupted."""
        return self._resumed is not None and key in self._resumed.finished

    def close(self) -> None:
        """Let another process have the run."""
        self._journal.close()


def _plain(said: BaseModel) -> dict[str, Any]:
    """As JSON has it, which knows no NaN: only pydantic's own JSON puts it into words."""
    plain: dict[str, Any] = json.loads(said.model_dump_json())
    return plain


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
