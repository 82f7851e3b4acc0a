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
    """Of McNemar's exact test: between the pumps of which more was detected with the one, and with the other."""


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
        "select fault, sum(of_both)::int, (sum(a) - sum(of_both))::int, (sum(b) - sum(of_both))::int, "
        "sum(neither)::int, count(*) filter (a > b), count(*) filter (b > a) from (select fault, pump, "
        "count(*) filter (a and b) as of_both, count(*) filter (a) as a, count(*) filter (b) as b, "
        "count(*) filter (not a and not b) as neither from (select fault, at_ms, pump, "
        "bool_or(variant = $1 and latency_ms is not null) as a, bool_or(variant = $2 and latency_ms is not null) as b "
        "from faults where variant in ($1, $2) group by fault, at_ms, pump) group by fault, pump) "
        "group by fault order by fault",
        first,
        second,
    )
    rows = [
        ("pumps with a false alarm", *alarms, *alarms[1:3]),
        *((f"{fault} detected", *counts) for fault, *counts in faults),
    ]
    return [
        Paired(what, first, second, both, only_first, only_second, neither, mcnemar_p(better, worse))
        for what, both, only_first, only_second, neither, better, worse in rows
    ]
