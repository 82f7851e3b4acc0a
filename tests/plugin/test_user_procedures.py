"""A user's own procedure, outside the package: under ``pumprig run`` and under plain pytest."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import PumpRig
from tests.system.conftest import pumprig as pumprig  # noqa: PLC0414 - the fixture, for this folder as well

pytestmark = pytest.mark.system

STABILITY = '''
import pytest


@pytest.mark.procedure("bath-stability", measurements=["bath-drift"], requirements=["REQ-TEMP-001"])
def test_bath_stability(bench, bath, measure):
    """The bath holds its temperature for an hour."""
    before = bath.temperature_c()
    bench.sleep(hours=1)
    drift_c = bath.temperature_c() - before
    measure("bath-drift", drift_c, "C", expanded_uncertainty=0.06, lower=-0.2, upper=0.2)
'''

BROKEN_MARKER = """

@pytest.mark.procedure(measurements=5)
def test_broken_marker(bench):
    pass
"""

TAKES_X = """
import pytest


@pytest.mark.procedure("x", {})
def test_x(measure):
    measure("x", 1.0, "mL", expanded_uncertainty=0.1)

"""


def outcome_of(pumprig: PumpRig, tmp_path: Path, body: str) -> tuple[int, Any]:
    """Exit code and JSON of a run of one procedure with this ``body``."""
    (tmp_path / "mine.py").write_text(body, encoding="utf-8")
    result = pumprig("run", "mine.py", "--json")
    assert "Traceback" not in result.stderr, result.stderr
    return result.returncode, json.loads(result.stdout)


def test_documented_example_runs(pumprig: PumpRig, tmp_path: Path) -> None:
    """The procedure of the guide passes as it is printed there."""
    guide = Path(__file__).parents[2] / "docs" / "guides" / "procedures.md"
    printed = guide.read_text(encoding="utf-8").split("```python\n# stability.py\n")[1].split("```")[0]
    assert printed.strip() == STABILITY.strip()
    code, said = outcome_of(pumprig, tmp_path, STABILITY)
    assert code == 0
    assert [each["name"] for each in said["measurements"]] == ["bath-drift"]
    assert [(each["name"], each["outcome"], each["attempts"]) for each in said["procedures"]] == [
        ("bath-stability", "pass", 1)
    ]


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize(
    ("line", "code", "outcome", "problem"),
    [
        ('measure("x", 2.0, "mL", expanded_uncertainty=0.1, lower=0, upper=1)', 1, "fail", "x: 2.000"),
        ('measure("x", 1.05, "mL", expanded_uncertainty=0.1, lower=0, upper=1)', 4, "inconclusive", "x: 1.050"),
        ('measure("y", 0.5, "mL", expanded_uncertainty=0.1, lower=0, upper=1)', 3, "error", "never measured: x"),
        ("pass", 3, "error", "never measured: x"),
        ("assert bench is None", 1, "fail", "mine.py:6"),
        ("raise RuntimeError('oops')", 3, "error", "RuntimeError: oops"),
        ("pytest.skip('no pump today')", 5, "skipped", "no pump today"),
        ("pytest.fail('not good')", 1, "fail", "not good"),
        ('measure("x", float("nan"), "mL", expanded_uncertainty=0.1, lower=0, upper=1)', 3, "error", "x: nan"),
    ],
)
def test_every_way_out_has_its_exit_code(
    pumprig: PumpRig, tmp_path: Path, line: str, code: int, outcome: str, problem: str
) -> None:
    """Fail, inconclusive, never measured, broken, skipped: each is told apart, with its reason."""
    body = f"""
import pytest
@pytest.mark.procedure("mine", measurements=["x"])
def test_mine(bench, measure):
    bench.sleep(seconds=1)
    {line}
"""
    exit_code, said = outcome_of(pumprig, tmp_path, body)
    assert exit_code == code, said
    assert said["procedures"][0]["outcome"] == outcome
    assert problem in said["procedures"][0]["problem"]


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("import nonexistent_module\n", "nonexistent_module"),
        ("def test_x(:\n", "line 1: SyntaxError"),
        ("x = 1\nimport nonexistent_module\n", "line 2: ModuleNotFoundError"),
        ("def test_x(bench):\n    bench.sleep(hours=-1)\n", "is no time that can pass"),
        ("def test_x(bench, balancce): pass\n", "balancce"),
        (STABILITY + "import nonexistent_module\n", "nonexistent_module"),
    ],
)
def test_file_that_cannot_be_read_is_a_usage_error(pumprig: PumpRig, tmp_path: Path, body: str, problem: str) -> None:
    """A mistake in the user's file is told in one line, not as a fault of the bench."""
    code, said = outcome_of(pumprig, tmp_path, body)
    assert code == 2
    assert problem in said["procedures"][0]["problem"]


