"""What the person at the bench can be asked to do."""

import pytest

from hil.errors import UsageError
from hil.instruments.operator import Operator


@pytest.mark.parametrize("volume_ml", [4e-7, 0.0, -1.0, float("nan"), float("inf")])
def test_nobody_is_asked_to_fill_in_what_no_syringe_holds(volume_ml: float) -> None:
    """A task says volumes to the microlitre: less than that would be told, and filled in, as nothing."""
    with pytest.raises(UsageError, match=r"is no volume for a syringe; a microlitre \(0\.001 mL\) is the least"):
        Operator.check_fill(volume_ml)
    Operator.check_fill(0.001)
