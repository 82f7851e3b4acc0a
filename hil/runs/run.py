"""One execution of procedures on a bench: opens it, keeps what was found, writes the run folder.

::

    plan.json, then journal.jsonl line by line, run.mcap record by record ... then the documents, and manifest.json last
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from shlex import quote

from hil.bench import Bench, open_bench
from hil.benches.bench_state import BenchState
from hil.benches.safe_state import SafeStep
from hil.benches.supervisor import Supervisor
from hil.benches.wiring import PortWiring, Wiring, check_served
from hil.clock import WallClock
from hil.declaration import Parameters
from hil.errors import BenchFault, RecordingError, RigError
from hil.measurement import Outcome, verdict
from hil.procedure import EXIT_BENCH_FAULT, Procedure
from hil.pump.programmer import PumpFault
from hil.pump.pump_state import failed_state
from hil.recording.layout import RATE_KEY
from hil.recording.reader import Recording
from hil.recording.writer import RecordingWriter
from hil.runs.kept_run import PLAN, KeptPlan, Part
from hil.runs.observer import Observer
from hil.runs.run_folder import UNIDENTIFIED, RunFolder
from hil.runs.run_keeper import RunKeeper
from hil.runs.run_plan import BENCH_ATTACHMENT, RunPlan
from hil.runs.run_result import RunResult, devices_of
from hil.runs.watched_clock import WatchedClock

__all__ = ["EXIT_INTERRUPTED", "EXIT_NOTHING_RAN", "Run"]

EXIT_NOTHING_RAN = 5
EXIT_INTERRUPTED = 130
_EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 4}


class Run:
    """A run while it goes on: one folder, one recording, one page for each procedure."""

    def __init__(self, plan: RunPlan, out: Path, observer: Observer) -> None:
        """Hold the bench, then make the run folder under ``out`` or take up the one that is resumed.

        No port is touched yet. Raises BenchFault, with nothing made or changed, if the bench is in use, was not left in
        its safe state, or is a served one that is not there.
        """
        self.plan = plan
        self.observer = observer
        self.procedures: list[Procedure] = []
        self.bench: Bench | None = None
        self.any_pump = False
        """Whether all procedures expect a pump that may keep to no rule."""
        self.interrupted = False
        self.quarantine: str | None = None
        """Why nothing more is run."""
        self._quarantine_ends_with_the_run = False
        """Whether only the way to the pump failed: when that is mended, a resumed run looks at the pump itself."""
        self.calibration = plan.calibration()
        self.parameters: dict[str, Parameters] = {}
        """What the procedures' parameters are in this run, by procedure."""
        self.started = datetime.now(UTC)
        self._bench_state = BenchState(plan.bench) if plan.target == "bench" else None
        self._supervisor: Supervisor | None = None
        self.safe_state: list[SafeStep] = []
        """How the bench was left, as read back; nothing if it needs no safe state."""
        with ExitStack() as begun:
            if self._bench_state is not None:
                begun.enter_context(self._bench_state.held("a run that is about to begin"))
                self._bench_state.refuse_if_not_safe()
                self._bench_state.refuse_if_locked()
                check_served(plan.bench, plan.seed)
            self.folder = self._new_folder(out) if plan.resumed is None else RunFolder.reopen(plan.resumed.path)
            self.keeper = RunKeeper(self.folder.path, plan.resumed)
            if plan.resumed is not None:
                plan.resumed.check_unfinished()  # again, now that nobody else can finish it
                self.folder.keep_old()
                self.quarantine = plan.resumed.quarantined
                self.started = datetime.fromisoformat(plan.resumed.plan.started_utc)
                self.folder.audit("run resumed", why=f"pumprig run --resume {quote(str(self.folder.path))}")
            if self._bench_state is not None:
                self._bench_state.hold_for(str(self.folder.path.resolve()))
            self._let_go = begun.pop_all()
        self._cleanup = ExitStack()
        self._cleanup.push(self._let_go)

    def _new_folder(self, out: Path) -> RunFolder:
        """A folder that holds the plan before anything else happens."""
        plan = self.plan
        folder = RunFolder.create(
            out,
            procedure=plan.procedures[0] if len(plan.procedures) == 1 else "suite",
            serial_number=plan.bench.file.pump.serial_number or UNIDENTIFIED,
            started=self.started,
        )
        started_utc = self.started.isoformat(timespec="milliseconds")
        kept = KeptPlan.of(plan.settings, plan.bench, plan.files, command=plan.command, started_utc=started_utc)
        folder.write(PLAN, kept.model_dump_json(indent=1).encode() + b"\n")
        folder.audit("run started", why=plan.command)
        for role, reason in plan.accepted_overdue.items():
            folder.audit("overdue calibration accepted", why=f"{role}: {reason}")
        for name, (lower, upper) in plan.new_limits.items():
            said = f"{name}: {'none' if lower is None else lower} to {'none' if upper is None else upper}"
            folder.audit("re-judged by new limits", why=said)
        return folder

    def open_bench(self) -> Bench:
        """The bench, opened when the first procedure asks for it. Raises BenchFault naming the port or device."""
        if self.bench is None:
            if self._bench_state is not None:
                run = str(self.folder.path.resolve())
                self._supervisor = Supervisor.for_bench(self.plan.bench, self._bench_state, run)
                self._cleanup.callback(self._leave_safe)
            wiring = self.plan.wiring()
            self._cleanup.callback(wiring.close)
            if isinstance(wiring, PortWiring):
                wiring.asking = self.observer.asking
            part = self._next_part(wiring)
            several = {} if part.part == 1 else {"part": str(part.part), "began_ms": str(part.began_ms)}
            rate = wiring.clock.rate if isinstance(wiring.clock, WallClock) else 1.0
            faster = {} if rate == 1 else {RATE_KEY: str(rate)}
            writer = RecordingWriter(
                self.folder.path / part.recording,
                start_utc_ms=wiring.clock.start_utc_ms,
                metadata=self.plan.metadata() | {"parameters": json.dumps(self.parameters)} | several | faster,
                attachments={BENCH_ATTACHMENT: self.plan.bench.model_dump_json(indent=2).encode()},
                pump_wires=("pump",),
                wall_utc_ns=WallClock.utc_ns if isinstance(wiring.clock, WallClock) else None,
            )
            self._cleanup.callback(writer.close)
            self._cleanup.callback(self._let_go.close)
            self._cleanup.callback(self._leave_safe)  # when the links are closed, and before a recording is rewritten
            self.keeper.take_up(part)
            loaded, watched = self.plan.bench, self._watched(wiring)
            self.bench = open_bench(
                loaded,
                watched,
                writer,
                self._cleanup,
                seed=self.plan.seed,
                began_ms=part.began_ms,
                any_pump=self.any_pump,
            )
            self.keeper.identified(devices_of(self.bench))
        return self.bench

    def today(self) -> date:
        """The bench's own date."""
        if self.bench is None:
            return self.plan.today()
        return datetime.fromtimestamp(self.bench.utc_ms() / 1000, UTC).date()

    def roles(self) -> tuple[str, ...]:
        """What a procedure can ask for beside the pump, by the names of the fixtures."""
        return tuple(type(self.plan.bench.file.instruments).model_fields)

    def _next_part(self, wiring: Wiring) -> Part:
        """This process's share of the run. On a bench that lives on, bench time goes on from the wall clock."""
        clock, before = wiring.clock, self.keeper.parts
        lives_on = isinstance(wiring, PortWiring) and wiring.lives_on
        goes_on = isinstance(wiring, PortWiring) and wiring.is_as_left
        if goes_on and isinstance(clock, WallClock):
            clock.go_on(before[0].start_utc_ms, max(self._last_ms(part) for part in before))
        number, recording = self.folder.next_recording()
        return Part(
            part=number,
            utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
            recording=recording,
            start_utc_ms=clock.start_utc_ms,
            began_ms=clock.now_ms() if goes_on else 0,
            world=("went on" if goes_on else "began anew") if before else "first",
            lives_on=lives_on,
            served_by=wiring.served_by if isinstance(wiring, PortWiring) else "",
            pumprig=version("pumprig"),
        )

    def _last_ms(self, part: Part) -> int:
        """Bench time of the last record of a part."""
        try:
            records = Recording.open(self.folder.path / part.recording).records
        except RecordingError:
            return part.began_ms
        return max((record.time_ms for record in records), default=part.began_ms)

    def begin(self, procedure: Procedure) -> None:
        """Open a page for ``procedure``."""
        procedure.calibration, procedure.today = self.calibration, self.today
        procedure.new_limits = self.plan.new_limits
        self.procedures.append(procedure)
        procedure.keeper = self.keeper
        self.keeper.begun(procedure)
        self.observer.procedure_started(procedure.name)

    def end(self, procedure: Procedure) -> None:
        """Close the page of ``procedure``."""
        if procedure.outcome is None:
            procedure.broke(KeyboardInterrupt(), where="")
        procedure.unfinished = self._is_for_a_resumption(procedure)
        self.keeper.ended(procedure)
        self.observer.procedure_finished(procedure.name, procedure.said)

    def _is_for_a_resumption(self, procedure: Procedure) -> bool:
        """Whether its last attempt failed by the bench or the disk, not by the pump, in a way that can be mended.

        A bench that lives on can: a cable is plugged in again. One that is simulated in this process fails again.
        """
        error = procedure.error
        if self.plan.target == "replay" or procedure.attempt <= self.plan.retries or not isinstance(error, BenchFault):
            return False
        if isinstance(error, PumpFault) and self.bench is not None:
            return False
        return isinstance(error, RecordingError) or self.keeper.bench_lives_on

    def restore(self, procedure: Procedure) -> None:
        """Take over the page of a procedure that had ended before the run was interrupted."""
        self.procedures.append(procedure)

    def isolate(self, procedure: Procedure) -> None:
        """Skip ``procedure``: the pump had failed before it."""
        procedure.quarantined = True
        procedure.skipped(f"quarantined: {self.quarantine}")
        procedure.unfinished = self._quarantine_ends_with_the_run
        self.procedures.append(procedure)
        self.keeper.ended(procedure)
        self.observer.procedure_finished(procedure.name, procedure.said)

    def examine(self, procedure: Procedure, *, any_pump: bool) -> None:
        """Look whether the pump is still what it was, after ``procedure`` failed; if not, nothing more is run.

        One that is for ``any_pump`` expects nothing of it; but a recording that failed or differs ends every run.
        """
        if self.quarantine is None and procedure.outcome in (Outcome.FAIL, Outcome.ERROR):
            is_examined = not any_pump or isinstance(procedure.error, RecordingError)
            failed = failed_state(self.bench, procedure.error) if is_examined else None
            if failed is not None:
                self.quarantine = f"after {procedure.name}: {failed.reason}"
                self._quarantine_ends_with_the_run = procedure.unfinished and failed.is_unseen
                if not self._quarantine_ends_with_the_run:
                    self.keeper.quarantined(self.quarantine)
                self.folder.audit("quarantine", why=self.quarantine)

    def finish(self) -> RunResult:
        """Close the bench, write report and manifest, and say how it all ended."""
        from hil.runs.run_documents import write_documents  # noqa: PLC0415 - bokeh and pyarrow are slow to import

        if self._supervisor is not None:
            self._supervisor.closing()
        try:
            self._cleanup.close()
        except RigError as error:
            if str(error) not in {page.problem for page in self.procedures}:  # a full disk says the same again
                self.procedures.append(Procedure.lost("closing the bench", str(error), self.observer))
        self.interrupted |= any(isinstance(page.error, KeyboardInterrupt) for page in self.procedures)
        self._account_for_limits()
        said, exit_code = self._judge()
        result = RunResult(
            plan=self.plan,
            verdict=said,
            exit_code=exit_code,
            folder=self.folder.path,
            procedures=tuple(self.procedures),
            started=self.started,
            finished=datetime.now(UTC),
            safe_state=tuple(self.safe_state),
            parameters=self.parameters,
            overdue=self.calibration.overdue(self.today()),
            interrupted=self.interrupted,
            quarantine=self.quarantine,
            devices=self.keeper.devices,
            parts=tuple(self.keeper.parts),
            repeated=tuple(self.keeper.repeated),
            went_on=tuple(self.keeper.went_on),
            bench_faults=tuple(self.keeper.bench_faults),
            wire_remarks=() if self.bench is None else self.bench.remarks(),
        )
        self.keeper.close()
        rejudged = ", re-judged by other limits" if self.plan.new_limits else ""
        try:
            self.folder.audit("run finished", why=f"verdict {said}{rejudged}")
            if serial_number := self.keeper.devices.get("pump", {}).get("serial number"):
                self.folder.name_pump(serial_number)
                result = replace(result, folder=self.folder.path)
            write_documents(self.folder, result)
        except RecordingError as error:
            raise RecordingError("; ".join([str(error), *self._what_now()])) from error
        return result

    def _what_now(self) -> Iterator[str]:
        """What must be said of a run whose end cannot be written down, for nothing else will say it."""
        unsafe = ", ".join(step.instrument for step in self.safe_state if step.problem)
        if unsafe:
            confirm = f"pumprig bench safe {quote(self.plan.bench.path)}"
            yield f"safe state not confirmed: {unsafe}; look at it, then {confirm}"
        if self.plan.command.startswith("pumprig "):  # pytest's own run is one that nothing can go on with
            go_on = f"pumprig run --resume {quote(str(self.folder.path))}"
            yield f"what was found is kept: once that can be written, {go_on}"

    def _account_for_limits(self) -> None:
        """A new limit that met no measurement would pass for one that was kept: it ends the run as an error."""
        measured = {each.name for page in self.procedures for each in page.measurements}
        missing = [name for name in self.plan.new_limits if name not in measured]
        if missing and not self.interrupted and not any(page.outcome is Outcome.ERROR for page in self.procedures):
            there = ", ".join(sorted(measured)) or "nothing"
            said = f"nothing called {', '.join(missing)} was measured; measured: {there}"
            self.procedures.append(Procedure.unreadable("re-judging", said, self.observer))

    def _leave_safe(self) -> None:
        """Once, when every link is closed; at the latest when nothing else could be opened."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        self.safe_state = supervisor.release()
        problems = [step.problem for step in self.safe_state if step.problem]
        if problems:
            said = f"not confirmed: {'; '.join(problems)}"
            self.procedures.append(Procedure.lost("safe state", said, self.observer))
        for step in self.safe_state:
            self.folder.audit("safe state", why=step.problem or f"{step.instrument} is {step.found}")

    def _watched(self, wiring: Wiring) -> Wiring:
        """The wiring, with a clock that tells the supervisor of every step of time."""
        if self._supervisor is not None:
            wiring.clock = WatchedClock(wiring.clock, self._supervisor.touch)
        return wiring

    def _judge(self) -> tuple[Outcome, int]:
        last = [page for page in self.procedures if not page.superseded]
        ran = [page for page in last if page.outcome is not Outcome.SKIPPED]
        if self.interrupted:
            return Outcome.ERROR, EXIT_INTERRUPTED
        if any(page.quarantined for page in last):
            return Outcome.ERROR, EXIT_BENCH_FAULT
        if not ran:
            return Outcome.ERROR, EXIT_NOTHING_RAN
        said = verdict(page.outcome or Outcome.ERROR for page in ran)
        if said is Outcome.PASS and any(page.attempt > 1 for page in ran):
            said = Outcome.INCONCLUSIVE  # it passes sometimes: whoever reads the verdict must look at all attempts
        if said in _EXIT_CODES:
            return said, _EXIT_CODES[said]
        return said, next(page.exit_code for page in ran if page.exit_code is not None)
