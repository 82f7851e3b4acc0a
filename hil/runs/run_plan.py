"""What a run will do, worked out and checked before a port is touched or a folder made."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from firmware_model.config import first_problem
from firmware_model.faults.injection import parse_injection
from hil.benches.bench_file import LoadedBench, load_bench
from hil.benches.calibration import Calibration, accepted_reasons
from hil.benches.wiring import PortWiring, ReplayWiring, SimulatedWiring, Wiring
from hil.declaration import Parameters
from hil.errors import RecordingError, UsageError
from hil.links.wire_faults import parse_wire_faults
from hil.procedures import PROCEDURES, single_procedures
from hil.pump.pump_session import check_simulated_key, said_of
from hil.recording.reader import Recording
from hil.runs.kept_run import KeptRun
from hil.runs.new_limits import NewLimits, new_limits
from hil.runs.run_settings import RunSettings, Target
from hil.shipped import shipped
from hil.virtual_bench.bench_faults import KNOWN_FAULTS

__all__ = ["BENCH_ATTACHMENT", "RunPlan", "plan_run"]

BENCH_ATTACHMENT = "bench.json"
"""The bench file and the pump profile, as they were checked: a recording needs nothing beside it to be replayed."""

DEFAULT_SEED = 1
_OPTIONS = {
    "procedures": "a procedure",
    "injections": "--inject",
    "wire_faults": "--wire-fault",
    "parameters": "--set",
    "accept_overdue": "--accept-overdue",
}


@dataclass(frozen=True)
class RunPlan:
    """A run's choices with nothing left open."""

    target: Target
    bench: LoadedBench
    seed: int
    injections: tuple[str, ...]
    procedures: tuple[str, ...]
    """As the user names them."""
    targets: tuple[str, ...]
    """As pytest names them: files, or single tests of files."""
    recording: Recording | None
    command: str
    settings: RunSettings
    resumed: KeptRun | None = None
    """The run that this one goes on with."""
    wire_faults: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Choices of parameters as they were typed, by name."""
    recorded_parameters: Mapping[str, Parameters] = field(default_factory=dict)
    """Of a recording: the values that each procedure had, by its name."""
    accepted_overdue: Mapping[str, str] = field(default_factory=dict)
    """Reasons, by role."""

    new_limits: NewLimits = field(default_factory=dict)
    """To re-judge a recording by; nothing if its procedures judge it themselves."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The pytest files that hold the procedures."""
        return tuple(dict.fromkeys(Path(target.partition("::")[0]) for target in self.targets))

    @property
    def retries(self) -> int:
        """How often a group of procedures that did not pass is repeated."""
        return self.settings.retries

    def calibration(self) -> Calibration:
        """When the bench's instruments are due, and what was accepted."""
        return Calibration.of(self.bench.file.instruments, self.accepted_overdue)

    def today(self) -> date:
        """The bench's own date before it is opened: that of its world, of its recording, or of the wall."""
        if self.recording is not None:
            return datetime.fromtimestamp(self.recording.start_utc_ms / 1000, UTC).date()
        world = self.bench.file.world
        return datetime.now(UTC).date() if world is None else world.start_utc.astimezone(UTC).date()

    def wiring(self) -> Wiring:
        """The links and the clock of this run's target. Raises BenchFault if a served bench is not there."""
        if self.recording is not None:
            return ReplayWiring(self.recording)
        if self.target == "sim":
            return SimulatedWiring(self.bench, self.seed, self.injections, self.wire_faults)
        parts = [] if self.resumed is None else self.resumed.parts
        return PortWiring(self.bench, self.seed, self.injections, begun_on=parts[-1].served_by if parts else None)

    def markers(self) -> tuple[tuple[float, str], ...]:
        """When each fault begins, in hours of bench time, and how it was asked for."""
        parsed = [(parse_injection(text, KNOWN_FAULTS), text) for text in self.injections]
        return tuple((injection.at_ms / 3_600_000, text) for injection, text in parsed)

    def metadata(self) -> dict[str, str]:
        """What a recording says of its run: all that a replay needs, nothing that differs between equal runs."""
        wire_faults = {"wire_faults": json.dumps(self.wire_faults)} if self.wire_faults else {}
        return wire_faults | {
            "seed": str(self.seed),
            "inject": json.dumps(self.injections),
            "procedures": json.dumps(self.procedures),
            "session": said_of(self.bench.file.pump.session),
            **({"accepted_overdue": json.dumps(self.accepted_overdue)} if self.accepted_overdue else {}),
        }


