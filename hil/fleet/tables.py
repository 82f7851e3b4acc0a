"""Results of pumps as tables: what the columns are, and the Parquet bytes of some pumps."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from firmware_model.fleet.result import PumpResult

__all__ = ["TABLES", "CheckedPump", "parquet_of"]

_NAME = pa.dictionary(pa.int16(), pa.string())
_KEY = [("pump", pa.int64()), ("variant", _NAME)]
TABLES = {
    "pumps": pa.schema(
        [
            *_KEY,
            ("pump_seed", pa.int64()),
            ("watched_ms", pa.int64()),
            ("end", _NAME),
            ("failure", _NAME),
            ("failure_ms", pa.int64()),
            ("restrictor_percent", pa.float64()),
            ("weight_kg", pa.float64()),
            ("temperature_c", pa.float64()),
            ("altitude_m", pa.float64()),
            ("outlet_kpa", pa.float64()),
            ("events", pa.int32()),
            ("false_alarms", pa.int32()),
            ("misleading_alarms", pa.int32()),
            ("justified_alarms", pa.int32()),
            ("log_sha256", pa.string()),
            ("problem", pa.string()),
            ("last_interval_ms", pa.int64()),
            ("last_empty_ms", pa.int64()),
            ("last_is_healthy", pa.bool_()),
            ("audit", pa.string()),
            ("wire", pa.string()),
        ]
    ),
    "events": pa.schema(
        [
            *_KEY,
            ("time_ms", pa.int64()),
            ("event", _NAME),
            ("alarm", _NAME),
            ("detail", pa.int32()),
            ("value", pa.int64()),
            ("judgement", _NAME),
        ]
    ),
    "faults": pa.schema(
        [
            *_KEY,
            ("fault", _NAME),
            ("value", _NAME),
            ("at_ms", pa.int64()),
            ("until_ms", pa.int64()),
            ("is_failure", pa.bool_()),
            ("detected_by", _NAME),
            ("latency_ms", pa.int64()),
            ("watched_ms", pa.int64()),
        ]
    ),
    "refills": pa.schema(
        [
            *_KEY,
            ("at_ms", pa.int64()),
            ("interval_ms", pa.int64()),
            ("delivered_nl", pa.int64()),
            ("returned_nl", pa.int64()),
            ("flow_error_percent", pa.float64()),
            ("empty_ms", pa.int64()),
            ("is_healthy", pa.bool_()),
        ]
    ),
}
"""By name; every table has pump and variant first. Times are in ms since the pump was switched on."""


@dataclass(frozen=True)
class CheckedPump:
    """What came of one pump, and what the checks that were asked for say: ``same``, or what is not; None: not asked."""

    result: PumpResult
    audit: str | None = None
    wire: str | None = None


def parquet_of(pumps: Sequence[CheckedPump]) -> dict[str, bytes]:
    """One Parquet file for each table. The same pumps give the same bytes."""
    results = [each.result for each in pumps]
    rows: dict[str, Iterable[tuple[Any, ...]]] = {
        "pumps": (_pump_row(each) for each in pumps),
        "events": ((each.pump, each.variant, *row) for each in results for row in each.events),
        "faults": ((each.pump, each.variant, *row) for each in results for row in each.faults),
        "refills": ((each.pump, each.variant, *row) for each in results for row in each.refills),
    }
    return {name: _parquet(schema, rows[name]) for name, schema in TABLES.items()}


def _pump_row(each: CheckedPump) -> tuple[Any, ...]:
    result = each.result
    return (
        result.pump,
        result.variant,
        result.seed,
        result.watched_ms,
        result.end,
        result.failure,
        result.failure_ms,
        result.restrictor_percent,
        result.weight_kg,
        result.temperature_c,
        result.altitude_m,
        result.outlet_kpa,
        len(result.events),
        result.count("false"),
        result.count("misleading"),
        result.count("justified"),
        result.digest,
        result.problem,
        result.last_interval_ms,
        result.last_empty_ms,
        result.last_is_healthy,
        each.audit,
        each.wire,
    )


def _parquet(schema: pa.Schema, rows: Iterable[tuple[Any, ...]]) -> bytes:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    out = io.BytesIO()
    pq.write_table(pa.table(arrays, schema=schema), out, compression="zstd", write_page_checksum=True)
    return out.getvalue()
