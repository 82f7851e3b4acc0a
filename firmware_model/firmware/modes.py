"""The firmware's modes: one table of transitions, from which the diagram in the docs is drawn."""

from collections.abc import Mapping
from enum import StrEnum

from protocols.messages import Mode

__all__ = ["SAMPLING", "TRANSITIONS", "Trigger", "next_mode"]


class Trigger(StrEnum):
    """What changes the mode."""

    STARTED = "started"
    SELF_TEST_PASSED = "self-test passed"
    SELF_TEST_FAILED = "self-test failed"
    SELF_TEST_ASKED = "self-test asked for"
    SHELVED = "shelved"
    REFILL_BEGUN = "refill begun"
    REFILL_ENDED = "refill ended"
    MEMORY_LOST = "both copies of the configuration lost"
    WATCHDOG_AGAIN = "watchdog bit three times in a day"
    BATTERY_AT_END = "battery at its end"


_WHEREVER_IT_SAMPLES = (Mode.SELF_TEST, Mode.MONITORING, Mode.SERVICE, Mode.SAFE)

TRANSITIONS: Mapping[tuple[Mode, Trigger], Mode] = {
    **{(mode, Trigger.STARTED): Mode.SELF_TEST for mode in Mode},
    (Mode.SHELF, Trigger.SELF_TEST_ASKED): Mode.SELF_TEST,
    (Mode.SELF_TEST, Trigger.SELF_TEST_PASSED): Mode.MONITORING,
    (Mode.SELF_TEST, Trigger.SELF_TEST_FAILED): Mode.SAFE,
    (Mode.MONITORING, Trigger.SELF_TEST_ASKED): Mode.SELF_TEST,
    (Mode.MONITORING, Trigger.REFILL_BEGUN): Mode.SERVICE,
    (Mode.MONITORING, Trigger.SHELVED): Mode.SHELF,
    (Mode.SERVICE, Trigger.REFILL_ENDED): Mode.MONITORING,
    (Mode.SAFE, Trigger.SELF_TEST_ASKED): Mode.SELF_TEST,
    **{(mode, Trigger.MEMORY_LOST): Mode.SAFE for mode in _WHEREVER_IT_SAMPLES},
    **{(mode, Trigger.WATCHDOG_AGAIN): Mode.SAFE for mode in _WHEREVER_IT_SAMPLES},
    **{(mode, Trigger.BATTERY_AT_END): Mode.END_OF_SERVICE for mode in _WHEREVER_IT_SAMPLES},
}
"""What is not in it does not happen: a telecommand that would need it is refused."""

SAMPLING = frozenset({Mode.SELF_TEST, Mode.MONITORING, Mode.SERVICE, Mode.SAFE})
"""Modes in which the firmware takes samples. The flow goes on in all of them: it is passive."""


def next_mode(mode: Mode, trigger: Trigger) -> Mode | None:
    """The mode that a trigger leads to, or None if it leads nowhere from here."""
    return TRANSITIONS.get((mode, trigger))