def plan_run(settings: RunSettings) -> RunPlan:
    """The plan of what ``settings`` ask for.

    Raises ConfigurationError (a file, with line and key), UsageError (choices that do not fit together),
    RecordingError (a recording that is cut short or not of ours) or ValueError (a fault that does not exist).
    """
    _check_names(settings)
    if settings.resume is not None:
        return _plan_resumption(settings, settings.resume)
    if settings.target == "replay" and settings.recording is None:
        raise UsageError("--target replay needs --recording FILE")
    if settings.recording is not None:
        return _plan_replay(settings, settings.recording)
    if settings.limits or settings.limits_file is not None:
        raise UsageError("--limit and --limits re-judge a recording: they need --target replay --recording FILE")
    return _plan(settings, load_bench(settings.bench or shipped("benches/simulated.toml")))


def _plan(settings: RunSettings, bench: LoadedBench) -> RunPlan:
    target: Target = settings.target or ("sim" if bench.file.is_simulated() else "bench")
    _check_target(bench, target)
    for injection in settings.injections:
        parse_injection(injection, KNOWN_FAULTS)
    _check_wire_faults(settings.wire_faults, bench, target)
    names = settings.procedures or ("flow-accuracy",)
    seed = DEFAULT_SEED if settings.seed is None else settings.seed
    targets = tuple(_target_of(name) for name in names)
    if target == "sim":
        check_simulated_key(bench.file.pump.session, bench.key_file, seed)
    accepted = accepted_reasons(settings.accept_overdue, bench.file.instruments)
    command, chosen = settings.command(), _choices(settings.parameters)
    return RunPlan(
        target,
        bench,
        seed,
        settings.injections,
        names,
        targets,
        None,
        command,
        settings,
        wire_faults=settings.wire_faults,
        parameters=chosen,
        accepted_overdue=accepted,
    )


def _plan_resumption(settings: RunSettings, folder: Path) -> RunPlan:
    """The plan of the run in ``folder``, as it was made then: with the bench file as it was checked then."""
    for choice in fields(RunSettings):
        if choice.name != "resume" and getattr(settings, choice.name) != choice.default:
            name = _OPTIONS.get(choice.name, f"--{choice.name}")
            raise UsageError(f"{name} does not go with --resume: the run goes on as it was begun")
    kept = KeptRun.load(folder)
    kept.check_unfinished()
    if not kept.plan.command.startswith("pumprig "):
        raise UsageError(f"{folder}: was begun by pytest, which cannot go on with it; begin anew: {kept.plan.command}")
    kept.plan.check_files()
    begun = kept.plan.settings
    if begun.recording is not None:
        return replace(_plan_replay(begun, begun.recording), command=kept.plan.command, resumed=kept.from_the_start())
    return replace(_plan(begun, kept.plan.bench), command=kept.plan.command, resumed=kept)


