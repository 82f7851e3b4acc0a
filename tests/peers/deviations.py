"""What peers do otherwise than the manuals of what they stand for. Drivers bear it; nobody copies it."""

__all__ = ["DEVIATIONS"]

DEVIATIONS: dict[str, tuple[str, ...]] = {
    "lewis julabo": (
        "answers settings with an empty line, where real baths are silent",
        "warms at once and without a heater's limits",
    ),
    "mt-sics-emulator": (
        "answers SI with a line that begins with SI, where the manual has S",
        "answers I2 with the serial number, where the manual has the model",
        "does not wait for stability when it is asked by S",
    ),
    "labmcp-mettler-toledo": ("answers SI as not stable for ever; only S gives a stable weight",),
    "labmcp-sartorius": ("prints 22 characters, with an identifier in front, as balances do that are set so",),
    "labmcp-julabo": (),
    "labmcp-bench-psu": ("reports a setting beyond the rating as -224, Illegal parameter value, instead of -222",),
    "labmcp-scpi": ("is no model of any vendor's",),
}
