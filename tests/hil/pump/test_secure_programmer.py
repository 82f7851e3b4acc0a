"""A programmer and a simulated pump in secure sessions: who gets in, what takes effect, and what is known after it."""

from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from random import Random

import pytest

from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from hil.links.virtual import VirtualLink
from hil.pump.programmer import CommandNotApplied, Programmer, PumpFault
from hil.pump.programmer_memory import FileMemory, ProgrammerMemory
from hil.pump.pump_session import open_session
from protocols.framing import encode_frame
from protocols.log_follower import event_log
from protocols.messages import Alarms, Identity, KeyProvisioned, Mode, Outcome, ProvisionKey, Role, Secret
from protocols.session.bucket import ListeningBucket
from protocols.session.keys import SessionKey, insecure_test_key, simulated_uid
from protocols.session.programmer_channel import ProgrammerChannel
from protocols.session.pump_channel import IDLE_MS
from protocols.session.records import MAX_FRAMES
from tests.protocols.session.ends import random_bytes

_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_PROGRAMMER, _READER = insecure_test_key(1, 1, Role.PROGRAMMER), insecure_test_key(1, 2, Role.READER)


class Rig:
    """One pump, its time, and programmers that talk to it."""

    def __init__(self, *, near_field: bool = False) -> None:
        self.now_ms = 0
        self.pump = Pump(
            _PROFILE,
            seed=1,
            serial_number="SN1",
            start_utc_ms=1_767_225_600_000,
            surroundings=Surroundings(37.0, 101.325, 12.4),
        )
        self.pump.secure(_PROGRAMMER, _READER, near_field=near_field)
        self.to(60_000)

    def to(self, now_ms: int) -> None:
        """Let time pass."""
        self.now_ms = now_ms
        self.pump.wake(now_ms)

    def programmer(self, key: SessionKey = _PROGRAMMER, memory: ProgrammerMemory | None = None) -> Programmer:
        """A programmer with this key."""
        link = VirtualLink("sim:pump", self.pump, lambda: self.now_ms, self.to)
        kept = ProgrammerMemory() if memory is None else memory
        channel = ProgrammerChannel(
            simulated_uid(1), key, lambda: kept.next_wake(self.now_ms), random_bytes(f"{key.kid} {self.now_ms}")
        )
        return Programmer(link, channel, memory=kept)


def test_a_refill_in_a_session() -> None:
    """Step by step, each committed once; the pump's own log tells the same."""
    rig = Rig()
    programmer = rig.programmer()
    assert programmer.identify().serial_number == "SN1"
    assert programmer.read_status().mode is Mode.MONITORING
    assert programmer.begin_refill().volume_nl == pytest.approx(30_000_000, abs=100_000)
    assert programmer.report_returned(1_000_000).total_nl == 1_000_000
    assert programmer.report_filled(1_000_000).total_nl == 1_000_000
    assert programmer.set_drug(3, 5000).drug == 3
    programmer.complete_refill()
    assert rig.pump.firmware.counters.refills == 1
    assert programmer.read_diagnostics().state_seq == 5
    kinds = [event.kind for event in programmer.read_events()]
    assert [kind for kind in kinds if 32 <= kind <= 36] == [32, 33, 34, 35, 36]


def test_settings_are_written_all_or_none() -> None:
    """What is possible is worked by from then on; what is not is refused, with the number of the field."""
    rig = Rig()
    programmer = rig.programmer()
    report = programmer.read_configuration()

    programmer.set_configuration(replace(report.settings, flow_high_permille=200))
    assert rig.pump.firmware.configuration.flow_high_permille == 200
    assert programmer.read_configuration().generation == report.generation + 1
    with pytest.raises(CommandNotApplied, match=r"OUT_OF_RANGE \(detail 10\)") as refused:
        programmer.set_configuration(replace(report.settings, flow_debounce_n=9, flow_debounce_m=3))
    assert refused.value.outcome is Outcome.REFUSED
    assert rig.pump.firmware.configuration.flow_debounce_m == report.settings.flow_debounce_m


def test_a_reader_may_read_only() -> None:
    """Commands are refused, logged, and the fifth ends the session and raises tampering; reading goes on in another."""
    rig = Rig()
    reader = rig.programmer(_READER)
    assert reader.read_alarms().alarms == ()
    for _ in range(5):
        with pytest.raises(PumpFault, match=r"NOT_ALLOWED|no answer"):
            reader.begin_refill()
    assert reader.read_status().mode is Mode.MONITORING
    assert Alarms.TAMPERING in reader.read_status().alarms


def test_a_stranger_hears_nothing() -> None:
    """With another key, in the open mode, or for another pump: silence, and no costly handshake."""
    rig = Rig()
    with pytest.raises(PumpFault, match="does the pump hold this key"):
        rig.programmer(insecure_test_key(2, 1, Role.PROGRAMMER)).identify()
    with pytest.raises(PumpFault, match="no answer to Identify"):
        Programmer(VirtualLink("sim:pump", rig.pump, lambda: rig.now_ms, rig.to)).identify()
    assert rig.programmer(memory=ProgrammerMemory(10)).read_diagnostics().handshakes == 1


