"""What tests of links and of benches share."""

import os
import tty
from collections.abc import Iterator

import pytest


@pytest.fixture
def port() -> Iterator[str]:
    """A pseudo-terminal."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)
