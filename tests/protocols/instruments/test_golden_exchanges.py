"""The instruments' grammars read what manuals print, and refuse everything else with one error."""

from collections.abc import Callable
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


def test_what_was_done_is_said_in_three_ways() -> None:
    """Done; done at a stable weight or not; and with the new tare behind it."""
    for line, command in ((b"Z A", "Z"), (b"ZI S", "ZI"), (b"ZI D", "ZI"), (b"T S     100.00 g", "T")):
        assert mt_sics.parse_done(line + b"\r\n", command) is None


def test_texts_and_tares_are_written_as_they_are_read() -> None:
    """Several texts each in their quotes; B while more lines follow; a tare with the status A."""
    assert mt_sics.format_text_reply("I1", "0123", "2.30") == b'I1 A "0123" "2.30"\r\n'
    assert mt_sics.parse_text_reply(b'I1 A "0123" "2.30"\r\n', "I1") == "0123 2.30"
    assert mt_sics.format_text_reply("I0", "I1", more=True) == b'I0 B "I1"\r\n'
    assert mt_sics.format_tare(Decimal("100.00")) == b"TA A     100.00 g\r\n"
    assert mt_sics.parse_weight(b"TA A     100.00 g\r\n", "TA") == Weight(Decimal("100.00"), "g", stable=True)


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


def test_commands_are_those_of_the_manuals() -> None:
    """Driver and simulator take them from one place, and would agree on any others."""
    assert [mt_sics.WEIGH_NOW, mt_sics.WEIGH_STABLE, mt_sics.ZERO, mt_sics.TARE_NOW] == ["SI", "S", "ZI", "TI"]
    assert [mt_sics.CLEAR_TARE, mt_sics.TARE_VALUE, mt_sics.CANCEL, mt_sics.BUSY] == ["TAC", "TA", "@", "I"]
    assert [mt_sics.IDENTIFY_MODEL, mt_sics.IDENTIFY_VERSION, mt_sics.SERIAL_NUMBER] == ["I2", "I3", "I4"]
    assert [sbi.PRINT, sbi.TARE, sbi.TARE_ONLY, sbi.ZERO] == ["P", "T", "U", "V"]
    assert [sbi.MODEL, sbi.SERIAL_NUMBER, sbi.VERSION] == ["x1_", "x2_", "x3_"]
    assert [julabo.VERSION, julabo.STATUS, julabo.RUNNING, julabo.SET_RUNNING] == [
        "version", "status", "in_mode_05", "out_mode_05"
    ]  # fmt: skip
    assert [julabo.BATH_TEMPERATURE, julabo.HEATING_POWER, julabo.SET_POINT, julabo.SET_SET_POINT] == [
        "in_pv_00", "in_pv_01", "in_sp_00", "out_sp_00"
    ]  # fmt: skip
    assert [scpi.IDENTITY, scpi.CLEAR, scpi.NEXT_ERROR] == ["*IDN?", "*CLS", "SYST:ERR?"]
    assert [mt_sics.TERMINATOR, sbi.END, julabo.COMMAND_END, julabo.REPLY_END, scpi.END] == [
        b"\r\n", b"\r\n", b"\r", b"\n", b"\n"
    ]  # fmt: skip


def test_scpi_has_its_standards_numbers_and_words() -> None:
    """Errors of SCPI-1999, states in both forms, quantities out of range, and how numbers are written."""
    errors = [scpi.UNDEFINED_HEADER, scpi.NOT_A_NUMBER, scpi.PARAMETER_MISSING, scpi.DATA_OUT_OF_RANGE]
    assert [error.code for error in (*errors, scpi.QUEUE_OVERFLOW, scpi.NO_ERROR)] == [-113, -104, -109, -222, -350, 0]
    assert scpi.format_error(scpi.NO_ERROR, signed=True) == '+0,"No error"'
    assert scpi.format_error(scpi.NO_ERROR, signed=False) == '0,"No error"'
    assert scpi.format_error(scpi.QUEUE_OVERFLOW, signed=True) == '-350,"Queue overflow"'
    flags = {line: scpi.parse_flag(line, "OUTP?") for line in (b"1", b"ON", b"on", b"0", b"OFF")}
    assert flags == {b"1": True, b"ON": True, b"on": True, b"0": False, b"OFF": False}
    overloads = [scpi.is_overload(value) for value in (9.9e37, -9.9e37, 9.91e37, 9.8e37, 1e37, 0.0)]
    assert overloads == [True, True, True, False, False, False]
    assert scpi.format_exponent(3.6) == "+3.60000000E+00"


def test_units_of_pressure_are_as_they_are_defined() -> None:
    """From pound, inch and standard gravity; mercury of 13.5951 g/cm3; the torr from the atmosphere."""
    gravity, pound_kg, inch_m = 9.80665, 0.45359237, 0.0254
    mercury_kpa_per_m = 13.5951 * gravity
    defined = {
        "PA": 1e-3, "HPA": 0.1, "KPA": 1.0, "MPA": 1e3, "MBAR": 0.1, "BAR": 100.0, "ATM": 101.325,
        "PSI": pound_kg * gravity / inch_m**2 / 1000, "MMHG": mercury_kpa_per_m / 1000,
        "INHG": mercury_kpa_per_m * inch_m, "TORR": 101.325 / 760,
    }  # fmt: skip
    assert pytest.approx(defined, rel=1e-11) == pace.KPA_PER_UNIT


