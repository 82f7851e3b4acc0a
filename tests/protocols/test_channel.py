"""The open channel, and the seam that it leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.channel import OpenChannel, UnexpectedFrame
from protocols.framing import MAX_FRAME_BYTES


@given(st.binary(max_size=OpenChannel.MAX_PAYLOAD_BYTES))
def test_an_open_frame_holds_its_payload(payload: bytes) -> None:
    """What is sealed opens to itself, and its frame is not too long to send."""
    frame = OpenChannel().seal(payload)
    assert OpenChannel().open(frame) == payload
    assert frame[:2] == b"\x01\x00"
    assert len(frame) <= MAX_FRAME_BYTES


@pytest.mark.parametrize("frame", ["", "01", "02 00 aa", "01 01 aa", "01 02 aa", "01 10 aa", "00 01 aa"])
def test_an_open_channel_takes_no_other_frame(frame: str) -> None:
    """Another version, and every type of the secure session, is refused rather than read as a payload."""
    with pytest.raises(UnexpectedFrame, match="takes 01 00 only"):
        OpenChannel().open(bytes.fromhex(frame))


def test_a_payload_beyond_a_frame_is_refused() -> None:
    """What would not fit a frame is the caller's mistake."""
    with pytest.raises(ValueError, match="at most 510 bytes, not 511"):
        OpenChannel().seal(bytes(511))
