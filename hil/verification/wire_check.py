"""A pump's wire read again from its bytes, and held against what the recording says of it.

Every frame's CRC and, where the session's keys are in the recording, its tag are checked anew; what comes out must be
what was written down, message by message, in the same order.
"""

import json
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final

from hil.recording.contents import RecordedMessage
from hil.recording.layout import GAPS_TOPIC, Topic, parse_topic
from hil.recording.pump_record import Meaning, PumpRecord
from hil.verification.check import Check
from hil.verification.log_check import LogCheck
from protocols.listener import Greeted, Heard, Refused, Sealed
from protocols.messages import Events, History
from protocols.session.noise import SessionKeys

__all__ = ["WireCheck"]

_MAX_PENDING: Final = 10_000
_MAX_FINDINGS: Final = 1000


class WireCheck:
    """One pump's wire, from its first byte on."""

    def __init__(self, wire: str, keys: Iterable[SessionKeys]) -> None:
        """Read ``wire`` with these session keys."""
        known = tuple(keys)
        self._wire = wire
        self._record = PumpRecord(wire, max_sessions=max(8, len(known)))
        for each in known:
            self._record.learn(each)
        self._expected: deque[Meaning] = deque()
        self._latest = 0
        """How many meanings the last bytes had."""
        self.has_meanings = False
        """Whether the recording says anything of what its bytes mean."""
        self._findings: list[str] = []
        self._frames = self._sealed_read = self._sealed_unread = self._handshakes = self._compared = 0
        self._rejected: Counter[str] = Counter()
        self._gaps: list[str] = []
        self._log = LogCheck(wire)

    def take(self, message: RecordedMessage, topic: Topic) -> list[Meaning]:
        """Read one message of the recording; gives what its bytes mean."""
        if topic.kind == "bytes":
            _, direction = parse_topic(message.topic)
            meanings = list(self._record.overhear(direction, message.time_ms, message.data))
            self._latest = len(meanings)
            for meaning in meanings:
                self._count(meaning, message.time_ms)
            if len(self._expected) < _MAX_PENDING:
                self._expected += [each for each in meanings if self._is_told_by_bytes(each.topic, each.content)]
            return meanings
        if topic.name != "counted" or topic.kind != "event":
            self._compare(message)
        return []

    def checks(self, *, is_cut: bool) -> list[Check]:
        """What came of it, a line each: frames, gaps, what was decoded, and the pump's own logs.

        Where the recording ``is_cut``, what its last bytes mean need not stand behind them any more.
        """
        return [
            self._frames_check(),
            self._gaps_check(),
            self._decoded_check(self._latest if is_cut else 0),
            self._log.check(),
        ]

    def _count(self, meaning: Meaning, time_ms: int) -> None:
        match meaning.said:
            case Heard(session=session, message=message):
                self._frames += 1
                if isinstance(message, Events | History):
                    self._log.take(time_ms, message)
                self._sealed_read += session is not None
            case Sealed():
                self._frames += 1
                self._sealed_unread += 1
            case Refused(place=place):
                self._rejected[f"{meaning.content['reason']} in {place.direction}"] += 1
            case Greeted():
                self._frames += 1
                self._handshakes += 1
            case None:
                content = meaning.content
                if content["kind"] != "silence" and content["direction"] == "rx":
                    self._gaps.append(f"at {content['time_ms']} ms: {content['detail']}")

    def _compare(self, message: RecordedMessage) -> None:
        self.has_meanings = True
        where = f"at {message.time_ms} ms, byte {message.at} of the file: {message.topic}"
        try:
            content = json.loads(message.data)
        except ValueError as error:
            self._find(f"{where}: is no JSON: {error}")
            return
        if not self._is_told_by_bytes(message.topic, content):
            return
        if not self._expected:
            self._find(f"{where}: is recorded, but its wire's bytes say no such thing")
            return
        today = self._expected.popleft()
        if isinstance(today.said, Sealed) and today.topic != message.topic:
            return  # it was read by keys that were not kept
        self._compared += 1
        if today.topic != message.topic:
            self._find(f"{where} is recorded, today it decodes as {today.topic}")
        elif today.content != content:
            self._find(f"{where}: {_difference(content, today.content)}")

    def _is_told_by_bytes(self, topic: str, content: Any) -> bool:
        """Not so silence, which a clock tells, nor gaps once there are sealed frames without keys.

        Those may be forged, or hold notices: what is missing among them was seen by who could read them.
        """
        return topic != GAPS_TOPIC or not (_is_silence(content) or self._sealed_unread)

    def _find(self, text: str) -> None:
        if len(self._findings) < _MAX_FINDINGS:
            self._findings.append(text)

    def _frames_check(self) -> Check:
        said = f"{self._wire}: CRC of {self._frames} frames right, tag of {self._sealed_read} sealed ones"
        if self._rejected:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self._rejected.items()))
            said += f"; {sum(self._rejected.values())} pieces are no frame ({kinds})"
        unchecked = []
        if self._sealed_unread:
            unchecked.append(
                f"tags of {self._sealed_unread} sealed frames on {self._wire}: their keys are not in the recording"
            )
        if self._handshakes:
            unchecked.append(
                f"authenticity of {self._handshakes} handshake frames on {self._wire}: that needs the pump's key"
            )
        return Check(f"frames {self._wire}", said, unchecked=tuple(unchecked))

    def _gaps_check(self) -> Check:
        said = (
            "notices and sealed frames from the pump follow one another" if not self._gaps else "something is missing"
        )
        return Check(f"sequence {self._wire}", f"{self._wire}: {said}", tuple(self._gaps))

    def _decoded_check(self, may_miss: int) -> Check:
        name = f"decoded {self._wire}"
        if not self.has_meanings:
            why = f"{self._wire}: the recording holds bytes only, no decoded messages to compare with"
            return Check.skipped(name, why) if self._expected else Check(name, f"{self._wire}: no frames, no messages")
        left = len(self._expected)
        if left > may_miss:
            first = self._expected[0]
            self._find(
                f"{left} decoded messages are missing; the first is {first.topic} at {first.content.get('time_ms')} ms"
            )
        said = f"{self._wire}: {self._compared} decoded messages held against what the bytes say today"
        unread = self._sealed_unread
        unchecked = (f"{unread} messages on {self._wire} that only their sessions' keys open",) if unread else ()
        return Check(name, said, tuple(self._findings), unchecked)


def _is_silence(content: Any) -> bool:
    return isinstance(content, dict) and content.get("kind") == "silence"


def _difference(recorded: Any, today: dict[str, Any]) -> str:
    if not isinstance(recorded, dict):
        return "is no object"
    for field, value in today.items():
        if field not in recorded:
            return f"{field} is missing; today it is {value!r}"
        if recorded[field] != value:
            if isinstance(value, dict) and isinstance(recorded[field], dict):
                return f"{field}: {_difference(recorded[field], value)}"
            return f"{field} is {recorded[field]!r}, today it decodes to {value!r}"
    return f"has {', '.join(sorted(set(recorded) - set(today)))}, which today's decoding does not"
