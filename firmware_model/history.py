"""The firmware's log: one record for each hour of uptime, in a ring."""

from collections import deque
from collections.abc import Sequence

from firmware_model.estimation import rounded_quotient
from firmware_model.sensors import Readings
from protocols.messages import HistoryRecord

__all__ = ["HISTORY_RECORDS", "SAMPLES_PER_HOUR", "History", "HourlyMeans"]

HISTORY_RECORDS = 1024
"""Six weeks; the oldest record gives way to the newest."""
SAMPLES_PER_HOUR = 60


class HourlyMeans:
    """Means over the samples of one hour, as sums of integers."""

    def __init__(self) -> None:
        """Begin an hour."""
        self._sums = [0, 0, 0, 0]
        self.count = 0

    def add(self, readings: Readings) -> None:
        """Take one more sample."""
        self.count += 1
        for index, value in enumerate(
            (readings.bellows_nl, readings.temperature_mc, readings.reservoir_pa, readings.outlet_pa)
        ):
            self._sums[index] += value

    def means(self) -> Sequence[int]:
        """Mean volume (nL), temperature (m°C), reservoir and outlet pressure (Pa), each rounded."""
        return [rounded_quotient(total, self.count) for total in self._sums]


class History:
    """The last ``HISTORY_RECORDS`` hours."""

    def __init__(self) -> None:
        """Begin empty, at sequence number 0."""
        self._records = deque[HistoryRecord](maxlen=HISTORY_RECORDS)
        self.next_seq = 0

    @property
    def first_seq(self) -> int:
        """Sequence number of the oldest record kept; ``next_seq`` if there is none."""
        return self.next_seq - len(self._records)

    def append(self, record: HistoryRecord) -> None:
        """Keep a record. Raises ValueError unless it carries the next sequence number."""
        if record.seq != self.next_seq:
            raise ValueError(f"the next record is {self.next_seq}, not {record.seq}")
        self._records.append(record)
        self.next_seq += 1

    def read(self, from_seq: int, max_records: int) -> list[HistoryRecord]:
        """Up to ``max_records`` records from ``from_seq`` on, oldest first; what is gone is skipped."""
        begin = max(0, from_seq - self.first_seq)
        return [self._records[index] for index in range(begin, min(begin + max_records, len(self._records)))]

    def last_volumes_nl(self, hours: int) -> list[int]:
        """Mean volumes of the last ``hours`` hours, oldest first; fewer if there are fewer."""
        begin = max(0, len(self._records) - hours)
        return [self._records[index].volume_nl for index in range(begin, len(self._records))]
