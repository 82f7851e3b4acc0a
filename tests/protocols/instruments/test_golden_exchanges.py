"""The instruments' grammars read what manuals print, and refuse everything else with one error."""

import contextlib
import tomllib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.shipped import shipped
from protocols.errors import InstrumentReplyError
from protocols.instruments import julabo, mt_sics
from protocols.instruments.mt_sics import Refusal, Weight


def corpus(name: str) -> dict[str, list[dict[str, Any]]]:
    """The exchanges cited for one instrument."""
    return tomllib.loads(shipped(f"golden/instruments/{name}.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("cited", corpus("mt-sics")["exchange"], ids=lambda cited: cited["reply"])
def test_mt_sics_replies_are_read_as_the_manual_means_them(cited: dict[str, Any]) -> None:
    """Weights, acknowledgements, texts and refusals come out as cited."""
    line, command = cited["reply"].encode("ascii") + b"\r\n", cited["command"]
    match cited["kind"]:
        case "weight":
            weight = Weight(Decimal(cited["value"]), cited["unit"], cited["stable"])
            assert mt_sics.parse_weight(line, command) == weight
        case "done":
            assert mt_sics.parse_done(line, command) is None
        case "text":
            assert mt_sics.parse_text_reply(line, command) == cited["text"]
        case _:
            for parse in (mt_sics.parse_weight, mt_sics.parse_done, mt_sics.parse_text_reply):
                refusal = parse(line, command)
                assert isinstance(refusal, Refusal)
                assert refusal.code == cited["code"]


def test_weights_are_written_as_the_manual_prints_them() -> None:
    """The value stands right-aligned in ten columns, then a space and the unit."""
    assert mt_sics.format_weight("S", Weight(Decimal("100.00"), "g", stable=True)) == b"S S     100.00 g\r\n"


@pytest.mark.parametrize("cited", corpus("julabo")["number"], ids=lambda cited: cited["source"])
def test_julabo_numbers(cited: dict[str, Any]) -> None:
    """Numbers come out as cited, whatever flow control or line end is around them."""
    assert julabo.parse_number(cited["reply"].encode("latin-1"), cited["command"]) == cited["value"]


@pytest.mark.parametrize("cited", corpus("julabo")["flag"], ids=lambda cited: cited["source"])
def test_julabo_flags(cited: dict[str, Any]) -> None:
    """Flags come out as cited."""
    assert julabo.parse_flag(cited["reply"].encode(), cited["command"]) is cited["value"]


@pytest.mark.parametrize("cited", corpus("julabo")["status"], ids=lambda cited: cited["source"])
def test_julabo_statuses(cited: dict[str, Any]) -> None:
    """Codes and texts of a status come out as cited."""
    assert julabo.parse_status(cited["reply"].encode()) == (cited["code"], cited["text"])


@given(line=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_one_error(line: bytes) -> None:
    """No bytes from an instrument raise anything but InstrumentReplyError."""
    readers = (
        lambda: mt_sics.parse_weight(line, "S"),
        lambda: mt_sics.parse_done(line, "Z"),
        lambda: mt_sics.parse_text_reply(line, "I4"),
        lambda: julabo.parse_number(line, "in_pv_00"),
        lambda: julabo.parse_flag(line, "in_mode_05"),
        lambda: julabo.parse_status(line),
    )
    for read in readers:
        with contextlib.suppress(InstrumentReplyError):
            read()
