"""The firmware's alarms: one row for each, and the state machine that all of them share."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from firmware_model.profile import AlarmLimits, PumpProfile, nanolitres
from protocols.messages import Alarms

__all__ = ["ALARMS", "AlarmChanged", "AlarmKind", "AlarmState", "Estimate", "Limit", "Priority"]


class Priority(StrEnum):
    """As IEC 60601-1-8 ranks alarm conditions."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Estimate(StrEnum):
    """What an alarm looks at; also how often, since each estimate is renewed in its own rhythm."""

    VOLUME_NL = "volume"
    """Every sample."""
    FLOW_NL_PER_DAY = "flow"
    """Every hour, once the window of the estimate is full."""


@dataclass(frozen=True)
class Limit:
    """Raised when ``n`` of the last ``m`` estimates lie beyond ``raise_at``, cleared by ``m`` within ``clear_at``."""

    raise_at: int
    clear_at: int
    n: int = 1
    m: int = 1


@dataclass(frozen=True)
class AlarmKind:
    """One row: which estimate, on which side of which limit, means which alarm."""

    alarm: Alarms
    priority: Priority
    estimate: Estimate
    above: bool
    limit: Callable[[PumpProfile], Limit]


def _volume_limit(threshold_ml: Callable[[AlarmLimits], float]) -> Callable[[PumpProfile], Limit]:
    def limit(profile: PumpProfile) -> Limit:
        raise_at = nanolitres(threshold_ml(profile.alarms))
        return Limit(raise_at, raise_at + nanolitres(profile.alarms.volume_hysteresis_ml))

    return limit


def _flow_limit(side: int, percent: Callable[[AlarmLimits], float]) -> Callable[[PumpProfile], Limit]:
    def limit(profile: PumpProfile) -> Limit:
        table = profile.alarms
        label_nl = nanolitres(profile.label_flow_ml_per_day)
        far = percent(table)
        near = far - table.flow_hysteresis_percent
        return Limit(
            raise_at=label_nl + side * round(label_nl * far / 100),
            clear_at=label_nl + side * round(label_nl * near / 100),
            n=table.flow_debounce_n,
            m=table.flow_debounce_m,
        )

    return limit


_VOLUME, _FLOW = Estimate.VOLUME_NL, Estimate.FLOW_NL_PER_DAY
ALARMS: tuple[AlarmKind, ...] = (
    AlarmKind(
        Alarms.LOW_RESERVOIR, Priority.LOW, _VOLUME, above=False, limit=_volume_limit(lambda a: a.low_reservoir_ml)
    ),
    AlarmKind(Alarms.EMPTY, Priority.MEDIUM, _VOLUME, above=False, limit=_volume_limit(lambda a: a.empty_ml)),
    AlarmKind(Alarms.FLOW_HIGH, Priority.HIGH, _FLOW, above=True, limit=_flow_limit(+1, lambda a: a.flow_high_percent)),
    AlarmKind(
        Alarms.FLOW_LOW, Priority.MEDIUM, _FLOW, above=False, limit=_flow_limit(-1, lambda a: a.flow_low_percent)
    ),
)
"""Priorities are assumed. A new alarm is a new row here and its bit in the protocol."""


@dataclass(frozen=True)
class AlarmChanged:
    """An alarm was raised, or cleared."""

    uptime_ms: int
    alarm: Alarms
    priority: Priority
    raised: bool


class AlarmState:
    """The state of every alarm in the table. It keeps at most the last ``m`` estimates of each."""

    def __init__(self, profile: PumpProfile) -> None:
        """Take the limits from ``profile``; nothing is raised."""
        self.active = Alarms(0)
        self._rows = [(kind, kind.limit(profile)) for kind in ALARMS]
        self._recent = {kind.alarm: deque[int](maxlen=limit.m) for kind, limit in self._rows}

    def judge(self, uptime_ms: int, estimate: Estimate, value: int) -> list[AlarmChanged]:
        """Take a new ``value`` of an estimate; gives the alarms that it raised or cleared."""
        changes = []
        for kind, limit in self._rows:
            if kind.estimate is not estimate:
                continue
            recent = self._recent[kind.alarm]
            recent.append(value)
            raised = kind.alarm in self.active
            if (_clears if raised else _raises)(kind.above, limit, recent):
                self.active ^= kind.alarm
                changes.append(AlarmChanged(uptime_ms, kind.alarm, kind.priority, raised=not raised))
        return changes


def _raises(above: bool, limit: Limit, recent: deque[int]) -> bool:
    beyond = sum(value > limit.raise_at if above else value < limit.raise_at for value in recent)
    return beyond >= limit.n


def _clears(above: bool, limit: Limit, recent: deque[int]) -> bool:
    if len(recent) < limit.m:
        return False
    return all(value <= limit.clear_at if above else value >= limit.clear_at for value in recent)
