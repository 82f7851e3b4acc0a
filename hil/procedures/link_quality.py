"""Link quality: some ten thousand exchanges; how many had to be repeated, and how long answers took."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import binomtest

from hil.bench import Bench
from hil.conditions.ready_bench import make_ready
from hil.figure import Figure, Limit, Series
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.pump.programmer import Programmer, PumpFault
from protocols.reference import ANSWER_MS

EXCHANGES = 10_000
PAUSE_EVERY, PAUSE_S = 100, 6.0
"""So that the pump takes samples meanwhile, and ends hours: an answer must not wait for them."""
MAX_LOSS_PERCENT = MAX_SURPLUS_PERCENT = 0.1
_BINS = 25


@pytest.mark.procedure(
    "link-quality",
    measurements=("loss", "surplus", "median-latency", "p99-latency"),
    requirements=("REQ-LINK-001", "REQ-LINK-002", "REQ-LINK-003"),
    parameters=(Parameter("exchanges", "1", EXCHANGES, 100, 1_000_000, "how many telecommands are sent"),),
    duration_h=lambda parameters: parameters["exchanges"] * (PAUSE_S / PAUSE_EVERY + 0.05) / 3600,
)
def test_link_quality(bench: Bench, pump: Programmer, procedure: Procedure) -> None:
    """Hardly a telecommand is lost, or its answer; and answers come in time."""
    make_ready(bench, procedure.progressed, warm=False)
    exchanges = round(procedure.parameters["exchanges"])
    latencies_ms: list[int] = []
    repeats_before, surplus_before = pump.repeats, pump.surplus
    unanswered, asked_ms = 0, None
    for number in range(exchanges):
        if number % PAUSE_EVERY == 0:
            bench.sleep(seconds=PAUSE_S)
            asked_ms = None  # bench time is known by answers, and the last one came before the pause
            procedure.progressed(f"{exchanges} exchanges", number / exchanges)
        repeats = pump.repeats
        try:
            pump.read_status() if number % 2 else pump.identify()
        except PumpFault:
            unanswered, asked_ms = unanswered + 1, None
            continue
        if asked_ms is not None and pump.repeats == repeats:
            latencies_ms.append(bench.now_ms() - asked_ms)
        asked_ms = bench.now_ms()
    repeats = pump.repeats - repeats_before  # each for an attempt that was lost
    lost, attempts = repeats + unanswered, exchanges + repeats
    _measure_share(procedure, "loss", lost, attempts, "attempts that nothing came back to in time")
    _measure_share(procedure, "surplus", pump.surplus - surplus_before, attempts, "answers that nobody waited for")
    _measure_latency(procedure, np.sort(np.array(latencies_ms)))


def _measure_share(procedure: Procedure, name: str, count: int, attempts: int, what: str) -> None:
    """A share of all attempts, with the interval in which it lies."""
    interval = binomtest(min(count, attempts), attempts).proportion_ci(confidence_level=0.95, method="exact")
    share = count / attempts
    procedure.measure(
        name,
        100 * share,
        "%",
        expanded_uncertainty=100 * max(interval.high - share, share - interval.low),
        upper=MAX_LOSS_PERCENT if name == "loss" else MAX_SURPLUS_PERCENT,
        requirements=("REQ-LINK-001" if name == "loss" else "REQ-LINK-003",),
        note=f"{count} {what}, of {attempts}; 95 % interval of Clopper and Pearson {100 * interval.low:.4f} to "
        f"{100 * interval.high:.4f} %, whose longer side is the uncertainty",
    )


def _measure_latency(procedure: Procedure, latencies_ms: np.ndarray) -> None:
    """Median and 99th percentile of the answers that came at the first attempt, and their histogram."""
    for name, share in (("median-latency", 0.5), ("p99-latency", 0.99)):
        procedure.measure(
            name,
            float(np.quantile(latencies_ms, share)) if latencies_ms.size else None,
            "ms",
            expanded_uncertainty=_quantile_uncertainty_ms(latencies_ms, share) if latencies_ms.size else None,
            upper=ANSWER_MS,
            requirements=("REQ-LINK-002",),
            note="answers at the first attempt; from order statistics and the 1 ms that bench time counts in",
        )
    counts, edges = np.histogram(latencies_ms, bins=_BINS, range=(0, max(_BINS, int(latencies_ms.max(initial=0)) + 1)))
    procedure.show(
        Figure(
            title="Latency of the pump's answers",
            x_label="latency / ms",
            y_label="answers",
            series=(Series("at the first attempt", tuple(map(float, edges[:-1])), tuple(map(float, counts)), "step"),),
            limits=(Limit(float(latencies_ms.size), "all of them", "reference"),),
            caption="From one answer to the next, without a pause between. On a simulated bench this is virtual time.",
        )
    )


def _quantile_uncertainty_ms(sorted_ms: np.ndarray, share: float) -> float:
    """Half the distance of the order statistics two standard deviations from the quantile's rank, and the clock."""
    count = sorted_ms.size
    rank, spread = share * (count - 1), 2 * sqrt(count * share * (1 - share))
    low, high = (int(np.clip(round(rank + side * spread), 0, count - 1)) for side in (-1, 1))
    return float(np.hypot((sorted_ms[high] - sorted_ms[low]) / 2, 2 / sqrt(6)))
