"""Payloads: the opcode table, and messages to bytes and back."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType

from construct import ConstructError, Int8ub, Int16ub
from construct_typed import csfield

from protocols.messages import (
    alarms,
    clock,
    commands,
    configuration,
    error,
    events,
    history,
    identity,
    keys,
    measurements,
    refill,
    service,
    status,
)
from protocols.messages.body import BodyCodec
from protocols.messages.errors import MalformedMessage, UnknownOpcode
from protocols.messages.layout import Declared, declared
from protocols.messages.message import TELEMETRY_BIT, Message, Telecommand

__all__ = [
    "FAMILIES",
    "MESSAGES",
    "Header",
    "body_codec",
    "decode_message",
    "encode_message",
    "messages_of",
    "opcode_table",
]


@declared
class Header(Declared):
    """What stands before every message's body."""

    seq: int = csfield(Int16ub, "chosen by the asking side, repeated by the answer")
    opcode: int = csfield(Int8ub, "which message follows")


def opcode_table(messages: Iterable[type[Message]]) -> Mapping[int, type[Message]]:
    """Opcode to message. Raises ValueError for an opcode used twice, or one that does not fit its direction."""
    table: dict[int, type[Message]] = {}
    for message in messages:
        opcode = message.OPCODE
        if opcode in table:
            raise ValueError(f"opcode {opcode:#04x} is {table[opcode].__name__}; {message.__name__} needs another")
        commands = issubclass(message, Telecommand)
        if commands == bool(opcode & TELEMETRY_BIT) or not 0 < opcode <= 0xFF:
            raise ValueError(f"opcode {opcode:#04x} of {message.__name__} does not fit its direction")
        if issubclass(message, Telecommand) and opcode | TELEMETRY_BIT != message.REPLY.OPCODE:
            raise ValueError(f"{message.REPLY.__name__} must have opcode {opcode | TELEMETRY_BIT:#04x}")
        table[opcode] = message
    return MappingProxyType(table)


FAMILIES = (
    identity,
    status,
    measurements,
    alarms,
    history,
    events,
    clock,
    configuration,
    commands,
    refill,
    service,
    keys,
    error,
)
"""Where messages are declared, in the order of the reference. A new message is one more class in one of them."""


def messages_of(family: ModuleType) -> list[type[Message]]:
    """The messages that a module declares, in its order."""
    own = (each for each in vars(family).values() if isinstance(each, type) and each.__module__ == family.__name__)
    return [each for each in own if issubclass(each, Message)]


MESSAGES = opcode_table(message for family in FAMILIES for message in messages_of(family))
"""Every message of version 1, by opcode."""

_HEADER = BodyCodec(Header)
_HEADER_BYTES = _HEADER.interpreted.sizeof()
_BODIES: Mapping[type[Message], BodyCodec[Message]] = {message: BodyCodec(message) for message in MESSAGES.values()}


def body_codec(message: type[Message]) -> BodyCodec[Message]:
    """The codec of one message's body. Raises KeyError for a class that is not in the table."""
    return _BODIES[message]


def encode_message(seq: int, message: Message) -> bytes:
    """The payload ``seq u16 | opcode u8 | body``. Raises ValueError, with the field's name, for what does not fit."""
    if type(message) not in _BODIES:
        raise ValueError(f"{type(message).__name__} is not in the opcode table")
    try:
        return _HEADER.build(Header(seq, message.OPCODE)) + _BODIES[type(message)].build(message)
    except (ConstructError, TypeError) as failure:
        raise ValueError(f"{type(message).__name__}: {_explain(failure)}") from failure


def decode_message(payload: bytes) -> tuple[int, Message]:
    """The seq and the message of a payload. Raises UnknownOpcode or MalformedMessage, and nothing else.

    Version 1 is closed: a value that it does not name, or bytes behind the body, are malformed. So each message has
    one encoding, and a pump that says more than it should is found out.
    """
    if len(payload) < _HEADER_BYTES:
        raise MalformedMessage(f"{len(payload)} bytes are too few for a message")
    header = _HEADER.parse(payload[:_HEADER_BYTES])
    message = MESSAGES.get(header.opcode)
    if message is None:
        raise UnknownOpcode(header.opcode, seq=header.seq)
    try:
        return header.seq, _BODIES[message].parse(payload[_HEADER_BYTES:])
    except ConstructError as failure:
        problem = f"{message.__name__}: {_explain(failure)}"
        raise MalformedMessage(problem, seq=header.seq, opcode=header.opcode) from failure


def _explain(failure: Exception) -> str:
    """Construct's error on one line: the field, then what is wrong with it."""
    path = getattr(failure, "path", None) or ""
    field = ".".join(path.split(" -> ")[1:])
    problem = str(failure).splitlines()[-1]
    return f"{field}: {problem}" if field else problem
