"""From legs of surroundings to legs of flow: what drives the infusate, and the reservoir's volume from leg to leg.

Outflow is linear in volume wherever the bellows keeps to one region (``bellows.py``) and the flow to one direction:
q = a + b V, with a and b constant on a leg. So the volume at a leg's end is linear in that at its start. A leg is
parted where region or direction change, and while a cold refill warms up. Within a leg the volume is linear in time:
legs last an hour at most.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.physics.bellows import Bellows, BellowsShape, droop_at_kpa
from firmware_model.physics.flow_table import FlowTable, interpolated
from firmware_model.physics.thermal import Legs, mean_decay, step_until_ms
from firmware_model.physics.truth import TruthTable, put_leg
from protocols.compiled import compiled

__all__ = ["HEALTHY", "NO_COLD", "Cold", "Driven", "Effects", "Reservoir"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]

_SETTLED_C = 1e-4
"""A refill's cold is over when no more of it is left."""
_SPARE = 256
"""Room for parts of legs; if there are more, there is another go."""


class Driven(NamedTuple):
    """Legs of constant surroundings, and what drives and limits the flow of a healthy pump."""

    times_ms: Times
    """Start and end; shape (2, legs)."""
    values: Values
    """Temperature in C, ambient, outlet and vapour pressure in kPa, conductance in nL/(ms kPa); shape (5, legs)."""


class Cold(NamedTuple):
    """By how much a refill changed the temperature, and when."""

    lag_c: float
    since_ms: int
    time_constant_ms: float


class Effects(NamedTuple):
    """What faults and boluses make of a healthy pump, as long as they are what they are."""

    outlet_share: float
    """The pressure behind the restrictor is so much of the outlet pressure ..."""
    outlet_plus_kpa: float
    """... and so much more."""
    vapour_share: float
    vapour_minus_kpa: float
    conductance_share: float
    leak_nl_per_ms_kpa: float
    """Conductance from the reservoir into the tissue."""
    came_off: float
    """Share of the flow that does not come to the vessel."""
    blocked: float
    """Share of the driving pressure that an occlusion takes."""


HEALTHY = Effects(1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0)
NO_COLD = Cold(0.0, 0, 1.0)


class Reservoir:
    """Infusate between bellows and restrictor: a volume, and how it goes on."""

    def __init__(self, bellows: Bellows, table: FlowTable, volume_nl: int) -> None:
        """Hold ``volume_nl``. Raises ValueError if the bellows cannot."""
        if not bellows.stop_nl <= volume_nl <= bellows.capacity_nl:
            raise ValueError(
                f"the bellows holds {bellows.stop_nl} nL (at its stop) to {bellows.capacity_nl} nL (full), "
                f"not {volume_nl} nL"
            )
        self.volume_nl = float(volume_nl)
        self._tables = table.vapour_table_kpa, table.conductance_table
        self._shape = tuple(bellows.shape)

    def driven(self, legs: Legs) -> Driven:
        """What legs of surroundings make of a healthy pump."""
        return Driven(*_driven(*legs, *self._tables))

    def flow(
        self, driven: Driven, start_ms: int, end_ms: int, conditions: tuple[Cold, Effects], *, into: TruthTable
    ) -> None:
        """Let the infusate flow from ``start_ms`` to ``end_ms``; the legs reach over both, and go ``into`` a table."""
        cold, effects = map(tuple, conditions)
        while start_ms < end_ms:
            start_ms, volume_nl, into.count = _flow(
                driven.times_ms,
                driven.values,
                start_ms,
                end_ms,
                cold,
                effects,
                self._tables,
                self._shape,
                into.clock,
                self.volume_nl,
                into.whole,
                into.real,
                into.count,
            )
            self.volume_nl = float(volume_nl)
            if start_ms < end_ms:
                into.make_room(_SPARE)


