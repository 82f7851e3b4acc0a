"""Messages from their JSON: the way back from what a recording holds."""

import pytest
from hypothesis import given

from protocols.json_form import json_of, topic_name
from protocols.json_message import message_of
from protocols.messages import Message, ProvisionKey, Status
from protocols.messages.errors import MalformedMessage
from protocols.vectors import examples
from tests.protocols.strategies import messages


@given(messages)
def test_json_and_back_is_the_message_or_a_secret(message: Message) -> None:
    """Every message comes back whole; only one that held a secret cannot, and says so."""
    content = json_of(message)
    try:
        back = message_of(topic_name(type(message)), content)
    except MalformedMessage as error:
        assert "secret" in str(error)
        assert None in content.values()
    else:
        assert back == message


def test_what_is_no_message_is_refused() -> None:
    """Unknown names, missing fields, wrong types and secrets are all one error."""
    content = json_of(examples(ProvisionKey)[0])
    for topic, given_content in (("nothing", {}), ("status", {}), ("provision_key", content), ("status", {"mode": 3})):
        with pytest.raises(MalformedMessage):
            message_of(topic, given_content)


@pytest.mark.parametrize(
    ("field", "value"),
    [("flow_valid", "no"), ("flow_valid", 2), ("battery_mv", "3000"), ("battery_mv", 65_536), ("battery_mv", 2.5)],
)
def test_what_no_pump_can_have_said_is_refused(field: str, value: object) -> None:
    """A recording that somebody edited: what is no value of its field does not become another one, or a later error."""
    with pytest.raises(MalformedMessage, match="status"):
        message_of("status", {**json_of(examples(Status)[0]), field: value})
