"""A whole pump, through its telemetry: what it reports against what is true."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_model.events import EventKind
from firmware_model.firmware.firmware import SAMPLE_PERIOD_MS, CommandRefused
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from firmware_model.simulation import Simulation
from protocols.channel import OpenChannel
from protocols.exchange import Exchange, PeerRefused
from protocols.messages import (
    Alarms,
    ClockSet,
    History,
    HistoryRecord,
    Identify,
    Identity,
    Message,
    Mode,
    ReadHistory,
    ReadStatus,
    Reason,
    SetClock,
    Status,
)
from tests.depth import tries

_PUMPS = Path(__file__).parents[2] / "fixtures" / "pumps"
_SOFT = load_profile(_PUMPS / "generic-30ml.toml")
_STIFF = load_profile(_PUMPS / "generic-30ml-butane.toml")
_BODY = Surroundings(37.0, 101.325, 12.4)
_START_UTC_MS = 1_767_225_600_000
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


def _pump(
    *, seed: int = 1, volume_ml: float | None = None, surroundings: Surroundings = _BODY, serial_number: str = "SN0042"
) -> Pump:
    return Pump(
        _SOFT,
        seed=seed,
        serial_number=serial_number,
        start_utc_ms=_START_UTC_MS,
        surroundings=surroundings,
        volume_ml=volume_ml,
    )


def _ask(pump: Pump, now_ms: int, message: Message) -> Message:
    exchange = Exchange(OpenChannel())
    reply = exchange.receive(now_ms, pump.receive(now_ms, exchange.request(now_ms, message)))
    assert reply is not None
    return reply


def _status(pump: Pump, now_ms: int) -> Status:
    reply = _ask(pump, now_ms, ReadStatus())
    assert isinstance(reply, Status)
    return reply


def _history(pump: Pump, now_ms: int) -> list[HistoryRecord]:
    records: list[HistoryRecord] = []
    while True:
        reply = _ask(pump, now_ms, ReadHistory(from_seq=len(records), max_records=10))
        assert isinstance(reply, History)
        records += reply.records
        if len(records) == reply.next_seq:
            return records


def _raised(pump: Pump) -> list[tuple[str, str, int]]:
    """Alarm, priority and time of all that was raised since the last look."""
    shown = [event.as_json() for event in pump.take_events()]
    return [(each["alarm"], each["priority"], each["time_ms"]) for each in shown if each.get("state") == "raised"]


def test_it_says_who_it_is() -> None:
    """Identity carries serial number and model, and a uid of the pump's own."""
    identity, other = _ask(_pump(), 0, Identify()), _ask(_pump(seed=2), 0, Identify())
    assert isinstance(identity, Identity)
    assert isinstance(other, Identity)
    assert (identity.serial_number, identity.model, identity.boot_count) == ("SN0042", "generic-30ml", 1)
    assert identity.uid != other.uid


def test_status_is_true_within_the_sensors_errors() -> None:
    """After a day at rest every value is within gain, bias, noise and step of the truth, and nothing alarms."""
    pump = _pump()
    status = _status(pump, _DAY_MS)
    assert (status.uptime_ms, status.sample_count) == (_DAY_MS, 1441)
    assert (status.mode, status.alarms) == (Mode.MONITORING, Alarms(0))
    assert status.clock_utc_ms == pytest.approx(_START_UTC_MS + _DAY_MS + 1305, abs=2)  # 20 - 0.034 * 12^2 ppm
    assert status.temperature_mc == pytest.approx(37_020, abs=35)
    assert status.outlet_pa == pytest.approx(12_412, abs=70)
    assert status.reservoir_pa == pytest.approx(158_700, abs=100)
    assert status.battery_mv == pytest.approx(3000, abs=4)
    assert status.volume_nl == pytest.approx(1.002 * pump.reservoir_nl(_DAY_MS), abs=15_000)
    assert status.flow_valid
    true_nl = pump.delivered_nl(_DAY_MS)
    assert status.flow_nl_per_day == pytest.approx(true_nl, rel=0.02)


