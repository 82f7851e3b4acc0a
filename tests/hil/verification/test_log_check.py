"""The chains over a pump's own log, checked in a recording."""

from dataclasses import replace
from pathlib import Path

import pytest

from hil.verification.log_check import LogCheck
from hil.verification.verify import verify
from protocols.chain import link
from protocols.messages import CHAIN_BYTES, EventRecord, Events
from protocols.messages.body import BodyCodec


def pages() -> tuple[Events, Events]:
    """Two pages that follow one another, with the chain worked out here."""
    records = [EventRecord(seq, 1, 60_000 * seq, 1_767_225_600_000 + 60_000 * seq, 16, 0, -seq) for seq in range(8, 12)]
    chains = [b"\x11" * CHAIN_BYTES]
    for each in records:
        chains.append(link(chains[-1], BodyCodec(EventRecord).build(each)))
    first, second = (Events(0, 12, chains[at], tuple(records[at : at + 2]), chains[at + 2]) for at in (0, 2))
    return first, second


def test_pages_that_follow_one_another_hold() -> None:
    """Read one after the other, and the first one once more."""
    check = LogCheck("pump")
    first, second = pages()
    for page in (first, second, first):
        check.take(5, page)
    assert check.check().state == "ok"
    assert "6 records" in check.check().said


@pytest.mark.parametrize("where", ["within", "between"])
def test_a_changed_record_is_found(where: str) -> None:
    """Within a page its own chain does not fit; before it, the page goes on from another chain."""
    check = LogCheck("pump")
    first, second = pages()
    check.take(5, first)
    events = list(second.events)
    events[0] = replace(events[0], value=events[0].value + 1)
    before = second.chain_before if where == "within" else b"\x22" * CHAIN_BYTES
    check.take(7, replace(second, events=tuple(events) if where == "within" else second.events, chain_before=before))
    (finding,) = check.check().findings
    assert finding.startswith("at 7 ms: ")


def test_shipped_fortnight_holds() -> None:
    """Every page of a pump's own history, as it was recorded, fits its chain."""
    found = verify(Path(__file__).parents[3] / "fixtures" / "recordings" / "normal-fortnight.mcap")
    (log,) = [check for check in found.checks if check.name == "log pump"]
    assert log.state == "ok"
    assert "340 records" in log.said
