"""Which procedure finds which fault: one row for each, from which tests run and the guide's page is written.

``python -m tests.system.fault_table`` writes the page anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["FOUND", "NOT_FOUND", "PAGE", "Row", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "faults-found.md"


class Row(NamedTuple):
    """One fault, injected alone, and what comes of it."""

    fault: str
    """As ``--inject`` takes it; with a colon before the kind, as ``--wire-fault`` does."""
    file: str
    """The procedures that are run, by their file's name."""
    procedure: str
    """The one of them that finds it."""
    outcome: str
    finding: str
    """The measurement that misses its limits, or part of the finding's text."""
    parameters: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """``catheter-leak``: the fault's name."""
        return self.fault.split(":")[-1].split("@")[0].split("=")[0]

    @property
    def is_wire_fault(self) -> bool:
        """Whether it is a fault of a wire."""
        return ":" in self.fault


def _quiet(fault: str, alarm: str) -> Row:
    """Found by the hours in which nothing is done to the pump, by an alarm of its own."""
    return Row(
        fault, "clock-drift", "clock-drift", "fail", f"alarms were raised, though nothing was done to the pump: {alarm}"
    )


def _self_test(fault: str) -> Row:
    return Row(fault, "identity-self-test", "self-test", "fail", "the self-test failed, says the pump's log")


def _flow(fault: str, measurement: str = "flow", outcome: str = "fail") -> Row:
    return Row(fault, "flow-accuracy", "flow-accuracy", outcome, measurement, ("collection_h=8",))


def _sensor(fault: str, quantity: str, measurement: str) -> Row:
    return Row(fault, "sensor-accuracy", f"{quantity}-sensor-accuracy", "fail", measurement)


def _link(fault: str, measurement: str, exchanges: int = 1000, outcome: str = "fail") -> Row:
    return Row(fault, "link-quality", "link-quality", outcome, measurement, (f"exchanges={exchanges}",))


def _bench(fault: str, file: str, finding: str) -> Row:
    return Row(fault, file, file, "error", finding)


