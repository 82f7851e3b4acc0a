"""Identity and self-test: who the pump is, whether it works by its profile, and whether it finds itself sound."""

import pytest

from firmware_model.firmware.configuration import Configuration
from hil.bench import Bench
from hil.conditions.ready_bench import make_ready
from hil.procedure import Procedure
from hil.pump.programmer import Programmer
from hil.pump.pump_log import PumpLog
from protocols.messages import EventKind, Mode
from protocols.reference import VERSION

SELF_TEST_MIN = 2.0
"""It is made with the next sample, which is a minute away at most."""
SELF_TEST_WITHIN_S = 65.0


@pytest.mark.procedure(
    "identity",
    requirements=("REQ-ID-001", "REQ-ID-002"),
    duration_h=0.1,
)
def test_identity(bench: Bench, pump: Programmer, procedure: Procedure) -> None:
    """The pump is the one of the bench file, says so each time, and works by the limits of its profile."""
    make_ready(bench, procedure.progressed, warm=False)
    profile, wanted = bench.loaded.profile, bench.loaded.file.pump.serial_number
    first = pump.identify()
    assert first.protocol_version == VERSION, f"protocol version {first.protocol_version}, not {VERSION}"
    assert first.model == profile.model, f"model {first.model!r}, but its profile is of {profile.model!r}"
    assert wanted in {None, first.serial_number}, f"serial number {first.serial_number!r}, not {wanted!r}"
    assert any(first.uid), "the uid is all zeros, which cannot be unique"
    assert first.firmware_version != "0.0.0", "the firmware does not tell its version"
    settings = vars(pump.read_configuration().settings)
    factory = vars(Configuration.of(profile))
    other = [f"{name} is {settings[name]}, not {value}" for name, value in factory.items() if settings[name] != value]
    assert not other, f"the configuration is not that of the profile: {'; '.join(other)}"
    assert pump.identify() == first, "the identity changed between two answers"


@pytest.mark.procedure(
    "self-test",
    measurements=("time-to-self-test",),
    requirements=("REQ-ID-003",),
    duration_h=0.1,
)
def test_self_test(bench: Bench, pump: Programmer, procedure: Procedure) -> None:
    """A self-test that is asked for is made with the next sample, passes, is in the log, and leaves it monitoring."""
    make_ready(bench, procedure.progressed, warm=False)
    log = PumpLog(bench)
    begun_seq = pump.start_self_test().next_event
    asked_ms = bench.now_ms()
    assert pump.read_status().mode is Mode.SELF_TEST, "the pump took StartSelfTest, but is not in mode self-test"
    bench.sleep(minutes=SELF_TEST_MIN)
    log.read()
    failed = log.find(EventKind.SELF_TEST_FAILED)
    assert failed is None, "the self-test failed, says the pump's log"
    passed = log.find(EventKind.SELF_TEST_PASSED)
    assert passed is not None, f"the log has no outcome of the self-test within {SELF_TEST_MIN:g} min"
    assert passed.seq >= begun_seq, f"its outcome is event {passed.seq}, before {begun_seq}, where it began"
    mode = pump.read_status().mode
    assert mode is Mode.MONITORING, f"after the self-test the pump is in mode {mode.name.lower()}, not monitoring"
    procedure.measure(
        "time-to-self-test",
        (log.time_ms(passed) - asked_ms) / 1000,
        "s",
        expanded_uncertainty=1.0,
        upper=SELF_TEST_WITHIN_S,
        note="from the answer to the telecommand to the outcome's date in the pump's log; uncertain by how long an "
        "answer may take (0.5 s), once for each end",
    )
