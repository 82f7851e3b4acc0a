"""One pump through one scenario, in bench time.

All that is done to it is known beforehand and nobody waits for its answers, so it is done one thing after another.
Where actors answer each other, ``Simulation`` has them take turns.
"""

import contextlib
from collections.abc import Callable

from firmware_model.events import PumpEvent
from firmware_model.faults.table import FLOW_PATH_FAULTS, REFILL_FAULTS
from firmware_model.firmware.firmware import CommandRefused, Firmware
from firmware_model.physics.course import Course
from firmware_model.physics.interventions import Aspiration, BolusChange, FaultChange, Filling
from firmware_model.profile import PumpProfile
from firmware_model.pump import Pump
from firmware_model.scenario.curves import CurveRecorder
from firmware_model.scenario.expectation import judge
from firmware_model.scenario.result import MassBalance, ScenarioResult
from firmware_model.scenario.scenario import LoadedScenario, Scenario
from firmware_model.scenario.surroundings_course import surroundings_course
from firmware_model.scenario.timeline import Action, Aspirate, Bolus, Command, Fill, Inject, timeline
from firmware_model.scenario.transit import Transit

__all__ = ["ScenarioRun", "run_scenario"]

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_PART_MS = 40 * _DAY_MS
"""Worked out at once; shorter than the pump's own hourly history, so that nothing of it is lost to the curves."""
_FORESEEN_FAULTS = {**FLOW_PATH_FAULTS, **REFILL_FAULTS}


