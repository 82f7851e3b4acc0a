"""Everything that a recording, or a run's folder, can be held against itself in: one pass over the file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from firmware_model.firmware.configuration import Configuration
from firmware_model.profile import PumpProfile
from hil.errors import RecordingError
from hil.recording.contents import Contents, RecordedMessage
from hil.recording.layout import ALARMS_TOPIC, GAPS_TOPIC, Topic
from hil.recording.link_count import fits_count, received_in
from hil.recording.looks import look_in
from hil.recording.place import recordings_at, run_folder_of
from hil.recording.session_keys import recorded_keys
from hil.recording.stream import RecordingStream
from hil.runs.run_plan import BENCH_ATTACHMENT
from hil.verification.alarm_check import AlarmCheck
from hil.verification.check import Check
from hil.verification.clock_check import ClockCheck
from hil.verification.folder_checks import check_audit, check_files, check_verdict, gone_on_from
from hil.verification.wire_check import WireCheck
from protocols.session.noise import SessionKeys

__all__ = ["Verification", "verify"]

EXIT_FINDINGS: Final = 1
_CONFIGURATION: Final = "configuration_report"


@dataclass(frozen=True)
class Verification:
    """All checks of one recording."""

    path: Path
    folder: Path | None
    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """0 if nothing was found, else 1."""
        return EXIT_FINDINGS if any(check.findings for check in self.checks) else 0

    def unchecked(self) -> list[str]:
        """What was not checked, and why."""
        left = [f"{check.name}: {check.said}" for check in self.checks if check.state == "not checked"]
        return left + self.left_out()

    def left_out(self) -> list[str]:
        """What the checks that were made could not look at; once, if several parts of a run say the same."""
        return list(dict.fromkeys(text for check in self.checks for text in check.unchecked))

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "schema": "pumprig.verify/1",
            "path": str(self.path),
            "folder": None if self.folder is None else str(self.folder),
            "exit_code": self.exit_code,
            "checks": [check.as_json() for check in self.checks],
            "not_checked": self.unchecked(),
        }


def verify(path: Path) -> Verification:
    """Check the recording or run folder at ``path``. Raises RecordingError if nothing of it can be read."""
    files, folder = recordings_at(path), run_folder_of(path)
    checks = [check_files(folder), check_audit(folder), check_verdict(folder)]
    interrupted = gone_on_from(folder)
    for number, each in enumerate(files):
        with RecordingStream.open(each) as stream:
            found = _Pass(stream, goes_on=each.name in interrupted).run()
            checks += found if number == 0 else [replace(check, name=f"{each.stem} {check.name}") for check in found]
    return Verification(files[0], folder, tuple(checks))


class _Pass:
    """One reading of the file, with every check looking on."""

    def __init__(self, stream: RecordingStream, *, goes_on: bool) -> None:
        """Read ``stream``, at whose end its run ``goes_on`` in another recording: then it need not be closed."""
        self._stream = stream
        self._goes_on = goes_on
        self._damage = ""
        try:
            attachments = stream.attachments()
        except RecordingError as error:
            attachments, self._damage = {}, str(error)
        self._keys: tuple[SessionKeys, ...] = ()
        self._key_problem = ""
        try:
            self._keys = tuple(recorded_keys(attachments))
        except RecordingError as error:
            self._key_problem = str(error)
        self._clocks = ClockCheck(stream.metadata)
        self._alarms = AlarmCheck(_factory(attachments))
        self._wires: dict[str, WireCheck] = {}
        self._sizes: dict[str, dict[str, int]] = {}
        self._counted: list[str] = []
        self._count_findings: list[str] = []
        self._recorder: list[str] = []

    def run(self) -> Iterator[Check]:
        """Read all of it."""
        count = 0
        try:
            for message in self._stream.read_into(Contents(self._stream.path)):
                count += 1
                self._take(message)
        except RecordingError as error:
            self._damage = self._damage or str(error)
        yield self._container(count)
        yield self._clocks.check()
        yield Check(
            "counts",
            f"bytes of {len(self._counted)} wires are as many as their links have counted"
            if self._counted
            else "no link has said how many bytes it has counted",
            tuple(self._count_findings),
            was_done=bool(self._counted),
        )
        yield Check(
            "recorder", "the recorder raised no alarm" if not self._recorder else "it had", tuple(self._recorder)
        )
        pumps = {name: wire for name, wire in self._wires.items() if wire.has_meanings or name == "pump"}
        for wire in pumps.values():
            yield from wire.checks(is_cut=self._stream.truncated_at is not None)
        if not pumps:
            yield Check.skipped("frames", "there is no pump's wire in it")
        if self._key_problem:
            yield Check("session keys", "cannot be read", (self._key_problem,))
        yield self._alarms.check()
        others = sorted(set(self._sizes) - set(pumps))
        if others:
            yield Check.skipped("instruments", f"what was said on {', '.join(others)}: its grammar has no checksums")

    def _container(self, messages: int) -> Check:
        said = f"{messages} records read, every MCAP checksum right"
        stream = self._stream
        findings = [self._damage] if self._damage else []
        if stream.truncated_at is not None and not self._damage:
            said = f"{messages} records read; a file that was not closed has no checksum over them"
            if self._goes_on:
                said += f"; it ends at byte {stream.truncated_at}, where the run was interrupted and resumed"
            else:
                findings.append(f"{stream.path}: cut short at byte {stream.truncated_at}: it was never closed")
        elif self._damage:
            said = f"{messages} records read before the damage"
        return Check("container", said, tuple(findings))

    def _take(self, message: RecordedMessage) -> None:
        self._clocks.take(message)
        topic = Topic.parse(message.topic)
        if topic.kind == "bytes":
            sizes = self._sizes.setdefault(topic.wire, {})
            sizes[topic.name] = sizes.get(topic.name, 0) + len(message.data)
        elif message.topic == ALARMS_TOPIC:
            self._recorder.append(f"at {message.time_ms} ms: {message.data.decode(errors='replace')}")
        elif topic.kind == "event" and topic.name == "counted":
            self._count(topic.wire, message)
        if topic.kind == "message":
            self._look(topic.name, message)
        wire = topic.wire
        if message.topic == GAPS_TOPIC:
            wire = _wire_of_gap(message.data)
        if wire:
            if wire not in self._wires:  # of an instrument's, nothing is kept in the end
                self._wires[wire] = WireCheck(wire, self._keys)
            self._wires[wire].take(message, topic)

    def _look(self, name: str, message: RecordedMessage) -> None:
        try:
            content = json.loads(message.data)
            look = look_in(name, message.time_ms, content)
            if name == _CONFIGURATION:
                self._alarms.configured(content["settings"])
        except (KeyError, TypeError, ValueError, AttributeError):
            return  # the comparison with the bytes says what is wrong with it
        if look is not None:
            self._clocks.look(look)
            self._alarms.take(look)

    def _count(self, wire: str, message: RecordedMessage) -> None:
        self._counted.append(wire)
        ours = self._sizes.get(wire, {})
        try:
            said = json.loads(message.data)
            sent_bytes, received_bytes = int(said["sent_bytes"]), int(said["received_bytes"])
        except (KeyError, TypeError, ValueError) as error:
            self._count_findings.append(f"byte {message.at} of the file: {message.topic}: {error}")
            return
        if not fits_count(ours, sent_bytes, received_bytes):
            self._count_findings.append(
                f"{wire}: {ours.get('tx', 0)} bytes sent and {received_in(ours)} received are recorded, its link has "
                f"counted {sent_bytes} and {received_bytes}"
            )


def _factory(attachments: dict[str, bytes]) -> Configuration | None:
    try:
        profile = PumpProfile.model_validate(json.loads(attachments[BENCH_ATTACHMENT])["profile"])
    except (KeyError, TypeError, ValidationError, ValueError):
        return None
    return Configuration.of(profile)


def _wire_of_gap(data: bytes) -> str:
    try:
        return str(json.loads(data)["wire"])
    except (KeyError, TypeError, ValueError):
        return ""
