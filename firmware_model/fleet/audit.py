"""The same pump again, without any of what makes pumps fast: sample by sample, each asked for at its own time."""

from typing import Any

from firmware_model.fleet.life import Life
from firmware_model.fleet.population import LoadedPopulation, Variant
from firmware_model.fleet.result import PumpResult
from firmware_model.fleet.run import run_life
from firmware_model.pump import Pump

__all__ = ["SteppedPump", "audited"]

_SAMPLE_MS = 60_000


class SteppedPump(Pump):
    """A pump that takes every sample, and asks to be woken for each of them: nothing is passed over or foreseen."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """As a pump."""
        super().__init__(*args, passes_over=False, **options)

    def wake(self, now_ms: int) -> int | None:
        """Take the samples due; gives the time of the next."""
        super().wake(now_ms)
        return (now_ms // _SAMPLE_MS + 1) * _SAMPLE_MS


def audited(loaded: LoadedPopulation, life: Life, variant: Variant, result: PumpResult) -> str:
    """``same`` if the pump, stepped, logs the same; else what is the first that differs."""
    again = run_life(loaded, life, variant, make_pump=SteppedPump)
    if again.problem != result.problem:
        return f"problem {again.problem!r} instead of {result.problem!r}"
    if again.digest == result.digest and again.refills == result.refills:
        return "same"
    for ours, theirs in zip(result.events, again.events, strict=False):
        if ours != theirs:
            return f"at {theirs.time_ms} ms {theirs.kind} instead of {ours.kind} at {ours.time_ms} ms"
    return f"{len(again.events)} events instead of {len(result.events)}, or other refills"
