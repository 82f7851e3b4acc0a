"""Messages from their JSON: the way back from ``json_form``, for whoever has a recording and not its keys."""

from collections.abc import Mapping
from enum import IntFlag
from functools import reduce
from operator import or_
from typing import Any, Final

from construct import Bytes, ConstructError, Renamed

from protocols.json_form import topic_name
from protocols.messages import MESSAGES, Message
from protocols.messages.codec import body_codec
from protocols.messages.errors import MalformedMessage
from protocols.messages.fields import Blob, Bounded, Member, SecretBytes
from protocols.messages.layout import Layout

__all__ = ["message_of"]

_BY_TOPIC: Final = {topic_name(message): message for message in MESSAGES.values()}


def message_of(topic: str, content: Mapping[str, Any]) -> Message:
    """The message whose topic ends in ``topic``. Raises MalformedMessage for what is none, or held a secret."""
    kind = _BY_TOPIC.get(topic)
    if kind is None:
        raise MalformedMessage(f"there is no message {topic!r}")
    layout: Any = body_codec(kind).interpreted
    try:
        message: Message = _part(layout, content)
        body_codec(kind).build(message)
    except (ConstructError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedMessage(f"{topic}: {type(error).__name__}: {error}") from error
    return message


def _part(layout: Any, content: Mapping[str, Any]) -> Any:
    return layout.cls(*(_value(subcon, content[subcon.name]) for subcon in layout.subcon.subcons))


def _value(subcon: Any, value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    match subcon:
        case Renamed():
            return _value(subcon.subcon, value)
        case Layout():
            return _part(subcon, value)
        case Bounded():
            return tuple(_value(subcon.item, item) for item in value)
        case SecretBytes():
            raise ValueError("holds a secret, which is never recorded")
        case Blob() | Bytes():
            if value is None:
                raise ValueError("holds a secret, which is never recorded")
            return bytes.fromhex(value)
        case Member() if issubclass(subcon.kind, IntFlag):
            return reduce(or_, (subcon.kind[name] for name in value), subcon.kind(0))
        case Member() if subcon.kind is bool:
            return value
        case Member():
            return subcon.kind[value]
    return value
