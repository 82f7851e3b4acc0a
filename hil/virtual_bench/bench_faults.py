"""What can be wrong with a simulated bench itself, beside the pump's own faults."""

from collections.abc import Mapping

from firmware_model.faults.injection import FaultKind
from firmware_model.faults.table import PUMP_FAULTS

__all__ = ["BENCH_FAULTS", "KNOWN_FAULTS"]

BENCH_FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("bath-offset", "C", 1.0, -10.0, 10.0, "the bath is warmer than it says"),
        FaultKind("ambient-offset", "kPa", -5.0, -60.0, 100.0, "the weather or the altitude changes"),
        FaultKind("outlet-offset", "kPa", 2.0, -50.0, 100.0, "the back-pressure at the catheter tip changes"),
        FaultKind("evaporation-offset", "ug/s", 1.0, -1.0, 50.0, "the oil film on the beaker breaks"),
    )
}
"""Rows of this table are states of the world; ``World.inject`` adds the value to what the bench file says is true."""

KNOWN_FAULTS: Mapping[str, FaultKind] = {**PUMP_FAULTS, **BENCH_FAULTS}
