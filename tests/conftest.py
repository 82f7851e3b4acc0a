"""What every test stands on: the user's own state folder is left alone, and no property fails for being slow."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.depth import is_full, quick_and_deep

settings.register_profile("quick", deadline=None, max_examples=25)  # machines are loaded, and first calls compile
settings.register_profile("full", settings.get_profile("quick"), max_examples=100)
settings.load_profile("quick")


@pytest.hookimpl(trylast=True)  # when what is for the soak is gone
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what is marked ``deep`` for full depth, unless it is asked for by its name."""
    if not is_full() and not any("::" in argument for argument in config.args):
        chosen, left = quick_and_deep(items)
        items[:] = chosen
        config.hook.pytest_deselected(items=left)


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
