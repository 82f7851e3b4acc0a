"""Refills, as the firmware keeps the books of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from firmware_model.events import EventKind
from firmware_model.firmware.firmware import SERVICE_TIMEOUT_MS, CommandRefused
from firmware_model.physics.interventions import Aspiration, Filling
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from protocols.channel import OpenChannel
from protocols.exchange import Exchange, PeerRefused
from protocols.messages import (
    BeginRefill,
    CompleteRefill,
    Mode,
    Reason,
    RefillCompleted,
    ReportFilled,
    ReportReturned,
)

_SOFT = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_BODY = Surroundings(37.0, 101.325, 12.4)
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


def _pump(volume_ml: float | None = None) -> Pump:
    return Pump(
        _SOFT,
        seed=1,
        serial_number="SN0042",
        start_utc_ms=1_767_225_600_000,
        surroundings=_BODY,
        volume_ml=volume_ml,
    )


def test_a_refill_is_kept_in_the_books() -> None:
    """The firmware works out the mean flow since the last refill, and flags a pump that was 20 % fast, not a fever.

    Days on the shelf count: the infusate flows there too.
    """
    for fault, fever, shelved, flagged in (
        (0.0, False, False, False),
        (20.0, False, False, True),
        (0.0, True, False, False),
        (0.0, False, True, False),
    ):
        pump = _pump()
        if fault:
            pump.inject(0, "restrictor-fast-flow", fault)
        if fever:
            pump.set_surroundings(5 * _DAY_MS, Surroundings(39.0, 101.325, 12.4))
            pump.set_surroundings(6 * _DAY_MS, _BODY)
        if shelved:
            pump.command(2 * _DAY_MS).shelve(2 * _DAY_MS)
            pump.command(7 * _DAY_MS - 90_000).test_self(7 * _DAY_MS - 90_000)
        at_ms = 14 * _DAY_MS
        pump.foresee(Aspiration(at_ms + 60_000))
        pump.foresee(Filling(at_ms + 120_000, 28_000_000, 22.0))
        pump.command(at_ms).begin_refill(at_ms)
        assert pump.command(at_ms).mode is Mode.SERVICE
        firmware = pump.command(at_ms + 60_000)
        returned_nl = pump.plant.condition(at_ms + 60_000).returned_nl
        firmware.returned(at_ms + 60_000, returned_nl)
        firmware = pump.command(at_ms + 300_000)
        firmware.filled(at_ms + 300_000, 28_000_000)
        firmware.set_drug(at_ms + 300_000, 3, 9000)
        mean_nl_per_day = firmware.complete_refill(at_ms + 300_000)
        assert mean_nl_per_day == pytest.approx((28_000_000 - returned_nl) / 14, rel=1e-6)
        kinds = {event.entry.kind for event in pump.take_events()}
        assert (EventKind.FLOW_OFF_LABEL in kinds) == flagged
        assert firmware.mode is Mode.MONITORING
        assert firmware.memory.counters().refills == 1
        assert firmware.memory.counters().filled_nl == 28_000_000


def test_bellows_and_syringe_must_agree() -> None:
    """A fill that the bellows knows nothing of raises the alarm at once, with high priority."""
    pump = _pump(volume_ml=10.0)
    pump.command(_HOUR_MS).begin_refill(_HOUR_MS)
    firmware = pump.command(_HOUR_MS + 60_000)
    firmware.filled(_HOUR_MS + 60_000, 15_000_000)
    firmware.complete_refill(_HOUR_MS + 60_000)
    shown = [event.as_json() for event in pump.take_events()]
    raised = [(each["alarm"], each["priority"], each["time_ms"]) for each in shown if each.get("state") == "raised"]
    assert raised == [("refill-mismatch", "high", _HOUR_MS + 60_000)]


@pytest.mark.parametrize("verb", ["returned", "filled"])
def test_a_refill_begins_with_its_beginning(verb: str) -> None:
    """Volumes outside a refill are refused, and so is more than fits; each refusal is logged."""
    pump = _pump()
    firmware = pump.command(1000)
    with pytest.raises(CommandRefused):
        getattr(firmware, verb)(1000, 1_000_000)
    firmware.begin_refill(2000)
    with pytest.raises(CommandRefused):
        firmware.begin_refill(2000)
    with pytest.raises(CommandRefused):
        getattr(firmware, verb)(2000, -1 if verb == "returned" else 31_000_000)
    refused = [event for event in pump.take_events() if event.entry.kind is EventKind.COMMAND_REFUSED]
    assert len(refused) == 3


def test_a_refill_that_nobody_ends_times_out() -> None:
    """Two hours after its beginning the firmware goes on monitoring, and says that it gave up."""
    pump = _pump()
    pump.command(_HOUR_MS).begin_refill(_HOUR_MS)
    pump.wake(3 * _HOUR_MS + 60_000)
    cancelled = [event for event in pump.take_events() if event.entry.kind is EventKind.REFILL_CANCELLED]
    assert [(event.time_ms, event.entry.detail) for event in cancelled] == [(3 * _HOUR_MS, 1)]
    assert pump.command(4 * _HOUR_MS).mode is Mode.MONITORING


@pytest.mark.parametrize(("report", "fits"), [(ReportReturned, 2), (ReportFilled, 1)])
def test_volumes_that_never_end_are_refused(report: type[ReportReturned | ReportFilled], fits: int) -> None:
    """However often a whole reservoir is reported in one refill, the pump answers: out of range, once too much."""
    pump = _pump()
    exchange = Exchange(OpenChannel())
    exchange.receive(0, pump.receive(0, exchange.request(0, BeginRefill())))
    for number in range(150):
        asked = exchange.request(number, report(30_000_000))
        if number < fits:
            exchange.receive(number, pump.receive(number, asked))
        else:
            with pytest.raises(PeerRefused) as caught:
                exchange.receive(number, pump.receive(number, asked))
            assert caught.value.reason is Reason.OUT_OF_RANGE


def test_a_long_refill_is_no_fast_flow_and_no_used_up_reserve() -> None:
    """While needles are expected the volume's course says nothing: two hours in which all comes out raise no alarm."""
    pump = _pump()
    at_ms = 5 * _DAY_MS + 120_000
    pump.foresee(Aspiration(at_ms + 2_400_000))
    pump.foresee(Filling(at_ms + 6_000_000, 28_000_000, 22.0))
    pump.command(at_ms).begin_refill(at_ms)
    out_nl = pump.plant.condition(at_ms + 2_400_000).returned_nl
    firmware = pump.command(at_ms + 7_000_000)
    firmware.returned(at_ms + 7_000_000, out_nl)
    firmware.filled(at_ms + 7_000_000, 28_000_000)
    firmware.complete_refill(at_ms + 7_000_000)
    pump.wake(at_ms + _DAY_MS)
    assert EventKind.ALARM_RAISED not in {event.entry.kind for event in pump.take_events()}


