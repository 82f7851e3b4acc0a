"""Bad wires: seeded, recorded as the rig saw them, and never the source of a wrong number."""

from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench import open_bench
from hil.benches.bench_file import load_bench
from hil.benches.wiring import SimulatedWiring
from hil.errors import LinkError, LinkTimeout, RigError, UsageError
from hil.links.faulty import FaultyDevice, FaultyLink
from hil.links.wire_faults import WIRE_FAULTS, WireChance, WireFault, parse_wire_fault, parse_wire_faults
from hil.recording.layout import Direction
from hil.recording.tap import WireSink
from hil.runs.run_plan import plan_run
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped
from hil.virtual_bench.serve import ServedBench
from tests.depth import tries

WIRES = ("pump", "balance", "bath")
BENCH = load_bench(shipped("benches/simulated.toml"))
HOUR_MS, QUARTER_MS = 3_600_000, 900_000


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("pump:drop=2%", WireFault("pump", "drop", 2.0, 0, None)),
        ("pump:drop", WireFault("pump", "drop", 1.0, 0, None)),
        ("bath:late=5%@2h", WireFault("bath", "late", 5.0, 7_200_000, None)),
        ("pump:unplug@3h+10min", WireFault("pump", "unplug", 1.0, 10_800_000, 11_400_000)),
        (" *:delay=300ms+1h ", WireFault("*", "delay", 300.0, 0, 3_600_000)),
        ("balance:flip=0.1%@1d2h+0.5s", WireFault("balance", "flip", 0.1, 93_600_000, 93_600_500)),
    ],
)
def test_faults_are_read(text: str, fault: WireFault) -> None:
    """Wire, kind, value, begin and duration; what is left out has a default."""
    assert parse_wire_fault(text, WIRES) == fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drop=1%", "is written WIRE:KIND"),
        ("pump:drop=1%@", "is no time"),
        ("pump:drop=1", "the unit is missing; write it like 1%"),
        ("pump:drop=101%", "outside 0 to 100%"),
        ("pump:drop=-1%", "outside 0 to 100%"),
        ("pump:delay=2s", "is in ms, not in s"),
        ("pumpe:drop=1%", "no wire 'pumpe'; known: balance, bath, pump"),
        ("pump:drip=1%", "did you mean drop"),
        ("pump:unplug=1@3h", "unplug has no value"),
        ("pump:drop=1%@noon", "is no time"),
        ("pump:drop=1%+10", "is no time"),
        ("", "is written WIRE:KIND"),
    ],
)
def test_wrong_faults_are_refused_in_one_line(text: str, said: str) -> None:
    """Before anything runs, in a sentence that says what would have been right."""
    with pytest.raises(ValueError, match=said) as caught:
        parse_wire_fault(text, WIRES)
    assert "\n" not in str(caught.value)


class Echo:
    """A device that answers every message with itself and a full stop."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Answer it."""
        assert now_ms >= 0
        self.heard.append(data)
        return data + b"."

    def next_emit_ms(self) -> int | None:
        """It never speaks unasked."""
        return None

    def emit(self, now_ms: int) -> bytes:
        """It never speaks unasked."""
        raise AssertionError(now_ms)


class Wire:
    """A link over a faulty wire to an echo, in a time of its own."""

    def __init__(self, *faults: str, seed: int = 1) -> None:
        self.now_ms = 0
        self.echo = Echo()
        self.device = FaultyDevice(self.echo, "pump", parse_wire_faults(faults, WIRES), seed)
        self.link = FaultyLink("sim:pump", self.device, lambda: self.now_ms, self._advance_to)

    def _advance_to(self, now_ms: int) -> None:
        assert now_ms >= self.now_ms
        self.now_ms = now_ms

    def ask(self, data: bytes = b"question") -> bytes | None:
        """What came back in a second, as the one who waits for a full stop sees it; None for silence."""
        self.link.write(data)
        try:
            return self.link.read_until(b".", 1000)
        except LinkTimeout as timeout:
            return timeout.partial or None


