"""Both ends on a wire that loses, damages, doubles, splits and delays: no answer is ever another question's."""

import heapq
from collections.abc import Callable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.channel import OpenChannel
from protocols.exchange import Exchange, ExchangeTimeout, Responder
from protocols.messages import ClockSet, History, Message, ReadHistory, SetClock, Telecommand
from tests.depth import tries

DEADLINE_MS = 1000
REQUESTS = 12


class World:
    """A programmer and a pump, the wire between them, and the time."""

    def __init__(self, random: Random, badness: float) -> None:
        """Let each frame meet each accident with probability ``badness``."""
        self.random = random
        self.badness = badness
        self.now_ms = 0
        self.settings = [0]
        self.exchange = Exchange(OpenChannel(), deadline_ms=DEADLINE_MS)
        self.responder = Responder(OpenChannel(), self.handle)
        self._on_wire: list[tuple[int, int, Callable[[bytes], None], bytes]] = []
        self._answer: Message | None = None
        self._sent = 0

    def handle(self, telecommand: Telecommand) -> Message:
        """The pump: each answer shows which question it answers."""
        match telecommand:
            case SetClock():
                self.settings.append(telecommand.utc_ms)
                return ClockSet(*self.settings[-2:])
            case ReadHistory():
                return History(telecommand.from_seq, telecommand.from_seq, bytes(16), (), bytes(16))
        raise AssertionError(telecommand)

    def ask(self, message: Telecommand) -> Message | None:
        """The answer, or None after the last attempt."""
        self._answer = None
        self._send(self._to_pump, self.exchange.request(self.now_ms, message))
        while self._answer is None:
            deadline_ms = self.exchange.next_deadline_ms
            assert deadline_ms is not None
            if self._on_wire and self._on_wire[0][0] <= deadline_ms:
                self.now_ms, _, deliver, data = heapq.heappop(self._on_wire)
                deliver(data)
                continue
            self.now_ms = deadline_ms
            try:
                self._send(self._to_pump, self.exchange.on_deadline(self.now_ms))
            except ExchangeTimeout:
                return None
        return self._answer

    def _to_pump(self, data: bytes) -> None:
        self._send(self._to_programmer, self.responder.receive(data))

    def _to_programmer(self, data: bytes) -> None:
        answer = self.exchange.receive(self.now_ms, data)
        self._answer = answer if answer is not None else self._answer

    def _send(self, deliver: Callable[[bytes], None], data: bytes) -> None:
        for frame in data.split(b"\x00")[:-1]:
            for _ in range(1 + self._accident()):
                if not self._accident():
                    self._post(deliver, self._damaged(frame + b"\x00"))

    def _post(self, deliver: Callable[[bytes], None], data: bytes) -> None:
        cut = self.random.randrange(len(data)) if self._accident() else 0
        for piece in (data[:cut], data[cut:]):
            delay_ms = self.random.randrange(5 * DEADLINE_MS) if self._accident() else 1
            self._sent += 1
            if piece:
                heapq.heappush(self._on_wire, (self.now_ms + delay_ms, self._sent, deliver, piece))

    def _damaged(self, data: bytes) -> bytes:
        if not self._accident():
            return data
        spoilt = bytearray(data)
        for _ in range(self.random.randrange(1, 4)):
            spoilt[self.random.randrange(len(spoilt))] ^= 1 << self.random.randrange(8)
        return bytes(spoilt)

    def _accident(self) -> bool:
        return self.random.random() < self.badness


def converse(world: World) -> list[Message | None]:
    """Twelve different questions, each checked to get its own answer or none."""
    answers: list[Message | None] = []
    for number in range(1, REQUESTS + 1):
        question = SetClock(number) if number % 2 else ReadHistory(number, 10)
        answer = world.ask(question)
        match answer:
            case ClockSet():
                assert SetClock(answer.utc_ms) == question
            case History():
                assert ReadHistory(answer.first_seq, 10) == question
            case _:
                assert answer is None
        answers.append(answer)
    return answers


@settings(max_examples=tries(150))
@given(st.randoms(use_true_random=False), st.floats(0, 0.5))
def test_no_answer_is_anothers_and_no_effect_is_doubled(random: Random, badness: float) -> None:
    """Whatever the wire does, each question gets its own answer or a timeout, and the clock is set once at most."""
    world = World(random, badness)
    answers = converse(world)
    assert len(set(world.settings)) == len(world.settings)
    assert {answer.utc_ms for answer in answers if isinstance(answer, ClockSet)} <= set(world.settings)


def test_a_good_wire_answers_everything_at_once() -> None:
    """Without accidents every question is answered by its first attempt."""
    world = World(Random(0), 0.0)  # noqa: S311 - accidents, not secrets
    assert None not in converse(world)
    assert world.settings == [0, 1, 3, 5, 7, 9, 11]
    assert (world.exchange.dropped, world.exchange.rejected, world.responder.repeated) == (0, 0, 0)


def test_the_bad_wire_is_bad_enough() -> None:
    """Over many conversations every defence is needed: retries, timeouts, drops, stored answers, rejections."""
    worlds = [World(Random(seed), 0.25) for seed in range(40)]  # noqa: S311 - accidents, not secrets
    answers = [answer for world in worlds for answer in converse(world)]
    assert 0 < answers.count(None) < len(answers) / 2
    assert sum(world.exchange.dropped for world in worlds) > 50
    assert sum(world.exchange.rejected for world in worlds) > 50
    assert sum(world.responder.rejected for world in worlds) > 50
    assert sum(world.responder.repeated for world in worlds) > 50
