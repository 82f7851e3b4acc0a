"""Today's pump model under the surroundings of a recording, asked whenever the recorded pump was.

::

    bath as read ─┐
    bench file ───┼─> surroundings, minute by minute ─> Pump <── commands, needles and faults as recorded
    injected ─────┘                                       └──> Status at the time of each recorded look
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

import numpy as np
from numpy.typing import NDArray

from firmware_model.faults.injection import Injection, parse_injection
from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.physics.course import Course
from firmware_model.physics.interventions import Aspiration, Filling
from firmware_model.profile import PumpProfile
from firmware_model.pump import Pump
from hil.comparison.telemetry import Command, Telemetry
from hil.errors import UsageError
from hil.recording.looks import Look, look_in
from hil.virtual_bench.bench_faults import BENCH_FAULTS, KNOWN_FAULTS
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.json_form import json_of
from protocols.listener import Heard, Listener
from protocols.messages import Message, ReadStatus, ReportFilled, ReportReturned, Status, encode_message

__all__ = ["ModelCourse", "model_course"]

_MINUTE_MS: Final = 60_000
_ROOM_C: Final = 22.0
_SEQS: Final = 1 << 16
_SPARSE_MS: Final = 3 * _MINUTE_MS
_STEP_C: Final = 0.5


@dataclass(frozen=True)
class ModelCourse:
    """What the model said at each look, and where its surroundings came from."""

    looks: tuple[Look | None, ...]
    """One for each recorded look; None where the model's firmware was down."""
    sources: tuple[tuple[str, str], ...]


def model_course(telemetry: Telemetry, profile: PumpProfile) -> ModelCourse:
    """Run the model. Raises UsageError if the recording does not say enough, ValueError if the model cannot be so."""
    if not telemetry.looks:
        raise UsageError(
            f"{telemetry.path}: the pump's telemetry holds no Status and no Sampled notice to compare with"
        )
    faults = [parse_injection(text, KNOWN_FAULTS) for text in telemetry.injections]
    course, sources = _surroundings(telemetry, faults)
    pump = _pump(telemetry, profile, course)
    events = sorted([*_happenings(telemetry, faults)], key=lambda event: event.time_ms)
    seqs, looks = count(), []
    place = 0
    for look in telemetry.looks:
        while place < len(events) and events[place].time_ms <= look.time_ms:
            _happen(pump, events[place], telemetry, next(seqs))
            place += 1
        looks.append(_ask(pump, look.time_ms, next(seqs)))
    volume_ml = _first_volume_ml(telemetry)
    sources += (("volume at the start", f"{volume_ml:.3f} mL, as the pump first said"),)
    return ModelCourse(tuple(looks), sources)


@dataclass(frozen=True)
class _Happening:
    time_ms: int
    what: Injection | Command


def _happenings(telemetry: Telemetry, faults: list[Injection]) -> Iterator[_Happening]:
    yield from (_Happening(fault.at_ms, fault) for fault in faults if fault.fault in PUMP_FAULTS)
    yield from (_Happening(command.time_ms, command) for command in telemetry.commands)


def _happen(pump: Pump, happening: _Happening, telemetry: Telemetry, seq: int) -> None:
    what, now_ms = happening.what, happening.time_ms
    if isinstance(what, Injection):
        pump.inject(now_ms, what.fault, what.value)
        return
    told_c = telemetry.environment("room_temperature_c")
    room_c = _ROOM_C if told_c is None else told_c
    match what.message:
        case ReportReturned():
            pump.wake(now_ms)
            pump.foresee(Aspiration(now_ms))
        case ReportFilled(volume_nl=volume_nl):
            pump.wake(now_ms)
            pump.foresee(Filling(now_ms, volume_nl, room_c))
    _tell(pump, now_ms, seq, what.message)


def _ask(pump: Pump, now_ms: int, seq: int) -> Look | None:
    for message in _tell(pump, now_ms, seq, ReadStatus()):
        if isinstance(message, Status):
            return look_in("status", now_ms, json_of(message))
    return None


