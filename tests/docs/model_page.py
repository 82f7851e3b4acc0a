"""The generated parts of docs/model.md: tables and diagram from the code, plots from runs of the model.

``python -m tests.docs.model_page`` writes them anew.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from firmware_model.events import kebab
from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.firmware.alarms import ALARMS, CONDITIONS, Rhythm
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.modes import TRANSITIONS
from firmware_model.physics.flow import expected_flow
from firmware_model.profile import load_profile
from firmware_model.scenario.result import ScenarioResult
from firmware_model.scenario.run import run_scenario
from firmware_model.scenario.scenario import load_scenario
from tests.docs.line_plot import Curve, line_plot

__all__ = ["IMAGES", "PAGE", "images", "parts"]

_ROOT = Path(__file__).parents[2]
PAGE = _ROOT / "docs" / "model.md"
IMAGES = _ROOT / "docs" / "images" / "model"
_PUMPS, _SCENARIOS = _ROOT / "fixtures" / "pumps", _ROOT / "fixtures" / "scenarios"
_SOFT, _STIFF = (load_profile(_PUMPS / f"{name}.toml") for name in ("generic-30ml", "generic-30ml-butane"))


def parts() -> Mapping[str, str]:
    """Text of each generated part, by its name."""
    return {"modes": _modes(), "alarms": _alarms(), "conditions": _conditions(), "faults": _faults()}


def images() -> Mapping[str, str]:
    """SVG text of each plot, by its file's name."""
    return {
        "flow-against-temperature.svg": _flow_against_temperature(),
        "running-dry.svg": _running_dry(),
        "cold-refill.svg": _cold_refill(),
        "occlusion.svg": _occlusion(),
    }


def _modes() -> str:
    lines = ["```mermaid", "stateDiagram-v2"]
    arrows: dict[tuple[str, str], list[str]] = {}
    for (mode, trigger), after in TRANSITIONS.items():
        if trigger.name == "STARTED":
            continue
        arrows.setdefault((mode.name.lower(), after.name.lower()), []).append(str(trigger))
    lines.append("    [*] --> self_test: started, from any mode")
    lines += [f"    {before} --> {after}: {', or '.join(why)}" for (before, after), why in arrows.items()]
    return "\n".join([*lines, "```", ""])


def _alarms() -> str:
    rows = ["| alarm | priority | stays until acknowledged |", "|---|---|---|"]
    for alarm, kind in ALARMS.items():
        stays = "until its cause is mended" if kind.needs_more_than_a_look else "yes" if kind.latching else ""
        rows.append(f"| `{kebab(alarm)}` | {kind.priority} | {stays} |")
    return "\n".join([*rows, ""])


def _conditions() -> str:
    configuration = Configuration.of(_SOFT)
    rows = [
        "| number | condition | raises | judged | when all of these hold (and clears at) | n of m |",
        "|---|---|---|---|---|---|",
    ]
    for number, condition in enumerate(CONDITIONS):
        if not condition.terms:
            rows.append(f"| {number} | {condition.name} | `{kebab(condition.alarm)}` | at the event | | |")
            continue
        terms = []
        for term in condition.terms:
            raise_at, clear_at = term.raise_at(configuration), term.clear_at(configuration)
            name = term.quantity.name.lower().replace("_", " ")
            clears = "" if raise_at == clear_at else f" ({clear_at})"
            terms.append(f"{name} {'>' if term.above else '<'} {raise_at}{clears}")
        n, m = condition.debounce(configuration)
        judged = "each sample" if condition.rhythm is Rhythm.SAMPLE else "each hour"
        named = f"| {number} | {condition.name} | `{kebab(condition.alarm)}`"
        rows.append(f"{named} | {judged} | {'; '.join(terms)} | {n} of {m} |")
    return "\n".join([*rows, ""])


def _faults() -> str:
    rows = ["| fault | default | range | what happens |", "|---|---|---|---|"]
    rows += [
        f"| `{kind.name}` | {kind.default:g}{kind.unit} | {kind.lower:g} to {kind.upper:g}{kind.unit} "
        f"| {kind.summary} |"
        for kind in PUMP_FAULTS.values()
    ]
    return "\n".join([*rows, ""])


def _flow_against_temperature() -> str:
    temperatures = [24 + step * 0.25 for step in range(81)]
    curves = [
        Curve(
            name, temperatures, [expected_flow(profile, t, 101.325, 12.4, 30.0).flow_ml_per_day for t in temperatures]
        )
        for name, profile in (("R-11 (generic-30ml)", _SOFT), ("n-butane", _STIFF))
    ]
    return line_plot("Flow against temperature, full, at sea level", "temperature, °C", "flow, mL/day", curves)


def _run(name: str) -> ScenarioResult:
    loaded = load_scenario(_SCENARIOS / f"{name}.toml")
    return run_scenario(loaded, seed=loaded.scenario.seed, days=loaded.scenario.days, profile=loaded.profile)


def _running_dry() -> str:
    curves = _run("dry-pump").curves
    days = (curves.time_h / 24).tolist()
    return line_plot(
        "A pump that nobody refills: true flow, and what the firmware estimates",
        "time, days",
        "flow, mL/day",
        [
            Curve("true", days, curves.flow_ml_per_day.tolist()),
            Curve("estimated", days, curves.estimated_flow_ml_per_day.tolist()),
        ],
        [("flow-low", 0.85)],
    )


def _cold_refill() -> str:
    curves = _run("cold-refill").curves
    inside = (curves.time_h > 335) & (curves.time_h < 340)
    hours = (curves.time_h[inside] - 336).tolist()
    return line_plot(
        "A refill of 28 mL at 4 °C: the propellant's temperature, and ten times the flow",
        "hours since the refill began",
        "°C, and 0.1 mL/day",
        [
            Curve("temperature, °C", hours, curves.temperature_c[inside].tolist()),
            Curve("flow, 0.1 mL/day", hours, (10 * curves.flow_ml_per_day[inside]).tolist()),
        ],
    )


def _occlusion() -> str:
    curves = _run("catheter-occlusion-full").curves
    inside = (curves.time_h > 42) & (curves.time_h < 60)
    hours = (curves.time_h[inside] - 48).tolist()
    estimated = np.where(np.isnan(curves.estimated_flow_ml_per_day), np.nan, 50 * curves.estimated_flow_ml_per_day)
    return line_plot(
        "A full occlusion: pressure at the outlet, and fifty times the estimated flow",
        "hours since the occlusion",
        "kPa, and 0.02 mL/day",
        [
            Curve("outlet pressure, kPa", hours, curves.outlet_kpa[inside].tolist()),
            Curve("estimate, 0.02 mL/day", hours, estimated[inside].tolist()),
        ],
        [("occlusion", 22.0)],
    )


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for part, generated in parts().items():
        before, _, rest = text.partition(f"<!-- begin {part} -->\n")
        text = (
            f"{before}<!-- begin {part} -->\n{generated}<!-- end {part} -->\n"
            + rest.partition(f"<!-- end {part} -->\n")[2]
        )
    PAGE.write_text(text, encoding="utf-8")
    for image, drawn in images().items():
        (IMAGES / image).write_text(drawn, encoding="utf-8")
