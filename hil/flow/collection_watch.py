"""What neither pump nor air can have done to a collection: then the bench is at fault, and no flow follows.

A balance that is switched off and on, tared, or touched shows another mass from one weighing to the next; a bath that
stops cools. Without this such a day ends as a failure of the pump. Bounds are wide: what lies within them is judged by
the measurement itself.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from firmware_model.profile import PumpProfile
from hil.benches.bench_file import EnvironmentTable
from hil.benches.instrument_tables import BalanceTable
from hil.errors import BenchFault, InstrumentFault
from hil.flow.evaporation import evaporation_of

__all__ = ["MAX_BATH_DEVIATION_C", "CollectionWatch"]

MAX_BATH_DEVIATION_C = 1.0
"""Of two readings in a row from the first one: some 13 % of flow on R-11. A draught or an open lid is less, or over."""
_TOUCHED_G = 0.010
"""Draughts and people nearby do less to a balance that says that it is at rest."""
_MORE_VAPOUR_UG_PER_S = 1.0
_MOST_VAPOUR_UG_PER_S = 50.0
"""Of an open vessel: 10 cm2 of water in a dry room. Counts where the bench file does not say what evaporates."""
_SURE = 10.0
"""Standard uncertainties that no reading is off by."""


class Look(Protocol):
    """What is needed of a sample of a collection."""

    @property
    def time_ms(self) -> int:
        """Bench time of the weighing."""

    @property
    def mass_g(self) -> float:
        """Of the beaker."""

    @property
    def reference_g(self) -> float | None:
        """Of the vessel that only evaporates."""

    @property
    def bath_c(self) -> float:
        """The bath's own reading."""

    @property
    def stable(self) -> bool:
        """Whether the balances were at rest."""


class CollectionWatch:
    """Looks at the samples of one stretch as they come."""

    def __init__(
        self, profile: PumpProfile, room: EnvironmentTable, balance: BalanceTable, bath_trouble: Callable[[], str]
    ) -> None:
        """Know what the pump and the room of this bench can do at most, and ask the bath what is wrong with it."""
        self._bath_trouble = bath_trouble
        evaporation = evaporation_of(room)
        vapour_ug_per_s = evaporation.rate_ug_per_s + _SURE * evaporation.u_ug_per_s + _MORE_VAPOUR_UG_PER_S
        if room.evaporation == "reference-vessel":
            vapour_ug_per_s = _MOST_VAPOUR_UG_PER_S
        density_g_per_ml = profile.infusate.density_20c_kg_per_m3 / 1000
        backwards_g_per_s = profile.label_flow_ml_per_day * density_g_per_ml / 86_400
        self._fall_g_per_s = vapour_ug_per_s * 1e-6 + backwards_g_per_s
        self._capacity_ml, self._capacity_g = profile.capacity_ml, profile.capacity_ml * density_g_per_ml
        self._unsure_g = _TOUCHED_G + (_SURE * balance.u_repeatability_mg + 2 * balance.readability_mg) / 1000

    def check(self, samples: Sequence[Look]) -> None:
        """Look at the last of ``samples``. Raises BenchFault naming the instrument, its readings and what to look for.

        A balance is compared with its last reading at rest, the bath with its first.
        """
        self._check_bath(samples)
        last = samples[-1]
        before = next((each for each in reversed(samples[:-1]) if each.stable), None)
        if before is None or not last.stable:
            return
        passed_s = (last.time_ms - before.time_ms) / 1000
        change_g = last.mass_g - before.mass_g
        if change_g < -(self._unsure_g + self._fall_g_per_s * passed_s):
            raise BenchFault(_touched("balance", before.mass_g, last.mass_g, passed_s, "taken that out of the beaker"))
        if last.mass_g - samples[0].mass_g > self._capacity_g + self._unsure_g:
            raise BenchFault(
                f"balance: {last.mass_g:.5g} g, {samples[0].mass_g:.5g} g when the collection began: more than the "
                f"{self._capacity_ml:g} mL that the pump holds; was it switched off and on, or something put on it?"
            )
        if last.reference_g is None or before.reference_g is None:
            return
        vessel_g = last.reference_g - before.reference_g
        if not -(self._unsure_g + _MOST_VAPOUR_UG_PER_S * 1e-6 * passed_s) <= vessel_g <= self._unsure_g:
            raise BenchFault(
                _touched("reference_balance", before.reference_g, last.reference_g, passed_s, "done that to the vessel")
            )

    def _check_bath(self, samples: Sequence[Look]) -> None:
        first_c, late = samples[0].bath_c, samples[1:][-2:]
        if len(late) == 2 and all(abs(each.bath_c - first_c) > MAX_BATH_DEVIATION_C for each in late):
            trouble = self._bath_trouble()
            says = f"it says {trouble}" if trouble else "check its level, its heater and its external sensor"
            raise InstrumentFault(
                f"bath: at {late[-1].bath_c:.2f} C, {first_c:.2f} C when the collection began; {says}"
            )


def _touched(role: str, before_g: float, now_g: float, passed_s: float, what: str) -> str:
    return (
        f"{role}: {now_g:.5f} g, {before_g:.5f} g {passed_s / 60:.3g} min before: nothing on this bench can have "
        f"{what}; was the balance tared, switched off and on, or touched?"
    )
