"""The pump's wire as it is: bytes out, frames in, for procedures that look below the programmer's verbs.

Whatever comes is sorted by what it belongs to, so that one fault is found in one place::

    a frame under the seq of a question ──┬── of this one ───────────────────────────────> Heard.answers
                                          └── of one before: its first answer ───────────> PumpWire.late
                                                             one more than was asked for > PumpWire.surplus
    any other frame, and what is no frame ───────────────────────────────────────────────> Heard.others
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hil.errors import LinkTimeout
from hil.links.link import Link
from protocols.channel import OpenChannel
from protocols.errors import ProtocolError
from protocols.framing import DELIMITER, FrameDecoder, Rejected, encode_frame
from protocols.messages import Message, Notice, Telecommand, decode_message, encode_message
from protocols.reference import ANSWER_MS

__all__ = ["LONG_PATIENCE_MS", "PATIENCE_MS", "Frame", "Heard", "PumpWire", "wire_of"]

PATIENCE_MS = 1200
"""How long an answer that must come is waited for before it is asked for again: somewhat longer than a programmer does.
How late it may be is judged in one place, and not by all."""
LONG_PATIENCE_MS = 4000
"""How long it is waited for where it is judged how late it is."""
_ATTEMPTS = 3
_REMEMBERED = 256
"""Questions whose late or second answers are known as such."""
_MUCH = 50
"""Frames that nobody asked for: more of them say nothing new, and a replay stops at the same one."""
_BEGINNING = b"\x02\x01"
"""Of an open frame, stuffed."""
_FIRST_SEQ, _LAST_SEQ, _SEQ_STEP = 0x4000, 0xBFFF, 7
"""Far from those of the vectors, and not side by side: an answer under a neighbour's seq belongs to no question."""


@dataclass(frozen=True)
class Frame:
    """One thing that came: a message, or something that is none, and then what is wrong with it."""

    data: bytes
    seq: int | None = None
    message: Message | None = None
    problem: str = ""
    begins: bool = True
    """Whether it begins as an open frame, be it damaged."""

    def __str__(self) -> str:
        """For findings, in a few words."""
        return self.problem or f"{type(self.message).__name__} (seq {self.seq})"


@dataclass(frozen=True)
class Heard:
    """What came back, and how soon."""

    frames: tuple[Frame, ...] = ()
    """Answers: under the seq of the question."""
    others: tuple[Frame, ...] = ()
    """Frames that belong to no question, and what is no frame."""
    unended_bytes: int = 0
    """Bytes that came without a zero behind them."""
    waited_ms: int = 0
    unended_begins: bool = False
    """Whether they begin as an open frame."""

    @property
    def is_silence(self) -> bool:
        """Whether nothing came at all."""
        return not (self.frames or self.others or self.unended_bytes)

    @property
    def speaks(self) -> bool:
        """Whether anything began as a pump's frames do, whole or not: at another port or rate nothing would."""
        return self.unended_begins or any(each.begins for each in (*self.frames, *self.others))

    @property
    def data(self) -> bytes:
        """The answers as they came."""
        return b"".join(each.data for each in self.frames)

    @property
    def answers(self) -> tuple[tuple[int | None, Message | None], ...]:
        """Seq and message of each answer."""
        return tuple((each.seq, each.message) for each in self.frames)

    def __str__(self) -> str:
        """For findings: what came, in a few words."""
        said = [str(each) for each in (*self.frames, *self.others)]
        said += [f"{self.unended_bytes} bytes without a zero behind them"] if self.unended_bytes else []
        return ", ".join(said) or "silence"


@dataclass
class _Question:
    """A seq that was asked under, how often, since when, and how often it was answered."""

    asked: int = 0
    since_ms: int = 0
    answered: int = 0


