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

from firmware_model.bellows import Bellows, BellowsShape, droop_at_kpa
from firmware_model.compiled import compiled
from firmware_model.flow_table import FlowTable, interpolated
from firmware_model.thermal import mean_decay, step_until_ms
from firmware_model.truth import FlownLegs

__all__ = ["HEALTHY", "NO_COLD", "Cold", "Driven", "Effects", "Reservoir"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]

_SETTLED_C = 1e-4
"""A refill's cold is over when no more of it is left."""
_SPARE = 256
"""Room for parts of legs; if there are more, there is another go."""


class Driven(NamedTuple):
    """Legs of constant surroundings, and what drives and limits the flow of a healthy pump; shape (legs,)."""

    start_ms: Times
    end_ms: Times
    temperature_c: Values
    ambient_kpa: Values
    outlet_kpa: Values
    vapour_kpa: Values
    conductance_nl_per_ms_kpa: Values


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

    def flow(self, driven: Driven, start_ms: int, end_ms: int, cold: Cold, effects: Effects) -> FlownLegs:
        """Let the infusate flow from ``start_ms`` to ``end_ms``; the legs reach over both."""
        parts: list[FlownLegs] = []
        conditions = tuple(cold), tuple(effects)
        while start_ms < end_ms:
            part = FlownLegs._make(
                _flow(tuple(driven), start_ms, end_ms, *conditions, self._tables, self._shape, self.volume_nl)
            )
            parts.append(part)
            start_ms, self.volume_nl = int(part.end_ms[-1]), float(part.end_nl[-1])
        if len(parts) == 1:
            return parts[0]
        return FlownLegs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@compiled
def _flow(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    driven: tuple[Any, ...],
    now_ms: int,
    end_ms: int,
    cold: tuple[Any, ...],
    effects: tuple[Any, ...],
    tables: tuple[Values, Values],
    shape: tuple[Any, ...],
    volume_nl: float,
) -> tuple[Any, ...]:
    """The legs from ``now_ms`` to ``end_ms``, as many as there is room for.

    Named tuples come and go as plain ones: for stretches of a few minutes most of the time would go into unpacking.
    """
    return _flown(
        Driven(*driven), now_ms, end_ms, Cold(*cold), Effects(*effects), tables, BellowsShape(*shape), volume_nl
    )


@compiled
def _flown(  # noqa: PLR0917
    driven: Driven,
    now_ms: int,
    end_ms: int,
    cold: Cold,
    effects: Effects,
    tables: tuple[Values, Values],
    shape: BellowsShape,
    volume_nl: float,
) -> tuple[Any, ...]:
    vapour_table_kpa, conductance_table = tables
    leg = np.searchsorted(driven.end_ms, now_ms, side="right")
    room = np.searchsorted(driven.start_ms, end_ms) - leg + _SPARE
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    temperatures, ambients, nodes, sources = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    start_nl, end_nl, leaks_nl = np.empty(room), np.empty(room), np.empty(room)
    part, lag_c, is_cold = 0, 0.0, cold.lag_c != 0
    _, leg_end_ms, leg_temperature_c, leg_ambient_kpa, leg_outlet_kpa, leg_vapour_kpa, conductance = driven
    while now_ms < end_ms and part < room:
        until_ms = min(end_ms, leg_end_ms[leg])
        temperature_c, vapour_kpa, restrictor = leg_temperature_c[leg], leg_vapour_kpa[leg], conductance[leg]
        if is_cold:
            lag_c = cold.lag_c * math.exp(-(now_ms - cold.since_ms) / cold.time_constant_ms)
            is_cold = abs(lag_c) > _SETTLED_C
        if is_cold:
            until_ms = step_until_ms(now_ms, until_ms, lag_c, cold.time_constant_ms)
            temperature_c += lag_c * mean_decay((until_ms - now_ms) / cold.time_constant_ms)
            vapour_kpa = interpolated(vapour_table_kpa, temperature_c)
            restrictor = interpolated(conductance_table, temperature_c)
        node_kpa = leg_outlet_kpa[leg] * effects.outlet_share + effects.outlet_plus_kpa
        vapour_kpa = vapour_kpa * effects.vapour_share - effects.vapour_minus_kpa
        source_kpa = vapour_kpa - leg_ambient_kpa[leg] - node_kpa
        restrictor *= effects.conductance_share
        starts[part], start_nl[part] = now_ms, volume_nl
        now_ms, volume_nl, leaked_nl = _outflow(
            now_ms, until_ms, volume_nl, source_kpa, node_kpa, restrictor, effects.leak_nl_per_ms_kpa, shape
        )
        ends[part], end_nl[part] = now_ms, volume_nl
        leaks_nl[part] = leaked_nl + (start_nl[part] - volume_nl - leaked_nl) * effects.came_off
        temperatures[part], ambients[part] = temperature_c, leg_ambient_kpa[leg]
        nodes[part], sources[part] = node_kpa, source_kpa
        part += 1
        if now_ms == leg_end_ms[leg]:
            leg += 1
    return (
        starts[:part],
        ends[:part],
        temperatures[:part],
        ambients[:part],
        nodes[:part],
        sources[:part],
        np.full(part, effects.blocked),
        start_nl[:part],
        end_nl[:part],
        leaks_nl[:part],
    )


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
    forward = source_kpa >= droop_at_kpa(shape, volume_nl)
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
    if leak > 0 and source_kpa + node_kpa > shape.droop_kpa:  # a leak draws nothing in
        leak_slope, leak_offset = leak * spring, leak * (empty_kpa + node_kpa)
    slope, offset = leak_slope, leak_offset
    if flows and (forward or below_nl != 0):  # nothing flows back into a full bellows
        slope, offset = slope + restrictor * spring, offset + restrictor * empty_kpa
    lower_nl, upper_nl = (shape.capacity_nl, np.inf) if over else (shape.touch_nl, shape.capacity_nl)
    return forward, slope, offset, leak_slope, leak_offset, lower_nl, upper_nl
