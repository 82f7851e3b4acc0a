"""``python -m tests.firmware_model.compiled_story 12`` prints digests of twelve stories: of their events and memory."""

import hashlib
import sys
from pathlib import Path

from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from tests.firmware_model.random_pump import random_story

_PROFILE = load_profile(Path(__file__).parents[2] / "fixtures" / "pumps" / "generic-30ml.toml")


def digests(how_many: int) -> tuple[str, str]:
    """SHA-256 of all events, and of all memory images."""
    told, kept = hashlib.sha256(), hashlib.sha256()
    for number in range(how_many):
        events, image, _ = random_story(number, (3,)).tell(Pump, _PROFILE)
        told.update(repr([event.as_json() for event in events]).encode())
        kept.update(image)
    return told.hexdigest(), kept.hexdigest()


if __name__ == "__main__":
    print(*digests(int(sys.argv[1])))