_REFUSED: list[tuple[Callable[[bytes], object], list[bytes]]] = [
    (lambda line: mt_sics.parse_weight(line, "SI"), [b"T S 1.0 g", b"S A 1.0 g", b"TA A 1.0 g", b"S S 1.0", b"SIX I"]),
    (lambda line: mt_sics.parse_done(line, "ZI"), [b"", b"ZI", b"Z A", b"ZI B", b"ZI AA", b"TI S 1.0 g", b"ZI  A"]),
    (lambda line: mt_sics.parse_text_reply(line, "I4"), [b'I2 A "XS204"', b'I4 C "1"', b"I4 A", b'I44 A "1"']),
    (lambda line: julabo.parse_number(line, "in_pv_00"), [b"37.", b"3 7", b"--.--", b"37.0 C", b"\xb0", b"1e3"]),
    (lambda line: julabo.parse_flag(line, "in_mode_05"), [b"", b"2", b"01", b"10", b"ON", b"1.0"]),
    (sbi.parse_print, [b"", b" " * 14, b"Stat" + b" " * 16, b"\xff", b"MSE1203S-100-DR     "]),
    (sbi.parse_text, [b"", b" " * 14, b"A\x07B", b"\xff", b"C", b"High", b"+    100.00 g  "]),
    (julabo.parse_status, [b"", b"3 REMOTE START", b"03", b"003 X", b"REMOTE START"]),
    (julabo.parse_version, [b"", b"HUBER 1.0"]),
    (scpi.parse_identity, [b"A,B,C", b",B,C,D", b"A,,C,D", b"+1.0,B,C,D", b""]),
    (lambda line: scpi.parse_flag(line, "OUTP?"), [b"", b"2", b"O", b"01", b":OUTP 1", b"ONE"]),
    (scpi.parse_error, [b"", b"0", b'x,"y"', b'1,"y" z', b':SENS:PRES 0,"No error"']),
    (lambda line: scpi.payload(line, "READ?"), [b"", b" \n", b":READ 1", b"*IDN x", b"\xff"]),
    (lambda line: pace.parse_mode(line, ":SOUR:PRES:SLEW:MODE?"), [b"", b"LI", b"5", b":SOUR:PRES:SLEW:MODE 5"]),
    (lambda line: pace.parse_unit(line, ":UNIT:PRES?"), [b"", b"FURLONG", b":UNIT:PRES 1"]),
    (lambda line: pace.parse_vent(line, ":SOUR:PRES:LEV:IMM:AMPL:VENT?"), [b"", b"10", b"-1", b":SOUR:PRES 1"]),
    (lambda line: pace.parse_in_limits(line, ":SENS:PRES:INL?"), [b"1000.5", b"1000.5, 2", b"x, 1", b"1, 1, 1"]),
    (scpi_multimeter.parse_temperature_unit, [b"", b"CELS", b"R", b"1"]),
    (lambda line: scpi_supply.parse_applied(line, ":APPL? CH1", 1), [b"CH1,5.0", b"CH1,x,1.0", b"CH1,5.0,1.0,2"]),
]


@pytest.mark.parametrize(("parse", "line"), [(parse, line) for parse, lines in _REFUSED for line in lines])
def test_what_is_outside_a_grammar_is_refused(parse: Callable[[bytes], object], line: bytes) -> None:
    """An answer to another command, one that is cut, or one with something more."""
    with pytest.raises(InstrumentReplyError) as caught:
        parse(line)
    assert caught.value.reply == line


def test_which_states_of_a_balance_pass() -> None:
    """Settling and adjusting end by themselves; what is on the pan, or is not, does not. A count needs no sign."""
    passing = {}
    for code in ("High", "H", "Low", "L", "--", "Cal.Int.", "Cal. Ext.", "C", "Err 054"):
        state = sbi.parse_print(f"{code:^14}".encode() + b"\r\n")
        assert isinstance(state, BalanceState)
        passing[code] = state.passing
    assert [code for code, passes in passing.items() if passes] == ["--", "Cal.Int.", "Cal. Ext.", "C"]
    assert sbi.parse_print(b"       253 pcs\r\n") == PrintedWeight(Decimal(253), "pcs")


def test_weights_below_zero_and_of_zero_are_printed_with_their_signs() -> None:
    """In sixteen columns, the unit only while it is stable; and read back as the same."""
    for value, unit, line in (
        ("-0.004", "g", b"-    0.004 g  \r\n"),
        ("0.000", "g", b"+    0.000 g  \r\n"),
        ("12.5", "", b"+     12.5    \r\n"),
    ):
        weight = PrintedWeight(Decimal(value), unit)
        assert sbi.format_weight(weight) == line
        assert sbi.parse_print(line) == weight
    assert sbi.parse_print(b"      +    123.4 g  \r\n") == PrintedWeight(Decimal("123.4"), "g"), "a blank identifier"


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