def test_good_wire_changes_nothing() -> None:
    """Without a fault, and with one of another wire, everything passes."""
    wire = Wire("bath:drop=100%")
    assert wire.ask() == b"question."
    assert wire.now_ms == 0


def test_each_kind_does_what_the_table_says() -> None:
    """Every message lost, doubled, cut, changed in one bit, delayed, or late."""
    assert set(WIRE_FAULTS) == {"drop", "duplicate", "truncate", "flip", "delay", "late", "unplug"}
    dropped = Wire("pump:drop=100%")
    assert (dropped.ask(), dropped.echo.heard) == (None, [])

    doubled = Wire("pump:duplicate=100%")
    assert doubled.ask() == b"question."
    assert doubled.echo.heard == [b"question"] * 2
    assert doubled.link.discard() == b"question." * 3

    cut = Wire("pump:truncate=100%")
    assert cut.ask() is not None
    (heard,) = cut.echo.heard
    assert heard == b"question"[: len(heard)]
    assert 0 < len(heard) < len(b"question")

    flipped = Wire("pump:flip=100%")
    flipped.ask()
    (heard,) = flipped.echo.heard
    assert sum((a ^ b).bit_count() for a, b in zip(heard, b"question", strict=True)) == 1

    delayed = Wire("pump:delay=300ms")
    assert delayed.ask() == b"question."
    assert delayed.now_ms == 300

    late = Wire("pump:late=100%")
    assert late.ask(b"one") is None
    assert late.now_ms == 1000
    assert late.ask(b"two") == b"one."


def test_fault_lasts_as_long_as_it_says() -> None:
    """Before its begin and after its end the wire is good."""
    wire = Wire("pump:drop=100%@10s+5s")
    assert wire.ask() == b"question."
    wire.now_ms = 10_000
    assert wire.ask() is None
    wire.now_ms = 15_000
    assert wire.ask() == b"question."


def test_nothing_overtakes_what_was_delayed() -> None:
    """Answers arrive in the order in which they were given, when a delay ends and when one of them was late."""
    wire = Wire("pump:delay=5000ms@0s+10s")
    for wire.now_ms, question in ((8_000, b"1"), (9_000, b"2"), (10_500, b"3")):
        wire.link.write(question)
        assert wire.link.drain() == b""
    assert wire.link.read_until(b".", 10_000) == b"1."
    assert wire.now_ms == 13_000
    assert wire.link.read_until(b".", 10_000) == b"2."
    assert wire.link.drain() == b"3."
    assert wire.now_ms == 14_000

    wire = Wire("pump:delay=5000ms@0s+1s", "pump:late=100%@1s+1s")
    for wire.now_ms, question in ((0, b"1"), (1_000, b"2"), (2_000, b"3")):
        wire.link.write(question)
    assert wire.link.drain() == b""
    wire.now_ms = 5_000
    assert wire.link.drain() == b"1.2.3."


def test_unplugged_wire_is_lost_until_the_next_command_after_it_is_back() -> None:
    """Pulled out while the rig waits: a LinkError then, at once; put back: opened again, and that is told."""
    wire = Wire("pump:drop=100%+2s", "pump:unplug@1500ms+4s")
    assert wire.ask() is None
    with pytest.raises(LinkError, match="lost while reading") as caught:
        wire.ask()
    assert not isinstance(caught.value, LinkTimeout)
    assert wire.now_ms == 1500
    with pytest.raises(LinkError, match="lost"):
        wire.link.read_until(b".", 1000)
    assert wire.link.drain() == b""
    assert wire.ask() == b"question."
    assert wire.now_ms == 5500
    assert wire.link.take_remarks() == ["sim:pump: reopened as sim:pump"]


def test_wire_that_was_out_and_in_again_meanwhile_is_lost_too() -> None:
    """The port that was open has gone, whether anybody used it at that time or not."""
    wire = Wire("pump:unplug@1s+1s")
    wire.now_ms = 5000
    with pytest.raises(LinkError, match="lost while sending"):
        wire.ask()
    assert wire.ask() == b"question."