def test_history_keeps_every_hour() -> None:
    """A day gives 24 records; their flow is the least-squares slope of their volumes, and valid from the sixth on."""
    records = _history(_pump(), _DAY_MS)
    assert [record.seq for record in records] == list(range(24))
    assert [record.end_uptime_ms for record in records] == [(hour + 1) * _HOUR_MS for hour in range(24)]
    assert [record.flow_valid for record in records] == [False] * 5 + [True] * 19
    volumes = np.array([record.volume_nl for record in records], dtype=float)
    for hour in range(5, 24):
        slope = np.polyfit(range(6), volumes[hour - 5 : hour + 1], 1)[0]
        assert records[hour].flow_nl_per_day == pytest.approx(-24 * slope, abs=1)


def test_the_ring_forgets_the_oldest_hour() -> None:
    """After 1030 hours the first six are gone, and the answer says so rather than hiding it."""
    pump = _pump(volume_ml=2.0)
    reply = _ask(pump, 1030 * _HOUR_MS, ReadHistory(from_seq=0, max_records=3))
    assert isinstance(reply, History)
    assert (reply.first_seq, reply.next_seq) == (6, 1030)
    assert [record.seq for record in reply.records] == [6, 7, 8]


def test_an_occlusion_shows_in_pressure_at_once_and_in_flow_after_hours() -> None:
    """The outlet pressure steps to the propellant's; the slow-flow alarm comes when two estimates agree."""
    pump = _pump()
    pump.inject(8 * _HOUR_MS, "catheter-occlusion", 100.0)
    assert _status(pump, 8 * _HOUR_MS + 60_000).outlet_pa == pytest.approx(1.001 * 57_250, abs=100)
    assert _status(pump, 8 * _HOUR_MS + 60_000).alarms == Alarms(0)
    assert _status(pump, 8 * _HOUR_MS + 8 * 60_000).alarms == Alarms.OCCLUSION
    assert _status(pump, 13 * _HOUR_MS).alarms == Alarms.OCCLUSION | Alarms.FLOW_LOW
    assert _status(pump, 16 * _HOUR_MS).flow_nl_per_day == pytest.approx(0, abs=30_000)
    (occlusion, low) = _raised(pump)
    assert occlusion == ("occlusion", "high", 8 * _HOUR_MS + 8 * 60_000)
    assert low[:2] == ("flow-low", "medium")
    assert 9 * _HOUR_MS < low[2] <= 13 * _HOUR_MS


def test_a_warm_bath_makes_it_fast_and_the_pump_knows_why() -> None:
    """1.5 K more give an R-11 pump 20 % more flow: the fast-flow alarm, and a temperature that explains it."""
    pump = _pump(surroundings=Surroundings(38.5, 101.325, 12.4))
    status = _status(pump, _DAY_MS)
    assert status.alarms == Alarms.FLOW_HIGH
    assert status.temperature_mc == pytest.approx(38_520, abs=35)
    assert status.flow_nl_per_day == pytest.approx(1_207_000, rel=0.02)


def test_a_biased_sensor_misleads_nothing_but_itself() -> None:
    """The temperature sensor's fault moves its reading; flow and pressures stay."""
    pump, healthy = _pump(), _pump()
    pump.inject(0, "temperature-sensor-bias", -2.0)
    biased, right = _status(pump, _DAY_MS), _status(healthy, _DAY_MS)
    assert biased.temperature_mc - right.temperature_mc == -2000
    assert (biased.volume_nl, biased.reservoir_pa) == (right.volume_nl, right.reservoir_pa)


def test_it_runs_dry_with_warnings() -> None:
    """Low and empty are raised in this order as the volume falls, and flow-low once it has collapsed."""
    pump = _pump(volume_ml=6.05)
    pump.wake(6 * _DAY_MS)
    assert [alarm for alarm, _, _ in _raised(pump)] == ["low-reservoir", "empty", "flow-low"]
    assert pump.reservoir_nl(6 * _DAY_MS) >= 2_000_000