def test_file_without_tests_runs_nothing(pumprig: PumpRig, tmp_path: Path) -> None:
    """An empty file is exit 5, not a pass."""
    code, said = outcome_of(pumprig, tmp_path, "x = 1\n")
    assert (code, said["procedures"]) == (5, [])
    assert "no procedure was run: mine.py holds none" in pumprig("run", "mine.py").stdout
    code, said = outcome_of(pumprig, tmp_path, "import pytest\npytest.skip('no pump', allow_module_level=True)\n")
    assert (code, said["procedures"][0]["problem"]) == (5, "no pump")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere.py", "nowhere.py: there is no such file"),
        ("mine.py::test_x", "pytest mine.py::test_x --pumprig-bench"),
        (".", "pytest . --pumprig-bench"),
    ],
)
def test_what_is_no_file_is_told(pumprig: PumpRig, tmp_path: Path, name: str, problem: str) -> None:
    """A slip in a file's name, and what only pytest can run, are not taken for the name of a procedure of ours."""
    (tmp_path / "mine.py").write_text(STABILITY, encoding="utf-8")
    result = pumprig("run", name)
    assert result.returncode == 2
    assert problem in result.stderr
    assert "known:" not in result.stderr


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (TAKES_X.format("measurements='flow'"), "its measurements must be a list of names: measurements=['flow']"),
        (TAKES_X.format("requirements='REQ-1'"), "its requirements must be a list of names: requirements=['REQ-1']"),
        (TAKES_X.format("group='g'") + "test_x = pytest.mark.xfail(test_x)\n", "cannot be expected to fail"),
        ("async def test_x(bench): ...\n", "mine.py::test_x: is async, and nothing here runs that; write it with def"),
    ],
)
def test_marker_that_makes_no_sense_is_refused(pumprig: PumpRig, tmp_path: Path, body: str, problem: str) -> None:
    """One name where a list belongs is not taken for its letters, and no failure is hidden as expected."""
    (tmp_path / "mine.py").write_text(body, encoding="utf-8")
    result = pumprig("run", "mine.py")
    assert result.returncode == 2
    assert problem in result.stderr
    assert not (tmp_path / "runs").exists()


def test_what_a_procedure_prints_and_what_breaks_in_its_threads_is_told(pumprig: PumpRig, tmp_path: Path) -> None:
    """Its lines as they are, once each, also in junit.xml; a thread that ended by an exception is no pass."""
    body = (
        "import pytest, threading\n@pytest.mark.procedure('x')\ndef test_x(bench):\n    print('[red] 1\\n2')\n"
        "    thread = threading.Thread(target=lambda: 1 / 0)\n    thread.start()\n    thread.join()\n"
    )
    (tmp_path / "mine.py").write_text(body, encoding="utf-8")
    result = pumprig("run", "mine.py")
    assert result.returncode == 3, result.stdout
    assert "\n  | [red] 1\n  | 2\nx: in a thread: ZeroDivisionError: division by zero\n" in result.stdout
    (junit,) = (tmp_path / "runs").glob("*/junit.xml")
    assert "[red] 1" in junit.read_text(encoding="utf-8")


def test_parametrized_procedures_are_told_apart(pumprig: PumpRig, tmp_path: Path) -> None:
    """Each has the values in its name, so that the one that failed is known."""
    body = TAKES_X.format("measurements=['x']").replace("measure)", "measure, n)").replace("1.0", "n")
    body = body.replace("\n@pytest", "\n@pytest.mark.parametrize('n', [1.0, 2.0])\n@pytest", 1)
    _, said = outcome_of(pumprig, tmp_path, body)
    assert [page["name"] for page in said["procedures"]] == ["x[1.0]", "x[2.0]"]


def plain_pytest(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A user's own pytest, with pumprig installed beside it."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            f"--rootdir={tmp_path}",
            *arguments,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_plain_pytest_runs_procedures_too(tmp_path: Path) -> None:
    """The fixtures work in the user's own pytest, which gets a run folder and the measured outcome."""
    (tmp_path / "test_mine.py").write_text(STABILITY.replace("upper=0.2", "upper=-0.1"), encoding="utf-8")
    result = plain_pytest(tmp_path, "--pumprig-seed", "3", "--pumprig-out", "here")
    assert result.returncode == 1, result.stdout
    assert "bath-drift: " in result.stdout
    (folder,) = (tmp_path / "here").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["verdict"], manifest["seed"]) == ("fail", 3)
    assert f"report     here/{folder.name}/report.html" in result.stdout
    assert "verdict    fail" in result.stdout