def test_a_session_is_begun_anew_when_it_is_over() -> None:
    """After a minute of silence, and after a restart of the pump, the next verb simply works."""
    rig = Rig()
    programmer = rig.programmer()
    programmer.identify()
    rig.to(rig.now_ms + 61_000)
    assert programmer.identify().boot_count == 1
    rig.pump.inject(rig.now_ms, "reset", 1)
    assert programmer.identify().boot_count == 2
    programmer.acknowledge(Alarms.UNEXPECTED_RESTART)


def test_a_session_that_has_had_all_its_frames_is_begun_anew() -> None:
    """Reading and commanding go on over its last counter, and nothing has to be asked twice."""
    rig = Rig()
    programmer = rig.programmer()
    programmer.identify()
    channel = programmer._channel
    assert isinstance(channel, ProgrammerChannel)
    assert channel._sealer is not None
    channel._sealer.next_counter = MAX_FRAMES - 3
    for _ in range(4):
        assert programmer.read_status().mode is Mode.MONITORING
    programmer.begin_refill()
    assert (rig.pump.handshakes, programmer.repeats) == (2, 0)
    assert programmer.read_status().mode is Mode.SERVICE


class _Ticking(VirtualLink):
    """Time goes on while nobody waits: a millisecond with every look at it."""

    def monotonic_ms(self) -> int:
        now_ms = super().monotonic_ms()
        self._advance_to(now_ms + 1)
        return now_ms


@pytest.mark.parametrize("early_ms", range(8))
def test_a_session_may_run_out_at_any_moment(early_ms: int) -> None:
    """Also between the look at it and the sealing of a frame: then it is begun anew."""
    rig = Rig()
    link = _Ticking("sim:pump", rig.pump, lambda: rig.now_ms, rig.to)
    memory = ProgrammerMemory()
    channel = ProgrammerChannel(
        simulated_uid(1), _PROGRAMMER, lambda: memory.next_wake(rig.now_ms), random_bytes(f"{early_ms}")
    )
    programmer = Programmer(link, channel, memory=memory)
    programmer.read_status()
    rig.to(rig.now_ms + IDLE_MS - early_ms)
    assert programmer.read_status().mode is Mode.MONITORING
    assert programmer.repeats <= 1  # a frame that came a moment too late for the pump


def test_notices_come_in_a_session() -> None:
    """As many as were asked for, one every period, numbered."""
    rig = Rig()
    programmer = rig.programmer()
    programmer.subscribe(period_s=10, notices=4)
    notices = programmer.notices(60_000)
    assert [notice.number for notice in notices] == [0, 1, 2, 3]
    assert [b.uptime_ms - a.uptime_ms for a, b in pairwise(notices)] == [10_000] * 3
    assert programmer.identify().serial_number == "SN1"


def test_keys_are_given_with_the_coil_on_only() -> None:
    """Over a distance no key can be added; nearby one can, and it works at once."""
    another = SessionKey(9, Role.READER, Secret(b"\x09" * 32))
    command = ProvisionKey(another.kid, another.role, another.psk)
    far, near = Rig(), Rig(near_field=True)
    with pytest.raises(CommandNotApplied, match="NOT_ALLOWED"):
        far.programmer().command(command, KeyProvisioned)
    programmer = near.programmer()
    programmer.command(command, KeyProvisioned)
    assert [slot.kid for slot in programmer.read_key_slots()] == [1, 2, 9]
    assert near.programmer(another).identify().serial_number == "SN1"


def test_a_programmer_that_forgot_nothing_settles_first(tmp_path: Path) -> None:
    """One that was switched off before it knew the outcome finds out before it sends another command."""
    rig = Rig()
    memory = FileMemory(tmp_path / "memory.json")
    first = rig.programmer(memory=memory)
    first.identify()
    memory.begin(first.read_diagnostics().state_seq)
    again = FileMemory(tmp_path / "memory.json")
    assert again.outstanding() == memory.outstanding()
    programmer = rig.programmer(memory=again)
    programmer.begin_refill()
    assert again.outstanding() is None
    assert programmer.read_diagnostics().state_seq == 2  # the fence, and the refill


@pytest.mark.parametrize("after_bytes", [0, 1, 5, 100, 1000, 3000, 3700, 4200, 5000, 7000, 7900])
def test_a_brown_out_at_any_write_of_a_command(after_bytes: int) -> None:
    """The power fails while a command is committed: it took effect once, or not at all, and the programmer knows."""
    rig = Rig()
    programmer = rig.programmer()
    report = programmer.read_configuration()

    rig.pump.firmware.memory.nvram.lose_power_after(after_bytes)
    try:
        programmer.set_configuration(replace(report.settings, flow_high_permille=222))
        applied = True
    except CommandNotApplied:
        applied = False
    generation = programmer.read_configuration().generation
    assert generation == report.generation + applied
    assert (rig.pump.firmware.configuration.flow_high_permille == 222) is applied


