"""Bath, pressures and alarms as they were before a procedure, however it ends."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from hil.bench import Bench
from hil.instruments.bath import Bath
from protocols.messages import Alarms

__all__ = ["left_as_found"]


@contextmanager
def left_as_found(bench: Bench, *roles: str) -> Iterator[None]:
    """Afterwards the bath works (or not) as before and each pressure among ``roles`` is vented, whatever happens.

    Alarms that came up meanwhile are acknowledged: who runs the procedure has caused them, and the pump's log keeps
    them. Those that were there before are left to whoever has to see them.
    """
    before = _unacknowledged(bench)
    with ExitStack() as cleanup:
        cleanup.callback(_acknowledge, bench, before)
        if bench.bath is not None and "bath" in roles:
            cleanup.callback(_restore_bath, bench.bath, bench.bath.set_point_c(), running=bench.bath.running())
        for role, controller in (
            ("ambient_pressure", bench.ambient_pressure),
            ("outlet_pressure", bench.outlet_pressure),
        ):
            if controller is not None and role in roles:
                cleanup.callback(controller.vent)
        yield


def _restore_bath(bath: Bath, set_point_c: float, *, running: bool) -> None:
    bath.set_point(set_point_c)
    if running:
        bath.start()
    else:
        bath.stop()


def _unacknowledged(bench: Bench) -> Alarms:
    held = [record for record in bench.pump.read_alarms().alarms if not record.acknowledged]
    return Alarms(sum(1 << record.bit for record in held))


def _acknowledge(bench: Bench, before: Alarms) -> None:
    caused = _unacknowledged(bench) & ~before
    if caused:
        bench.pump.acknowledge(caused)
