"""``detected(catheter-occlusion, within="24h") >= 0.99``: what must hold of a fleet, in a few declared forms."""

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from firmware_model.faults.injection import fault_value
from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.quantities import duration_ms

__all__ = ["FORMS", "Criterion", "Metric", "parse_criterion"]

Metric = Literal[
    "false_alarms_per_pump_year",
    "misleading_alarms_per_pump_year",
    "detected",
    "latency_h",
    "flow_error_percent",
    "failed",
    "unserved_days_per_pump_year",
]


@dataclass(frozen=True)
class _Form:
    fault: Literal["none", "must", "may"]
    keys: tuple[str, ...]
    unit: str
    meaning: str


FORMS: Mapping[str, _Form] = {
    "false_alarms_per_pump_year": _Form("none", (), "1/y", "alarms that nothing called for, in a year of one pump"),
    "misleading_alarms_per_pump_year": _Form(
        "none", (), "1/y", "alarms during a fault that are not the right ones for it"
    ),
    "detected": _Form("must", ("within", "value"), "", "share of these faults with a right alarm, in time"),
    "latency_h": _Form("must", ("percentile", "value"), "h", "from a fault's beginning to its first right alarm"),
    "flow_error_percent": _Form(
        "none", ("percentile",), "%", "true mean flow between refills of healthy pumps, off label, either way"
    ),
    "failed": _Form("none", ("by",), "", "share of pumps that have failed by then (Kaplan and Meier)"),
    "unserved_days_per_pump_year": _Form("none", (), "d/y", "days on which a healthy pump stood empty"),
}
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_TEXT = re.compile(
    rf"\s*(?P<metric>[a-z_0-9]+)\s*(?:\((?P<inside>[^()]*)\))?\s*(?P<operator><=|>=|<|>)\s*(?P<limit>{_NUMBER})\s*(?P<percent>%)?\s*",
    re.ASCII,
)
_ARGUMENT = re.compile(rf'\s*(?P<key>[a-z]+)\s*=\s*(?:"(?P<text>[^"]*)"|(?P<number>{_NUMBER}))\s*', re.ASCII)


@dataclass(frozen=True)
class Criterion:
    """One requirement of a fleet."""

    text: str
    """As it was written, on one line."""
    metric: Metric
    operator: str
    limit: float
    fault: str | None = None
    value: str | None = None
    """Of the fault: this severity alone."""
    within_ms: int | None = None
    """A later alarm does not count."""
    percentile: float = 50.0
    by_ms: int | None = None

    def holds(self, measured: float) -> bool:
        """Whether what was measured is on the right side of the limit; NaN never is."""
        return _OPERATORS[self.operator](measured, self.limit)


def parse_criterion(text: str) -> Criterion:
    """The criterion that ``text`` says. Raises ValueError, with what would have been right."""
    try:
        return _parsed(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None


def _parsed(text: str) -> Criterion:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError('write FORM <= NUMBER (or >=, <, >), like detected(catheter-occlusion, within="24h") >= 0.99')
    name = match["metric"]
    form = FORMS.get(name)
    if form is None:
        close = difflib.get_close_matches(name, FORMS, n=1)
        raise ValueError(
            f"unknown form {name}; " + (f"did you mean {close[0]}?" if close else f"known: {', '.join(FORMS)}")
        )
    given = _arguments(name, form, match["inside"])
    fault = given.pop("fault", None)
    value = given.get("value")
    if value is not None and fault is not None:
        fault_value(value, PUMP_FAULTS[fault])
    percentile = _number(given.get("percentile", "50"))
    if not 0 < percentile <= 100:
        raise ValueError("percentile must be more than 0 and at most 100")
    if match["percent"] and form.unit not in {"", "%"}:
        raise ValueError(f"{name} is in {form.unit}, no share: leave out the % of the limit")
    if name == "failed" and "by" not in given:
        raise ValueError('by when? write failed(by="365d")')
    limit = float(match["limit"]) / (100 if match["percent"] and form.unit == "" else 1)
    if form.unit == "" and not 0 <= limit <= 1:
        meant = "" if match["percent"] else f"; did you mean {match['limit']}%?"
        raise ValueError(f"{name} is a share, which is 0 to 1 (or 0% to 100%){meant}")
    return Criterion(
        text=" ".join(text.split()),
        metric=cast("Metric", name),
        operator=match["operator"],
        limit=limit,
        fault=fault,
        value=value,
        within_ms=duration_ms(given["within"]) if "within" in given else None,
        percentile=percentile,
        by_ms=duration_ms(given["by"]) if "by" in given else None,
    )


def _arguments(name: str, form: _Form, inside: str | None) -> dict[str, str]:
    parts = [part.strip() for part in (inside or "").split(",") if part.strip()]
    given: dict[str, str] = {}
    if parts and "=" not in parts[0]:
        if form.fault == "none":
            raise ValueError(f"{name} is not of a fault; leave out {parts[0]!r}")
        given["fault"] = _fault(parts.pop(0))
    elif form.fault == "must":
        raise ValueError(f"of which fault? write {name}(catheter-occlusion)")
    for part in parts:
        match = _ARGUMENT.fullmatch(part)
        if match is None:
            raise ValueError(f'{part!r} is no argument; write key="text" or key=number')
        if match["key"] not in form.keys or match["key"] in given:
            raise ValueError(f"{name} takes {', '.join(form.keys) or 'nothing'}, each once, not {match['key']!r}")
        given[match["key"]] = match["text"] if match["text"] is not None else match["number"]
    return given


def _number(text: str) -> float:
    if not re.fullmatch(_NUMBER, text, re.ASCII):
        raise ValueError(f"{text!r} is no number")
    return float(text)


def _fault(name: str) -> str:
    """A fault's whole name; its last words are enough if no other fault ends with them."""
    if name in PUMP_FAULTS:
        return name
    ending = [each for each in PUMP_FAULTS if each.endswith(f"-{name}")]
    if len(ending) == 1:
        return ending[0]
    close = ending or difflib.get_close_matches(name, PUMP_FAULTS, n=1)
    raise ValueError(
        f"unknown fault {name!r}; "
        + (f"did you mean {' or '.join(close)}?" if close else "see pumprig sim --list-faults")
    )
