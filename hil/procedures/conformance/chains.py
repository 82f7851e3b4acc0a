"""Whether a log gives the same records however it is asked for, under one chain."""

from collections.abc import Callable
from typing import Any

from hil.pump.programmer import Programmer
from protocols.log_follower import BrokenLog, LogFollower
from protocols.messages import ErrorReply, Events, History, Message, Reason, Telecommand

__all__ = ["check_log"]

_PAGES = (255, 1, 2, 5)
"""Records that are asked for at once: all that fit, and few, so that pages begin and end elsewhere."""
_RECORDS = 48
"""Of the newest: two days of the history, and so a beginning of its chain."""


def check_log(
    pump: Programmer,
    what: str,
    read: Callable[[int, int], Telecommand],
    follower: Callable[[int], LogFollower[Any]],
) -> bool:
    """Read a log's newest records by pages of several sizes; False if the pump lacks it."""
    first = pump.exchange(read(0, 1))
    if isinstance(first, ErrorReply) and first.reason is Reason.UNKNOWN_OPCODE:
        return False
    log = _page(what, first, "record 0 on")
    begin = max(log.first_seq, log.next_seq - _RECORDS)
    readings = [_read(pump, what, read, follower(begin), size=size, end=log.next_seq) for size in _PAGES]
    for size, reading in zip(_PAGES[1:], readings[1:], strict=True):
        other = next((seq for seq in readings[0] if reading.get(seq) != readings[0][seq]), None)
        assert other is None, f"chains: record {other} of the {what} is another when it is read {size} at a time"
    beyond = pump.exchange(read(log.next_seq + 1000, 1))
    end = _page(what, pump.exchange(read(log.next_seq, 1)), "the end on").next_seq  # a refusal may be an event itself
    wanted = [ErrorReply(Reason.OUT_OF_RANGE, each) for each in range(log.next_seq, end + 1)]
    assert beyond in wanted, f"chains: {beyond} came after records beyond the end of the {what}, not {wanted[-1]}"
    return True


def _read(
    pump: Programmer,
    what: str,
    read: Callable[[int, int], Telecommand],
    log: LogFollower[Any],
    *,
    size: int,
    end: int,
) -> dict[int, Any]:
    """Records before ``end`` by seq."""
    records: dict[int, Any] = {}
    while log.next_seq < end:
        asked = f"{size} of the {what} from record {log.next_seq} on"
        page = _page(what, pump.exchange(read(log.next_seq, size)), asked)
        came = page.events if isinstance(page, Events) else page.records
        assert len(came) <= size, f"chains: {len(came)} records came after {asked}"
        try:
            followed = log.take(page)
        except BrokenLog as error:
            raise AssertionError(f"chains: {error}; asked for {asked}") from None
        assert not followed.lost, f"chains: records {followed.lost} are missing after {asked}, but none was overwritten"
        records |= {record.seq: record for record in followed.records if record.seq < end}
    return records


def _page(what: str, answer: Message, asked: str) -> Events | History:
    assert isinstance(answer, (Events, History)), f"chains: {answer} came after the {what} from {asked}"
    span = f"first_seq {answer.first_seq} and next_seq {answer.next_seq}"
    assert answer.first_seq <= answer.next_seq, f"chains: the {what} has {span}"
    return answer
