"""Three clocks of one recording: bench time, the system's, and what the pump says of its own."""

import pytest

from hil.recording.contents import RecordedMessage
from hil.recording.looks import Look
from hil.verification.clock_check import ClockCheck

BOOTS, UPTIME_MS, SAMPLES = 7, 60_000, 6


def look(boots: int, uptime_ms: int, samples: int, message: str = "status") -> Look:
    """What a pump said; a notice does not say how often it was started."""
    values = {"boot_count": boots, "uptime_ms": uptime_ms, "sample_count": samples}
    return Look(1000, message, "NORMAL", frozenset(), values if message == "status" else {})


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (look(BOOTS, UPTIME_MS, SAMPLES), None),
        (look(BOOTS, UPTIME_MS + 1, SAMPLES + 1), None),
        (look(BOOTS + 1, 0, 0), None),
        (look(BOOTS - 1, UPTIME_MS + 1, SAMPLES + 1), "the pump's starts go back from 7 to 6"),
        (look(BOOTS, UPTIME_MS - 1, SAMPLES), "goes back from 60000 ms, 6 samples to 59999 ms, 6"),
        (
            look(BOOTS, UPTIME_MS + 1, SAMPLES - 1),
            "goes back from 60000 ms, 6 samples to 60001 ms, 5",
        ),
    ],
)
def test_a_pumps_clock_goes_back_only_with_a_start(then: Look, said: str | None) -> None:
    """Starts never do; uptime and samples do when it was started again. What says nothing of it is passed over."""
    check = ClockCheck({})
    for each in (look(BOOTS, UPTIME_MS, SAMPLES), look(0, 0, 0, "sampled"), then):
        check.look(each)
    found = check.check()
    assert "uptime in 2 answers" in found.said
    assert len(found.findings) == (said is not None)
    assert all(str(said) in text for text in found.findings)


def test_bench_time_never_goes_back() -> None:
    """Two messages of one moment are well; a thousand findings are enough."""
    check = ClockCheck({})
    for number, time_ms in enumerate([0, 10, 10, *[5, 10] * 1100]):
        check.take(RecordedMessage("/rig/bath/rx", time_ms, time_ms * 1_000_000, number, b"", 100 + number))
    findings = check.check().findings
    assert findings[0] == "byte 103 of the file: bench time goes back from 10 to 5 ms"
    assert len(findings) == 1000
    assert "system's clock of 2203 records" in check.check().said


@pytest.mark.parametrize("rate", ["", "fast", "0", "-1", "nan", "inf"])
def test_a_rate_that_cannot_be_is_none(rate: str) -> None:
    """What a recording says of itself may be damaged: its times are then held against each other as they are."""
    assert "times real time" not in ClockCheck({"rate": rate}).check().said
    assert "at 60 times real time" in ClockCheck({"rate": "60"}).check().said
