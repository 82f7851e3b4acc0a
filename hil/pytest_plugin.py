"""pytest fixtures and hooks of the rig: a procedure is a pytest test that asks for ``bench``, ``pump`` and ``measure``.

Loaded by every pytest in which pumprig is installed; it stays out of the way of tests that ask for none of this.
"""

import shlex
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # every pytest of the user's imports this module: nothing heavy before a fixture is asked for
    from hil.bench import Bench
    from hil.fleet.fleet_run import FleetOutcome
    from hil.instruments.balance import Balance
    from hil.instruments.bath import Bath
    from hil.instruments.multimeter import Multimeter
    from hil.instruments.operator import Operator
    from hil.instruments.pressure_controller import PressureController
    from hil.instruments.supply import Supply
    from hil.procedure import Procedure
    from hil.pump.programmer import Programmer
    from hil.runs.run import Run
    from hil.runs.run_plan import RunPlan
    from hil.runs.run_result import RunResult

__all__ = ["ATTEMPT_KEY", "DECLARATION_KEY", "REFUSE_KEY", "RUN_KEY", "VALUES_KEY", "page_of"]

RUN_KEY = pytest.StashKey["Run"]()
REFUSE_KEY = pytest.StashKey[Callable[[str, str], None]]()
"""Who is told of procedures that make no sense; nobody under plain pytest, which is told by an error."""
DECLARATION_KEY = pytest.StashKey[Any]()
"""What its marker declares (a Declaration)."""
VALUES_KEY = pytest.StashKey[Mapping[str, float]]()
OWN_RUN_KEY = pytest.StashKey[bool]()
RESULT_KEY = pytest.StashKey["RunResult"]()
PROCEDURE_KEY = pytest.StashKey["Procedure"]()
ATTEMPT_KEY = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the choices of ``pumprig run`` to plain pytest."""
    group = parser.getgroup("pumprig", "hardware-in-the-loop procedures")
    group.addoption("--pumprig-bench", metavar="FILE", help="bench file (default: the simulated bench)")
    group.addoption("--pumprig-target", choices=("sim", "bench", "replay"), help="what stands behind the bench")
    group.addoption("--pumprig-recording", metavar="FILE", help="recording to replay")
    group.addoption("--pumprig-seed", type=int, metavar="N", help="seed of everything random on a simulated bench")
    group.addoption("--pumprig-inject", action="append", default=[], metavar="FAULT@TIME", help="fault to simulate")
    group.addoption("--pumprig-wire-fault", action="append", default=[], metavar="SPEC", help="fault of a wire")
    group.addoption("--pumprig-set", action="append", default=[], metavar="NAME=VALUE", help="procedure parameter")
    group.addoption(
        "--pumprig-accept-overdue", action="append", default=[], metavar="ROLE=REASON", help="accept a calibration date"
    )
    group.addoption("--pumprig-out", metavar="DIR", default="runs", help="where run folders go (default: runs)")


def pytest_configure(config: pytest.Config) -> None:
    """Make the procedure marker known."""
    config.addinivalue_line("markers", "any_pump: expects faulty pumps: when it fails, the rest is run all the same")
    config.addinivalue_line(
        "markers",
        "procedure(name, measurements=(), requirements=(), limits={}, parameters=(), duration_h=None, group=None): a "
        "test of a pump; each named measurement must be taken for it to pass; those of one group are repeated together",
    )
    config.addinivalue_line(
        "markers",
        "fleet(population, pumps=1000, days=365, seed=1, jobs=None, scheduler=None, audit=0, wire=0): "
        "the fleet of simulated pumps that the fixture of that name runs",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse procedures whose markers, units or limits make no sense: then nothing at all is run."""
    procedures = [item for item in items if RUN_KEY in config.stash or _asks_for_a_bench(item)]
    if not procedures:
        return
    from hil.runs.collected import declare

    problems = declare(procedures)
    if not problems:
        return
    items.clear()  # pytest goes on to finish its collection, whatever is raised here
    refuse = config.stash.get(REFUSE_KEY, None)
    if refuse is None:
        raise pytest.UsageError("\n".join(f"{name}: {problem}" for name, problem in problems))
    for name, problem in problems:
        refuse(name, problem)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin a run if procedures were collected and ``pumprig run`` has not begun one already."""
    config = session.config
    if config.option.collectonly:
        return
    is_own = RUN_KEY not in config.stash
    procedures = [item for item in session.items if not is_own or _asks_for_a_bench(item)]
    nothing_will_run = session.testsfailed and not config.option.continue_on_collection_errors
    if is_own and (not procedures or nothing_will_run):
        return
    plan = _plan_from_options(config, procedures) if is_own else config.stash[RUN_KEY].plan
    declared = [item for item in session.items if DECLARATION_KEY in item.stash]
    if declared:
        from hil.runs.collected import choose_parameters

        problems = choose_parameters(declared, plan)
        if problems:
            raise pytest.UsageError("\n".join(f"{where}: {problem}" for where, problem in problems))
    if is_own:
        config.stash[RUN_KEY] = _own_run(plan)
        config.stash[OWN_RUN_KEY] = True
    config.stash[RUN_KEY].any_pump = all(item.get_closest_marker("any_pump") for item in session.items)
    chosen = {item.stash[DECLARATION_KEY].name: item.stash[VALUES_KEY] for item in declared}
    config.stash[RUN_KEY].parameters = {name: values for name, values in chosen.items() if values}


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the run folder of a run that this session began."""
    if OWN_RUN_KEY in session.config.stash:
        run = session.config.stash[RUN_KEY]
        run.interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        session.config.stash[RESULT_KEY] = run.finish()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what the run came to by its own measure, and where it is."""
    result: RunResult | None = config.stash.get(RESULT_KEY, None)
    if result is not None:
        terminalreporter.section("pumprig")
        terminalreporter.write_line(f"verdict    {result.verdict}")
        terminalreporter.write_line(f"report     {result.folder / 'report.html'}")


@pytest.fixture(scope="session")
def bench(pytestconfig: pytest.Config) -> "Bench":
    """The bench: pump, instruments and their time."""
    return pytestconfig.stash[RUN_KEY].open_bench()


@pytest.fixture
def pump(bench: "Bench") -> "Programmer":
    """The pump under test, as a programmer sees it."""
    return bench.pump


def _or_skip(role: str, instrument: Any) -> Any:
    return instrument if instrument is not None else pytest.skip(f"the bench file has no [instruments.{role}]")


# Each fixture skips the procedure if the bench lacks the instrument.


@pytest.fixture
def balance(bench: "Bench") -> "Balance":
    """The balance under the beaker."""
    found: Balance = _or_skip("balance", bench.balance)
    return found


@pytest.fixture
def reference_balance(bench: "Bench") -> "Balance":
    """The balance under the vessel that shows what evaporates."""
    found: Balance = _or_skip("reference_balance", bench.reference_balance)
    return found


@pytest.fixture
def bath(bench: "Bench") -> "Bath":
    """The water bath around the pump."""
    found: Bath = _or_skip("bath", bench.bath)
    return found


@pytest.fixture
def ambient_pressure(bench: "Bench") -> "PressureController":
    """The controller of the chamber around pump and outlet, absolute."""
    found: PressureController = _or_skip("ambient_pressure", bench.ambient_pressure)
    return found


@pytest.fixture
def outlet_pressure(bench: "Bench") -> "PressureController":
    """The controller of the pressure on top of the outlet's static head, gauge."""
    found: PressureController = _or_skip("outlet_pressure", bench.outlet_pressure)
    return found


