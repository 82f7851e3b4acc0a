"""What every test stands on: nothing of what a test does is kept in the user's own state folder."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("PUMPRIG_STATE_DIR")
    os.environ["PUMPRIG_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["PUMPRIG_STATE_DIR"]
    else:
        os.environ["PUMPRIG_STATE_DIR"] = before