@pytest.mark.deep
def test_run_of_plain_pytest_is_called_what_it_was(tmp_path: Path, pumprig: PumpRig) -> None:
    """Its folder is named by its files, its command is pytest's, and its recording replays those files."""
    for name in ("test_a", "test_b"):
        (tmp_path / f"{name}.py").write_text(STABILITY.replace("bath-stability", name), encoding="utf-8")
    assert plain_pytest(tmp_path, "-k", "test_a").returncode == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert "_test-a_" in folder.name
    reproduce = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["reproduce"]
    assert reproduce.startswith("pytest ")
    assert reproduce.endswith("-k test_a")
    replayed = pumprig("run", "--target", "replay", "--recording", str(folder), "--json")
    assert [page["name"] for page in json.loads(replayed.stdout)["procedures"]] == ["test_a"], replayed.stdout
    assert replayed.returncode == 0


@pytest.mark.deep
@pytest.mark.parametrize("left", ["raise KeyboardInterrupt", "pytest.exit('I leave')"])
def test_interrupted_plain_pytest_is_no_pass(tmp_path: Path, pumprig: PumpRig, left: str) -> None:
    """Whoever presses Ctrl-C gets no verdict; pytest cannot go on with it, and `--resume` says so."""
    body = f"import pytest\n{STABILITY}\n\n@pytest.mark.procedure('b')\ndef test_b(bench):\n    {left}\n"
    (tmp_path / "test_a.py").write_text(body, encoding="utf-8")
    assert plain_pytest(tmp_path).returncode == 2
    (folder,) = (tmp_path / "runs").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["verdict"], manifest["interrupted"]) == ("error", True)
    result = pumprig("run", "--resume", str(folder))
    assert result.returncode == 2
    assert "was begun by pytest, which cannot go on with it; begin anew: pytest" in result.stderr


@pytest.mark.deep
def test_plain_pytest_that_cannot_collect_leaves_no_run(tmp_path: Path) -> None:
    """Nothing is run beside a file that cannot be read, so there is no run either."""
    (tmp_path / "test_mine.py").write_text(STABILITY, encoding="utf-8")
    (tmp_path / "test_bad.py").write_text("import nonexistent_module\n", encoding="utf-8")
    assert plain_pytest(tmp_path).returncode == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("under", ["pumprig run", "pytest"])
def test_xfail_within_a_procedure_is_a_failure_everywhere(tmp_path: Path, pumprig: PumpRig, under: str) -> None:
    """Verdict and junit.xml say the same: what a pump is known not to do, it does not do."""
    body = "import pytest\n@pytest.mark.procedure('b')\ndef test_b(bench):\n    pytest.xfail('known')\n"
    (tmp_path / "test_a.py").write_text(body, encoding="utf-8")
    result = plain_pytest(tmp_path, "--junitxml=j.xml") if under == "pytest" else pumprig("run", "test_a.py")
    assert result.returncode == 1, result.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    junit = tmp_path / "j.xml" if under == "pytest" else folder / "junit.xml"
    assert 'failures="1"' in junit.read_text(encoding="utf-8")
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["verdict"] == "fail"


@pytest.mark.deep
def test_plain_pytest_says_what_is_wrong_with_its_options(tmp_path: Path) -> None:
    """A bench file that does not exist is pytest's usage error, in one line."""
    (tmp_path / "test_mine.py").write_text(STABILITY, encoding="utf-8")
    result = plain_pytest(tmp_path, "--pumprig-bench", "nowhere.toml")
    assert result.returncode == 4
    assert "nowhere.toml: there is no such file" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.deep
def test_plain_pytest_refuses_a_parameter_before_there_is_a_folder(tmp_path: Path) -> None:
    """A choice that no procedure knows is pytest's usage error, and no run."""
    (tmp_path / "test_mine.py").write_text(STABILITY, encoding="utf-8")
    result = plain_pytest(tmp_path, "--pumprig-set", "collection=24")
    assert result.returncode == 4, result.stdout
    assert "no procedure of this run has a parameter 'collection'" in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.deep
def test_plain_pytest_without_procedures_is_left_alone(tmp_path: Path) -> None:
    """Tests that ask for nothing of ours get no folder and nothing heavy imported."""
    (tmp_path / "test_other.py").write_text(
        "import sys\ndef test_nothing():\n    assert not {'bokeh', 'pyarrow', 'GTC', 'simpy'} & set(sys.modules)\n",
        encoding="utf-8",
    )
    result = plain_pytest(tmp_path)
    assert result.returncode == 0, result.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("files", "code", "problem"),
    [
        ({"plain.py": "def test_plain():\n    assert False\n"}, 1, "plain.py:2"),
        ({"good.py": STABILITY, "empty.py": "x = 1\n"}, 2, "holds no procedure"),
    ],
)
def test_nothing_that_failed_passes(
    pumprig: PumpRig, tmp_path: Path, files: dict[str, str], code: int, problem: str
) -> None:
    """A plain failing test, a file without tests: neither ends in a pass."""
    for name, body in files.items():
        (tmp_path / name).write_text(body, encoding="utf-8")
    result = pumprig("run", *files, "--json")
    said = json.loads(result.stdout)
    assert result.returncode == code, said
    assert "Traceback" not in result.stderr
    assert problem in " ".join(str(page["problem"]) for page in said["procedures"])


