"""The chains over a pump's own event log and hourly history, worked out again over every page that it sent."""

from hil.verification.check import Check
from protocols.log_follower import BrokenLog, event_log, hour_log
from protocols.messages import CHAIN_BYTES, Events, History

__all__ = ["LogCheck"]

_UNKNOWN = bytes(CHAIN_BYTES)


class LogCheck:
    """One pump's pages, as they come: each must fit its own chain, and go on from the one before it."""

    def __init__(self, wire: str) -> None:
        """Check what comes over ``wire``."""
        self._wire = wire
        self._records = 0
        self._findings: list[str] = []
        self._came_to: dict[type[Events | History], tuple[int, bytes]] = {}
        """Of each log: the record that follows on the last page, and the chain's value before it."""

    def take(self, time_ms: int, page: Events | History) -> None:
        """Check one page."""
        records = page.events if isinstance(page, Events) else page.records
        if not records:
            return
        self._records += len(records)
        first = records[0].seq
        follows, chain = self._came_to.get(type(page), (first, _UNKNOWN))
        known = chain if follows == first else _UNKNOWN
        try:
            follower = event_log(first, known) if isinstance(page, Events) else hour_log(first, known)
            follower.take(page)
        except BrokenLog as error:
            self._findings.append(f"at {time_ms} ms: {error}")
        self._came_to[type(page)] = first + len(records), page.chain_after

    def check(self) -> Check:
        """What came of it."""
        said = f"{self._wire}: the chains over {self._records} records of the pump's log and history"
        return Check(f"log {self._wire}", f"{said} {'break' if self._findings else 'hold'}", tuple(self._findings))
