"""Whether readings are in the units that the protocol declares, as far as a bench can tell."""

from hil.bench_file import LoadedBench
from protocols.messages import Measurements, Message, Status

__all__ = ["check_readings"]

_SHARED = ("temperature_mc", "reservoir_pa", "outlet_pa", "ambient_pa", "battery_mv")
_WEATHER = 0.3
"""How far ambient pressure may be from the bench file's, as a share of it: far more than weather or a slip can make."""


def check_readings(status: Status, measured: Message | None, loaded: LoadedBench) -> None:
    """Each reading is possible on this bench, and the same in both messages that tell it.

    Bounds are so wide that only another unit is outside: a thousandth or a hundredth of a number that is right.
    """
    ambient_pa = loaded.file.environment.ambient_kpa * 1000
    profile = loaded.profile
    for name, lower, upper in (
        ("temperature_mc", 2_000, 60_000),
        ("reservoir_pa", 20_000, 500_000),
        ("outlet_pa", -60_000, 400_000),
        ("ambient_pa", (1 - _WEATHER) * ambient_pa, (1 + _WEATHER) * ambient_pa),
        ("battery_mv", 500, 20_000),
        ("volume_nl", 0.5e6 * profile.residual_ml, 1.2e6 * profile.capacity_ml),
    ):
        value = getattr(status, name)
        outside = f"values: {name} is {value}, outside {lower:.0f} to {upper:.0f}"
        assert lower <= value <= upper, f"{outside}; are integers big-endian, and is it in this unit?"
    if isinstance(measured, Measurements) and measured.sample_count == status.sample_count:
        for name in _SHARED:
            said = f"values: {name} is {getattr(status, name)} in Status, but {getattr(measured, name)} in Measurements"
            assert getattr(status, name) == getattr(measured, name), f"{said}, of the same sample"