def test_the_protocol_says_how_long_a_refill_may_take() -> None:
    """What the reference promises of BeginRefill is what the firmware waits for."""
    assert SERVICE_TIMEOUT_MS == 2 * _HOUR_MS
    assert "after two hours" in (BeginRefill.__doc__ or "")


@pytest.mark.parametrize("is_told", [True, False], ids=["cancelled", "timed-out"])
def test_a_refill_that_was_broken_off_counts_for_the_next_mean_flow(is_told: bool) -> None:
    """What came out of a pump that nobody filled is not what it delivered: no flow off its label."""
    pump = _pump()
    first_ms, second_ms = 7 * _DAY_MS, 8 * _DAY_MS
    pump.foresee(Aspiration(first_ms + 60_000))
    pump.foresee(Filling(first_ms + 120_000, 20_000_000, 22.0))  # what came out is put back, and nobody says so
    pump.foresee(Aspiration(second_ms + 60_000))
    pump.foresee(Filling(second_ms + 120_000, 28_000_000, 22.0))
    pump.command(first_ms).begin_refill(first_ms)
    out_nl = pump.plant.condition(first_ms + 60_000).returned_nl
    firmware = pump.command(first_ms + 180_000)
    firmware.returned(first_ms + 180_000, out_nl - 20_000_000)
    if is_told:
        firmware.cancel_refill(first_ms + 200_000)
    pump.command(second_ms).begin_refill(second_ms)
    firmware = pump.command(second_ms + 180_000)
    firmware.returned(second_ms + 180_000, pump.plant.condition(second_ms + 60_000).returned_nl)
    firmware.filled(second_ms + 180_000, 28_000_000)
    mean_nl_per_day = firmware.complete_refill(second_ms + 180_000)
    assert mean_nl_per_day == pytest.approx(pump.plant.delivered_nl(second_ms) / 8, rel=0.01)
    assert EventKind.FLOW_OFF_LABEL not in {event.entry.kind for event in pump.take_events()}


