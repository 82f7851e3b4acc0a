"""The conformance procedures on a bench in this process, as a run would have them, without pytest around each."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from hil.bench import Bench
from hil.procedure import Procedure
from hil.procedures import protocol_conformance as conformance
from hil.procedures.conformance.ground import Ground, look_at
from hil.pump.pump_wire import PumpWire
from hil.recording.tap import WireSink
from hil.runs.observer import Silent

__all__ = ["Nowhere", "findings", "procedures"]


class Nowhere(WireSink):
    """Bytes are looked at, not kept."""

    def write(self, *_: Any) -> None:
        """Keep nothing."""

    def note(self, *_: Any) -> None:
        """Keep nothing."""


def findings(bench: Bench) -> dict[str, str]:
    """What each procedure for the pump's mode finds in it; nothing where it passes or is skipped."""
    found: dict[str, str] = {}
    ground = Ground(None)
    if bench.loaded.file.pump.session == "open":
        ground = look_at(PumpWire(bench.pump_link), asked_before=bench.pump.repeats > 0)
    for name, run in procedures(bench, ground):
        with suppress(pytest.skip.Exception):
            ground.skip_if_void(name)
            try:
                run()
            except (AssertionError, pytest.fail.Exception) as finding:
                found[name] = str(finding)
    return found


def procedures(bench: Bench, ground: Ground) -> Iterator[tuple[str, Callable[[], None]]]:
    """Each procedure that the pump's mode has, by name."""
    wire, pump = ground.wire, bench.pump
    if wire is not None:
        yield "protocol-unasked", lambda: conformance.test_unasked(ground)
    yield "protocol-framing", lambda: conformance.test_framing(ground, bench, pump)
    yield "protocol-oversize", lambda: conformance.test_oversize(ground, bench, pump)
    yield "protocol-sequence", lambda: conformance.test_sequence(ground, pump)
    yield "protocol-errors", lambda: conformance.test_errors(ground, bench, pump)
    yield "protocol-values", lambda: conformance.test_values(ground, bench, pump)
    yield "protocol-flow", lambda: conformance.test_flow(ground, bench, pump, _page("protocol-flow", wait_h=0.0))
    if wire is not None:
        yield "protocol-timing", lambda: _timing(wire)
    yield "protocol-repeats", lambda: conformance.test_repeats(ground, bench, pump)
    yield "protocol-subscriptions", lambda: conformance.test_subscriptions(bench, pump)
    yield "protocol-chains", lambda: conformance.test_chains(pump)
    yield "protocol-commands", lambda: conformance.test_commands(bench, pump)
    if wire is None:
        yield "protocol-sealed", lambda: conformance.test_sealed(bench, pump)
        yield "protocol-roles", lambda: conformance.test_roles(bench, pump)
        yield "protocol-lockout", lambda: conformance.test_lockout(bench, pump)


def _page(name: str, **parameters: float) -> Procedure:
    page = Procedure.of(name, None, Silent())
    page.parameters = parameters
    return page


def _timing(wire: PumpWire) -> None:
    marker = next(mark for mark in conformance.test_timing.pytestmark if mark.name == "procedure")  # type: ignore[attr-defined]
    page = Procedure.of("protocol-timing", marker.kwargs, Silent())
    conformance.test_timing(wire, page)
    problem = page.conclude()
    assert problem is None, problem
