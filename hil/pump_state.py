"""Whether a pump is still fit to be tested after a procedure failed on it."""

from hil.bench import Bench
from hil.errors import BenchFault, LinkError, UsageError
from hil.programmer import CommandNotApplied, PumpFault
from protocols.errors import ProtocolError
from protocols.messages import Mode

__all__ = ["failed_state"]

_FAILED_MODES = (Mode.SAFE, Mode.SELF_TEST)
"""A failed self-test ends in the first, and one that does not end is none that was passed."""


def failed_state(bench: Bench | None, error: BaseException | None) -> str | None:
    """Why nothing more should be run on this pump, or None if it is fit.

    ``error`` is what ended the procedure. A pump that fell silent once is not asked again: whatever it would answer,
    its state is a guess. Else it is asked who it is and how it is.
    """
    if bench is None:
        broken = isinstance(error, (BenchFault, UsageError, ProtocolError))
        return f"the bench could not be opened: {error}" if broken else None
    resource = bench.pump_link.resource
    if isinstance(error, PumpFault) and not isinstance(error, CommandNotApplied):
        return f"the pump failed: {error}"
    if isinstance(error, LinkError) and str(error).startswith(resource):
        return f"the pump's link failed: {error}"
    return _asked(bench)


def _asked(bench: Bench) -> str | None:
    try:
        identity, status = bench.pump.identify(), bench.pump.read_status()
    except (BenchFault, ProtocolError) as problem:
        return f"the pump does not answer as it should: {problem}"
    if identity.serial_number != bench.pump_identity.serial_number:
        return f"pump {identity.serial_number} answers, it was {bench.pump_identity.serial_number} before"
    if status.mode in _FAILED_MODES:
        return f"the pump is in mode {status.mode.name}"
    return None
