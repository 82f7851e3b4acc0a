"""What every test stands on: the user's own state folder is left alone, and no property fails for being slow."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("pumprig", deadline=None)  # machines are loaded, and first calls compile
settings.load_profile("pumprig")


@pytest.fixture(scope="session", autouse=True)
def _own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("PUMPRIG_STATE_DIR")
    os.environ["PUMPRIG_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["PUMPRIG_STATE_DIR"]
    else:
        os.environ["PUMPRIG_STATE_DIR"] = before
