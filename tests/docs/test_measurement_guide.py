"""The budget in the guide is that of the default bench. ``python -m tests.docs.test_measurement_guide`` renews it."""

from pathlib import Path

from hil.benches.bench_file import load_bench
from hil.flow.flow_forecast import budget_of
from hil.shipped import shipped

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "measurement.md"
_BEGIN, _END = "<!-- begin budget -->\n", "<!-- end budget -->\n"


def budget_table() -> str:
    """One row for each line of the default bench's budget, the largest first."""
    flow = budget_of(load_bench(shipped("benches/simulated.toml")), 24.0)
    rows = ["| line | u | U of it, % of flow |", "|---|---|---|"]
    rows += [
        f"| {line.name} | {line.standard_uncertainty:.2g} {line.unit} "
        f"| {200 * line.contribution / flow.flow_ml_per_day:.4f} |"
        for line in sorted(flow.budget, key=lambda line: -line.contribution)
    ]
    total = 100 * flow.expanded_uncertainty_ml_per_day / flow.flow_ml_per_day
    return "\n".join([*rows, f"| **together** | | **{total:.2f}** |"]) + "\n"


def test_budget_in_the_guide_is_that_of_the_default_bench() -> None:
    """The table is current."""
    assert GUIDE.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0] == budget_table()


if __name__ == "__main__":
    before, _, rest = GUIDE.read_text(encoding="utf-8").partition(_BEGIN)
    GUIDE.write_text(before + _BEGIN + budget_table() + _END + rest.partition(_END)[2], encoding="utf-8")