@pytest.fixture
def multimeter(bench: "Bench") -> "Multimeter":
    """The multimeter in the pump's supply line."""
    found: Multimeter = _or_skip("multimeter", bench.multimeter)
    return found


@pytest.fixture
def supply(bench: "Bench") -> "Supply":
    """The supply of the pump's electronics."""
    found: Supply = _or_skip("supply", bench.supply)
    return found


@pytest.fixture
def operator(bench: "Bench") -> "Operator":
    """The person at the bench."""
    found: Operator = _or_skip("operator", bench.operator)
    return found


@pytest.fixture
def procedure(request: pytest.FixtureRequest) -> "Procedure":
    """What this procedure found out: measurements, figures, and how far it has come."""
    found: Procedure = request.node.stash[PROCEDURE_KEY]
    return found


@pytest.fixture
def parameters(procedure: "Procedure") -> Any:
    """What the procedure's parameters are in this run, by name, each a number in its declared unit."""
    return procedure.parameters


@pytest.fixture
def measure(procedure: "Procedure") -> Any:
    """Take a measurement: ``measure(name, value, unit, expanded_uncertainty=..., lower=..., upper=...)``."""
    return procedure.measure


@pytest.fixture
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> "FleetOutcome":
    """The fleet that the test's marker asks for, finished; its folder is under ``tmp_path``."""
    from hil.fleet.pytest_fleet import fleet_of

    return fleet_of(request.node.get_closest_marker("fleet"), request.path.parent, tmp_path / "fleet")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give each procedure its own page in the run."""
    ran_by_us = RUN_KEY in item.config.stash and OWN_RUN_KEY not in item.config.stash
    if not (ran_by_us or _asks_for_a_bench(item)):
        return (yield)
    run = item.config.stash[RUN_KEY]
    attempt = item.stash.get(ATTEMPT_KEY, 1)
    item.stash[PROCEDURE_KEY] = page_of(item, run, attempt)
    run.begin(item.stash[PROCEDURE_KEY])
    try:
        return (yield)
    finally:
        run.end(item.stash[PROCEDURE_KEY])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Turn what was measured into the test's outcome: limits missed, straddled or never measured fail it.

    Behind what pytest makes of it: a ``pytest.xfail()`` within a procedure is a failure here as in the verdict.
    """
    report = yield
    procedure = item.stash.get(PROCEDURE_KEY, None)
    if procedure is None:
        return report
    problem = None
    if call.excinfo is None:
        problem = procedure.conclude() if call.when == "call" else None
    elif call.excinfo.errisinstance(pytest.skip.Exception):
        problem = procedure.skipped(str(call.excinfo.value))
    else:
        last = call.excinfo.traceback[-1]
        procedure.broke(call.excinfo.value, where=f"{last.path}:{last.lineno + 1}")
        if hasattr(report, "wasxfail"):
            del report.wasxfail
            problem = procedure.problem
    if call.when == "call":
        item.user_properties += [("re-judged", str(each)) for each in procedure.measurements if each.before]
    if problem is not None:
        report.outcome = "failed"
        report.longrepr = problem
    return report


