"""Reading a log up to date: cut anywhere it goes on to the same chain, and whatever was changed is found out."""

import hashlib
from dataclasses import replace

import pytest

from protocols.channel import OpenChannel
from protocols.exchange import Exchange
from protocols.log_follower import BrokenLog, LogFollower, event_log, hour_log
from protocols.messages import (
    MAX_EVENTS,
    Alarms,
    ErrorReply,
    EventRecord,
    Events,
    History,
    HistoryRecord,
    Message,
    ReadEvents,
    ReadHistory,
    Reason,
    Telecommand,
)
from protocols.messages.codec import body_codec
from protocols.responder import Responder
from tests.depth import at_depth

_RECORDS = at_depth(2000, 10_000)


def _event(seq: int) -> EventRecord:
    return EventRecord(seq, 1 + seq // 900, 60_000 * seq, 1_767_225_600_000 + 60_000 * seq, 16, seq % 18, -seq)


def _encoded(event: EventRecord) -> bytes:
    """An event as it stands in its answer: cut out of one, so that nothing of the follower is used."""
    answer = body_codec(Events).build(Events(0, 0, bytes(16), (event,), bytes(16)))
    return answer[4 + 4 + 16 + 1 : -16]


class Pump:
    """A log of thousands of events and its chain, by hashlib alone; answers over the real exchange."""

    def __init__(self, changed: int | None = None) -> None:
        self.events = [_event(seq) for seq in range(_RECORDS)]
        if changed is not None:
            self.events[changed] = replace(self.events[changed], value=7)
        self.first_seq = 0
        self.chains = [bytes(16)]
        for event in self.events:
            self.chains.append(hashlib.sha256(self.chains[-1] + _encoded(event)).digest()[:16])
        self.responder = Responder(OpenChannel(), self.answer)

    def answer(self, telecommand: Telecommand) -> Message:
        """What was asked for, as far as one frame holds it."""
        assert isinstance(telecommand, ReadEvents)
        if telecommand.from_seq > len(self.events):
            return ErrorReply(Reason.OUT_OF_RANGE, len(self.events))
        first = max(self.first_seq, telecommand.from_seq)
        some = tuple(self.events[first : first + min(MAX_EVENTS, telecommand.max_events)])
        return Events(self.first_seq, len(self.events), self.chains[first], some, self.chains[first + len(some)])

    def ask(self, telecommand: Telecommand, seq: int = 0) -> Events:
        """One exchange."""
        exchange = Exchange(OpenChannel(), first_seq=seq)
        reply = exchange.receive(0, self.responder.receive(exchange.request(0, telecommand)))
        assert isinstance(reply, Events)
        return reply


@pytest.fixture(scope="module")
def pump() -> Pump:
    """The log; no test changes it but by a copy."""
    return Pump()


def test_cut_at_every_frame_it_comes_to_the_same_chain(pump: Pump) -> None:
    """After each of its frames the reader forgets all but two values; so does one that never stops."""
    kept, frames = (0, bytes(16)), 0
    read: list[EventRecord] = []
    while kept[0] < _RECORDS:
        follower = event_log(*kept)
        page = follower.take(pump.ask(follower.request(), frames % 65_536))
        read += page.records
        kept, frames = (follower.next_seq, follower.chain), frames + 1
    assert read == pump.events
    assert kept == (_RECORDS, pump.chains[-1])
    assert frames == -(-_RECORDS // MAX_EVENTS)
    whole = event_log()
    while not whole.take(pump.ask(whole.request())).is_last:
        pass
    assert (whole.next_seq, whole.chain) == kept


def test_asking_twice_takes_nothing_twice(pump: Pump) -> None:
    """An answer that comes again is refused, and nothing changes."""
    follower = event_log()
    answer = pump.ask(follower.request())
    follower.take(answer)
    with pytest.raises(BrokenLog):
        follower.take(answer)
    assert follower.next_seq == MAX_EVENTS


@pytest.mark.parametrize("pages", [0, 1], ids=["first-page", "second-page"])
@pytest.mark.parametrize("what", ["record", "order", "gap", "chain", "head", "before", "none"])
def test_a_changed_log_is_found_out(pump: Pump, what: str, pages: int) -> None:
    """A record, their order, one left out, the chain's values, what was read before, no record: each is checked."""
    follower = event_log()
    for _ in range(pages):
        follower.take(pump.ask(follower.request()))
    answer = pump.ask(follower.request())
    events = list(answer.events)
    changed = {
        "record": replace(answer, events=(replace(events[0], value=7), *events[1:])),
        "order": replace(answer, events=(events[1], events[0], *events[2:])),
        "gap": replace(answer, events=(events[0], *events[2:])),
        "chain": replace(answer, chain_after=bytes(range(16))),
        "head": replace(answer, next_seq=events[-1].seq),
        "before": replace(answer, chain_before=bytes(range(16))),
        "none": replace(answer, events=(), chain_after=answer.chain_before),
    }[what]
    with pytest.raises(BrokenLog):
        follower.take(changed)
    assert follower.next_seq == MAX_EVENTS * pages
    follower.take(answer)


def test_a_log_that_was_rewritten_is_found_out(pump: Pump) -> None:
    """Another chain before the first new record, and all that follows fits it: it is not the log that was read."""
    follower = event_log()
    follower.take(pump.ask(follower.request()))
    kept = (follower.next_seq, follower.chain)
    rewritten = Pump(changed=0)
    with pytest.raises(BrokenLog, match=f"before record {MAX_EVENTS} is no longer what was read"):
        follower.take(rewritten.ask(follower.request()))
    assert (follower.next_seq, follower.chain) == kept
    event_log(MAX_EVENTS).take(rewritten.ask(follower.request()))


def test_a_log_that_is_read_up_to_date_has_no_more(pump: Pump) -> None:
    """No record, the same chain before and after: nothing is lost, nothing moves; another chain is found out."""
    for chain in (pump.chains[-1], bytes(16)):
        follower = event_log(_RECORDS, chain)
        page = follower.take(pump.ask(follower.request()))
        assert (page.records, page.lost, page.is_last) == ((), range(_RECORDS, _RECORDS), True)
        assert (follower.next_seq, follower.chain) == (_RECORDS, pump.chains[-1])
    empty = pump.ask(follower.request())
    for changed in (replace(empty, chain_before=bytes(range(16)), chain_after=bytes(range(16))),
                    replace(empty, chain_after=bytes(range(16))),
                    replace(empty, chain_before=bytes(16)),
                    replace(empty, next_seq=_RECORDS - 1)):  # fmt: skip
        with pytest.raises(BrokenLog):
            follower.take(changed)


def test_what_was_overwritten_is_told() -> None:
    """A reader who comes too late learns which records it missed, and goes on with the others."""
    pump = Pump()
    follower = event_log()
    follower.take(pump.ask(follower.request()))
    pump.first_seq = 1500
    page = follower.take(pump.ask(follower.request()))
    assert page.lost == range(MAX_EVENTS, 1500)
    assert page.records[0].seq == 1500


def _hour(seq: int) -> HistoryRecord:
    return HistoryRecord(seq, 3_600_000 * seq, 1, 2, flow_valid=True, temperature_mc=3, reservoir_pa=4, outlet_pa=5,
                         ambient_pa=6, alarms=Alarms(0))  # fmt: skip


def _day_chain(seqs: range) -> bytes:
    """The chain over hours from a day's first on."""
    codec, chain = body_codec(History), bytes(16)
    for seq in seqs:
        record = codec.build(History(0, 0, bytes(16), (_hour(seq),), bytes(16)))[25:-16]
        chain = hashlib.sha256(chain + record).digest()[:16]
    return chain


def test_the_hours_chain_begins_anew_every_day() -> None:
    """Over the change of the day the chain starts from zeros, in the middle of an answer too."""
    follower: LogFollower[HistoryRecord] = hour_log(20, b"\1" * 16)
    assert follower.request() == ReadHistory(20, 9)
    chain = _day_chain(range(24, 29))
    follower.take(History(0, 29, b"\1" * 16, tuple(_hour(seq) for seq in range(20, 29)), chain))
    assert (follower.next_seq, follower.chain) == (29, chain)


@pytest.mark.parametrize("first", [24, 20], ids=["with-the-answer", "within-it"])
def test_a_changed_hour_is_found_out_where_the_chain_begins(first: int) -> None:
    """All zeros before a day's first hour are no leave to alter it; nor where the day before is forgotten."""
    hours = tuple(_hour(seq) for seq in range(first, 29))
    answer = History(0, 29, bytes(16), hours, _day_chain(range(24, 29)))
    changed = replace(answer, records=(*hours[:-1], replace(hours[-1], volume_nl=7)))
    with pytest.raises(BrokenLog, match="does not fit"):
        hour_log(first).take(changed)
    hour_log(first).take(answer)


def test_a_chain_that_the_pump_forgot_is_no_fault() -> None:
    """In the middle of a chain all zeros say that it is not known: nothing can be checked, and the records count."""
    hours = tuple(_hour(seq) for seq in range(20, 23))
    follower = hour_log(20, b"\1" * 16)
    follower.take(History(0, 24, bytes(16), hours, bytes(16)))
    assert follower.next_seq == 23


@pytest.mark.parametrize("seqs", [(20, 22), (21, 20), (20, 20), (20, 21, 23)])
def test_records_follow_each_other_where_no_chain_is_known(seqs: tuple[int, ...]) -> None:
    """A gap, another order, or one record twice: there is no chain that would tell, but the numbers do."""
    follower = hour_log(20)
    with pytest.raises(BrokenLog, match="were asked for"):
        follower.take(History(0, 24, bytes(16), tuple(_hour(seq) for seq in seqs), bytes(16)))
    assert follower.next_seq == 20
