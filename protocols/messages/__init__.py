"""Messages between programmer and pump: one file per family, and the one table of their opcodes in ``codec``."""

from protocols.messages.clock import ClockSet, SetClock
from protocols.messages.codec import MESSAGES, decode_message, encode_message
from protocols.messages.error import ErrorReply, Reason
from protocols.messages.errors import MalformedMessage, UnknownOpcode
from protocols.messages.history import MAX_RECORDS, History, HistoryRecord, ReadHistory
from protocols.messages.identity import Identify, Identity
from protocols.messages.message import Message, Telecommand, Telemetry
from protocols.messages.status import Alarms, Mode, ReadStatus, Status

__all__ = [
    "MAX_RECORDS",
    "MESSAGES",
    "Alarms",
    "ClockSet",
    "ErrorReply",
    "History",
    "HistoryRecord",
    "Identify",
    "Identity",
    "MalformedMessage",
    "Message",
    "Mode",
    "ReadHistory",
    "ReadStatus",
    "Reason",
    "SetClock",
    "Status",
    "Telecommand",
    "Telemetry",
    "UnknownOpcode",
    "decode_message",
    "encode_message",
]
