"""Opcodes that are no telecommands: those of nothing at all, and those of telemetry."""

from protocols.messages import MESSAGES
from protocols.messages.message import TELEMETRY_BIT

__all__ = ["TELEMETRY_OPCODES", "UNKNOWN_OPCODES"]

UNKNOWN_OPCODES = tuple(opcode for opcode in range(1, TELEMETRY_BIT) if opcode not in MESSAGES)
TELEMETRY_OPCODES = tuple(opcode for opcode in MESSAGES if opcode & TELEMETRY_BIT)
