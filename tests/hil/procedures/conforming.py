"""The conformance procedures on a bench in this process, as a run would have them, without pytest around each."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from hil.bench import Bench
from hil.observer import Silent
from hil.procedure import Procedure
from hil.procedures import protocol_conformance as conformance
from hil.procedures.conformance.ground import Ground, look_at
from hil.pump_wire import PumpWire
from hil.recording.tap import WireSink

__all__ = ["Nowhere", "findings", "procedures"]


class Nowhere(WireSink):
    """Bytes are looked at, not kept."""

    def write(self, *_: Any) -> None:
        """Keep nothing."""

    def note(self, *_: Any) -> None:
        """Keep nothing."""


def findings(bench: Bench) -> dict[str, str]:
    """What each procedure for the open mode finds in the pump; nothing where it passes or is skipped."""
    found: dict[str, str] = {}
    ground = look_at(PumpWire(bench.pump_link), asked_before=bench.pump.repeats > 0)
    for name, run in procedures(bench, ground):
        with suppress(pytest.skip.Exception):
            ground.skip_if_void(name)
            try:
                run()
            except (AssertionError, pytest.fail.Exception) as finding:
                found[name] = str(finding)
    return found


def procedures(bench: Bench, ground: Ground | None = None) -> Iterator[tuple[str, Callable[[], None]]]:
    """Each procedure that any mode has, by name; with a ``ground``, also those of the open mode."""
    if ground is not None and ground.wire is not None:
        yield from _open_procedures(bench, ground, ground.wire)
    yield "protocol-subscriptions", lambda: conformance.test_subscriptions(bench.pump)
    yield "protocol-chains", lambda: conformance.test_chains(bench.pump)
    yield "protocol-commands", lambda: conformance.test_commands(bench, bench.pump)


def _open_procedures(bench: Bench, ground: Ground, wire: PumpWire) -> Iterator[tuple[str, Callable[[], None]]]:
    yield "protocol-unasked", lambda: conformance.test_unasked(ground)
    yield "protocol-framing", lambda: conformance.test_framing(wire)
    yield "protocol-oversize", lambda: conformance.test_oversize(wire)
    yield "protocol-sequence", lambda: conformance.test_sequence(wire)
    yield "protocol-errors", lambda: conformance.test_errors(wire)
    yield "protocol-values", lambda: conformance.test_values(wire, bench)
    yield "protocol-timing", lambda: _timing(wire)
    yield "protocol-repeats", lambda: conformance.test_repeats(wire, bench)


def _timing(wire: PumpWire) -> None:
    marker = next(mark for mark in conformance.test_timing.pytestmark if mark.name == "procedure")  # type: ignore[attr-defined]
    page = Procedure.of("protocol-timing", marker.kwargs, Silent())
    conformance.test_timing(wire, page)
    problem = page.conclude()
    assert problem is None, problem