def _plan_replay(settings: RunSettings, source: Path) -> RunPlan:
    if settings.target not in (None, "replay"):
        raise UsageError(f"--recording goes with --target replay, not {settings.target}")
    given = {"--bench": settings.bench, "--seed": settings.seed, "--inject": settings.injections or None}
    given["--wire-fault"] = settings.wire_faults or None
    given["--set"] = settings.parameters or None
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{option} does not go with a recording, which holds the bench, the seed, the faults and parameters"
            )
    path = source / "run.mcap" if source.is_dir() else source
    if not path.exists():
        raise UsageError(f"{path}: there is no such recording")
    if source.is_dir() and (source / "run-2.mcap").exists():
        raise UsageError(f"{source}: was resumed, so no recording of it is whole; what it found is in its manifest")
    recording = Recording.open(path)
    if int(recording.metadata.get("part", "1")) > 1:
        raise UsageError(f"{path}: is part {recording.metadata['part']} of a resumed run, and says nothing by itself")
    if not recording.complete:
        raise RecordingError(
            f"{path}: cut short at byte {recording.truncated_at}; a verdict needs the whole. "
            f"See what it holds with `pumprig info {shlex.quote(str(path))}`"
        )
    if BENCH_ATTACHMENT not in recording.attachments:
        raise UsageError(
            f"{path}: was not made by a run, and holds no bench; `pumprig replay` plays it to another program, "
            "or holds it against the model"
        )
    try:
        metadata = recording.metadata
        bench = LoadedBench.model_validate_json(recording.attachments[BENCH_ATTACHMENT])
        seed = int(metadata["seed"])
        injections = tuple(json.loads(metadata["inject"]))
        recorded = tuple(json.loads(metadata["procedures"]))
        wire_faults = tuple(json.loads(metadata.get("wire_faults", "[]")))
        parameters = json.loads(metadata.get("parameters", "{}"))
        accepted = json.loads(metadata.get("accepted_overdue", "{}"))
    except (KeyError, ValidationError, ValueError) as error:
        problem = first_problem(error) if isinstance(error, ValidationError) else error
        raise RecordingError(f"{path}: is no recording of a run of this version of pumprig: {problem}") from error
    names = settings.procedures or recorded
    accepted |= accepted_reasons(settings.accept_overdue, bench.file.instruments)
    targets, command = tuple(map(_target_of, names)), settings.command()
    return RunPlan(
        "replay",
        bench,
        seed,
        injections,
        names,
        targets,
        recording,
        command,
        settings,
        wire_faults=wire_faults,
        recorded_parameters=parameters,
        accepted_overdue=accepted,
        new_limits=new_limits(settings.limits_file, settings.limits),
    )


def _check_names(settings: RunSettings) -> None:
    """Raise UsageError for a path that no document of the run could name: plan, manifest and report are UTF-8."""
    for choice in fields(RunSettings):
        value = getattr(settings, choice.name)
        for text in map(str, value if isinstance(value, tuple) else (value,)):
            if not text.isascii() and text != text.encode("utf-8", "replace").decode("utf-8"):
                name = _OPTIONS.get(choice.name, f"--{choice.name}")
                said = text.encode("utf-8", "backslashreplace").decode("utf-8")
                raise UsageError(f"{name}: {said} is no text in UTF-8; give the file or folder another name")


def _check_wire_faults(faults: tuple[str, ...], bench: LoadedBench, target: Target) -> None:
    parse_wire_faults(faults, bench.file.links())
    if faults and target != "sim" and bench.file.serve is not None:
        serve = f"pumprig bench serve {shlex.quote(bench.path)} --wire-fault ..."
        raise UsageError(f"--wire-fault: the wires end at the served bench; use `{serve}`")
    if faults and target != "sim":
        raise UsageError("--wire-fault needs a simulated bench: real wires have faults of their own")


def _choices(texts: tuple[str, ...]) -> dict[str, str]:
    """Names and values of ``NAME=VALUE`` texts; what they mean is known when the procedures are."""
    choices: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise UsageError(f"--set {text}: write it like collection_h=48 or collection_h='2 days'")
        if name.strip() in choices:
            raise UsageError(f"--set {text}: {name.strip()} is set twice")
        choices[name.strip()] = value.strip()
    return choices


def _check_target(bench: LoadedBench, target: Target) -> None:
    simulated = [wire for wire, link in bench.file.links().items() if link.startswith("sim:")]
    if target == "sim" and bench.file.world is None:
        raise UsageError(f"{bench.path}: has no [world] table, so --target sim has nothing to simulate")
    if target == "bench" and simulated:
        raise UsageError(f"{bench.path}: {simulated[0]} has a simulated link; name a port, or run with --target sim")


def _target_of(name: str) -> str:
    """What pytest is given: a file of ours, one procedure of it, or a file of the user's."""
    if name in PROCEDURES:
        return str(PROCEDURES[name])
    path = Path(name)
    if path.suffix == ".py" and path.is_file():
        return str(path.resolve())
    if "::" in name or path.is_dir():
        raise UsageError(
            f"{name}: a procedure is named by its file; pytest itself takes folders and single tests: "
            f"pytest {shlex.quote(name)} --pumprig-bench FILE"
        )
    if path.suffix == ".py":
        raise UsageError(f"{name}: there is no such file")
    singles = single_procedures()
    if name in singles:
        return singles[name]
    close = get_close_matches(name, [*PROCEDURES, *singles], n=1)
    known = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(PROCEDURES))}, or a pytest file's path"
    raise UsageError(f"unknown procedure {name!r}; {known}")