def test_a_broken_marker_is_refused_before_there_is_a_folder(pumprig: PumpRig, tmp_path: Path) -> None:
    """One line on stderr, exit 2, and no run that would pass for the last one."""
    (tmp_path / "bad.py").write_text(STABILITY + BROKEN_MARKER, encoding="utf-8")
    (tmp_path / "good.py").write_text(STABILITY, encoding="utf-8")
    result = pumprig("run", "good.py", "bad.py", "--json")
    assert result.returncode == 2
    assert result.stderr.startswith("pumprig: bad.py::test_")
    assert "not iterable" in result.stderr
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)
    assert not (tmp_path / "runs").exists()


SKIPS = """
import pytest

@pytest.fixture
def torn_down():
    yield
    {teardown}

@pytest.mark.procedure("leaves", measurements={declared})
def test_leaves(bench, measure, torn_down):
    {measured}
    {left}

@pytest.mark.procedure("other")
def test_other(bench, pump):
    pass
"""
_MEASURED = 'measure("a", {value}, "mL", expanded_uncertainty=0.1, lower=0, upper=1)'


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize(
    ("measured", "left", "teardown", "declared", "outcome", "code"),
    [
        ("pass", "pytest.skip('no chamber')", "pass", (), "skipped", 0),
        (_MEASURED.format(value=5.0), "pytest.skip('no chamber')", "pass", (), "fail", 1),
        (_MEASURED.format(value=5.0), "pass", "pytest.skip('late')", (), "fail", 1),
        (_MEASURED.format(value=0.5), "pytest.skip('no chamber')", "pass", ("a", "b"), "error", 3),
        (_MEASURED.format(value=0.5), "pytest.skip('no chamber')", "pass", ("a",), "pass", 0),
    ],
    ids=["before", "after-a-miss", "in-teardown", "before-the-rest", "after-all"],
)
def test_skip_hides_nothing_that_was_measured(
    pumprig: PumpRig, tmp_path: Path, measured: str, left: str, teardown: str, declared: Any, outcome: str, code: int
) -> None:
    """What was measured before a skip is judged, and what was declared and not measured is missing."""
    body = SKIPS.format(measured=measured, left=left, teardown=teardown, declared=declared)
    (tmp_path / "mine.py").write_text(body, encoding="utf-8")
    result = pumprig("run", "mine.py", "--json")
    said = json.loads(result.stdout)
    assert [page["outcome"] for page in said["procedures"]] == [outcome, "pass"], said
    assert result.returncode == code


def test_missing_value_is_an_error_in_an_orderly_run(pumprig: PumpRig, tmp_path: Path) -> None:
    """A measurement of None is an error with a manifest, not a crash."""
    body = 'def test_none(bench, measure):\n    measure("x", None, "mL", expanded_uncertainty=None)\n'
    code, said = outcome_of(pumprig, tmp_path, body)
    assert (code, said["verdict"]) == (3, "error")
    assert (tmp_path / said["folder"] / "manifest.json").exists()


@pytest.mark.deep
def test_fixture_of_the_same_name_is_not_ours(tmp_path: Path) -> None:
    """A project with a fixture called bench of its own gets no run folder."""
    (tmp_path / "test_theirs.py").write_text(
        "import pytest\n@pytest.fixture\ndef bench():\n    return 3\ndef test_it(bench):\n    assert bench == 3\n",
        encoding="utf-8",
    )
    assert plain_pytest(tmp_path).returncode == 0
    assert not (tmp_path / "runs").exists()


def test_unmarked_test_that_measures_nothing_is_no_pass(pumprig: PumpRig, tmp_path: Path) -> None:
    """Without a marker, assertions alone claim nothing about a pump; with one they may."""
    code, said = outcome_of(pumprig, tmp_path, "def test_x(bench):\n    assert bench is not None\n")
    assert (code, said["verdict"]) == (3, "error")
    assert "measured nothing" in said["procedures"][0]["problem"]
    marked = 'import pytest\n@pytest.mark.procedure("identity")\ndef test_x(bench):\n    assert bench.pump_identity\n'
    code, said = outcome_of(pumprig, tmp_path, marked)
    assert (code, said["verdict"]) == (0, "pass")