class ScenarioRun:
    """A pump on its way through a scenario, part by part: so that the length of the way costs no memory."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        seed: int,
        days: float,
        profile: PumpProfile,
        make_pump: Callable[..., Pump] = Pump,
        part_ms: int = _PART_MS,
        follows_drug: bool = True,
    ) -> None:
        """Put the pump at its beginning. Raises ValueError if the scenario does not suit the ``profile``.

        Longer parts are faster; who wants the firmware's hourly estimates of all of it keeps to the default.
        """
        self._part_ms = part_ms
        self._planned_ms = 0
        self._follows_drug = follows_drug
        self.end_ms = round(days * _DAY_MS)
        self._scenario = scenario
        self._seed = seed
        self._actions = [action for action in timeline(scenario) if action.at_ms <= self.end_ms]
        self._foreseen = self._done = 0
        drugs = (action.drug for action in self._actions if isinstance(action, Command) and action.verb == "drug")
        self._drugs = {drug: number for number, drug in enumerate(dict.fromkeys(drugs), start=1)}
        self.pump = make_pump(
            profile,
            seed=seed,
            serial_number="SIMULATED",
            start_utc_ms=scenario.start_utc_ms,
            surroundings=self._course(0),
            volume_ml=scenario.volume_ml,
        )
        self.transit = Transit(self.pump.plant, profile.catheter.dead_volume_ml)
        self.now_ms = 0
        """How far it is."""

    def run_part(self) -> list[PumpEvent]:
        """Go on for some weeks, or to the end; gives what was logged meanwhile."""
        self._plan()
        while self._done < len(self._actions) and self._actions[self._done].at_ms <= self._planned_ms:
            self._act(self._actions[self._done])
            self._done += 1
        self.now_ms = self._planned_ms
        self.pump.wake(self.now_ms)
        if self._follows_drug:
            self.transit.look(self.now_ms)
        return self.pump.take_events()

    def _plan(self) -> None:
        """Let the pump know what surrounds it, and what will be done to it, in the next part."""
        now_ms = self.now_ms
        self._planned_ms = min(self.end_ms, now_ms + self._part_ms)
        if now_ms:
            self.pump.set_surroundings(now_ms, self._course(now_ms))
        while self._foreseen < len(self._actions) and self._actions[self._foreseen].at_ms <= self._planned_ms:
            self._foresee(self._actions[self._foreseen])
            self._foreseen += 1
        self.pump.foreseen_ms = self._planned_ms

    def _course(self, from_ms: int) -> Course:
        first_h = from_ms // _HOUR_MS
        last_h = min(self.end_ms, from_ms + self._part_ms) // _HOUR_MS + 2
        return surroundings_course(self._scenario, self._seed, first_h, last_h)

    def _foresee(self, action: Action) -> None:
        """Announce what will happen to the flow path."""
        pump = self.pump
        match action:
            case Inject(at_ms=at_ms, fault=fault, value=value) if fault in _FORESEEN_FAULTS:
                pump.foresee(FaultChange(at_ms, fault, value))
            case Aspirate(at_ms=at_ms):
                pump.foresee(Aspiration(at_ms))
            case Fill(at_ms=at_ms, volume_nl=volume_nl, infusate_c=infusate_c):
                pump.foresee(Filling(at_ms, volume_nl, infusate_c))
            case Bolus(at_ms=at_ms, volume_nl=volume_nl, duration_ms=duration_ms):
                nl_per_ms = volume_nl / duration_ms
                kpa_ms_per_nl = pump.profile.catheter.resistance_kpa_min_per_ml * 0.06
                pump.foresee(BolusChange(at_ms, volume_nl, nl_per_ms * kpa_ms_per_nl))
                pump.foresee(BolusChange(at_ms + duration_ms, 0, 0.0))

    def _act(self, action: Action) -> None:
        """Have the electronics fail, and do what somebody does with the programmer."""
        match action:
            case Inject(at_ms=at_ms, fault=fault, value=value) if fault not in _FORESEEN_FAULTS:
                self.pump.inject(at_ms, fault, value)
            case Fill(at_ms=at_ms) if self._follows_drug:
                self.transit.filled(at_ms)
            case Command(at_ms=at_ms):
                with contextlib.suppress(CommandRefused):  # the firmware has logged it, if it was there at all
                    self._command(self.pump.command(at_ms), action)

    def _command(self, firmware: Firmware, command: Command) -> None:
        at_ms = command.at_ms
        match command.verb:
            case "begin-refill":
                firmware.begin_refill(at_ms)
            case "returned":
                volume_nl = command.volume_nl
                firmware.returned(
                    at_ms, self.pump.plant.condition(at_ms).returned_nl if volume_nl is None else volume_nl
                )
            case "filled":
                firmware.filled(at_ms, command.volume_nl or 0)
            case "drug":
                firmware.set_drug(at_ms, self._drugs[command.drug], command.concentration_ug_per_ml)
            case "complete-refill":
                firmware.complete_refill(at_ms)
            case "acknowledge":
                firmware.acknowledge(at_ms)
            case "set-clock":
                firmware.set_clock(at_ms, self._scenario.start_utc_ms + at_ms)
            case "self-test":
                firmware.test_self(at_ms)
            case _:
                self.pump.status(at_ms)


def run_scenario(
    loaded: LoadedScenario,
    *,
    seed: int,
    days: float,
    profile: PumpProfile,
    progress: Callable[[float], None] = lambda _: None,
) -> ScenarioResult:
    """What comes of a scenario. ``progress`` is told how much of it is done, from 0 to 1."""
    run = ScenarioRun(loaded.scenario, seed=seed, days=days, profile=profile)
    curves = CurveRecorder(run.pump, run.end_ms)
    events: list[PumpEvent] = []
    while run.now_ms < run.end_ms:
        begin_ms = run.now_ms
        events += run.run_part()
        curves.record(begin_ms, run.now_ms)
        progress(run.now_ms / run.end_ms)
    scenario, alarms = loaded.scenario, profile.alarms
    return ScenarioResult(
        title=scenario.title,
        model=profile.model,
        days=days,
        seed=seed,
        events=tuple(events),
        curves=curves.curves(),
        balance=_balance(run.pump, run.end_ms),
        expectations=judge(scenario.expect, scenario.expected, events),
        arrivals=tuple(run.transit.arrivals),
        label_flow_ml_per_day=profile.label_flow_ml_per_day,
        flow_low_percent=alarms.flow_low_percent,
        flow_high_percent=alarms.flow_high_percent,
    )


def _balance(pump: Pump, end_ms: int) -> MassBalance:
    condition = pump.plant.condition(end_ms)
    return MassBalance(
        initial_nl=condition.initial_nl,
        refilled_nl=condition.refilled_nl,
        reservoir_nl=pump.plant.volume_nl(end_ms),
        delivered_nl=pump.plant.delivered_nl(end_ms),
        leaked_nl=pump.plant.leaked_nl(end_ms),
        withdrawn_nl=condition.withdrawn_nl,
        bolused_nl=condition.bolused_nl,
    )
