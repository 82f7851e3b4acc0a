"""The command line: what it prints for people and for programs, and what it does not import to say so."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cli
from hil.shipped import shipped


def flow(*arguments: str) -> dict[str, float]:
    """What ``pumprig flow --json`` says."""
    result = CliRunner().invoke(cli.pumprig, ["flow", "--json", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    said: dict[str, float] = json.loads(result.output)
    return said


def test_flow_at_the_label_conditions() -> None:
    """The R-11-like profile at 37 C, sea level and 93 mmHg: its label flow, and the published driving pressure."""
    said = flow("--temperature-c", "37", "--ambient-kpa", "101.325", "--outlet-kpa", "12.4", "--volume-ml", "30")
    assert said["flow_ml_per_day"] == pytest.approx(1.0, rel=0.005)
    assert said["driving_pressure_kpa"] == pytest.approx(44.87, rel=0.005)


def test_flow_of_a_fever_and_of_another_propellant() -> None:
    """39 C is +28 % with R-11 and +13 % with n-butane."""
    butane = ("--profile", str(shipped("pumps/generic-30ml-butane.toml")))
    assert flow("--temperature-c", "39")["flow_ml_per_day"] == pytest.approx(1.2808, rel=0.005)
    fever, normal = (flow(*butane, "--temperature-c", at)["flow_ml_per_day"] for at in ("39", "37"))
    assert fever / normal == pytest.approx(1.1292, rel=0.005)


def pumprig(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line as a process."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.deep(quick=4)
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("flow", "--temperature-c", "nan"), 2, "0 to 60"),
        (("sim", "fever", "--days", "nan"), 2, "--days': nan is no finite number"),
        (("bench", "serve", "--rate", "inf"), 2, "--rate': inf is no finite number"),
        (("fleet", "run", "--wire", "nan"), 2, "--wire': nan is no finite number"),
        (("fleet", "run", "--days", "nan"), 2, "--days must be 1 to 3650"),
        (("flow", "--volume-ml", "31"), 2, "0 to 30 mL"),
        (("flow", "--profile", "nowhere.toml"), 2, "nowhere.toml: there is no such file"),
        (("flow", "--temperature-c", "warm"), 2, "not a valid float"),
        (("info", "nowhere.mcap"), 3, "nowhere.mcap: there is no such recording"),
        (("bench", "serve", "nowhere.toml"), 2, "nowhere.toml: there is no such file"),
        (("bench", "serve", "--rate", "2", "--lock-step"), 2, "exclude each other"),
        (("bench", "serve", str(shipped("benches/example-real.toml"))), 2, "has no [world] table"),
        (("bench", "serve", "--inject", "nonsense@1h"), 2, "unknown fault"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """Every mistake on the command line ends in a sentence and its exit code."""
    result = pumprig(*arguments, cwd=tmp_path)
    assert result.returncode == code
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_help_imports_nothing_heavy() -> None:
    """--help answers at once because it imports click and nothing of what the commands need."""
    code = (
        "import sys\nsys.argv = ['pumprig', '--help']\nimport cli\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'pydantic', 'construct', 'simpy', 'serial', 'pyvisa', 'pytest', 'rich', 'bokeh', "
        "'pyarrow', 'GTC', 'mcap'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "Exit codes" in result.stdout
    assert result.stderr.strip() == "[]"


@pytest.mark.parametrize("command", [(), ("run",), ("bench",), ("bench", "serve"), ("flow",), ("info",)])
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    """--help works everywhere, and is not empty."""
    result = CliRunner().invoke(cli.pumprig, [*command, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


def test_no_file_is_called_as_other_tools_call_standard_output() -> None:
    """``--out -`` and ``--junit -`` are refused in one line, by every command that has them."""

    def commands(group: click.Group) -> Iterator[click.Command]:
        for each in group.commands.values():
            yield from commands(each) if isinstance(each, click.Group) else [each]

    options = [
        (command, option)
        for command in commands(cli.pumprig)
        for option in command.params
        if option.name in {"out", "junit"}
    ]
    assert len(options) >= 11
    for command, option in options:
        with pytest.raises(click.BadParameter, match=r"^nothing is written to standard output \(-\); name a place"):
            option.type.convert("-", option, click.Context(command))
        assert option.type.convert("./-", option, click.Context(command)) == Path("-")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a shell that can close streams")
@pytest.mark.parametrize(
    ("closed", "arguments", "code"),
    [(">&-", "sim --list-scenarios", 0), ("2>&-", "nonsense", 2), ("<&- >&- 2>&-", "flow --volume-ml 31", 2)],
)
def test_closed_streams_are_no_fault(closed: str, arguments: str, code: int) -> None:
    """Whoever starts us without standard output, or any stream, gets the exit code, and no internal error."""
    command = f"exec {sys.executable} -m cli {arguments} {closed}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "internal error" in done.stderr) == (code, False)


def test_ctrl_c_while_the_command_line_is_loaded_is_told_in_a_line(tmp_path: Path) -> None:
    """In place of click a module that interrupts its own process, as somebody does who has mistyped."""
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import signal; signal.signal(2, signal.default_int_handler); import cli"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (130, "pumprig: interrupted\n")
