"""Brown-out: the supply fails, and sags, and comes back; the pump starts anew, says so, and has forgotten nothing."""

from collections.abc import Callable, Iterator

import pytest

from hil.bench import Bench
from hil.conditions.ready_bench import feed, make_ready
from hil.instruments.supply import Supply
from hil.procedure import Procedure
from hil.pump.held_alarm import check_held
from hil.pump.programmer import Programmer
from hil.pump.pump_log import PumpLog, said
from protocols.messages import Alarms, BootReason, EventKind, EventRecord

OFF_S = 10.0
SAG_S = 2.0
SAG_SHARE = 0.1
"""Of the limit below which the electronics are held in reset: so far below it, and above it."""
START_MIN = 2.0
EXPECTED = (Alarms.UNEXPECTED_RESTART, Alarms.CLOCK_LOST)


@pytest.fixture
def fed(bench: Bench, supply: Supply, procedure: Procedure) -> Iterator[Supply]:
    """The supply, on and at its voltage; and so again when the procedure ends, however it does."""
    make_ready(bench, procedure.progressed, warm=False)
    yield supply
    feed(bench)
    bench.sleep(minutes=START_MIN)
    bench.pump.set_clock(bench.utc_ms())
    bench.pump.acknowledge(bench.pump.read_status().alarms)


@pytest.mark.procedure(
    "brown-out", measurements=("events-lost",), requirements=("REQ-POWER-001", "REQ-POWER-002"), duration_h=0.1
)
def test_brown_out(bench: Bench, fed: Supply, procedure: Procedure) -> None:
    """Some seconds without supply: a restart by brown-out, with log, counters and configuration as they were."""

    def fail() -> None:
        fed.output(on=False)
        bench.sleep(seconds=OFF_S)
        fed.output(on=True)

    _restarts(bench, procedure, fail)


@pytest.mark.procedure(
    "supply-sag",
    measurements=("events-lost",),
    requirements=("REQ-POWER-001", "REQ-POWER-002", "REQ-POWER-003"),
    duration_h=0.1,
)
def test_supply_sag(bench: Bench, pump: Programmer, fed: Supply, procedure: Procedure) -> None:
    """A sag above the limit goes unnoticed; one below it is a brown-out as any other."""
    limit_v, table = bench.loaded.profile.battery.brown_out_mv / 1000, bench.supply_table

    def sag(voltage_v: float) -> None:
        fed.set(voltage_v, table.current_limit_a)
        bench.sleep(seconds=SAG_S)
        fed.set(table.voltage_v, table.current_limit_a)

    boots = pump.read_status().boot_count
    sag(limit_v * (1 + SAG_SHARE))
    restarts = pump.read_status().boot_count - boots
    assert restarts == 0, f"the pump restarted when its supply sagged to {limit_v * (1 + SAG_SHARE):.2f} V"
    _restarts(bench, procedure, lambda: sag(limit_v * (1 - SAG_SHARE)))


def _restarts(bench: Bench, procedure: Procedure, interrupt: Callable[[], None]) -> None:
    """Interrupt the supply and see that the pump starts once, for the right reason, and keeps what it should."""
    pump, log = bench.pump, PumpLog(bench)
    before, configuration, counted = pump.read_status(), pump.read_configuration(), pump.read_diagnostics()
    interrupt()
    bench.sleep(minutes=START_MIN)
    after = pump.read_status()
    starts = after.boot_count - before.boot_count
    assert starts != 0, "the pump was without supply, and its firmware did not start anew"
    assert starts == 1, f"the supply came back once, and the firmware started {starts} times"
    news = log.read()  # refuses a log whose chain, or numbers, are not those of before
    _measure_lost(procedure, counted.events, news, pump.read_diagnostics().events)
    booted = log.find(EventKind.BOOTED)
    assert booted is not None, "the log has no start"
    reason = BootReason(booted.detail)
    assert reason is BootReason.BROWN_OUT, f"the log says that it started by {reason.name.lower()}, not brown_out"
    for alarm in EXPECTED:
        raised = log.find(EventKind.ALARM_RAISED, alarm)
        assert raised is not None, f"{said(alarm)} was not raised"
        check_held(pump, alarm)
    others = log.unexpected(*EXPECTED)
    assert not others, f"a brown-out raised other alarms as well: {others}"
    assert log.find(EventKind.SELF_TEST_PASSED) is not None, "the self-test after the start did not pass"
    assert pump.read_configuration() == configuration, "the configuration is not what it was"
    now = pump.read_diagnostics()
    for name in ("refills", "state_seq", "hours"):
        assert getattr(now, name) >= getattr(counted, name), f"the counter {name} went back"
    _clock_is_told(bench, log)


def _measure_lost(procedure: Procedure, counted: int, news: list[EventRecord], counts_now: int) -> None:
    """How many events the log lacks between what it had before and what it has now."""
    procedure.measure(
        "events-lost",
        counts_now - counted - len(news),
        "1",
        expanded_uncertainty=0.0,
        lower=0,
        upper=0,
        requirements=("REQ-POWER-001",),
        note="by their sequence numbers, with the chain over all of them checked",
    )


def _clock_is_told(bench: Bench, log: PumpLog) -> None:
    """The clock is lost until somebody sets it; then the alarm is over, and the log says by how much it was set."""
    pump = bench.pump
    pump.set_clock(bench.utc_ms())
    log.read()
    assert log.find(EventKind.CLOCK_SET) is not None, "the log does not tell that the clock was set"
    cleared = log.find(EventKind.ALARM_CLEARED, Alarms.CLOCK_LOST)
    assert cleared is not None, "clock-lost holds, though the clock was set"
    off_ms = pump.read_status().clock_utc_ms - bench.utc_ms()
    assert abs(off_ms) <= 1000, f"the clock was set, and is {off_ms / 1000:.1f} s off"
