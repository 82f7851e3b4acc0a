"""Measuring a flow at the conditions of the bench: settle, collect, weigh, compare with the pump model."""

from dataclasses import dataclass

import numpy as np

from hil.bench import Bench
from hil.conditions.settling import settle_bath, settle_pressure
from hil.flow.collection import Collection, collect
from hil.flow.delivery import gravimetry_of, reference_of
from hil.flow.gravimetry import GravimetricFlow, Gravimetry, ReferenceVessel, gravimetric_flow
from hil.flow.label_conditions import Controlled, LabelConversion, to_label_conditions
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.instruments.pressure_controller import PressureController
from hil.procedure import Procedure

__all__ = ["BATH_TOLERANCE_C", "INTERVAL_MIN", "FlowMeasurement", "MeasuredFlow"]

BATH_TOLERANCE_C = 0.1
INTERVAL_MIN = 15.0
"""Between two weighings, in the form of IEC 60601-2-24, for pumps as slow as this."""


@dataclass(frozen=True)
class MeasuredFlow:
    """One flow, as it was collected and as it would be at label conditions."""

    collection: Collection
    setup: Gravimetry
    """What its weighings mean."""
    to_label: LabelConversion
    raw: GravimetricFlow
    """As collected. Its uncertainty is that of the collecting: conditions do not count in it."""
    at_label: GravimetricFlow
    """Converted to label conditions, with the uncertainty of those on the bench."""

    @property
    def factor(self) -> float:
        """What converts a flow at these conditions to label conditions, by the pump model."""
        return self.to_label.factor

    @property
    def hours(self) -> float:
        """How long was collected."""
        return (self.collection.samples[-1].time_ms - self.collection.samples[0].time_ms) / 3_600_000


class FlowMeasurement:
    """A pump in its bath over a beaker; in a chamber and behind an outlet's controller, where a procedure wants them.

    Pressures are read with every weighing and at both ends; their mean counts.
    """

    def __init__(self, bench: Bench, balance: Balance, bath: Bath, procedure: Procedure) -> None:
        """Measure on ``bench``. Raises UsageError if its file is of conditions that the pump model does not know."""
        self._bench, self._balance, self._bath, self._procedure = bench, balance, bath, procedure
        self._pressures: dict[str, tuple[PressureController, list[float]]] = {}

    def settle(self, bath_c: float) -> None:
        """Bring bath and pump to ``bath_c``, until both hold still. Raises InstrumentFault if they do not."""
        settle_bath(self._bench, self._bath, bath_c, BATH_TOLERANCE_C, self._procedure.progressed)

    def press(self, role: str, controller: PressureController, pressure_kpa: float) -> None:
        """Have the controller that plays ``role`` bring its pressure to ``pressure_kpa``; it counts from now on."""
        table = self._bench.ambient_pressure_table if role == "ambient_pressure" else self._bench.outlet_pressure_table
        settle_pressure(
            self._bench,
            controller,
            pressure_kpa,
            slew_kpa_per_s=table.slew_kpa_per_s,
            role=role,
            progress=self._procedure.progressed,
        )
        self._pressures[role] = (controller, [])

    def conversion(self, bath_c: float) -> LabelConversion:
        """To label conditions, from those on the bench with its bath at ``bath_c``."""
        return to_label_conditions(
            self._bench.loaded.profile,
            self._bench.loaded.file.environment,
            bath_c=bath_c,
            u_bath_c=self._bench.bath_table.u_temperature_c,
            volume_ml=self._bench.pump.read_status().volume_nl / 1e6,
            chamber=self._controlled("ambient_pressure"),
            outlet=self._controlled("outlet_pressure"),
        )

    @property
    def instruments(self) -> tuple[str, ...]:
        """Roles that a flow rests on."""
        weighed = ("reference_balance",) if self._reference_balance() is not None else ()
        return ("balance", "bath", *weighed, *self._pressures)

    def collect(
        self,
        hours: float,
        interval_min: float = INTERVAL_MIN,
        *,
        resumable: bool = False,
        stretch_h: float = 0.0,
        ends_count: bool = True,
    ) -> MeasuredFlow:
        """The flow over ``hours`` from now on, from weighings every ``interval_min``.

        A procedure's only collection may be ``resumable``: it is kept sample by sample, and goes on after a kill, until
        one of its stretches has lasted ``stretch_h``. A collection whose ``ends_count`` for nothing is one for a curve.
        """
        for _, readings in self._pressures.values():
            readings.clear()
        self._read_pressures()
        collection = collect(
            self._bench,
            self._balance,
            self._bath,
            hours=hours,
            interval_min=interval_min,
            progress=self._sampled,
            stretch_h=stretch_h,
            reference=self._reference_balance(),
            procedure=self._procedure if resumable else None,
            ends_count=ends_count,
        )
        return self.measured(collection)

    def measured(self, collection: Collection) -> MeasuredFlow:
        """What a collection under the present pressures says of the flow."""
        first, last = collection.samples[0], collection.samples[-1]
        to_label = self.conversion(float(np.mean([sample.bath_c for sample in collection.samples])))
        loaded = self._bench.loaded
        setup = collection.weighed(gravimetry_of(loaded.profile, self._bench.balance_table, loaded.file.environment))
        weighed, vessel = (last.mass_g - first.mass_g, last.time_ms - first.time_ms), self._vessel(collection)
        return MeasuredFlow(
            collection,
            setup,
            to_label,
            raw=gravimetric_flow(*weighed, setup, conversion=1.0, conditions=(), reference=vessel),
            at_label=gravimetric_flow(
                *weighed, setup, conversion=to_label.factor, conditions=to_label.conditions, reference=vessel
            ),
        )

    def _reference_balance(self) -> Balance | None:
        """The balance that shows what evaporates, if that is how this bench knows it."""
        is_weighed = self._bench.loaded.file.environment.evaporation == "reference-vessel"
        return self._bench.reference_balance if is_weighed else None

    def _vessel(self, collection: Collection) -> ReferenceVessel | None:
        """What the reference vessel lost meanwhile; None if evaporation is known in another way."""
        file, first, last = self._bench.loaded.file, collection.samples[0], collection.samples[-1]
        table = file.instruments.reference_balance
        if table is None or first.reference_g is None or last.reference_g is None:
            return None
        return collection.weighed_beside(reference_of(last.reference_g - first.reference_g, table, file.environment))

    def _sampled(self, activity: str, fraction: float) -> None:
        self._read_pressures()
        self._procedure.progressed(activity, fraction)

    def _read_pressures(self) -> None:
        for controller, readings in self._pressures.values():
            readings.append(controller.pressure_kpa())

    def _controlled(self, role: str) -> Controlled | None:
        if role not in self._pressures:
            return None
        controller, readings = self._pressures[role]
        table = self._bench.ambient_pressure_table if role == "ambient_pressure" else self._bench.outlet_pressure_table
        mean_kpa = float(np.mean(readings)) if readings else controller.pressure_kpa()
        return Controlled(mean_kpa, table.u_pressure_kpa)
