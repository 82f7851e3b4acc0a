"""Whether a bench can be used: who answers, how fast, is its calibration in date, was it left safe.

Only identities and states are read; nothing is set.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from hil.bench import open_bench
from hil.bench_file import LoadedBench
from hil.errors import RigError
from hil.recording.layout import Direction
from hil.recording.tap import WireSink
from hil.safe_state import BenchState, needs_a_safe_state
from hil.wiring import PortWiring, SimulatedWiring
from protocols.errors import ProtocolError

__all__ = ["CheckLine", "check_bench"]

EXCHANGES = 10
_SEED = 1


@dataclass(frozen=True)
class CheckLine:
    """One device, or one thing about the bench: what was found, and what is wrong with it if anything is."""

    name: str
    found: str
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {**asdict(self), "ok": not self.problem}


class _Nothing(WireSink):
    """Keeps no bytes: a check is no run."""

    def write(self, wire: str, direction: Direction, time_ms: int, data: bytes) -> None:
        """Keep nothing."""

    def note(self, time_ms: int, text: str) -> None:
        """Keep nothing."""


def check_bench(loaded: LoadedBench) -> list[CheckLine]:
    """One line for each device and one for the safe state. Raises nothing that a bench can cause."""
    lines = [_left_safe(loaded)]
    if lines[0].problem:
        return lines  # somebody uses it, or nobody knows how it is: it is not touched
    try:
        with ExitStack() as cleanup:
            simulated = loaded.file.is_simulated()
            wiring = SimulatedWiring(loaded, _SEED, ()) if simulated else PortWiring(loaded, _SEED, ())
            bench = open_bench(loaded, wiring, _Nothing(), cleanup, seed=_SEED)
            pump = bench.pump_identity
            lines.append(_asked("pump", f"{pump.model} {pump.serial_number}", bench.pump.read_status))
            devices = {"balance": bench.balance, "bath": bench.bath}
            for role, identity in bench.identities.items():
                device = devices.get(role)
                said = " ".join(filter(None, (identity.model, identity.serial_number, identity.version))) or "nameless"
                line = _asked(role, said, device.identify) if device is not None else CheckLine(role, said)
                lines.append(_in_date(loaded, line))
    except (RigError, ProtocolError) as error:
        lines.append(CheckLine("bench", "does not open", str(error)))
    return lines


def _asked(name: str, identity: str, ask: Callable[[], object]) -> CheckLine:
    """A few exchanges in a row."""
    took_ms = []
    try:
        for _ in range(EXCHANGES):
            begin = time.perf_counter()
            ask()
            took_ms.append((time.perf_counter() - begin) * 1000)
    except (RigError, ProtocolError) as error:
        return CheckLine(name, identity, f"exchange {len(took_ms) + 1} of {EXCHANGES}: {error}")
    return CheckLine(name, f"{identity}; {EXCHANGES} exchanges, {max(took_ms):.0f} ms at most")


def _in_date(loaded: LoadedBench, line: CheckLine) -> CheckLine:
    table = getattr(loaded.file.instruments, line.name, None)
    due, world = getattr(table, "calibration_due", None), loaded.file.world
    today = datetime.now(UTC).date() if world is None else world.start_utc.date()
    found = f"{line.found}; calibration due {due or 'not stated'}"
    overdue = f"its calibration was due on {due}" if due is not None and due < today else ""
    return CheckLine(line.name, found, line.problem or overdue)


def _left_safe(loaded: LoadedBench) -> CheckLine:
    if not needs_a_safe_state(loaded):
        return CheckLine("safe state", "nothing on this bench needs one")
    bath = loaded.file.safe_state.bath
    said = f"bath {'running' if bath.running else 'stopped'} at {bath.set_point_c:g} C"
    try:
        BenchState(loaded).check()
    except RigError as error:
        return CheckLine("safe state", said, str(error))
    return CheckLine("safe state", f"{said}; free, and known of no run that left it otherwise")
