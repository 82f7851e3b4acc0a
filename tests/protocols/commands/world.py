"""Two programmers and a pump on links that lose, double, delay and reorder; any of them may be switched off.

``python -m tests.protocols.commands.world SEED [MUTANT]`` tells what happens under one seed, message by message; if
something is wrong then, with as few accidents as it takes.
"""

import heapq
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from protocols.commands.client import CommandFlow, CommandResult, Outstanding, carry_out, settle
from protocols.commands.journal import Entry, Journal, JournalState
from protocols.messages import (
    Commit,
    DrugIsSet,
    Message,
    Outcome,
    Query,
    SetDrug,
    Stage,
    Telecommand,
    decode_message,
    encode_message,
)

__all__ = ["MUTANTS", "World", "shrunk", "violations"]

_TIMEOUT_MS = 1000
_LONGEST_DELAY_MS = 4000
_COMMANDS = 3
_LAST_MS = 3_600_000


class PowerCut(Exception):
    """The pump is switched off in the middle of something."""


@dataclass
class Durable:
    """What a pump remembers: its journal, and the drugs that were set, in order."""

    journal: JournalState = field(default_factory=JournalState)
    effects: tuple[int, ...] = ()


class Store:
    """All or nothing; the power may fail just before and just after it is written."""

    def __init__(self, durable: Durable, cut: Callable[[], bool]) -> None:
        self.durable = durable
        self.effects = durable.effects
        self.journal = durable.journal
        self._cut = cut

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all that was done inside."""
        yield
        if self._cut():
            raise PowerCut
        self.durable.journal, self.durable.effects = self.journal, self.effects
        if self._cut():
            raise PowerCut

    def save(self, journal: JournalState) -> None:
        """Keep the journal."""
        self.journal = journal


class Saved:
    """What a programmer remembers."""

    def __init__(self) -> None:
        self._outstanding: Outstanding | None = None
        self._next_id = 1

    def outstanding(self) -> Outstanding | None:
        """The command whose outcome is not known."""
        return self._outstanding

    def begin(self, if_state: int) -> Outstanding:
        """Take the next number."""
        self._outstanding = Outstanding(self._next_id, if_state)
        self._next_id += 1
        return self._outstanding

    def done(self) -> None:
        """Forget it."""
        self._outstanding = None


class NoFence(Journal):
    """A mutant: asking after a command does not keep it from being carried out later."""

    def _fenced(self, kid: int, request: Query) -> Entry:
        return Entry(kid, request.cmd_id, Outcome.FENCED, self.state_seq, b"")


class NoDuplicates(Journal):
    """A mutant: no command is known again."""

    def _known(self, kid: int, cmd_id: int) -> Entry | None:
        del kid, cmd_id
        return None


class NoIfState(Journal):
    """A mutant: a command is carried out in any state."""

    def _is_meant_for(self, if_state: int, journal: JournalState) -> bool:
        del if_state, journal
        return True


class NoBump(Journal):
    """A mutant: a command leaves the state's number as it was."""

    def _next_seq(self, journal: JournalState) -> int:
        return journal.state_seq


MUTANTS: dict[str, type[Journal]] = {
    "no-fence": NoFence,
    "no-duplicates": NoDuplicates,
    "no-if-state": NoIfState,
    "no-bump": NoBump,
}


@dataclass
class Programmer:
    """One of the two: its memory, what it wants, and what it believes."""

    kid: int
    saved: Saved = field(default_factory=Saved)
    flow: CommandFlow | None = None
    asked: int = 0
    tag: int = 0
    """Of the command under way; every one has its own."""
    sent: bool = False
    left: int = _COMMANDS
    seen: tuple[int, int] = (0, 0)
    """The pump's state as it was last told, and how many effects there really were then."""
    meant_for: dict[int, int] = field(default_factory=dict)
    believes: dict[int, Outcome] = field(default_factory=dict)


