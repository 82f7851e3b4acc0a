"""Simulated supplies: two dialects over one output that is physics."""

import re

from hil.virtual_bench.sim_scpi import Answer, ScpiRefusal, SimulatedScpi, flag, number
from hil.virtual_bench.supply_output import SupplyOutput
from protocols.instruments import scpi, scpi_supply

__all__ = ["SimulatedKeysightSupply", "SimulatedRigolSupply"]

_HIGHEST_V, _HIGHEST_A = 32.0, 3.2
_CHANNEL_LIST = re.compile(r"(?:(?P<value>[^,()]*),)?\s*\(@(?P<channel>\d)\)")
_CHANNEL_NAME = re.compile(r"CH(?P<channel>\d)", re.IGNORECASE)


class SimulatedKeysightSupply(SimulatedScpi):
    """Addressed by channel lists; its first channel is the output, the others are not there."""

    def __init__(self, output: SupplyOutput, *, serial_number: str = "SIM-SUPPLY-1") -> None:
        """Stand over ``output``."""
        self._output = output
        table: dict[str, Answer] = {
            "[SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]": self._set_voltage,
            "[SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]?": lambda _, text: self._told(text, output.set_voltage_v),
            "[SOURce]:CURRent[:LEVel][:IMMediate][:AMPLitude]": self._set_current,
            "[SOURce]:CURRent[:LEVel][:IMMediate][:AMPLitude]?": lambda _, text: self._told(
                text, output.current_limit_a
            ),
            "OUTPut[:STATe]": self._switch,
            "OUTPut[:STATe]?": lambda _, text: self._told_state(text),
            "MEASure[:SCALar]:VOLTage[:DC]?": lambda now_ms, text: self._told(text, output.voltage_v(now_ms)),
            "MEASure[:SCALar]:CURRent[:DC]?": lambda now_ms, text: self._told(text, output.current_a(now_ms)),
        }
        super().__init__(
            f"PUMPRIG,SIMULATED SUPPLY,{serial_number},1.0",
            table,
            queue_length=scpi_supply.KEYSIGHT.error_queue_length,
            signed_error_codes=scpi_supply.KEYSIGHT.signed_error_codes,
        )

    def _told(self, text: str, value: float) -> str:
        _only_first(text)
        return scpi.format_exponent(value)

    def _told_state(self, text: str) -> str:
        _only_first(text)
        return str(int(self._output.on))

    def _set_voltage(self, now_ms: int, text: str) -> None:
        self._output.set_voltage(now_ms, number(_only_first(text), 0.0, _HIGHEST_V))

    def _set_current(self, now_ms: int, text: str) -> None:
        self._output.set_current_limit(now_ms, number(_only_first(text), 0.0, _HIGHEST_A))

    def _switch(self, now_ms: int, text: str) -> None:
        self._output.switch(now_ms, on=flag(_only_first(text)))


class SimulatedRigolSupply(SimulatedScpi):
    """Addressed by the names of channels; CH1 is the output, the others are not there. ON and OFF are words."""

    def __init__(self, output: SupplyOutput, *, serial_number: str = "SIM-SUPPLY-1") -> None:
        """Stand over ``output``."""
        self._output = output
        table: dict[str, Answer] = {
            "APPLy": self._apply,
            "APPLy?": lambda _, text: self._told(text, f"CH1,{output.set_voltage_v:.3f},{output.current_limit_a:.4f}"),
            "[SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]": self._set_voltage,
            "[SOURce]:CURRent[:LEVel][:IMMediate][:AMPLitude]": self._set_current,
            "OUTPut[:STATe]": self._switch,
            "OUTPut[:STATe]?": lambda _, text: self._told(text, "ON" if output.on else "OFF"),
            "MEASure:ALL[:DC]?": lambda now_ms, text: self._told(text, self._all(now_ms)),
            "MEASure[:VOLTage][:DC]?": lambda now_ms, text: self._told(text, f"{output.voltage_v(now_ms):.4f}"),
            "MEASure:CURRent[:DC]?": lambda now_ms, text: self._told(text, f"{output.current_a(now_ms):.4f}"),
        }
        super().__init__(
            f"PUMPRIG,SIMULATED SUPPLY,{serial_number},1.0",
            table,
            queue_length=scpi_supply.RIGOL.error_queue_length,
            signed_error_codes=scpi_supply.RIGOL.signed_error_codes,
        )

    def _told(self, text: str, answer: str) -> str:
        _rest_after_first_name(text)
        return answer

    def _all(self, now_ms: int) -> str:
        volts, amps = self._output.voltage_v(now_ms), self._output.current_a(now_ms)
        return f"{volts:.4f},{amps:.4f},{volts * amps:.3f}"

    def _set_voltage(self, now_ms: int, text: str) -> None:
        self._output.set_voltage(now_ms, number(text, 0.0, _HIGHEST_V))

    def _set_current(self, now_ms: int, text: str) -> None:
        self._output.set_current_limit(now_ms, number(text, 0.0, _HIGHEST_A))

    def _apply(self, now_ms: int, text: str) -> None:
        volts, amps, *more = [*_rest_after_first_name(text), "", ""]
        if any(more):
            raise ScpiRefusal(scpi.PARAMETER_MISSING)
        voltage_v = number(volts, 0.0, _HIGHEST_V)
        limit_a = number(amps, 0.0, _HIGHEST_A) if amps else self._output.current_limit_a
        self._output.set_current_limit(now_ms, limit_a)
        self._output.set_voltage(now_ms, voltage_v)

    def _switch(self, now_ms: int, text: str) -> None:
        self._output.switch(now_ms, on=flag(",".join(_rest_after_first_name(text))))


def _only_first(text: str) -> str:
    """What stands before the channel list; without one, the first channel is meant."""
    match = _CHANNEL_LIST.fullmatch(text)
    if match is None:
        return text
    if match["channel"] != "1":
        raise ScpiRefusal(scpi.DATA_OUT_OF_RANGE)
    return (match["value"] or "").strip()


def _rest_after_first_name(text: str) -> list[str]:
    """The parameters behind the channel's name; without one, the first channel is meant."""
    name, *rest = [part.strip() for part in text.split(",")]
    match = _CHANNEL_NAME.fullmatch(name)
    if match is None:
        return [name, *rest] if name else rest
    if match["channel"] != "1":
        raise ScpiRefusal(scpi.DATA_OUT_OF_RANGE)
    return rest
