"""Simulated multimeters: two dialects over quantities that are physics."""

from collections.abc import Callable

from firmware_model.electronics.noise import noise_share
from hil.virtual_bench.sim_scpi import Answer, ScpiRefusal, SimulatedScpi
from protocols.instruments import scpi, scpi_multimeter
from protocols.instruments.scpi_multimeter import MultimeterDialect

__all__ = ["SimulatedMultimeter", "SimulatedRigolMultimeter"]

_NOISE_CHANNEL = 121
_NOISE_PERIOD_MS = 20
_NOISE_SHARE = 2e-6
_DIGITS_OF_RANGE = 6
_HIGHEST_V, _HIGHEST_A = 1000.0, 3.0
_RANGES_V = (0.1, 1.0, 10.0, 100.0, 1000.0)
_RANGES_A = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0)


class SimulatedMultimeter(SimulatedScpi):
    """Ranges by itself, wavers in the last digits of its range, and answers 9.9E37 for more than its highest range."""

    DIALECT: MultimeterDialect = scpi_multimeter.KEYSIGHT

    def __init__(
        self,
        volts: Callable[[int], float],
        amps: Callable[[int], float],
        seed: int,
        *,
        temperature_c: Callable[[int], float] | None = None,
        serial_number: str = "SIM-MULTIMETER-1",
    ) -> None:
        """Measure what the callables give at a time in bench ms; without ``temperature_c`` no Pt100 is connected."""
        self._seed = seed
        self._unit = "C"
        self._temperature_c = temperature_c
        self._configured: Answer = lambda now_ms, _: self._read(now_ms, volts, _RANGES_V, _HIGHEST_V)
        measured: dict[str, Answer] = {
            "VOLTage[:DC]": self._configured,
            "CURRent[:DC]": lambda now_ms, _: self._read(now_ms, amps, _RANGES_A, _HIGHEST_A),
            "TEMPerature": lambda now_ms, _: self._temperature(now_ms),
        }
        table: dict[str, Answer] = {f"MEASure:{what}?": answer for what, answer in measured.items()}
        table |= {f"CONFigure:{what}": self._configuring(answer) for what, answer in measured.items()}
        table |= {
            "READ?": lambda now_ms, _: self._configured(now_ms, ""),
            "UNIT:TEMPerature": self._set_unit,
            "UNIT:TEMPerature?": lambda _, __: self._unit,
        }
        super().__init__(
            f"PUMPRIG,SIMULATED MULTIMETER,{serial_number},1.0",
            table,
            queue_length=self.DIALECT.error_queue_length,
            signed_error_codes=self.DIALECT.signed_error_codes,
        )

    def _configuring(self, answer: Answer) -> Answer:
        def configure(now_ms: int, text: str) -> None:  # noqa: ARG001 - the shape of an answer
            self._configured = answer

        return configure

    def _read(self, now_ms: int, quantity: Callable[[int], float], ranges: tuple[float, ...], highest: float) -> str:
        value = quantity(now_ms)
        if abs(value) > highest * 1.05:
            return scpi.format_exponent(scpi.OVERLOAD if value > 0 else -scpi.OVERLOAD)
        within = next((upper for upper in ranges if abs(value) <= upper * 1.2), ranges[-1])
        value += within * _NOISE_SHARE * noise_share(self._seed, _NOISE_CHANNEL, now_ms // _NOISE_PERIOD_MS)
        count = within / 10**_DIGITS_OF_RANGE
        return scpi.format_exponent(round(value / count) * count)

    def _temperature(self, now_ms: int) -> str:
        if self._temperature_c is None:
            return scpi.format_exponent(scpi.OVERLOAD)
        celsius = self._temperature_c(now_ms)
        celsius += 0.002 * noise_share(self._seed, _NOISE_CHANNEL + 1, now_ms // _NOISE_PERIOD_MS)
        shown = {"C": celsius, "K": celsius + 273.15, "F": celsius * 1.8 + 32}[self._unit]
        return scpi.format_exponent(round(shown, 3))

    def _set_unit(self, _: int, text: str) -> None:
        if text.upper()[:1] not in {"C", "F", "K"}:
            raise ScpiRefusal(scpi.NOT_A_NUMBER if text else scpi.PARAMETER_MISSING)
        self._unit = text.upper()[0]


class SimulatedRigolMultimeter(SimulatedMultimeter):
    """The same in Rigol's dialect: error codes without a sign."""

    DIALECT = scpi_multimeter.RIGOL