def page_of(item: pytest.Item, run: "Run", attempt: int) -> "Procedure":
    """The page of an attempt at a procedure: the one it has, or a new one."""
    from hil.procedure import Procedure

    page = item.stash.get(PROCEDURE_KEY, None)
    if page is not None and page.attempt == attempt:
        return page
    marker = item.get_closest_marker("procedure")
    page = Procedure.of(item.stash[DECLARATION_KEY].name, marker.kwargs if marker else None, run.observer)
    page.item, page.attempt = item.nodeid, attempt
    page.parameters = item.stash.get(VALUES_KEY, {})
    page.instruments = tuple(role for role in run.roles() if role in getattr(item, "fixturenames", ()))
    return page


def _asks_for_a_bench(item: pytest.Item) -> bool:
    """Whether a test is a procedure: by its marker, or by a fixture of ours (not another one of the same name)."""
    if item.get_closest_marker("procedure") is not None:
        return True
    fixtures: dict[str, Any] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return any(name in fixtures and fixtures[name][-1].func.__module__ == __name__ for name in ("bench", "procedure"))


def _plan_from_options(config: pytest.Config, procedures: Sequence[pytest.Item]) -> "RunPlan":
    """What this session runs. Only pytest itself can repeat it: it alone knows what was selected."""
    from hil.runs.run_plan import plan_run
    from hil.runs.run_settings import RunSettings

    def path(option: str) -> Path | None:
        value = config.getoption(option)
        return None if value is None else Path(value)

    here = Path.cwd()
    files = dict.fromkeys(item.path for item in procedures)
    settings = RunSettings(
        procedures=tuple(str(file.relative_to(here) if file.is_relative_to(here) else file) for file in files),
        bench=path("--pumprig-bench"),
        target=config.getoption("--pumprig-target"),
        recording=path("--pumprig-recording"),
        seed=config.getoption("--pumprig-seed"),
        injections=tuple(config.getoption("--pumprig-inject")),
        wire_faults=tuple(config.getoption("--pumprig-wire-fault")),
        out=Path(config.getoption("--pumprig-out")),
        parameters=tuple(config.getoption("--pumprig-set")),
        accept_overdue=tuple(config.getoption("--pumprig-accept-overdue")),
    )
    with _as_usage_errors():
        return replace(plan_run(settings), command=shlex.join(["pytest", *config.invocation_params.args]))


def _own_run(plan: "RunPlan") -> "Run":
    from hil.runs.observer import Silent
    from hil.runs.run import Run

    with _as_usage_errors():
        return Run(plan, plan.settings.out, Silent())


@contextmanager
def _as_usage_errors() -> Iterator[None]:
    """What plain pytest tells in one line."""
    from firmware_model.errors import ModelError
    from hil.errors import RigError

    try:
        yield
    except (RigError, ModelError, ValueError) as error:
        raise pytest.UsageError(str(error)) from error