def test_setting_the_clock_moves_utc_and_nothing_else() -> None:
    """A new UTC shows at once; uptime, samples and history go on as if nothing had happened."""
    pump, untouched = _pump(), _pump()
    reply = _ask(pump, _HOUR_MS, SetClock(utc_ms=1_800_000_000_000))
    assert isinstance(reply, ClockSet)
    assert reply.utc_ms == 1_800_000_000_000
    assert reply.previous_utc_ms == pytest.approx(_START_UTC_MS + _HOUR_MS + 54, abs=1)
    assert _status(pump, _HOUR_MS).clock_utc_ms == 1_800_000_000_000
    assert _history(pump, _DAY_MS) == _history(untouched, _DAY_MS)
    assert _status(pump, _DAY_MS).uptime_ms == _DAY_MS


@pytest.mark.parametrize(
    "request_", [SetClock(utc_ms=5), SetClock(utc_ms=2**64 - 1), ReadHistory(from_seq=1, max_records=1)]
)
def test_what_is_out_of_range_is_refused(request_: Message) -> None:
    """A date before 2000 or a record that does not exist yet gets an error reply, not a guess."""
    with pytest.raises(PeerRefused) as caught:
        _ask(_pump(), 0, request_)
    assert caught.value.reason is Reason.OUT_OF_RANGE


def test_a_pump_answers_only_telecommands() -> None:
    """A pump that hears telemetry, such as its own echo, stays silent."""
    pump = _pump()
    answer = pump.receive(0, Exchange(OpenChannel()).request(0, Identify()))
    assert answer
    assert pump.receive(0, answer) == b""


_events = st.lists(
    st.tuples(
        st.integers(0, 8 * _HOUR_MS),
        st.sampled_from(["look", "repeat", "wake", "status"]),
    ),
    max_size=12,
)