@compiled
def _driven(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    start_ms: Times,
    end_ms: Times,
    temperature_c: Values,
    ambient_kpa: Values,
    outlet_kpa: Values,
    vapour_table_kpa: Values,
    conductance_table: Values,
) -> tuple[Times, Values]:
    times_ms, values = np.empty((2, start_ms.size), np.int64), np.empty((5, start_ms.size))
    for leg in range(start_ms.size):
        times_ms[0, leg], times_ms[1, leg] = start_ms[leg], end_ms[leg]
        values[0, leg], values[1, leg], values[2, leg] = temperature_c[leg], ambient_kpa[leg], outlet_kpa[leg]
        values[3, leg] = interpolated(vapour_table_kpa, temperature_c[leg])
        values[4, leg] = interpolated(conductance_table, temperature_c[leg])
    return times_ms, values


@compiled
def _flow(  # noqa: PLR0917
    times_ms: Times,
    values: Values,
    now_ms: int,
    end_ms: int,
    cold: tuple[Any, ...],
    effects: tuple[Any, ...],
    tables: tuple[Values, Values],
    shape: tuple[Any, ...],
    clock: tuple[float, float, float],
    volume_nl: float,
    whole: Times,
    real: Values,
    count: int,
) -> tuple[int, float, int]:
    """Put down legs from ``now_ms`` to ``end_ms``, as many as there is room for.

    Gives how far it came, the volume then, and the number of legs. Named tuples come as plain ones: for stretches of a
    few minutes most of the time would go into unpacking.
    """
    return _flown(
        times_ms,
        values,
        now_ms,
        end_ms,
        Cold(*cold),
        Effects(*effects),
        tables,
        BellowsShape(*shape),
        clock,
        volume_nl,
        whole,
        real,
        count,
    )


@compiled
def _flown(  # noqa: PLR0917
    times_ms: Times,
    values: Values,
    now_ms: int,
    end_ms: int,
    cold: Cold,
    effects: Effects,
    tables: tuple[Values, Values],
    shape: BellowsShape,
    clock: tuple[float, float, float],
    volume_nl: float,
    whole: Times,
    real: Values,
    count: int,
) -> tuple[int, float, int]:
    vapour_table_kpa, conductance_table = tables
    leg = np.searchsorted(times_ms[1], now_ms, side="right")
    lag_c, is_cold = 0.0, cold.lag_c != 0
    while now_ms < end_ms and count + 1 < whole.shape[1]:
        until_ms = min(end_ms, times_ms[1, leg])
        temperature_c, ambient_kpa, outlet_kpa = values[0, leg], values[1, leg], values[2, leg]
        vapour_kpa, restrictor = values[3, leg], values[4, leg]
        if is_cold:
            lag_c = cold.lag_c * math.exp(-(now_ms - cold.since_ms) / cold.time_constant_ms)
            is_cold = abs(lag_c) > _SETTLED_C
        if is_cold:
            until_ms = step_until_ms(now_ms, until_ms, lag_c, cold.time_constant_ms)
            temperature_c += lag_c * mean_decay((until_ms - now_ms) / cold.time_constant_ms)
            vapour_kpa = interpolated(vapour_table_kpa, temperature_c)
            restrictor = interpolated(conductance_table, temperature_c)
        node_kpa = outlet_kpa * effects.outlet_share + effects.outlet_plus_kpa
        vapour_kpa = vapour_kpa * effects.vapour_share - effects.vapour_minus_kpa
        source_kpa = vapour_kpa - ambient_kpa - node_kpa
        restrictor *= effects.conductance_share
        start_ms, start_nl = now_ms, volume_nl
        now_ms, volume_nl, leaked_nl = _outflow(
            start_ms, until_ms, start_nl, source_kpa, node_kpa, restrictor, effects.leak_nl_per_ms_kpa, shape
        )
        leaks_nl = leaked_nl + (start_nl - volume_nl - leaked_nl) * effects.came_off
        put_leg(
            whole,
            real,
            count,
            start_ms,
            now_ms,
            temperature_c,
            ambient_kpa,
            node_kpa,
            source_kpa,
            effects.blocked,
            start_nl,
            volume_nl,
            leaks_nl,
            shape,
            clock,
        )
        count += 1
        if now_ms == times_ms[1, leg]:
            leg += 1
    return now_ms, volume_nl, count


