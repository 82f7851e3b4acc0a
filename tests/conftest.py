"""What every test stands on: the user's own state folder is left alone, and no property fails for being slow."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("quick", deadline=None, max_examples=25)  # machines are loaded, and first calls compile
settings.register_profile("full", settings.get_profile("quick"), max_examples=100)
settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """What was imported stays: no collection of garbage need look at it again, here or in what is forked off."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("PUMPRIG_STATE_DIR")
    os.environ["PUMPRIG_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["PUMPRIG_STATE_DIR"]
    else:
        os.environ["PUMPRIG_STATE_DIR"] = before