@settings(max_examples=tries(25))
@given(_events, st.booleans())
def test_nobody_notices_being_watched(events: list[tuple[int, str]], driven: bool) -> None:
    """Looked at, woken, driven by a simulation or left alone: the same seed gives the same bytes in the end."""
    watched, left_alone = _pump(), _pump()
    simulation = Simulation()
    if driven:
        simulation.add(watched)
    for pump in (watched, left_alone):
        pump.set_surroundings(0, Surroundings(35.0, 101.325, 12.4))
    for now_ms, what in sorted(events):
        if driven:
            simulation.run_until(now_ms)
        if what == "look":
            watched.delivered_nl(now_ms)
        elif what == "repeat":
            watched.set_surroundings(now_ms, Surroundings(35.0, 101.325, 12.4))
        elif what == "wake":
            assert watched.wake(now_ms) == (now_ms // SAMPLE_PERIOD_MS + 1) * SAMPLE_PERIOD_MS
        else:
            _status(watched, now_ms)
    assert _status(watched, 8 * _HOUR_MS) == _status(left_alone, 8 * _HOUR_MS)
    assert _history(watched, 8 * _HOUR_MS) == _history(left_alone, 8 * _HOUR_MS)
    assert watched.delivered_nl(8 * _HOUR_MS) == left_alone.delivered_nl(8 * _HOUR_MS)


def test_the_seed_is_in_the_bytes() -> None:
    """The same seed gives the same history, another seed another one, around the same truth."""
    first, again, other = (_pump(seed=seed) for seed in (5, 5, 6))
    histories = [_history(pump, 8 * _HOUR_MS) for pump in (first, again, other)]
    assert histories[0] == histories[1] != histories[2]
    assert first.delivered_nl(8 * _HOUR_MS) == other.delivered_nl(8 * _HOUR_MS)


@settings(max_examples=tries(50))
@given(st.lists(st.binary(max_size=64), max_size=8))
def test_any_bytes_are_survived(chunks: list[bytes]) -> None:
    """Whatever arrives on the wire, the pump goes on and answers the next good telecommand."""
    pump = _pump()
    for chunk in chunks:
        pump.receive(0, chunk)
    pump.receive(0, b"\0")
    assert _status(pump, 0).sample_count == 1


def test_a_day_of_a_stiff_pump() -> None:
    """The n-butane profile gives its label flow too, and 1.5 K change it by less than 10 %."""
    pumps = [
        Pump(
            _STIFF,
            seed=1,
            serial_number="SN1",
            start_utc_ms=_START_UTC_MS,
            surroundings=Surroundings(temperature_c, 101.325, 12.4),
        )
        for temperature_c in (37.0, 38.5)
    ]
    right_nl, warm_nl = (pump.delivered_nl(_DAY_MS) for pump in pumps)
    assert right_nl == pytest.approx(1_000_000, rel=0.002)
    assert warm_nl / right_nl == pytest.approx(1.0963, abs=0.001)


@pytest.mark.parametrize("serial_number", ["", "SN\n", "S" * 17, "SN-Ü"])
def test_bad_serial_numbers_are_refused(serial_number: str) -> None:
    """A serial number that would not fit the wire is refused when the pump is made."""
    with pytest.raises(ValueError, match="serial number"):
        _pump(serial_number=serial_number)


@pytest.mark.parametrize("volume_ml", [1.9, 30.1, float("nan")])
def test_impossible_fillings_are_refused(volume_ml: float) -> None:
    """Less than the residual volume, more than the capacity, or NaN is no filling."""
    with pytest.raises(ValueError, match=r"volume|bellows"):
        _pump(volume_ml=volume_ml)


def test_an_acknowledged_alarm_comes_again() -> None:
    """A day after it was acknowledged an alarm whose cause is still there is repeated."""
    pump = _pump()
    pump.inject(_HOUR_MS, "catheter-occlusion", 100.0)
    pump.command(2 * _HOUR_MS).acknowledge(2 * _HOUR_MS)
    pump.wake(30 * _HOUR_MS)
    repeated = [event for event in pump.take_events() if event.entry.kind is EventKind.ALARM_REPEATED]
    assert [event.time_ms for event in repeated] == [26 * _HOUR_MS]


def test_every_mode_can_be_reached() -> None:
    """Shelf, self-test, monitoring, service, safe, end of service; and back from where there is a way back."""
    pump = _pump()
    pump.command(1000).shelve(1000)
    assert pump.wake(5 * _HOUR_MS) is None
    assert pump.status(5 * _HOUR_MS).sample_count == 1
    pump.command(5 * _HOUR_MS).test_self(5 * _HOUR_MS)
    assert pump.status(6 * _HOUR_MS).mode is Mode.MONITORING
    pump.command(6 * _HOUR_MS).begin_refill(6 * _HOUR_MS)
    pump.command(6 * _HOUR_MS).cancel_refill(6 * _HOUR_MS)
    pump.inject(7 * _HOUR_MS, "firmware-hang", 3.0)
    assert pump.status(8 * _HOUR_MS).mode is Mode.SAFE
    pump.command(8 * _HOUR_MS).test_self(8 * _HOUR_MS)
    assert pump.status(9 * _HOUR_MS).mode is Mode.MONITORING
    pump.inject(10 * _HOUR_MS, "battery-drain", 1e5)
    assert pump.status(40 * _HOUR_MS).mode is Mode.END_OF_SERVICE
    modes = {event.entry.detail for event in pump.take_events() if event.entry.kind is EventKind.MODE_CHANGED}
    assert modes == set(Mode)


def test_a_reset_loses_nothing() -> None:
    """After a reset history and log go on where they were, latched alarms are still there, boots are counted."""
    pump = _pump()
    pump.inject(2 * _HOUR_MS, "intrusion", 10.0)
    before = _history(pump, 5 * _HOUR_MS)
    events = pump.status(5 * _HOUR_MS).memory.events(0, 1000)
    pump.inject(5 * _HOUR_MS + 1000, "reset", 1.0)
    status = _status(pump, 6 * _HOUR_MS)
    assert status.boot_count == 2
    assert status.alarms == Alarms.TAMPERING | Alarms.UNEXPECTED_RESTART
    assert _history(pump, 6 * _HOUR_MS)[: len(before)] == before
    assert pump.status(6 * _HOUR_MS).memory.events(0, 1000)[: len(events)] == events


def test_a_pump_that_is_off_does_not_answer() -> None:
    """Between a brown-out and its end nothing comes back, and no command is taken."""
    pump = _pump()
    pump.inject(_HOUR_MS, "brown-out", 60.0)
    request = Exchange(OpenChannel()).request(0, Identify())
    assert pump.receive(_HOUR_MS + 30_000, request) == b""
    with pytest.raises(CommandRefused):
        pump.command(_HOUR_MS + 30_000)
    assert pump.receive(_HOUR_MS + 61_000, request) != b""


def test_each_jump_of_the_clock_is_told() -> None:
    """Also one that comes before the hour is over in which the clock was set right after another."""
    pump = _pump()
    pump.inject(_HOUR_MS // 2, "clock-jump", 3600.0)
    set_ms = _HOUR_MS + 600_000
    pump.command(set_ms).set_clock(set_ms, _START_UTC_MS + set_ms)
    pump.inject(set_ms + 600_000, "clock-jump", 7200.0)
    pump.wake(2 * _HOUR_MS)
    raised = _raised(pump)
    assert [(alarm, time_ms) for alarm, _, time_ms in raised] == [
        ("clock-lost", _HOUR_MS),
        ("clock-lost", 2 * _HOUR_MS),
    ]


def test_a_clock_that_was_set_is_no_longer_lost() -> None:
    """The alarm is cleared once, by setting the clock, and does not come again."""
    pump = _pump()
    pump.inject(_HOUR_MS // 2, "clock-jump", 3600.0)
    set_ms = _HOUR_MS + 600_000
    pump.command(set_ms).set_clock(set_ms, _START_UTC_MS + set_ms)
    pump.wake(_DAY_MS)
    alarms = (EventKind.ALARM_RAISED, EventKind.ALARM_CLEARED)
    assert [(e.entry.kind, e.time_ms) for e in pump.take_events() if e.entry.kind in alarms] == [
        (EventKind.ALARM_RAISED, _HOUR_MS),
        (EventKind.ALARM_CLEARED, set_ms),
    ]


def test_a_clock_that_was_set_right_after_a_jump_is_not_lost() -> None:
    """A jump that was mended before the hour was over raises nothing any more; the next one does."""
    pump = _pump()
    pump.inject(_HOUR_MS + 600_000, "clock-jump", 3600.0)
    set_ms = _HOUR_MS + 1_200_000
    pump.command(set_ms).set_clock(set_ms, _START_UTC_MS + set_ms)
    pump.inject(5 * _HOUR_MS + 600_000, "clock-jump", -3600.0)
    pump.wake(_DAY_MS)
    assert [(alarm, time_ms) for alarm, _, time_ms in _raised(pump)] == [("clock-lost", 6 * _HOUR_MS)]


def test_no_sample_is_taken_twice_after_the_shelf() -> None:
    """Put on the shelf and taken from it at the time of a sample, the pump goes on with the next one."""
    pump = _pump()
    firmware = pump.command(_HOUR_MS)
    firmware.shelve(_HOUR_MS)
    firmware.test_self(_HOUR_MS)
    assert firmware.sample_count == 61
    assert firmware.next_sample_ms == _HOUR_MS + SAMPLE_PERIOD_MS


def test_another_configuration_counts_at_once() -> None:
    """Also for samples that were looked over before, whoever gave it."""
    pump = _pump()
    pump.foreseen_ms = _DAY_MS
    pump.wake(_HOUR_MS)
    firmware = pump.command(_HOUR_MS)
    firmware.configure(_HOUR_MS, replace(firmware.configuration, over_temperature_mc=36_000))
    pump.wake(_DAY_MS)
    assert ("over-temperature", "medium", _HOUR_MS + 10 * SAMPLE_PERIOD_MS) in _raised(pump)


def test_who_looks_in_between_makes_no_difference_to_a_fault() -> None:
    """Samples of a pump that started anew fall between full hours; a fault soon after one cuts a leg anyway."""
    delivered_nl = []
    for looks in (False, True):
        pump = _pump(volume_ml=2.2)
        pump.inject(30_000, "reset", 1.0)
        at_ms = 10 * _HOUR_MS + 10_000
        if looks:
            pump.delivered_nl(at_ms)
        pump.inject(at_ms, "septum-leak", 40.0)
        delivered_nl.append((pump.delivered_nl(11 * _HOUR_MS), pump.reservoir_nl(11 * _HOUR_MS)))
    assert delivered_nl[0] == delivered_nl[1]
