"""What ``pip install`` brings: the wheel, built as it is built for a release."""

import subprocess
from pathlib import Path
from zipfile import ZipFile

import hatchling.build
import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("cli.py", "firmware_model", "hil", "protocols", "fixtures")


def test_the_wheel_holds_every_file_of_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of .gitignore, which the builder heeds, must not leave out what an installed pumprig needs."""
    monkeypatch.chdir(ROOT)
    kept = subprocess.run(["git", "ls-files", *SHIPPED], check=True, capture_output=True, text=True).stdout.split()
    wheel = ZipFile(tmp_path / hatchling.build.build_wheel(str(tmp_path)))
    assert "fixtures/fleets/ambulatory.toml" in kept
    assert set(kept) - set(wheel.namelist()) == set()