FOUND: tuple[Row, ...] = (
    # The flow path.
    _flow("catheter-occlusion=60%@0s"),
    _quiet("catheter-occlusion@4h", "occlusion"),
    Row(
        "catheter-occlusion@0s",
        "occlusion-detection",
        "occlusion-detection",
        "fail",
        "occlusion holds, before anything",
    ),
    _flow("catheter-leak@0s"),
    _quiet("catheter-leak@3h", "leak"),
    _flow("septum-leak@0s", "flow-estimate-error"),
    Row("septum-leak@0s", "refill", "refill", "fail", "mean-flow-since-refill"),
    _flow("propellant-loss@0s"),
    Row("propellant-loss@3h", "clock-drift", "clock-drift", "fail", "propellant-loss", ("clock_h=9",)),
    _flow("restrictor-plugging@0s"),
    _flow("restrictor-fast-flow@0s"),
    Row("restrictor-fast-flow@0s", "refill", "refill", "fail", "mean-flow-since-refill"),
    _flow("bellows-sticking@0s"),
    # Refills.
    Row("pocket-fill@0s", "refill", "refill", "fail", "refill-mismatch was raised"),
    Row("overfill@0s", "refill", "refill", "fail", "refill-mismatch was raised"),
    Row("flipped-pump@0s", "refill", "refill", "fail", "refill-mismatch was raised"),
    Row("cold-refill=20C@0s", "cold-refill", "cold-refill", "inconclusive", "missing-volume"),
    # Sensors.
    _sensor("temperature-sensor-bias@0s", "temperature", "temperature-error-37-c"),
    _bench("temperature-sensor-noise@0s", "clock-drift", "its temperature reading still moves after 360 min"),
    _bench("temperature-sensor-drift=5C/day@0s", "flow-accuracy", "its temperature reading still moves after 360 min"),
    _self_test("temperature-sensor-stuck@0s"),
    _self_test("temperature-sensor-open@0s"),
    _sensor("reservoir-pressure-sensor-bias@0s", "temperature", "reservoir-pressure-against-model"),
    _sensor("reservoir-pressure-sensor-drift=20kPa/day@0s", "temperature", "reservoir-pressure-against-model"),
    _quiet("reservoir-pressure-sensor-noise@0s", "sensor-fault"),
    _self_test("reservoir-pressure-sensor-stuck@0s"),
    _self_test("reservoir-pressure-sensor-open@0s"),
    _sensor("outlet-pressure-sensor-bias@0s", "outlet", "outlet-error-at-head"),
    _sensor("outlet-pressure-sensor-drift@0s", "outlet", "outlet-error-at-head"),
    _quiet("outlet-pressure-sensor-noise@0s", "sensor-fault"),
    _self_test("outlet-pressure-sensor-stuck@0s"),
    Row(
        "outlet-pressure-sensor-stuck@0s",
        "occlusion-detection",
        "occlusion-detection",
        "fail",
        "no occlusion was raised",
    ),
    Row("outlet-pressure-sensor-stuck@3h", "alarm-latching", "alarm-not-latched", "fail", "occlusion did not come"),
    _self_test("outlet-pressure-sensor-open@0s"),
    _sensor("ambient-pressure-sensor-bias@0s", "ambient", "ambient-error-101-kpa"),
    _sensor("ambient-pressure-sensor-drift@0s", "ambient", "ambient-error-101-kpa"),
    _quiet("ambient-pressure-sensor-noise@0s", "sensor-fault"),
    _self_test("ambient-pressure-sensor-stuck@0s"),
    _self_test("ambient-pressure-sensor-open@0s"),
    Row(
        "bellows-sensor-bias@0s",
        "low-reservoir-and-empty",
        "low-reservoir-and-empty",
        "fail",
        "low-reservoir was not raised",
    ),
    _flow("bellows-sensor-drift@0s", "flow-estimate-error"),
    _quiet("bellows-sensor-noise@0s", "sensor-fault"),
    _self_test("bellows-sensor-stuck@0s"),
    _self_test("bellows-sensor-open@0s"),
    Row("battery-sensor-bias@0s", "supply-current", "supply-current", "fail", "battery-sensor-error"),
    Row("battery-sensor-noise@0s", "supply-current", "supply-current", "inconclusive", "battery-sensor-error"),
    _self_test("battery-sensor-stuck@0s"),
    _self_test("battery-sensor-open@0s"),
    # Electronics.
    _quiet("brown-out@3h", "unexpected-restart, clock-lost"),
    _link("brown-out=20s@30s", "loss"),
    Row("brown-out=20s@30s", "brown-out", "brown-out", "fail", "the firmware started 2 times"),
    _quiet("reset@3h", "unexpected-restart"),
    _quiet("memory-bit-flip@3h", "memory-fault"),
    Row("memory-bit-flip@30s", "brown-out", "brown-out", "fail", "the configuration is not what it was"),
    Row("clock-jump=60s@3h", "clock-drift", "clock-drift", "fail", "clock-step"),
    _quiet("clock-jump=-2s@4h", "clock-lost"),
    Row("battery-drain@0s", "supply-current", "supply-current", "fail", "supply-current"),
    _quiet("firmware-hang@3h", "unexpected-restart"),
    _link("firmware-hang@30s", "loss"),
    _quiet("intrusion@3h", "tampering"),
    # The bench itself.
    _sensor("bath-offset@0s", "temperature", "temperature-error-37-c"),
    _flow("ambient-offset=-25kPa@0s"),
    Row("ambient-offset=-25kPa@0s", "refill", "refill", "fail", "mean-flow-since-refill"),
    _sensor("outlet-offset@0s", "outlet", "outlet-error-at-head"),
    _flow("evaporation-offset=2ug/s@0s", "flow-estimate-error"),
    # Wires.
    _link("pump:drop", "loss"),
    _link("pump:truncate", "loss"),
    _link("pump:flip", "loss"),
    _link("pump:late", "loss"),
    _link("pump:duplicate", "surplus"),
    _link("pump:delay=600ms", "p99-latency", 200),
    _link("pump:unplug@30s", "lost, and not back within 10 s", outcome="error"),
    _bench("balance:drop=20%", "flow-accuracy", "the balance does not answer"),
    _bench("bath:late=5%", "clock-drift", "the bath does not answer"),
    _bench("multimeter:truncate=10%", "supply-current", "the multimeter does not answer"),
    _bench("operator:drop=100%", "occlusion-detection", "is anybody there?"),
    _bench("supply:unplug", "brown-out", "unplugged, by a fault of the wire"),
)

NOT_FOUND: dict[str, str] = {
    "cold-refill (4 C, its default)": "is what the procedure cold-refill does on purpose; it takes some "
    "microlitres of flow for a quarter of an hour, which is the flow path's nature and no fault of the pump",
    "battery-sensor-drift": "grows by 300 mV in a day, and supply-current takes half an hour; run it again later",
    "ambient-offset (-5 kPa, its default)": "changes the flow by 8 %, which is within the label's tolerance; the "
    "chamber's controller takes its place wherever pressures are compared",
}
"""What no procedure finds, and why."""


def page() -> str:
    """The guide's page, in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Which procedure finds which fault"
    yield ""
    yield "Each fault is injected alone into the simulated bench `fixtures/benches/full.toml`; then the procedure runs."
    yield "The finding is a measurement that misses its limits, or part of the finding's text. Tests run every row (the"
    yield "first one of each kind of fault always, the others in `make soak`). Written by"
    yield "`python -m tests.system.fault_table`."
    yield ""
    yield "| fault | procedure | outcome | finding |"
    yield "|---|---|---|---|"
    for row in FOUND:
        yield f"| `{row.fault}` | {row.procedure} | {row.outcome} | {row.finding} |"
    yield ""
    yield "An outcome `error` (exit code 3): bench, wire or sensor do not let the procedure come to a result."
    yield "A row is repeated by `pumprig run FILE --bench full --inject FAULT`; if FAULT has a"
    yield "colon, by `--wire-fault FAULT`. `FILE` is the one in `hil/procedures/` that has the procedure."
    yield ""
    yield "## Not found"
    yield ""
    for fault, why in NOT_FOUND.items():
        yield f"- `{fault}`: {why}."
    yield "- Any fault that is small enough: what keeps within the limits passes."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
