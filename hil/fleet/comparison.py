"""One variant against another, on the same pumps and faults: pump by pump, so that chance between pumps falls out."""

from dataclasses import dataclass

from hil.fleet.findings import Findings
from hil.fleet.statistics import mcnemar_p

__all__ = ["Paired", "compared"]


@dataclass(frozen=True)
class Paired:
    """Of how many pumps or faults something holds with one variant alone, or with the other."""

    what: str
    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    """Of McNemar's exact test."""


def compared(findings: Findings, first: str, second: str) -> list[Paired]:
    """What is paired: pumps with a false alarm, and each kind of fault that was detected."""
    alarms = findings.one(
        "select count(*) filter (a.n and b.n), count(*) filter (a.n and not b.n), count(*) filter (b.n and not a.n), "
        "count(*) filter (not a.n and not b.n) "
        "from (select pump, false_alarms > 0 as n from pumps where variant = $1) a "
        "join (select pump, false_alarms > 0 as n from pumps where variant = $2) b using (pump)",
        first,
        second,
    )
    faults = findings.rows(
        "select fault, count(*) filter (a and b), count(*) filter (a and not b), count(*) filter (b and not a), "
        "count(*) filter (not a and not b) from (select fault, at_ms, pump, "
        "bool_or(variant = $1 and latency_ms is not null) as a, bool_or(variant = $2 and latency_ms is not null) as b "
        "from faults where variant in ($1, $2) group by fault, at_ms, pump) group by fault order by fault",
        first,
        second,
    )
    rows = [("pumps with a false alarm", *alarms), *((f"{fault} detected", *counts) for fault, *counts in faults)]
    return [
        Paired(what, first, second, both, only_first, only_second, neither, mcnemar_p(only_first, only_second))
        for what, both, only_first, only_second, neither in rows
    ]
