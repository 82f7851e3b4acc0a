"""What a fleet's tables say: counts, rates and shares, each with its interval, and the pump that is worst in it.

DuckDB reads the Parquet files part by part, so that a large fleet needs no more memory than a small one.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from firmware_model.fleet.criterion import Criterion
from firmware_model.fleet.life import DAY_MS, HOUR_MS, YEAR_MS
from hil.fleet.folder import FleetFolder
from hil.fleet.statistics import (
    Interval,
    Survival,
    kaplan_meier,
    percentile_interval,
    poisson_interval,
    share_interval,
    spread_of_counts,
)
from hil.fleet.tables import TABLES

__all__ = ["Detection", "Findings", "Measured"]

_MEMORY = "256MB"


@dataclass(frozen=True)
class Measured:
    """One figure of a fleet."""

    interval: Interval
    of: int
    """Of how many pumps, faults or refills; of a rate of alarms: how many there were."""
    basis: str
    """The same in words."""
    worst_pump: int | None


@dataclass(frozen=True)
class Detection:
    """How one fault of one severity was detected."""

    fault: str
    value: str
    is_failure: bool
    detected: Interval
    hits: int
    of: int
    latency_h: tuple[float, float, float]
    """Median, 90th and 100th percentile of those detected; NaN if none was."""


class Findings:
    """Questions to a finished fleet."""

    def __init__(self, folder: FleetFolder) -> None:
        """Open its tables."""
        self._folder = folder
        self._base = duckdb.connect(config={"memory_limit": _MEMORY, "threads": 1})
        for name in TABLES:
            files = folder.glob(name).replace("'", "''")
            read = f"read_parquet('{files}', hive_partitioning = false)"  # a folder above may be named variant=B
            self._base.execute(f"create view {name} as select * from {read}")  # noqa: S608 - quoted

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query gives; it should say in which order."""
        found: list[tuple[Any, ...]] = self._base.execute(sql, values).fetchall()
        return found

    def column(self, sql: str, *values: Any) -> np.ndarray:
        """The only column of a query, with NaN for what is not there; shape (rows,)."""
        (column,) = self.columns(sql, *values)
        return column

    def columns(self, sql: str, *values: Any) -> list[np.ndarray]:
        """The columns of a query, with NaN for what is not there; each of the shape (rows,)."""
        found = self._base.execute(sql, values).fetchnumpy().values()
        return [np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan) for column in found]

    def one(self, sql: str, *values: Any) -> tuple[Any, ...]:
        """The only row of a query."""
        row: tuple[Any, ...] | None = self._base.execute(sql, values).fetchone()
        if row is None:
            raise ValueError(f"no row: {sql}")
        return row

    def events_sha256(self) -> str:
        """Of every pump's event log, by pump and variant: the same, however the pumps were dealt out."""
        whole = hashlib.sha256()
        for part in self._folder.parts("pumps"):
            table = pq.read_table(part, columns=["pump", "variant", "log_sha256"])
            for pump, variant, digest in zip(*(column.to_pylist() for column in table.columns), strict=True):
                whole.update(f"{pump} {variant} {digest}\n".encode())
        return whole.hexdigest()

    def pump_years(self, variant: str) -> float:
        """For how long the pumps were looked at, together."""
        return float(self.one("select coalesce(sum(watched_ms), 0) from pumps where variant = ?", variant)[0]) / YEAR_MS

    def measured(self, criterion: Criterion, variant: str) -> Measured:
        """What a criterion asks for."""
        ask: Callable[[str, Criterion], Measured] = {
            "false_alarms_per_pump_year": lambda name, _: self.alarm_rate(name, "false_alarms"),
            "misleading_alarms_per_pump_year": lambda name, _: self.alarm_rate(name, "misleading_alarms"),
            "detected": self._detected,
            "latency_h": self._latency,
            "flow_error_percent": self._flow_error,
            "failed": self._failed,
            "unserved_days_per_pump_year": self._unserved,
        }[criterion.metric]
        return ask(variant, criterion)

    def alarm_rate(self, variant: str, column: str) -> Measured:
        """Alarms in a year of one pump, and the pump that has most of them."""
        alarms, watched_ms, pumps = self.columns(
            f"select {column}, watched_ms, pump from pumps where variant = ? order by pump",  # noqa: S608 - our own columns
            variant,
        )
        count, years = int(alarms.sum()), float(watched_ms.sum()) / YEAR_MS
        interval = poisson_interval(count, years, spread_of_counts(alarms, watched_ms))
        basis = f"{_many(count, 'alarm')} in {years:.4g} pump-years"
        return Measured(interval, count, basis, int(pumps[alarms.argmax()]) if count else None)

    def _detected(self, variant: str, criterion: Criterion) -> Measured:
        """A fault whose pump could not be watched for as long as it may take says nothing, detected or not."""
        latency_ms, watched_ms, pumps = self.columns(
            "select latency_ms, watched_ms, pump from faults "
            "where variant = $1 and fault = $2 and ($3 is null or value = $3) order by pump, at_ms",
            variant,
            criterion.fault,
            criterion.value,
        )
        enough = watched_ms >= (criterion.within_ms or 0)
        brief = int((~enough).sum())
        latency_ms, watched_ms, pumps = latency_ms[enough], watched_ms[enough], pumps[enough]
        hits = latency_ms <= (math.inf if criterion.within_ms is None else criterion.within_ms)
        missed = np.where(hits, -1, watched_ms)
        worst = None if hits.all() else int(pumps[missed.argmax()])
        basis = f"of {_many(hits.size, 'fault')}" + (f"; {brief} more were not watched for so long" if brief else "")
        return Measured(share_interval(hits, pumps.astype(np.int64)), hits.size, basis, worst)

    def _latency(self, variant: str, criterion: Criterion) -> Measured:
        """Of all these faults: one that was never detected took infinitely long."""
        latency_ms, pumps = self.columns(
            "select latency_ms, pump from faults where variant = $1 and fault = $2 and ($3 is null or value = $3) "
            "order by pump, at_ms",
            variant,
            criterion.fault,
            criterion.value,
        )
        hours = np.where(np.isnan(latency_ms), math.inf, latency_ms / HOUR_MS)
        return Measured(
            percentile_interval(hours, criterion.percentile, pumps.astype(np.int64)),
            hours.size,
            f"of {_many(hours.size, 'fault')}",
            int(pumps[hours.argmax()]) if hours.size else None,
        )

    def _flow_error(self, variant: str, criterion: Criterion) -> Measured:
        errors, pumps = self.columns(
            "select abs(flow_error_percent), pump from refills where variant = ? and is_healthy order by pump, at_ms",
            variant,
        )
        return Measured(
            percentile_interval(errors, criterion.percentile, pumps.astype(np.int64)),
            errors.size,
            f"of {_many(errors.size, 'refill')}",
            int(pumps[errors.argmax()]) if errors.size else None,
        )

    def _failed(self, variant: str, criterion: Criterion) -> Measured:
        failed = self.survival(variant).failed_by((criterion.by_ms or 0) / YEAR_MS)
        count, worst = self.one("select count(*), arg_min(pump, failure_ms) from pumps where variant = ?", variant)
        return Measured(failed, int(count), f"of {_many(count, 'pump')}", worst)

    def _unserved(self, variant: str, _: Criterion) -> Measured:
        """In the time between refills in which the flow path was sound, and since the last of them."""
        rows = self.rows(
            "select pump, sum(empty_ms), sum(interval_ms) from ("
            "select pump, empty_ms, interval_ms from refills where variant = $1 and is_healthy union all "
            "select pump, last_empty_ms, last_interval_ms from pumps where variant = $1 and last_is_healthy) "
            "group by pump order by 2 desc, 1",
            variant,
        )
        days, years = sum(empty for _, empty, _ in rows) / DAY_MS, sum(each for *_, each in rows) / YEAR_MS
        rate = days / years if years else math.nan
        empty = [pump for pump, empty_ms, _ in rows if empty_ms]
        basis = f"{days:.4g} days of {_many(len(empty), 'pump')} in {years:.4g} pump-years"
        return Measured(Interval(rate, math.nan, math.nan), len(empty), basis, empty[0] if empty else None)

    def survival(self, variant: str) -> Survival:
        """Of the pumps, in years to their failure; those that left or were in good order at the end left before it."""
        failure_ms = self.column("select failure_ms from pumps where variant = ? order by pump", variant)
        watched_ms = self.column("select watched_ms from pumps where variant = ? order by pump", variant)
        failed = ~np.isnan(failure_ms)
        return kaplan_meier(np.where(failed, failure_ms, watched_ms) / YEAR_MS, failed)

    def detections(self, variant: str) -> list[Detection]:
        """Every fault and severity that happened."""
        rows = self.rows(
            "select fault, value, bool_or(is_failure), list(latency_ms is not null order by pump, at_ms), "
            "list(pump order by pump, at_ms), quantile_disc(latency_ms, [0.5, 0.9, 1.0]) from faults where variant = ? "
            "group by fault, value "
            "order by 3 desc, fault, try_cast(regexp_extract(value, '^[0-9.]+') as double), value",
            variant,
        )
        return [
            Detection(
                fault,
                value,
                failure,
                share_interval(np.array(hits), np.array(pumps)),
                sum(hits),
                len(hits),
                tuple(math.nan if at is None else at / HOUR_MS for at in latencies or (None,) * 3),  # type: ignore[arg-type]
            )
            for fault, value, failure, hits, pumps, latencies in rows
        ]

    def flow_errors(self, variant: str) -> np.ndarray:
        """True mean flow of healthy pumps between refills, in percent off label; shape (refills,), sorted."""
        return self.column(
            "select flow_error_percent from refills where variant = ? and is_healthy order by 1", variant
        )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