def test_wire_that_stays_out_is_given_up() -> None:
    """A command waits ten seconds for it; one that was never in cannot be opened."""
    wire = Wire("pump:unplug@1s")
    wire.now_ms = 1000
    with pytest.raises(LinkError, match="lost while sending"):
        wire.ask()
    with pytest.raises(LinkError, match="not back within 10 s"):
        wire.ask()
    assert wire.now_ms == 11_000
    with pytest.raises(LinkError, match="cannot be opened"):
        Wire("pump:unplug")


@given(seed=st.integers(0, 2**32), number=st.integers(0, 10**6), percent=st.floats(0, 100))
def test_chance_follows_from_seed_wire_direction_and_number(seed: int, number: int, percent: float) -> None:
    """The same question has the same answer; a larger share hits whatever a smaller one does."""
    chance = WireChance(seed, "pump")
    hit = chance.hits("drop", "tx", number, percent)
    assert WireChance(seed, "pump").hits("drop", "tx", number, percent) == hit
    assert chance.hits("drop", "tx", number, 100.0)
    assert not chance.hits("drop", "tx", number, 0.0)
    assert not hit or chance.hits("drop", "tx", number, min(100.0, percent * 1.5))


def test_share_is_what_was_asked_for() -> None:
    """Of 20 000 messages 5 % are hit, within what chance allows, and not the same ones in both directions."""
    chance = WireChance(7, "pump")
    sent = {number for number in range(20_000) if chance.hits("drop", "tx", number, 5.0)}
    received = {number for number in range(20_000) if chance.hits("drop", "rx", number, 5.0)}
    assert 850 < len(sent) < 1150
    assert len(sent & received) < 120


