"""Messages from their JSON: the way back from what a recording holds."""

import pytest
from hypothesis import given

from protocols.commands.journal import outer
from protocols.json_form import json_of, properties_of, topic_name
from protocols.json_message import message_of
from protocols.messages import Message, ProvisionKey, SetDrug, Stage, Status
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


def test_what_held_a_secret_says_so() -> None:
    """In itself, or in the command that it carries: it cannot be made again."""
    key = examples(ProvisionKey)[0]
    for message in (key, Stage(outer(key))):
        with pytest.raises(MalformedMessage, match="holds a secret, which is never recorded"):
            message_of(topic_name(type(message)), json_of(message))


def test_what_holds_no_secret_is_shown_however_it_is_wrong() -> None:
    """A command that cannot be read, or that nobody has, is evidence; so is one within another."""
    plain = outer(SetDrug(5, 500))
    for command in (plain[:-1], plain + b"\0", b"\x7e\1", b"", outer(Stage(plain)), outer(Stage(plain[:-1]))):
        assert json_of(Stage(command))["command"] == command.hex()
    assert json_of(Stage(plain[:-1]))["command_decoded"] is None


def test_the_schema_has_the_bounds_of_the_wire() -> None:
    """The least and the greatest number of each field, signed or not."""
    fields = properties_of(Status)
    found = {name: (fields[name]["minimum"], fields[name]["maximum"]) for name in ("flow_nl_per_day", "battery_mv")}
    assert found == {"flow_nl_per_day": (-(2**31), 2**31 - 1), "battery_mv": (0, 65_535)}
    assert fields["clock_utc_ms"]["maximum"] == 2**64 - 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("flow_valid", "no"), ("flow_valid", 2), ("battery_mv", "3000"), ("battery_mv", 65_536), ("battery_mv", 2.5)],
)
def test_what_no_pump_can_have_said_is_refused(field: str, value: object) -> None:
    """A recording that somebody edited: what is no value of its field does not become another one, or a later error."""
    with pytest.raises(MalformedMessage, match="status"):
        message_of("status", {**json_of(examples(Status)[0]), field: value})
