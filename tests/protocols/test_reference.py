"""The reference, the vectors and the code say the same."""

import json
import tomllib
from pathlib import Path

import pytest

from protocols.channel import OpenChannel
from protocols.commands.journal import STAGED_MS
from protocols.declaration import fields_of
from protocols.framing import FrameDecoder, Rejected, decode_frame
from protocols.messages import MESSAGES, ErrorReply, Message, Reason, Telecommand, decode_message
from protocols.reference import reference_html, reference_markdown
from protocols.responder import Responder
from protocols.session.pump_channel import CONFIRM_MS, IDLE_MS, MAX_SESSION_MS, MAX_VIOLATIONS
from protocols.vectors import plain, vectors, vectors_json

_ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    """``pumprig protocol reference > docs/protocol.md`` writes it anew."""
    assert (_ROOT / "docs" / "protocol.md").read_text(encoding="utf-8") == reference_markdown()


def test_the_times_of_version_1_are_what_they_are() -> None:
    """The page says them in whole seconds and minutes, or in words: they are those to the millisecond."""
    assert (CONFIRM_MS, IDLE_MS, MAX_SESSION_MS, STAGED_MS) == (2_000, 60_000, 1_800_000, 30_000)
    assert MAX_VIOLATIONS == 5


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.__name__)
def test_every_message_is_described(message: type[Message]) -> None:
    """With its opcode and every one of its fields."""
    page = reference_markdown()
    _, _, section = page.partition(f"#### {message.__name__} (0x{message.OPCODE:02X})\n")
    section = section.partition("\n#### ")[0]
    assert section
    for field in fields_of(message):
        assert f"| `{field.name}` | {field.meaning.replace('``', '`')} |" in section


def test_the_html_page_has_the_same_tables() -> None:
    """One row for each field, and nothing left of Markdown."""
    html, markdown = reference_html(), reference_markdown()
    assert html.count("<tr>") == sum(
        line.startswith("|") and not line.startswith("|---") for line in markdown.splitlines()
    )
    assert "|---" not in html


def test_vectors_decode_to_what_they_say() -> None:
    """Every message, from its wire to its fields."""
    for vector in json.loads(vectors_json())["messages"]:
        payload = OpenChannel().open(decode_frame(bytes.fromhex(vector["wire"])[:-1]))
        assert payload.hex() == vector["payload"]
        seq, message = decode_message(payload)
        assert (seq, type(message).__name__, plain(message)) == (vector["seq"], vector["message"], vector["fields"])


def test_vectors_of_rejected_bytes_are_rejected() -> None:
    """Each is one rejection."""
    for vector in vectors()["rejected"]:
        (result,) = FrameDecoder().feed(bytes.fromhex(vector["wire"]))
        assert isinstance(result, Rejected), vector["why"]


def test_vectors_of_refusals_are_answered_so() -> None:
    """By the pump's own answering side."""

    def carry_out(telecommand: Telecommand) -> Message:
        return ErrorReply(Reason.INTERNAL, telecommand.OPCODE)

    for vector in vectors()["refused"]:
        answer = Responder(OpenChannel(), carry_out).receive(bytes.fromhex(vector["wire"]))
        assert answer.hex() == vector["answer"], vector["why"]


def test_the_vectors_session_is_the_published_one() -> None:
    """Same keys, same bytes as the vector that an independent implementation made."""
    text = (_ROOT / "fixtures" / "golden" / "session" / "vector.toml").read_text(encoding="utf-8")
    published, session = tomllib.loads(text), vectors()["session"]
    assert session["prologue"] == published["prologue"]
    assert session["first_frame"].endswith(published["first"]["message"])
    assert session["second_frame"].endswith(published["second"]["message"])
    assert session["handshake_hash"] == published["keys"]["handshake_hash"]
    assert session["to_pump"][0]["frame"] == published["record"]["header"] + published["record"]["sealed"]