def _tell(pump: Pump, now_ms: int, seq: int, message: Message) -> list[Message]:
    frame = OpenChannel().seal(encode_message(seq % _SEQS, message))
    heard = Listener().feed("rx", pump.receive(now_ms, encode_frame(frame)))
    return [each.message for each in heard if isinstance(each, Heard)]


def _pump(telemetry: Telemetry, profile: PumpProfile, course: Course) -> Pump:
    return Pump(
        profile,
        seed=telemetry.seed,
        serial_number=telemetry.serial_number or "MODEL",
        start_utc_ms=telemetry.start_utc_ms,
        surroundings=course,
        volume_ml=min(max(_first_volume_ml(telemetry), profile.residual_ml), profile.capacity_ml),
    )


def _first_volume_ml(telemetry: Telemetry) -> float:
    for look in telemetry.looks:
        volume_ml = look.quantity("volume")
        if volume_ml is not None:
            return volume_ml
    raise UsageError(f"{telemetry.path}: the pump never said its volume")


def _surroundings(telemetry: Telemetry, faults: list[Injection]) -> tuple[Course, tuple[tuple[str, str], ...]]:
    end_ms = telemetry.looks[-1].time_ms + _MINUTE_MS
    minutes = np.arange(0, end_ms + _MINUTE_MS, _MINUTE_MS, dtype=np.int64)
    if telemetry.bath:
        times, values = zip(*((each.time_ms, each.temperature_c) for each in telemetry.bath), strict=True)
        warm, from_where = _between(minutes, times, values), _bath_said(times, values)
    else:
        warm = _read(telemetry, minutes, "temperature")
        from_where = "the pump's own sensor, as there is no bath: its residual says little"
    ambient_kpa, outlet_kpa = telemetry.environment("ambient_kpa"), telemetry.environment("outlet_kpa")
    if ambient_kpa is not None and outlet_kpa is not None:
        ambient, outlet = np.full(minutes.shape, ambient_kpa), np.full(minutes.shape, outlet_kpa)
        pressures = "the bench file"
    else:
        ambient, outlet = (_read(telemetry, minutes, name) for name in ("ambient", "outlet"))
        pressures = "the pump's own sensors, as there is no bench file: their residuals say little"
    targets = {"bath-offset": warm, "ambient-offset": ambient, "outlet-offset": outlet}
    injected = [fault for fault in faults if fault.fault in BENCH_FAULTS and fault.fault in targets]
    for name, column in targets.items():
        steps = sorted((fault.at_ms, fault.value) for fault in injected if fault.fault == name)
        before = 0.0
        for at_ms, value in steps:  # a later one takes the place of an earlier
            column[minutes >= at_ms] += value - before
            before = value
    said = f"{pressures}{'' if not injected else ', with what was injected'}"
    sources = (("temperature around the pump", from_where), ("ambient and outlet pressure", said))
    return Course(minutes, warm, ambient, outlet), sources


def _bath_said(times: tuple[int, ...], values: tuple[float, ...]) -> str:
    """How well the readings say what was between them: the model sees straight lines."""
    said = f"{len(times)} readings of the bath"
    steps = [
        (abs(b - a), later - earlier)
        for a, b, earlier, later in zip(values, values[1:], times, times[1:], strict=False)
        if later - earlier > _SPARSE_MS
    ]
    step_c, apart_ms = max(steps, default=(0.0, 0))
    if step_c > _STEP_C:
        said += (
            f"; between two of them it moved by {step_c:.1f} C in {apart_ms / _MINUTE_MS:.0f} min: a straight line here"
        )
    return said


def _read(telemetry: Telemetry, minutes: NDArray[np.int64], name: str) -> NDArray[np.float64]:
    known = [(look.time_ms, look.quantity(name)) for look in telemetry.looks]
    points = [(time_ms, value) for time_ms, value in known if value is not None]
    if not points:
        raise UsageError(f"{telemetry.path}: neither a bench file nor the pump says its {name}")
    times, values = zip(*points, strict=True)
    return _between(minutes, times, values)


def _between(minutes: NDArray[np.int64], times: tuple[int, ...], values: tuple[float, ...]) -> NDArray[np.float64]:
    between: NDArray[np.float64] = np.interp(
        minutes.astype(np.float64), np.array(times, dtype=np.float64), np.array(values)
    )
    return between
