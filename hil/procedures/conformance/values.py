"""Whether numbers are in the units and in the order of bytes that the protocol declares, as far as a bench can tell."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from statistics import median
from typing import TypeVar

import pytest

from hil.bench import Bench
from hil.benches.bench_file import LoadedBench
from protocols.messages import (
    MAX_RECORDS,
    Alarms,
    History,
    Identify,
    Identity,
    Measurements,
    Message,
    ReadHistory,
    ReadMeasurements,
    ReadStatus,
    Status,
    Telecommand,
)
from protocols.reference import VERSION

__all__ = ["Ask", "check_flows", "check_values"]

Ask = Callable[[Telecommand], tuple[Message | None, str]]
"""An answer, and what came in words."""

Reply = TypeVar("Reply", bound=Message)

_SHARED = ("temperature_mc", "reservoir_pa", "outlet_pa", "ambient_pa", "battery_mv")
_WEATHER = 0.3
"""How far ambient pressure may be from the bench file's, as a share of it: far more than weather or a slip can make."""
_SCALE = 10
"""So many times another number is another unit's: no fault of a pump makes it flow so fast."""
_PAUSE_S = 2.0
_TOLERANCE_MS = 700
_NO_FLOW = Alarms.FLOW_LOW | Alarms.OCCLUSION | Alarms.EMPTY | Alarms.PROPELLANT_LOSS | Alarms.SENSOR_FAULT
"""What a pump says that may rightly have next to no flow."""


def check_values(ask: Ask, bench: Bench, slowest_ms: Callable[[], int]) -> None:
    """Version, uptime and clock run as time does; all else is possible. An answer may be as old as it was late."""
    identity = _reply(ask, Identify(), Identity)
    assert identity.protocol_version == VERSION, f"values: protocol version {identity.protocol_version}, not {VERSION}"
    first, first_ms = _reply(ask, ReadStatus(), Status), bench.now_ms()
    bench.sleep(seconds=_PAUSE_S)
    second, second_ms = _reply(ask, ReadStatus(), Status), bench.now_ms()
    passed_ms, tolerance_ms = second_ms - first_ms, _TOLERANCE_MS + slowest_ms()
    went_ms = second.uptime_ms - first.uptime_ms
    within = abs(went_ms - passed_ms) <= tolerance_ms
    assert within, f"values: uptime went on by {went_ms} ms in {passed_ms} ms; are integers big-endian?"
    went_ms = second.clock_utc_ms - first.clock_utc_ms
    assert abs(went_ms - passed_ms) <= tolerance_ms, f"values: the clock went on by {went_ms} ms in {passed_ms} ms"
    _check_readings(second, ask(ReadMeasurements())[0], bench.loaded)


def _check_readings(status: Status, measured: Message | None, loaded: LoadedBench) -> None:
    """Each reading is possible on this bench, and the same in both messages that tell it.

    Bounds are so wide that only another unit is outside: a thousandth or a hundredth of a number that is right.
    """
    ambient_pa = loaded.file.environment.ambient_kpa * 1000
    profile = loaded.profile
    for name, lower, upper in (
        ("temperature_mc", 2_000, 60_000),
        ("reservoir_pa", 20_000, 500_000),
        ("outlet_pa", -60_000, 400_000),
        ("ambient_pa", (1 - _WEATHER) * ambient_pa, (1 + _WEATHER) * ambient_pa),
        ("battery_mv", 500, 20_000),
        ("volume_nl", 0.5e6 * profile.residual_ml, 1.2e6 * profile.capacity_ml),
    ):
        value = getattr(status, name)
        outside = f"values: {name} is {value}, outside {lower:.0f} to {upper:.0f}"
        assert lower <= value <= upper, f"{outside}; are integers big-endian, and is it in this unit?"
    if isinstance(measured, Measurements) and measured.sample_count == status.sample_count:
        for name in _SHARED:
            said = f"values: {name} is {getattr(status, name)} in Status, but {getattr(measured, name)} in Measurements"
            assert getattr(status, name) == getattr(measured, name), f"{said}, of the same sample"


def check_flows(ask: Ask, bench: Bench) -> None:
    """Wherever the pump tells a flow, it is of the label's order, or next to none with an alarm that says why.

    Skipped if it knows of none, and where readings are impossible: another procedure finds those.
    """
    status = _reply(ask, ReadStatus(), Status)
    try:
        _check_readings(status, None, bench.loaded)
    except AssertionError as found:
        pytest.skip(f"{found}: see protocol-values")
    label_nl_per_day = bench.loaded.profile.label_flow_ml_per_day * 1e6
    told: list[tuple[str, float, Alarms]] = []
    if status.flow_valid:
        told.append(("Status", status.flow_nl_per_day, status.alarms))
    page, _ = ask(ReadHistory(max(0, status.history_next - MAX_RECORDS), MAX_RECORDS))
    hours = [each for each in page.records if each.flow_valid] if isinstance(page, History) else []
    if hours:
        flow = median(each.flow_nl_per_day for each in hours)
        told.append((f"the history from hour {hours[0].seq} on", flow, reduce(or_, (each.alarms for each in hours))))
    if not told:
        pytest.skip("the pump does not know its flow yet, as for hours after its start; let it run on: --set wait_h=7")
    for where, flow, alarms in told:
        most = label_nl_per_day * _SCALE
        least = -most if alarms & _NO_FLOW else label_nl_per_day / _SCALE
        outside = f"flow: flow_nl_per_day is {flow:.0f} in {where}, outside {least:.0f} to {most:.0f}"
        assert least <= flow <= most, f"{outside} for a pump of {label_nl_per_day:.0f} nL/day; is it in this unit?"


def _reply(ask: Ask, question: Telecommand, kind: type[Reply]) -> Reply:
    found, said = ask(question)
    assert isinstance(found, kind), f"values: {said} came after {type(question).__name__}, not {kind.__name__}"
    return found
