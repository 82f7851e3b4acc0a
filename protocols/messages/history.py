"""What the pump has stored, hour by hour."""

from typing import ClassVar

from construct import Bytes, Int8ub, Int32sb, Int32ub, Int64ub
from construct_typed import csfield

from protocols.messages.fields import Bounded, Member
from protocols.messages.layout import Declared, Layout, declared
from protocols.messages.message import Telecommand, Telemetry
from protocols.messages.status import Alarms

__all__ = ["CHAIN_BYTES", "HOURS_PER_CHAIN", "MAX_RECORDS", "History", "HistoryRecord", "ReadHistory"]

CHAIN_BYTES = 16
HOURS_PER_CHAIN = 24
"""The hourly history's chain begins anew with every seq that this divides."""
MAX_RECORDS = 9
"""In one answer: as many as leave room in a frame for the secure session's header and tag."""


@declared
class HistoryRecord(Declared):
    """One hour. All fields have a fixed size."""

    seq: int = csfield(Int32ub, "counts hours since manufacture; never reused")
    end_uptime_ms: int = csfield(Int64ub, "ms since the firmware started, at the hour's end")
    volume_nl: int = csfield(Int32ub, "nL in the reservoir, mean of the hour's last quarter")
    flow_nl_per_day: int = csfield(Int32sb, "nL/day, estimated at the hour's end")
    flow_valid: bool = csfield(Member(Int8ub, bool), "whether there were samples enough to estimate the flow")
    temperature_mc: int = csfield(Int32sb, "thousandths of a degree Celsius, mean of the hour's last quarter")
    reservoir_pa: int = csfield(Int32ub, "Pa absolute, mean of the hour's last quarter")
    outlet_pa: int = csfield(Int32sb, "Pa gauge, mean of the hour's last quarter")
    ambient_pa: int = csfield(Int32ub, "Pa absolute, mean of the hour's last quarter")
    alarms: Alarms = csfield(Member(Int32ub, Alarms), "alarm conditions that held at any time in the hour")


@declared
class History(Telemetry):
    """Answers ReadHistory. What was overwritten is told by ``first_seq``, never hidden."""

    OPCODE: ClassVar[int] = 0x83

    first_seq: int = csfield(Int32ub, "seq of the oldest record that is still stored")
    next_seq: int = csfield(Int32ub, "seq that the next record will have")
    chain_before: bytes = csfield(Bytes(CHAIN_BYTES), "the chain's value before the first of these records")
    records: tuple[HistoryRecord, ...] = csfield(
        Bounded(Int8ub, Layout(HistoryRecord), most=MAX_RECORDS), "records from the one asked for on, oldest first"
    )
    chain_after: bytes = csfield(Bytes(CHAIN_BYTES), "the chain's value after the last of them")


@declared
class ReadHistory(Telecommand):
    """Asks for stored records. Asking again gives the same ones."""

    OPCODE: ClassVar[int] = 0x03
    REPLY: ClassVar[type[Telemetry]] = History
    CHANGES_STATE: ClassVar[bool] = False

    from_seq: int = csfield(Int32ub, "seq of the first record wanted")
    max_records: int = csfield(Int8ub, f"records wanted; at most {MAX_RECORDS} come in one answer")
