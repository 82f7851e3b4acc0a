"""What a marker declares is checked before anything runs; parameters are chosen by name, unit and range."""

from typing import Any

import pytest

from hil.declaration import Declaration
from hil.errors import UsageError
from hil.literal_units import literal_measurements
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.runs.observer import Silent

COLLECTION = Parameter("collection_h", "h", 24.0, 8.0, 672.0)


def problems(marker: dict[str, Any], source: str = "") -> list[str]:
    """What is wrong with a marker and the calls of ``measure`` in ``source``."""
    return list(Declaration.of("p", marker).problems(literal_measurements(source)))


@pytest.mark.parametrize(
    ("marker", "source", "said"),
    [
        ({"limits": {"flow": ("0.85 mL/day", "48 uL/h")}}, "", None),
        ({"limits": {"flow": ("0.85 mL/day", None)}}, 'measure("flow", q, "uL/h")', None),
        ({"limits": {"flow": (0.85, "48 uL/h")}}, 'procedure.measure("flow", q, "mL/day")', None),
        ({}, 'measure("flow", q, "mL/day", lower="35 uL/h")', None),
        ({"limits": {"flow": ("0.85 mL/day", "48 kPa")}}, "", "limits of flow: '48 kPa' cannot be told in mL/day"),
        ({"limits": {"flow": ("0.85 kPa", "1 kPa")}}, 'measure("flow", q, "mL/day")', "limits of flow: '0.85 kPa'"),
        ({"measurements": {"flow": "mL/day"}, "limits": {"flow": ("1 kPa", None)}}, "", "limits of flow: '1 kPa'"),
        ({"measurements": {"flow": "mL/day"}}, 'measure("flow", q, "kPa")', "its marker says mL/day"),
        ({}, 'measure("flow", q, "mL/day",\n lower="35 kPa")', "line 1: limits of flow: '35 kPa'"),
        ({"limits": {"flow": ("48 uL/h", "0.85 mL/day")}}, "", "is not below"),
        ({"measurements": ["flow"], "limits": {"flwo": ("1 mL", None)}}, "", "limits of flwo: it is none of"),
        ({"limits": {"flow": ("fast", None)}}, "", "'fast' is no number"),
        ({"limits": {"t": ("36 C", "38 C")}}, 'measure("t", x, "delta_degC")', "one is a temperature"),
    ],
)
def test_limits_are_checked_at_collection(marker: dict[str, Any], source: str, said: str | None) -> None:
    """Limits of the marker and those written in the code must fit the measurement's unit, by name and line."""
    found = problems(marker, source)
    assert (found == []) if said is None else (len(found) == 1 and said in found[0]), found


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ({"measurements": 5}, "not iterable"),
        ({"limits": {"flow": "0.85 mL/day"}}, "its marker cannot be read"),
        ({"mesurements": ()}, "its marker has no 'mesurements'"),
        ({"parameters": ("collection_h",)}, "must be hil.parameter.Parameter"),
    ],
)
def test_a_marker_that_makes_no_sense_is_refused(marker: dict[str, Any], said: str) -> None:
    """Unknown keys and wrong forms are usage errors that say what the marker takes."""
    with pytest.raises(UsageError, match=said):
        Declaration.of("p", marker)


@pytest.mark.parametrize(("text", "value"), [("48", 48.0), ("2 days", 48.0), ("2880 min", 48.0), ("8", 8.0)])
def test_parameter_in_its_unit_or_its_own(text: str, value: float) -> None:
    """A bare number is in the declared unit; another unit is converted; the ends of the range belong to it."""
    assert COLLECTION.value(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["7.9", "673", "1 min", "48 mL", "nan", "soon", "-48", "1e999"])
def test_parameter_outside_its_range_is_refused(text: str) -> None:
    """Too short, too long, of another dimension, no number."""
    with pytest.raises(UsageError):
        COLLECTION.value(text)


@pytest.mark.parametrize("numbers", [(24.0, 25.0, 30.0), (24.0, 8.0, 9.0), (float("nan"), 0.0, 1.0)])
def test_parameter_whose_default_is_outside_is_refused(numbers: tuple[float, float, float]) -> None:
    """A declaration that cannot be right is refused where it stands."""
    with pytest.raises(UsageError, match="must hold"):
        Parameter("collection_h", "h", *numbers)


def measured(limits: dict[str, Any], **arguments: Any) -> tuple[float | None, float | None]:
    """Limits of a flow as the manifest would have them."""
    page = Procedure("p", (), (), Silent(), limits=limits)
    taken = page.measure("flow", 1.0, "mL/day", expanded_uncertainty=0.01, **arguments)
    return taken.lower, taken.upper


def test_limits_reach_the_measurement_in_its_unit() -> None:
    """From the marker or from the call, text or number: the manifest has them in the measurement's unit."""
    assert measured({}, lower="35 uL/h", upper=1.15) == pytest.approx((0.84, 1.15))
    assert measured({"flow": ("0.85 mL/day", "48 uL/h")}) == pytest.approx((0.85, 1.152))
    assert measured({"flow": (None, "48 uL/h")})[0] is None
    assert measured({"flow": (None, "48 uL/h")})[1] == pytest.approx(1.152)


def test_limits_of_another_dimension_are_the_procedures_mistake() -> None:
    """What only shows at run time is a usage error that names the measurement; so are limits stated twice."""
    with pytest.raises(UsageError, match=r"limits of flow: '35 kPa'"):
        measured({}, lower="35 kPa")
    with pytest.raises(UsageError, match="say them once"):
        measured({"flow": (0.85, None)}, upper=1.15)
