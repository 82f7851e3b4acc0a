"""pytest fixtures and hooks of the rig: a procedure is a pytest test that asks for ``bench``, ``pump`` and ``measure``.

Loaded by every pytest in which pumprig is installed; it stays out of the way of tests that ask for none of this.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # every pytest of the user's imports this module: nothing heavy before a fixture is asked for
    from hil.bench import Bench
    from hil.fleet.fleet_run import FleetOutcome
    from hil.instruments.balance_mt_sics import MtSicsBalance
    from hil.instruments.bath_julabo import JulaboBath
    from hil.procedure import Procedure
    from hil.programmer import Programmer
    from hil.run import Run

__all__ = ["RUN_KEY"]

RUN_KEY = pytest.StashKey["Run"]()
OWN_RUN_KEY = pytest.StashKey[bool]()
PROCEDURE_KEY = pytest.StashKey["Procedure"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the choices of ``pumprig run`` to plain pytest."""
    group = parser.getgroup("pumprig", "hardware-in-the-loop procedures")
    group.addoption("--pumprig-bench", metavar="FILE", help="bench file (default: the simulated bench)")
    group.addoption("--pumprig-target", choices=("sim", "bench", "replay"), help="what stands behind the bench")
    group.addoption("--pumprig-recording", metavar="FILE", help="recording to replay")
    group.addoption("--pumprig-seed", type=int, metavar="N", help="seed of everything random on a simulated bench")
    group.addoption("--pumprig-inject", action="append", default=[], metavar="FAULT@TIME", help="fault to simulate")
    group.addoption("--pumprig-out", metavar="DIR", default="runs", help="where run folders go (default: runs)")


def pytest_configure(config: pytest.Config) -> None:
    """Make the procedure marker known."""
    config.addinivalue_line(
        "markers",
        "procedure(name, measurements=(), requirements=()): a test of a pump; "
        "each named measurement must be taken for it to pass",
    )
    config.addinivalue_line(
        "markers",
        "fleet(population, pumps=1000, days=365, seed=1, jobs=None, scheduler=None, audit=0, wire=0): "
        "the fleet of simulated pumps that the fixture of that name runs",
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin a run if procedures were collected and ``pumprig run`` has not begun one already."""
    if RUN_KEY in session.config.stash or session.config.option.collectonly:
        return
    if any(_asks_for_a_bench(item) for item in session.items):
        session.config.stash[RUN_KEY] = _run_from_options(session.config)
        session.config.stash[OWN_RUN_KEY] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the run folder of a run that this session began."""
    if OWN_RUN_KEY in session.config.stash:
        session.config.stash[RUN_KEY].finish()


@pytest.fixture(scope="session")
def bench(pytestconfig: pytest.Config) -> "Bench":
    """The bench: pump, instruments and their time."""
    return pytestconfig.stash[RUN_KEY].open_bench()


@pytest.fixture
def pump(bench: "Bench") -> "Programmer":
    """The pump under test, as a programmer sees it."""
    return bench.pump


@pytest.fixture
def balance(bench: "Bench") -> "MtSicsBalance":
    """The balance under the beaker. The procedure is skipped if the bench has none."""
    return bench.balance or pytest.skip("the bench file has no [instruments.balance]")


@pytest.fixture
def bath(bench: "Bench") -> "JulaboBath":
    """The water bath around the pump. The procedure is skipped if the bench has none."""
    return bench.bath or pytest.skip("the bench file has no [instruments.bath]")


@pytest.fixture
def procedure(request: pytest.FixtureRequest) -> "Procedure":
    """What this procedure found out: measurements, figures, and how far it has come."""
    found: Procedure = request.node.stash[PROCEDURE_KEY]
    return found


@pytest.fixture
def measure(procedure: "Procedure") -> Any:
    """Take a measurement: ``measure(name, value, unit, expanded_uncertainty=..., lower=..., upper=...)``."""
    return procedure.measure


@pytest.fixture
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> "FleetOutcome":
    """The fleet that the test's marker asks for, finished; its folder is under ``tmp_path``."""
    from hil.fleet.pytest_fleet import fleet_of

    return fleet_of(request.node.get_closest_marker("fleet"), tmp_path / "fleet")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give each procedure its own page in the run."""
    ran_by_us = RUN_KEY in item.config.stash and OWN_RUN_KEY not in item.config.stash
    if not (ran_by_us or _asks_for_a_bench(item)):
        return (yield)
    from hil.procedure import Procedure

    run = item.config.stash[RUN_KEY]
    marker = item.get_closest_marker("procedure")
    name = marker.args[0] if marker and marker.args else item.name.removeprefix("test_").replace("_", "-")
    item.stash[PROCEDURE_KEY] = Procedure.of(name, marker.kwargs if marker else None, run.observer)
    run.begin(item.stash[PROCEDURE_KEY])
    try:
        return (yield)
    finally:
        run.end(item.stash[PROCEDURE_KEY])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Turn what was measured into the test's outcome: limits missed, straddled or never measured fail it."""
    report = yield
    procedure = item.stash.get(PROCEDURE_KEY, None)
    if procedure is None:
        return report
    if call.excinfo is not None:
        if call.excinfo.errisinstance(pytest.skip.Exception):
            procedure.skipped(str(call.excinfo.value))
        else:
            last = call.excinfo.traceback[-1]
            procedure.broke(call.excinfo.value, where=f"{last.path}:{last.lineno + 1}")
    elif call.when == "call":
        problem = procedure.conclude()
        if problem is not None:
            report.outcome = "failed"
            report.longrepr = problem
    return report


def _asks_for_a_bench(item: pytest.Item) -> bool:
    """Whether a test is a procedure: by its marker, or by a fixture of ours (not another one of the same name)."""
    if item.get_closest_marker("procedure") is not None:
        return True
    fixtures: dict[str, Any] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return any(name in fixtures and fixtures[name][-1].func.__module__ == __name__ for name in ("bench", "procedure"))


def _run_from_options(config: pytest.Config) -> "Run":
    from firmware_model.errors import ModelError
    from hil.errors import RigError
    from hil.observer import Silent
    from hil.run import Run
    from hil.run_plan import plan_run
    from hil.run_settings import RunSettings

    def path(option: str) -> Path | None:
        value = config.getoption(option)
        return None if value is None else Path(value)

    settings = RunSettings(
        bench=path("--pumprig-bench"),
        target=config.getoption("--pumprig-target"),
        recording=path("--pumprig-recording"),
        seed=config.getoption("--pumprig-seed"),
        injections=tuple(config.getoption("--pumprig-inject")),
        out=Path(config.getoption("--pumprig-out")),
    )
    try:
        return Run(plan_run(settings), settings.out, Silent())
    except (RigError, ModelError, ValueError) as error:
        raise pytest.UsageError(str(error)) from error