def test_the_event_log_is_followed_over_restarts() -> None:
    """Read up to date, forget the programmer, go on from two numbers: the chain still fits."""
    rig = Rig()
    log = event_log()
    before = rig.programmer().follow(log)
    rig.pump.inject(rig.now_ms, "reset", 1)
    rig.to(rig.now_ms + 3_600_000)
    again = event_log(log.next_seq, log.chain)
    after = rig.programmer(memory=ProgrammerMemory(100_000_000)).follow(again)
    assert [event.seq for event in (*before, *after)] == list(range(rig.pump.firmware.memory.next_event))
    assert after
    assert again.chain == rig.pump.firmware.memory.event_chain(again.next_seq - 1)


def test_history_is_chained_by_the_day() -> None:
    """Three days of hours come with a chain that fits."""
    rig = Rig()
    rig.to(3 * 86_400_000 + 600_000)
    records = rig.programmer(memory=ProgrammerMemory(1_000_000_000)).read_history(0)
    assert [record.seq for record in records] == list(range(72))


def test_an_open_pump_says_who_it_is() -> None:
    """Without keys the same verbs work in the open, and changes take effect at once."""
    pump = Pump(_PROFILE, seed=1, serial_number="SN1", start_utc_ms=0, surroundings=Surroundings(37.0, 101.325, 12.4))
    now = [60_000]

    def to(now_ms: int) -> None:
        now[0] = now_ms

    programmer = Programmer(VirtualLink("sim:pump", pump, lambda: now[0], to))
    assert isinstance(programmer.identify(), Identity)
    programmer.begin_refill()
    programmer.cancel_refill()
    with pytest.raises(PumpFault, match="NOT_ALLOWED"):
        programmer.command(ProvisionKey(1, Role.READER, Secret(bytes(32))), KeyProvisioned)
    assert len(programmer.read_raw_sensors().__dict__) == 6


@pytest.mark.parametrize("junk_ms", [1000, 5000])
def test_a_day_of_junk(junk_ms: int) -> None:
    """It adds at most 1 % to the day's charge and no work on the curve, and who holds a key gets in within a minute."""
    quiet, rig = Rig(), Rig()
    chance = Random(1)  # noqa: S311 - noise
    stranger = ProgrammerChannel(
        simulated_uid(1), insecure_test_key(9, 1, Role.PROGRAMMER), lambda: 1, random_bytes("x")
    )
    true_first = encode_frame(stranger.wake())
    for now_ms in range(120_000, 86_400_000, junk_ms):
        junk = true_first if chance.random() < 0.5 else encode_frame(b"\x01\x01" + chance.randbytes(60))
        assert rig.pump.receive(now_ms, junk) == b""
    rig.to(86_400_000)
    quiet.to(86_400_000)
    drawn = [each.pump.battery_pc(86_400_000) for each in (quiet, rig)]
    assert drawn[1] <= 1.01 * drawn[0]
    assert rig.pump.handshakes == 0
    programmer = rig.programmer()
    begin_ms = rig.now_ms
    while rig.pump.role(rig.now_ms) is None and rig.now_ms < begin_ms + 60_000:  # the junk goes on meanwhile
        rig.pump.receive(rig.now_ms, true_first)
        try:
            programmer.identify()
        except PumpFault:
            continue
    assert rig.pump.role(rig.now_ms) is Role.PROGRAMMER
    assert rig.now_ms <= begin_ms + 60_000


def test_bytes_of_who_holds_a_key_are_no_junk_in_whatever_pieces_they_come() -> None:
    """One by one they draw from the allowance for nobody in particular until their frame is whole, not for good."""
    rig = Rig()
    rig.pump._telemetry._bucket = ListeningBucket(100, 0)
    link = _ByteByByte("sim:pump", rig.pump, lambda: rig.now_ms, rig.to)
    wakes = count(1)
    channel = ProgrammerChannel(simulated_uid(1), _PROGRAMMER, lambda: next(wakes), random_bytes("bytes"))
    programmer = Programmer(link, channel)
    for _ in range(20):
        rig.to(rig.now_ms - rig.now_ms % 30_000 + 45_000)  # not in the second in which a pump listens to everybody
        programmer.read_status()
        rig.to(rig.now_ms + IDLE_MS)
    assert (rig.pump.handshakes, programmer.repeats) == (20, 0)


class _ByteByByte(VirtualLink):
    """A wire that hands over each byte on its own."""

    def write(self, data: bytes) -> None:
        for byte in data:
            super().write(bytes([byte]))


def test_a_second_run_is_no_repetition_of_the_first() -> None:
    """A pump that outlives a process with the test key carries out what the next one asks for."""
    rig = Rig()
    for offset_ms in (1_000_000, 50_000_000):
        rig.to(rig.now_ms + 3_600_000)
        session = open_session("insecure-test-key", None, 1, 1_767_225_600_000 + rig.now_ms)
        link = VirtualLink("sim:pump", rig.pump, lambda: rig.now_ms, rig.to)
        Programmer(link, session.channel, memory=session.memory).set_clock(1_767_225_600_000 + offset_ms)
        assert abs(rig.pump.firmware.clock.utc_ms(rig.now_ms) - 1_767_225_600_000 - offset_ms) < 5_000