@compiled
def _outflow(  # noqa: PLR0917
    start_ms: int,
    end_ms: int,
    volume_nl: float,
    source_kpa: float,
    node_kpa: float,
    restrictor: float,
    leak: float,
    shape: BellowsShape,
) -> tuple[int, float, float]:
    """Until when the law at the start holds, ``end_ms`` at the latest; the volume then; and what leaked."""
    forward, slope, offset, leak_slope, leak_offset, lower_nl, upper_nl = _law(
        volume_nl, source_kpa, node_kpa, restrictor, leak, shape
    )
    duration_ms = end_ms - start_ms
    reduced = slope * duration_ms
    half = 1 + reduced / 2
    span_ms = duration_ms * half / (1 + reduced * half)  # (1 - exp(-x))/x to the second order, and never below 0
    rate = offset + slope * volume_nl
    if forward:
        rate = max(rate, 0.0)  # to the last bit
    after_nl = max(shape.stop_nl, volume_nl - rate * span_ms)
    if after_nl < lower_nl or after_nl > upper_nl:
        bound_nl = lower_nl if after_nl < lower_nl else upper_nl
        share = (volume_nl - bound_nl) / (volume_nl - after_nl)
        end_ms = min(end_ms, start_ms + max(1, math.ceil(share * duration_ms)))
        after_nl = bound_nl
    leaked_nl = 0.0
    if leak > 0 and rate != 0:
        leaked_nl = (volume_nl - after_nl) * (leak_offset + leak_slope * volume_nl) / rate
    return end_ms, after_nl, leaked_nl


@compiled
def _law(  # noqa: PLR0917
    volume_nl: float, source_kpa: float, node_kpa: float, restrictor: float, leak: float, shape: BellowsShape
) -> tuple[bool, float, float, float, float, float, float]:
    """Whether it points forwards; slope and offset of the outflow against volume, in 1/ms and nL/ms.

    The latter of all of the outflow, and of the leak's part. Last, the volumes between which they hold.
    """
    below_nl = shape.capacity_nl - volume_nl
    droop_kpa = droop_at_kpa(shape, volume_nl)
    forward = source_kpa >= droop_kpa
    flows = forward or shape.reverse_flow
    leak_slope = leak_offset = 0.0
    pressure_kpa = source_kpa - shape.droop_kpa
    if volume_nl < shape.touch_nl or (
        volume_nl == shape.touch_nl
        and (forward or leak * max(pressure_kpa + node_kpa, 0.0) + flows * restrictor * pressure_kpa > 0)
    ):  # the stop takes over
        width_nl = shape.touch_nl - shape.stop_nl
        if leak > 0:
            leak_slope = leak * max(pressure_kpa + node_kpa, 0.0) / width_nl
            leak_offset = -leak_slope * shape.stop_nl
        slope, offset = leak_slope, leak_offset
        if forward:
            slope += restrictor * pressure_kpa / width_nl
            offset -= restrictor * pressure_kpa / width_nl * shape.stop_nl
        elif flows:
            offset += restrictor * pressure_kpa
        return forward, slope, offset, leak_slope, leak_offset, shape.stop_nl, shape.touch_nl
    over = below_nl < 0
    spring = shape.overfill_spring if over else shape.spring
    empty_kpa = source_kpa - spring * shape.capacity_nl
    # A leak draws nothing in: by itself it never gets there, but an outlet below the room might take the bellows along.
    if leak > 0 and source_kpa + node_kpa > (droop_kpa if node_kpa >= 0 else shape.droop_kpa):
        leak_slope, leak_offset = leak * spring, leak * (empty_kpa + node_kpa)
    slope, offset = leak_slope, leak_offset
    if flows and (forward or below_nl != 0):  # nothing flows back into a full bellows
        slope, offset = slope + restrictor * spring, offset + restrictor * empty_kpa
    lower_nl, upper_nl = (shape.capacity_nl, np.inf) if over else (shape.touch_nl, shape.capacity_nl)
    return forward, slope, offset, leak_slope, leak_offset, lower_nl, upper_nl