@dataclass
class PumpWire:
    """One pump in the open mode, frame by frame."""

    link: Link
    surplus: list[str] = field(default_factory=list)
    """Answers that came once more than they were asked for."""
    late: list[int] = field(default_factory=list)
    """How late answers were, in ms, that came when nobody waited for them any more."""
    others: list[Frame] = field(default_factory=list)
    """All that belonged to no question."""
    slowest_ms: int = 0
    _decoder: FrameDecoder = field(default_factory=FrameDecoder)
    _questions: dict[int, _Question] = field(default_factory=dict)
    _next_seq: int = _FIRST_SEQ
    _head: bytes = b""
    """How what has no zero behind it yet begins."""

    def new_seq(self) -> int:
        """One that no question had."""
        seq, self._next_seq = self._next_seq, self._next_seq + _SEQ_STEP
        if self._next_seq > _LAST_SEQ:
            self._next_seq = _FIRST_SEQ + 1
        return seq

    def ask(
        self,
        *messages: Message,
        seq: int | None = None,
        behind: bytes = b"",
        attempts: int = _ATTEMPTS,
        wait_ms: int = PATIENCE_MS,
    ) -> Heard:
        """Send telecommands in one piece, ``behind`` some bytes; their answers.

        Asked again, as a programmer does, unless all were answered: one answer that was lost says nothing of what is
        asked here. ``seq`` is the first's; without it each gets one that no question had.
        """
        seqs = [self.new_seq() if seq is None or number else seq for number in range(len(messages))]
        payloads = [encode_message(each, message) for each, message in zip(seqs, messages, strict=True)]
        return self.put(behind + b"".join(map(wire_of, payloads)), *seqs, attempts=attempts, wait_ms=wait_ms)

    def put(self, data: bytes, *seqs: int, attempts: int = _ATTEMPTS, wait_ms: int = PATIENCE_MS) -> Heard:
        """Send bytes, in which somebody asks under ``seqs``, until all are answered; what came at the last attempt."""
        for attempt in range(attempts):
            heard = self.send(data, wait_ms, *seqs)
            if {each.seq for each in heard.frames} >= set(seqs) or attempt == attempts - 1:
                break
        return heard

    def send(self, data: bytes, wait_ms: int, *seqs: int) -> Heard:
        """Send bytes as they are; what comes back within ``wait_ms``, or until all ``seqs`` are answered.

        Where something else came, the answer is not waited for longer than it may take; where none is due, not at all.
        """
        self._sort(self.link.drain(), {})
        begin_ms = self.link.monotonic_ms()
        mine = {seq: self._questions.pop(seq, _Question()) for seq in seqs}
        for question in mine.values():
            question.asked, question.since_ms = question.asked + 1, begin_ms
        self._questions = dict([*self._questions.items(), *mine.items()][-_REMEMBERED:])
        self.link.write(data)
        frames: list[Frame] = []
        others: list[Frame] = []

        def left_ms() -> int:
            most_ms = min(wait_ms, ANSWER_MS) if others else wait_ms
            done = {each.seq for each in frames} >= set(seqs) if seqs else bool(others)
            return 0 if done else begin_ms + most_ms - self.link.monotonic_ms()

        self._listen(left_ms, mine, frames, others)
        waited_ms = self.link.monotonic_ms() - begin_ms
        if frames:
            self.slowest_ms = max(self.slowest_ms, waited_ms)
        return Heard(tuple(frames), tuple(others), self._decoder.pending, waited_ms, self._head == _BEGINNING)

    def forget(self, *seqs: int) -> None:
        """What comes under ``seqs`` from now on belongs to no question."""
        for seq in seqs:
            self._questions.pop(seq, None)

    def listen(self, for_ms: int) -> Heard:
        """What comes within ``for_ms`` without being asked for; where much comes, the first of it."""
        others: list[Frame] = []
        end_ms = self.link.monotonic_ms() + for_ms
        self._listen(lambda: 0 if len(others) >= _MUCH else end_ms - self.link.monotonic_ms(), {}, [], others)
        return Heard((), tuple(others), self._decoder.pending, for_ms)

    def silence_ms(self) -> int:
        """So long nothing must have come before it can be called silence."""
        return max(ANSWER_MS, 3 * self.slowest_ms // 2) + 200

    def _listen(
        self, left_ms: Callable[[], int], mine: dict[int, _Question], frames: list[Frame], others: list[Frame]
    ) -> None:
        while (remaining_ms := left_ms()) > 0:
            try:
                data = self.link.read_until(DELIMITER, remaining_ms)
            except LinkTimeout as timeout:
                data = timeout.partial  # of a frame whose end may still come
            own, foreign = self._sort(data, mine)
            frames += own
            others += foreign

    def _sort(self, data: bytes, mine: dict[int, _Question]) -> tuple[list[Frame], list[Frame]]:
        """What ``data`` completes: answers to the questions that wait, and what belongs to none."""
        own: list[Frame] = []
        foreign: list[Frame] = []
        for frame in self._frames_in(data):
            question = None if frame.seq is None else self._questions.get(frame.seq)
            if question is None or isinstance(frame.message, (Telecommand, Notice)):
                foreign.append(frame)
                continue
            question.answered += 1
            if question.answered > question.asked:
                question.answered = question.asked
                self.surplus.append(str(frame))
            elif frame.seq in mine:
                own.append(frame)
            else:
                self.late.append(self.link.monotonic_ms() - question.since_ms)
        self.others += foreign
        return own, foreign

    def _frames_in(self, data: bytes) -> Iterator[Frame]:
        *ended, rest = data.split(DELIMITER)
        for piece in ended:
            begins = (self._head + piece).startswith(_BEGINNING)
            self._head = b""
            yield from (_frame_in(result, begins=begins) for result in self._decoder.feed(piece + DELIMITER))
        self._head = (self._head + rest)[: len(_BEGINNING)]
        self._decoder.feed(rest)


def wire_of(payload: bytes) -> bytes:
    """An open frame with this payload, as it goes on the wire."""
    return encode_frame(OpenChannel().seal(payload))


def _frame_in(result: bytes | Rejected, *, begins: bool) -> Frame:
    if isinstance(result, Rejected):
        return Frame(b"", problem=f"{type(result.reason).__name__}: {result.reason}", begins=begins)
    data = encode_frame(result)  # version 1 has one encoding of each frame
    try:
        return Frame(data, *decode_message(OpenChannel().open(result)))
    except ProtocolError as error:
        return Frame(data, problem=f"{type(error).__name__}: {error}")
