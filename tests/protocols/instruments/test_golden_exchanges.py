"""The instruments' grammars read what manuals print, and refuse everything else with one error."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.errors import InstrumentReplyError
from protocols.instruments import julabo, mt_sics, pace, sbi, scpi, scpi_multimeter, scpi_supply
from protocols.instruments.mt_sics import Refusal, Weight
from protocols.instruments.sbi import BalanceState, PrintedWeight
from tests.protocols.instruments.corpus import corpus


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


@pytest.mark.parametrize("cited", corpus("sbi")["weight"], ids=lambda cited: cited["reply"])
def test_sbi_weights(cited: dict[str, Any]) -> None:
    """Sign, digits and unit come out as cited; a blank unit is a weight that is not stable."""
    weight = sbi.parse_print(cited["reply"].encode() + b"\r\n")
    assert weight == PrintedWeight(Decimal(cited["value"]), cited["unit"])
    assert weight.stable is cited["stable"]


@pytest.mark.parametrize("cited", corpus("sbi")["state"], ids=lambda cited: cited["reply"])
def test_sbi_states(cited: dict[str, Any]) -> None:
    """What stands in place of a weight is said in words, and never a number."""
    state = sbi.parse_print(cited["reply"].encode() + b"\r\n")
    assert isinstance(state, BalanceState)
    assert state.passing is cited["passing"]
    assert cited["meaning"] in state.meaning


@pytest.mark.parametrize("cited", corpus("sbi")["text"], ids=lambda cited: cited["reply"])
def test_sbi_texts(cited: dict[str, Any]) -> None:
    """Model and serial number are texts, and no weights, however wide the line."""
    line = cited["reply"].encode() + b"\r\n"
    assert sbi.parse_text(line) == cited["reply"].strip()
    with pytest.raises(InstrumentReplyError):
        sbi.parse_print(line)


@pytest.mark.parametrize(
    "reply",
    [
        "T1    +   123.56 g  ",
        "T           0.000 g  ",
        "+ 1 23.56 g  ",
        "+   123.56.7 g",
        "+  g",
        "37454321",
        "++ 12.3 g",
        "N 12.3",
    ],
)
def test_what_is_no_weight_is_refused(reply: str) -> None:
    """The tare memory, digits apart, two points, no digits, a serial number."""
    with pytest.raises(InstrumentReplyError):
        sbi.parse_print(reply.encode() + b"\r\n")


@pytest.mark.parametrize("cited", corpus("sbi")["weight"], ids=lambda cited: cited["reply"])
def test_sbi_weight_is_no_text(cited: dict[str, Any]) -> None:
    """A print that comes late is not taken for a model."""
    with pytest.raises(InstrumentReplyError):
        sbi.parse_text(cited["reply"].encode() + b"\r\n")


@pytest.mark.parametrize("cited", corpus("sbi")["command"], ids=lambda cited: cited["name"])
def test_sbi_commands(cited: dict[str, Any]) -> None:
    """Commands are sent as cited, and taken with and without the line end, in any split."""
    assert sbi.command(cited["name"]) == cited["bytes"].encode()
    for sent in (cited["bytes"].encode(), cited["bytes"].encode().strip(b"\r\n")):
        names, rest = [], b""
        for byte in sent:
            more, rest = sbi.take_commands(rest + bytes([byte]))
            names += more
        assert names == [cited["name"]]


_SCPI = ("pace", "scpi-multimeter-keysight", "scpi-multimeter-rigol", "scpi-supply-keysight", "scpi-supply-rigol")


@pytest.mark.parametrize(
    "cited", [each for name in _SCPI for each in corpus(name)["exchange"]], ids=lambda c: c["reply"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", " \r\n"])
def test_scpi_replies(cited: dict[str, Any], end: str) -> None:
    """Numbers, states, identities and errors come out as cited, whatever ends the line."""
    line, query, notation = (cited["reply"] + end).encode(), cited["command"], cited.get("notation")
    match cited["kind"]:
        case "number":
            assert scpi.parse_number(line, query, notation) == cited["value"]
        case "overload":
            assert scpi.is_overload(scpi.parse_number(line, query))
        case "flag":
            assert scpi.parse_flag(line, query, notation) is cited["value"]
        case "limits":
            assert pace.parse_in_limits(line, query) is cited["value"]
        case "vent":
            assert pace.parse_vent(line, query) == cited["value"]
        case "mode":
            assert pace.parse_mode(line, query) == cited["value"]
        case "unit":
            assert pace.parse_unit(line, query) == cited["value"]
        case "identity":
            assert list(vars(scpi.parse_identity(line)).values()) == cited["value"]
        case "applied":
            assert list(scpi_supply.parse_applied(line, query, 1)) == cited["value"]
        case kind:
            assert kind == "error"
            assert scpi.parse_error(line) == scpi.ScpiError(cited["code"], cited["text"])


@pytest.mark.parametrize(
    "reply",
    [":SENS:PRES 1013.25", ":SOUR:PRES:SLEW 1.0", "*IDN a,b,c,d", "", "nan", "inf", "1e999", "1,2", "1 2", "0x10"],
)
def test_an_answer_to_another_question_is_refused(reply: str) -> None:
    """A number under another header, two numbers, or none, is no answer to a question for one."""
    with pytest.raises(InstrumentReplyError, match="SOUR:PRES"):
        scpi.parse_number(reply.encode() + b"\n", ":SOUR:PRES?", pace.SET_POINT)


@pytest.mark.parametrize(
    "form", [":SOUR:PRES", "SOUR:PRES:LEV:IMM:AMPL", ":source:pressure", ":SOUR1", ":sour:pres:level:imm"]
)
def test_headers_have_many_forms(form: str) -> None:
    """Short or long, any case, with numbers, optional nodes left out."""
    assert scpi.header(pace.SET_POINT).fullmatch(form)


@pytest.mark.parametrize("form", [":SOURC:PRES", ":SOUR:SLEW", ":SENS:PRES", ":SOUR:PRES:VENT", "SOUR:LEVE"])
def test_other_headers_do_not_match(form: str) -> None:
    """A node is in its short form or in its long one, never between."""
    assert not scpi.header(pace.SET_POINT).fullmatch(form)


def test_a_channel_that_was_not_asked_for_is_refused() -> None:
    """Settings of CH2 are no answer about CH1."""
    with pytest.raises(InstrumentReplyError, match=r"CH1,5\.000"):
        scpi_supply.parse_applied(b"CH2,5.000,1.0000\n", ":APPL? CH1", 1)


@example(b":SENS:PRES:INL 1000.5 hPa, 1\n")
@given(
    line=st.one_of(st.binary(max_size=60), st.text(alphabet='+-.0123456789eE :;,"*ASENPRVTg[]\x1c\r\n').map(str.encode))
)
def test_any_bytes_are_read_or_refused_with_one_error(line: bytes) -> None:
    """No bytes from an instrument raise anything but InstrumentReplyError, which keeps them all as evidence."""
    readers = (
        lambda: mt_sics.parse_weight(line, "S"),
        lambda: mt_sics.parse_done(line, "Z"),
        lambda: mt_sics.parse_text_reply(line, "I4"),
        lambda: julabo.parse_number(line, "in_pv_00"),
        lambda: julabo.parse_flag(line, "in_mode_05"),
        lambda: julabo.parse_status(line),
        lambda: julabo.parse_version(line),
        lambda: sbi.parse_print(line),
        lambda: sbi.parse_text(line),
        lambda: sbi.take_commands(line),
        lambda: scpi.parse_number(line, "READ?"),
        lambda: scpi.parse_number(line, ":SENS:PRES?", pace.PRESSURE),
        lambda: scpi.parse_flag(line, "OUTP?"),
        lambda: scpi.parse_identity(line),
        lambda: scpi.parse_error(line),
        lambda: pace.parse_in_limits(line, ":SENS:PRES:INL?"),
        lambda: pace.parse_unit(line, ":UNIT:PRES?"),
        lambda: pace.parse_mode(line, ":SOUR:PRES:SLEW:MODE?"),
        lambda: pace.parse_vent(line, pace.short_form(pace.VENT)),
        lambda: scpi_multimeter.parse_temperature_unit(line),
        lambda: scpi_supply.parse_applied(line, ":APPL? CH1", 1),
    )
    for read in readers:
        try:
            read()
        except InstrumentReplyError as error:
            assert error.reply == line