class Sheet(WireSink):
    """A recording in memory."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def write(self, wire: str, direction: Direction, time_ms: int, data: bytes) -> None:
        """Keep it."""
        self.records.append((wire, direction, time_ms, data))

    def note(self, time_ms: int, text: str) -> None:
        """Keep it."""
        self.records.append((time_ms, text))


Values = list[tuple[str, float]]
_MAY_DIFFER = {"mass": 0.0006, "bath": 0.06, "volume": 3000, "temperature": 100, "records": 0}
"""What a few seconds, by which a retry delays a reading, can change; two readings are a quarter of an hour apart."""


def measured(faults: tuple[str, ...], seed: int) -> tuple[Values, Sheet]:
    """A short procedure on the simulated bench: six weighings and what the pump says of the same time."""
    sheet = Sheet()
    with ExitStack() as cleanup:
        bench = open_bench(BENCH, SimulatedWiring(BENCH, seed, (), faults), sheet, cleanup, seed=seed)
        assert bench.bath is not None
        assert bench.balance is not None
        bench.bath.set_point(37.0)
        bench.bath.start()
        bench.sleep_until(HOUR_MS)
        bench.balance.tare()
        values: Values = []
        for number in range(1, 7):
            bench.sleep_until(HOUR_MS + number * QUARTER_MS)
            values += [("mass", bench.balance.weigh().mass_g), ("bath", bench.bath.temperature_c())]
            status = bench.pump.read_status()
            values += [("volume", status.volume_nl), ("temperature", status.temperature_mc)]
        return [*values, ("records", len(bench.pump.read_history(0)))], sheet


_BINARY = st.sampled_from(["drop", "duplicate", "truncate", "flip", "late"])
_TEXT = st.sampled_from(["drop", "duplicate", "truncate", "late"])  # lines have no checksum: see the guide on flip
_SHARE = st.sampled_from([1, 5, 20])
_FAULT = st.one_of(
    st.builds("pump:{}={}%".format, _BINARY, _SHARE),
    st.builds("{}:{}={}%".format, st.sampled_from(["balance", "bath"]), _TEXT, _SHARE),
    st.builds("{}:delay={}ms".format, st.sampled_from([*WIRES, "*"]), st.sampled_from([20, 300, 900, 5000])),
    st.builds("{}:unplug@{}min+{}s".format, st.sampled_from(WIRES), st.integers(1, 150), st.integers(1, 600)),
)


@cache
def on_good_wires(seed: int) -> Values:
    """What it measures where nothing is wrong with any wire."""
    return measured((), seed)[0]


def check(faults: tuple[str, ...], seed: int) -> bool:
    """Whether the procedure came to an end; its values are then those of a good wire, and else it said why not."""
    try:
        values, _ = measured(faults, seed)
    except RigError as error:
        assert str(error)
        return False
    for (name, value), (_, true) in zip(values, on_good_wires(seed), strict=True):
        assert abs(value - true) <= _MAY_DIFFER[name], f"{name} is {value}, but {true} on a good wire"
    return True


@settings(max_examples=tries(60))
@given(faults=st.lists(_FAULT, min_size=1, max_size=3).map(tuple), seed=st.integers(0, 15))
def test_no_wire_makes_a_wrong_number(faults: tuple[str, ...], seed: int) -> None:
    """Whatever the wires do, a value is that of a good wire, or the procedure ends in an error of ours."""
    check(faults, seed)


def test_pump_on_a_bad_wire_is_asked_again() -> None:
    """A wire that loses 5 % of all frames costs retries, not results; and the retries are in the recording."""
    ended = [check(("pump:drop=5%", "pump:flip=2%", "pump:late=2%"), seed) for seed in range(12)]
    assert sum(ended) >= 10
    sheets = [measured(("pump:drop=5%",), seed)[1] for seed in range(5)]
    assert any(record[:2] == ("pump", "timeout") for sheet in sheets for record in sheet.records)


def test_same_seed_gives_the_same_recording() -> None:
    """Byte for byte; another seed, other accidents; and a fault of one wire changes no accident of another."""
    faults = ("pump:drop=10%", "pump:duplicate=10%", "balance:delay=100ms")
    first, second, other = (measured(faults, seed)[1].records for seed in (3, 3, 4))
    assert first == second
    assert first != other
    alone = [record for record in measured(faults[:2], 3)[1].records if record[0] == "pump"]
    together = [record for record in first if record[0] == "pump"]
    assert [(each[1], each[3]) for each in alone if each[1] == "timeout"] == [
        (each[1], each[3]) for each in together if each[1] == "timeout"
    ]


def test_plan_checks_faults_before_anything_runs() -> None:
    """A wire that the bench lacks, real wires, and a served bench: each refused with what would be right."""
    with pytest.raises(ValueError, match="no wire 'pmup'"):
        plan_run(RunSettings(wire_faults=("pmup:drop=1%",)))
    with pytest.raises(UsageError, match="real wires have faults of their own"):
        plan_run(RunSettings(bench=shipped("benches/example-real.toml"), wire_faults=("pump:drop=1%",)))
    with pytest.raises(UsageError, match=r"pumprig bench serve .* --wire-fault"):
        plan_run(RunSettings(bench=shipped("benches/served.toml"), wire_faults=("pump:drop=1%",)))
    plan = plan_run(RunSettings(wire_faults=("pump:drop=1%", "*:late")))
    assert plan.command == "pumprig run --wire-fault pump:drop=1% --wire-fault '*:late'"
    assert plan.metadata()["wire_faults"] == '["pump:drop=1%", "*:late"]'
    assert "wire_faults" not in plan_run(RunSettings()).metadata()


@pytest.mark.parametrize("fault", ["pump:unplug@1h", "pump:delay=1ms"])
def test_served_bench_refuses_what_it_cannot_do(fault: str) -> None:
    """In lock step no time passes while a client waits, and a served wire is unplugged by ending the server."""
    with pytest.raises(UsageError, match="--wire-fault"):
        ServedBench(BENCH, seed=1, lock_step=True, wire_faults=parse_wire_faults([fault], WIRES))
