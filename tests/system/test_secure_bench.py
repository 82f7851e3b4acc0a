"""A bench whose pump answers in secure sessions only: the same run, and no secret in anything that it leaves behind."""

import base64
import json
from pathlib import Path

import pytest

from hil.pump.pump_session import test_keys as keys_of
from tests.system.conftest import PumpRig

pytestmark = pytest.mark.system

_BENCH = Path(__file__).parents[2] / "fixtures" / "benches" / "simulated-secure.toml"


@pytest.fixture
def folder(pumprig: PumpRig, tmp_path: Path) -> Path:
    """The folder of one conformance run in the secure mode."""
    out = tmp_path / "secure"
    done = pumprig("run", "protocol-conformance", "--bench", str(_BENCH), "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = out.iterdir()
    return run


def test_no_key_is_left_behind(folder: Path) -> None:
    """Neither in the recording nor in report, manifest, audit: not as bytes, not in hexadecimal, not in base64."""
    for key in keys_of(1):
        secret = bytes(key.psk)
        forms = (secret, secret.hex().encode(), secret.hex(" ").encode(), base64.b64encode(secret))
        for path in folder.iterdir():
            data = path.read_bytes()
            assert not any(form in data for form in forms), path.name


def test_the_recording_says_what_kind_of_key_it_was(folder: Path, pumprig: PumpRig) -> None:
    """An insecure test key is called so, in the recording and in the report."""
    said = "secure, under an insecure test key that follows from the seed"
    assert said in (folder / "report.html").read_text(encoding="utf-8")
    assert said in pumprig("info", str(folder)).stdout


def test_roles_and_lockout_were_judged(folder: Path) -> None:
    """The procedures for the secure mode ran, those for the open mode say why they did not."""
    pages = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["procedures"]
    outcomes = {page["name"]: page["outcome"] for page in pages}
    judged = ("roles", "lockout", "framing", "oversize", "sequence", "errors", "values", "repeats", "sealed")
    assert {outcomes[f"protocol-{name}"] for name in judged} == {"pass"}
    assert outcomes["protocol-timing"] == "skipped"


def test_a_replay_comes_to_the_same(folder: Path, pumprig: PumpRig, tmp_path: Path) -> None:
    """Recorded under a test key, the session can be replayed, sealed frames and all."""
    done = pumprig("run", "--target", "replay", "--recording", str(folder), "--out", str(tmp_path / "again"))
    assert done.returncode == 0, done.stdout + done.stderr