class World:
    """Everything that happens under one seed."""

    def __init__(
        self, seed: int, *, kind: type[Journal] = Journal, loud: bool = False, spared: frozenset[int] = frozenset()
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - nothing secret
        self.kind, self.loud = kind, loud
        self.spared = spared
        self.accidents: list[int] = []
        self.draws = 0
        self.badness = self.chance.choice([0.05, 0.2, 0.4])
        self.cuts = self.chance.choice([0.0, 0.05, 0.2])
        self.now_ms = 0
        self.durable = Durable()
        self.boots = 0
        self.programmers = [Programmer(1), Programmer(2)]
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self.count = 0
        self.tags = 0
        self.boot()

    def accident(self, likelihood: float) -> bool:
        """Whether something goes wrong now; never if it is to be spared."""
        self.draws += 1
        happens = self.chance.random() < likelihood and self.draws not in self.spared
        if happens:
            self.accidents.append(self.draws)
        return happens

    def boot(self) -> None:
        """Switch the pump on: it knows what it wrote, and nothing else."""
        self.boots += 1
        self.store = Store(self.durable, lambda: self.accident(self.cuts))
        self.journal = self.kind(self.store, self.set_drug, first_token=self.boots << 16, depth=1)

    def set_drug(self, command: Telecommand) -> Message:
        """The effect: a list grows."""
        assert isinstance(command, SetDrug)
        self.store.effects += (command.concentration_ug_per_ml,)
        return DrugIsSet(command.drug)

    def at(self, delay_ms: int, what: Callable[[], None]) -> None:
        """Have something happen later."""
        self.count += 1
        heapq.heappush(self.events, (self.now_ms + delay_ms, self.count, what))

    def run(self) -> None:
        """Until both programmers have what they want."""
        for programmer in self.programmers:
            self.at(self.chance.randrange(500), partial(self.go_on, programmer))
        while self.events and self.now_ms < _LAST_MS:
            self.now_ms, _, what = heapq.heappop(self.events)
            what()

    def tell(self, text: str) -> None:
        """Say what happens, if somebody listens."""
        if self.loud:
            print(f"{self.now_ms:8} ms  {text}")

    # A programmer.

    def go_on(self, programmer: Programmer) -> None:
        """Begin: with what is not settled, or with the next command."""
        if programmer.saved.outstanding() is not None:
            programmer.flow = settle(programmer.saved)
        elif programmer.left:
            programmer.left -= 1
            self.tags += 1
            programmer.tag, programmer.sent = self.tags, False
            programmer.meant_for[programmer.tag] = programmer.seen[1]
            programmer.flow = carry_out(SetDrug(1, programmer.tag), programmer.seen[0], programmer.saved)
        else:
            return
        self.step(programmer, None, first=True)

    def step(self, programmer: Programmer, reply: Message | None, *, first: bool = False) -> None:
        """Give the flow its answer, and send what it asks next."""
        assert programmer.flow is not None
        try:
            request = next(programmer.flow) if first else programmer.flow.send(reply)
        except StopIteration as ended:
            self.conclude(programmer, ended.value)
            return
        programmer.asked += 1
        programmer.sent |= isinstance(request, Commit)
        if self.accident(self.cuts):  # its battery falls out: before or after the request is on the air
            if self.chance.random() < 0.5:
                self.send(programmer, request)
            self.tell(f"programmer {programmer.kid} restarts")
            programmer.flow = None
            programmer.asked += 1
            if programmer.saved.outstanding() is None:
                programmer.believes[programmer.tag] = Outcome.NOT_STAGED
            self.at(self.chance.randrange(3000), lambda: self.go_on(programmer))
            return
        self.send(programmer, request)
        number = programmer.asked
        self.at(_TIMEOUT_MS, lambda: self.give_up(programmer, number))

    def give_up(self, programmer: Programmer, number: int) -> None:
        """No answer in time."""
        if programmer.asked == number and programmer.flow is not None:
            self.step(programmer, None)

    def conclude(self, programmer: Programmer, result: object) -> None:
        """It knows how its command ended."""
        assert isinstance(result, CommandResult)
        programmer.flow = None
        programmer.believes[programmer.tag] = result.outcome
        self.tell(f"programmer {programmer.kid} concludes that {programmer.tag} is {result.outcome.name}")
        self.at(self.chance.randrange(2000), lambda: self.look(programmer))

    def look(self, programmer: Programmer) -> None:
        """Read the pump's state, for the next command is meant for that."""
        programmer.seen = (self.journal.state_seq, len(self.durable.effects))
        self.at(self.chance.randrange(1500), lambda: self.go_on(programmer))

    # The links.

    def send(self, programmer: Programmer, request: Telecommand) -> None:
        """Put a request on the air."""
        payload, number = encode_message(programmer.asked % 65536, request), programmer.asked
        self.on_air(payload, lambda data: self.at_pump(programmer, number, data))

    def on_air(self, payload: bytes, deliver: Callable[[bytes], None]) -> None:
        """Lose, cut, double, delay."""
        for _ in range(2 if self.accident(self.badness) else 1):
            if self.accident(self.badness):
                continue
            late = self.accident(self.badness)
            self.at(self.chance.randrange(_LONGEST_DELAY_MS if late else 50), lambda: deliver(payload))

    def at_pump(self, programmer: Programmer, number: int, payload: bytes) -> None:
        """The pump gets a request."""
        seq, request = decode_message(payload)
        try:
            reply = self.answer(programmer.kid, request)
        except PowerCut:
            self.tell(f"the pump is cut off during {request}")
            self.boot()
            return
        self.tell(f"{programmer.kid} {request} -> {reply}")
        self.on_air(encode_message(seq, reply), lambda data: self.at_programmer(programmer, number, data))

    def answer(self, kid: int, request: Message) -> Message:
        """What the journal says."""
        match request:
            case Stage():
                return self.journal.stage(self.now_ms, kid, request)
            case Commit():
                return self.journal.commit(self.now_ms, kid, request)
            case Query():
                return self.journal.query(kid, request)
        raise AssertionError(request)

    def at_programmer(self, programmer: Programmer, number: int, payload: bytes) -> None:
        """An answer comes; one to an earlier question is dropped, as the exchange drops it."""
        if programmer.asked == number and programmer.flow is not None:
            self.step(programmer, decode_message(payload)[1])


def violations(world: World) -> list[str]:
    """What was carried out more than once, or not as its programmer believes, or in another state than it was meant."""
    found = []
    effects = world.durable.effects
    for programmer in world.programmers:
        for tag, believed in programmer.believes.items():
            times = effects.count(tag)
            if times > 1:
                found.append(f"command {tag} took effect {times} times")
            if (times == 1) != (believed is Outcome.APPLIED):
                found.append(f"command {tag} is believed to be {believed.name}, but took effect {times} times")
            if times and effects.index(tag) != programmer.meant_for[tag]:
                found.append(f"command {tag} took effect in a state that it was not meant for")
        if programmer.left or programmer.saved.outstanding():
            found.append(f"programmer {programmer.kid} never came to an end")
    return found


def shrunk(seed: int, kind: type[Journal]) -> frozenset[int]:
    """Accidents that can be spared, and something is still wrong."""
    spared: frozenset[int] = frozenset()
    tried: set[int] = set()
    while True:
        world = World(seed, kind=kind, spared=spared)
        world.run()
        left = [each for each in world.accidents if each not in tried]
        if not left:
            return spared
        tried.add(left[0])
        attempt = World(seed, kind=kind, spared=spared | {left[0]})
        attempt.run()
        if violations(attempt):
            spared |= {left[0]}


def tell(seed: int, kind: type[Journal]) -> None:
    """Print what happens."""
    world = World(seed, kind=kind)
    world.run()
    spared = shrunk(seed, kind) if violations(world) else frozenset[int]()
    world = World(seed, kind=kind, spared=spared, loud=True)
    world.run()
    print(*(violations(world) or ["nothing is wrong"]), sep="\n")
    print(f"with {len(world.accidents)} accidents, {len(spared)} spared")


if __name__ == "__main__":
    tell(int(sys.argv[1]), MUTANTS.get(" ".join(sys.argv[2:3]), Journal))
