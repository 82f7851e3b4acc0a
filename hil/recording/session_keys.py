"""The keys of sessions that a recording holds."""

import json
from collections.abc import Iterable, Mapping

from hil.errors import RecordingError
from hil.recording.layout import KEYS_PREFIX
from protocols.messages import Secret
from protocols.session.noise import SessionKeys

__all__ = ["recorded_keys"]


def recorded_keys(attachments: Mapping[str, bytes]) -> Iterable[SessionKeys]:
    """The keys of every session, in the order of their names. Raises RecordingError for an attachment that is none."""
    for name in sorted(attachments):
        if not name.startswith(KEYS_PREFIX):
            continue
        try:
            kept = json.loads(attachments[name])
            to_pump, from_pump, whole = (
                bytes.fromhex(kept[field]) for field in ("to_pump", "from_pump", "handshake_hash")
            )
            yield SessionKeys(Secret(to_pump), Secret(from_pump), whole)
        except (KeyError, TypeError, ValueError) as error:
            raise RecordingError(f"attachment {name}: holds no session keys: {error}") from error