def test_the_drug_is_kept_when_it_is_set_and_given_back_by_a_cancel() -> None:
    """The memory knows of it before the answer; a cancelled refill leaves the drug that is in the reservoir."""
    pump = _pump()
    firmware = pump.command(1000)
    firmware.begin_refill(1000)
    firmware.set_drug(2000, 3, 9000)
    firmware.complete_refill(3000)
    firmware.begin_refill(4000)
    firmware.set_drug(5000, 7, 50)
    assert (firmware.memory.counters().drug, firmware.memory.counters().concentration_ug_per_ml) == (7, 50)
    firmware.cancel_refill(6000)
    assert (firmware.memory.counters().drug, firmware.memory.counters().concentration_ug_per_ml) == (3, 9000)


def test_a_refill_that_a_reset_interrupts_tells_no_mean_flow() -> None:
    """What came out and went in is not known any more: the next refill gives no mean flow, the one after it does."""
    pump = _pump()
    begun_ms = 14 * _DAY_MS
    pump.foresee(Aspiration(begun_ms + 60_000))
    pump.foresee(Filling(begun_ms + 120_000, 28_000_000, 22.0))
    firmware = pump.command(begun_ms)
    firmware.begin_refill(begun_ms)
    pump.command(begun_ms + 60_000).returned(begun_ms + 60_000, pump.plant.condition(begun_ms + 60_000).returned_nl)
    pump.inject(begun_ms + 180_000, "reset", 1.0)
    means = []
    for at_ms in (28 * _DAY_MS, 42 * _DAY_MS):
        pump.foresee(Aspiration(at_ms + 60_000))
        pump.foresee(Filling(at_ms + 120_000, 28_000_000, 22.0))
        pump.command(at_ms).begin_refill(at_ms)
        firmware = pump.command(at_ms + 180_000)
        firmware.returned(at_ms + 180_000, pump.plant.condition(at_ms + 180_000).returned_nl)
        firmware.filled(at_ms + 180_000, 28_000_000)
        means.append(firmware.complete_refill(at_ms + 180_000))
    assert means[0] == 0
    assert means[1] == pytest.approx(1_000_000, rel=0.03)
    assert EventKind.FLOW_OFF_LABEL not in {event.entry.kind for event in pump.take_events()}


def test_a_mean_flow_beyond_its_field_is_the_most_that_fits() -> None:
    """Volumes that nobody could have meant, within an hour, are answered, and the pump goes on."""
    pump = _pump()
    firmware = pump.command(_HOUR_MS)
    firmware.configure(_HOUR_MS, replace(firmware.configuration, capacity_nl=2**31 - 1))
    exchange = Exchange(OpenChannel())
    for message in (BeginRefill(), ReportReturned(2**31 - 1), CompleteRefill()):
        answer = exchange.receive(_HOUR_MS, pump.receive(_HOUR_MS, exchange.request(_HOUR_MS, message)))
    assert answer == RefillCompleted(mean_flow_nl_per_day=1 - 2**31)
