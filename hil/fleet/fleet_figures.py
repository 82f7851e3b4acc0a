"""Figures of a fleet: survival, flow error, and how long detection takes."""

import math

import numpy as np

from firmware_model.fleet.population import Population
from hil.figure import Figure, Limit, Series
from hil.fleet.findings import Findings
from hil.fleet.statistics import Survival

__all__ = ["fleet_figures"]

_MOST_BINS = 60
_HOURS = 3_600_000


def fleet_figures(findings: Findings, population: Population) -> tuple[Figure, ...]:
    """Those for which there is anything to draw."""
    names = [variant.name for variant in population.variant]
    figures = [_survival(findings.survival(names[0])), _flow_errors(findings, names), _latencies(findings, names)]
    return tuple(figure for figure in figures if figure is not None)


def _survival(curve: Survival) -> Figure | None:
    if not curve.time.size:
        return None
    time = (0.0, *np.round(curve.time, 5).tolist())

    def series(name: str, values: np.ndarray) -> Series:
        """A step is drawn before its point: what held until then."""
        shares = (100.0, 100.0, *np.round(100 * values, 3).tolist())
        return Series(name, *_thinned((*time, time[-1]), shares), "step")

    return Figure(
        "Pumps that have not failed",
        "time, years",
        "share, %",
        (
            series("Kaplan and Meier", curve.survival),
            series("95 %, from", curve.low),
            series("95 %, to", curve.high),
        ),
        caption="How many pumps fail is an input of the population, calibrated to a published series; this curve shows "
        "that it came out, and predicts nothing.",
    )


def _flow_errors(findings: Findings, names: list[str]) -> Figure | None:
    errors = findings.flow_errors(names[0])
    if errors.size < 2:
        return None
    low, high = np.percentile(errors, [0.1, 99.9])
    bins = min(_MOST_BINS, math.ceil(math.sqrt(errors.size)))
    counts, edges = np.histogram(errors, bins=bins, range=(float(low), float(max(high, low + 1e-3))))
    middles = (edges[:-1] + edges[1:]) / 2
    share = 100 * counts / errors.size
    return Figure(
        "Flow between refills",
        "true mean flow off label, %",
        "refills, %",
        (Series("healthy pumps", tuple(np.round(middles, 4).tolist()), tuple(np.round(share, 4).tolist())),),
        caption=f"Of {errors.size} refills of pumps whose flow path was sound; the outermost 0.1 % on either side are "
        f"left out. Counted in steps of {edges[1] - edges[0]:.2g} %. "
        "The flow is passive, so it is the same with every variant.",
    )


def _latencies(findings: Findings, names: list[str]) -> Figure | None:
    series = []
    for name in names[:4]:
        rows = findings.rows(
            "select latency_ms from faults where variant = ? and latency_ms is not null order by 1", name
        )
        of = findings.one("select count(*) from faults where variant = ?", name)[0]
        if rows:
            hours = [max(0.02, round(latency / _HOURS, 4)) for (latency,) in rows]
            shares = [round(100 * place / of, 3) for place in range(len(rows) + 1)]
            hours.append(hours[-1])  # a step is drawn before its point: the last one needs an end
            series.append(Series(f"variant {name}", *_thinned(tuple(hours), tuple(shares)), "step"))
    if not series:
        return None
    return Figure(
        "Faults detected so soon",
        "time from the fault's beginning to the first right alarm, hours",
        "faults, %",
        tuple(series),
        (Limit(100.0, "all", "reference"),),
    )


def _thinned(
    x: tuple[float, ...], y: tuple[float, ...], most: int = 1500
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if len(x) <= most:
        return x, y
    kept = sorted({*np.linspace(0, len(x) - 1, most).astype(int).tolist()})
    return tuple(x[place] for place in kept), tuple(y[place] for place in kept)
