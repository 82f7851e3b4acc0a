"""Whether a pump is still fit to be tested after a procedure failed on it."""

from typing import NamedTuple

from hil.bench import Bench
from hil.errors import BenchFault, LinkError, RecordingError, UsageError
from hil.pump.programmer import CommandNotApplied, PumpFault
from protocols.errors import ProtocolError
from protocols.messages import Mode

__all__ = ["PumpFailure", "failed_state"]

_FAILED_MODES = (Mode.SAFE, Mode.SELF_TEST)
"""A failed self-test ends in the first, and one that does not end is none that was passed."""


class PumpFailure(NamedTuple):
    """Why nothing more should be run on a pump."""

    reason: str
    is_unseen: bool
    """Whether it was the way to the pump that failed: of the pump itself nothing is known."""


def failed_state(bench: Bench | None, error: BaseException | None) -> PumpFailure | None:
    """Why nothing more should be run on this pump, or None if it is fit.

    ``error`` is what ended the procedure. A pump that fell silent once is not asked again: whatever it would answer,
    its state is a guess. Else it is asked who it is and how it is.
    """
    if isinstance(error, RecordingError):
        return PumpFailure(str(error), is_unseen=True)  # that of a replay differs, or nothing can be recorded any more
    if bench is None:
        broken = isinstance(error, (BenchFault, UsageError, ProtocolError))
        return PumpFailure(f"the bench could not be opened: {error}", is_unseen=True) if broken else None
    resource = bench.pump_link.resource
    if isinstance(error, PumpFault) and not isinstance(error, CommandNotApplied):
        return PumpFailure(f"the pump failed: {error}", is_unseen=False)
    if isinstance(error, LinkError) and str(error).startswith(resource):
        return PumpFailure(f"the pump's link failed: {error}", is_unseen=True)
    return _asked(bench)


def _asked(bench: Bench) -> PumpFailure | None:
    try:
        identity, status = bench.pump.identify(), bench.pump.read_status()
    except (BenchFault, ProtocolError) as problem:
        is_unseen = isinstance(problem, LinkError)
        return PumpFailure(f"the pump does not answer as it should: {problem}", is_unseen)
    if identity.serial_number != bench.pump_identity.serial_number:
        before = bench.pump_identity.serial_number
        return PumpFailure(f"pump {identity.serial_number} answers, it was {before} before", is_unseen=False)
    if status.mode in _FAILED_MODES:
        return PumpFailure(f"the pump is in mode {status.mode.name}", is_unseen=False)
    return None
