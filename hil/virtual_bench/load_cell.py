"""What is physics in a simulated balance, whatever it speaks: it wavers, drifts, quantises, and can be zeroed."""

from collections.abc import Callable
from decimal import Decimal

from firmware_model.electronics.noise import noise_share

__all__ = ["LoadCell"]

_NOISE_CHANNEL, _DRIFT_CHANNEL = 111, 112
_NOISE_PERIOD_MS = 100
_NOISE_G = 0.00004
_DRIFT_G = 0.0001
_DRIFT_PERIOD_MS = 86_400_000
_STABLE_WITHIN_G = 0.0005
_STABLE_OVER_MS = 1000
_READABILITY_G = Decimal("0.00001")


class LoadCell:
    """A cell of 120 g by 0.01 mg. Whatever is asked for is a closed form of time, but stability: that is of looks."""

    CAPACITY_G = 120.0

    def __init__(self, *, load_g: Callable[[int], float], seed: int) -> None:
        """Weigh ``load_g(now_ms)``, the conventional mass on the pan."""
        self._load_g = load_g
        self._seed = seed
        self._zero_g = 0.0
        self._tare_g = 0.0
        self._before = self._latest = (0, load_g(0))
        """When the load was looked at last, and the time before, and what it was."""

    def gross_g(self, now_ms: int) -> float:
        """Load above the zero."""
        return self._felt_g(now_ms) - self._zero_g

    def net_g(self, now_ms: int) -> Decimal:
        """Load above the tare, as displayed."""
        return self._rounded(self.gross_g(now_ms) - self._tare_g)

    def is_overloaded(self, now_ms: int) -> bool:
        """Whether there is more on the pan than it can weigh."""
        return self.gross_g(now_ms) > self.CAPACITY_G

    def zero(self, now_ms: int) -> None:
        """Take the load as zero, and forget the tare."""
        self._zero_g, self._tare_g = self._felt_g(now_ms), 0.0

    def tare(self, now_ms: int) -> Decimal:
        """Take the load as tare; gives it as displayed."""
        self._tare_g = self.gross_g(now_ms)
        return self._rounded(self._tare_g)

    def tare_g(self) -> Decimal:
        """The tare, as displayed."""
        return self._rounded(self._tare_g)

    def clear_tare(self) -> None:
        """Forget the tare."""
        self._tare_g = 0.0

    def is_stable(self, now_ms: int) -> bool:
        """Whether the load is what it was when it was last looked at before, if that was a moment ago."""
        load_g = self._load_g(now_ms)
        if now_ms > self._latest[0]:
            self._before, self._latest = self._latest, (now_ms, load_g)
        looked_ms, looked_g = self._before
        return now_ms - looked_ms > _STABLE_OVER_MS or abs(load_g - looked_g) <= _STABLE_WITHIN_G

    def _felt_g(self, now_ms: int) -> float:
        """Load with the noise of the moment and the drift of the day, straight between its corners at midnight."""
        noise = _NOISE_G * noise_share(self._seed, _NOISE_CHANNEL, now_ms // _NOISE_PERIOD_MS)
        day, part = divmod(now_ms, _DRIFT_PERIOD_MS)
        before, after = (noise_share(self._seed, _DRIFT_CHANNEL, corner) for corner in (day, day + 1))
        drift = _DRIFT_G * (before + (after - before) * part / _DRIFT_PERIOD_MS)
        return self._load_g(now_ms) + noise + drift

    @staticmethod
    def _rounded(mass_g: float) -> Decimal:
        return Decimal(mass_g).quantize(_READABILITY_G)
