"""What nobody in particular may cost: a day's worth is bounded, and who holds a key always gets a hearing."""

import pytest

from protocols.session.bucket import ListeningBucket
from tests.depth import at_depth

_DAY_MS = 86_400_000


@pytest.mark.parametrize(("period_ms", "hours"), [(20, at_depth(2, 24)), (100, 24), (1000, 24), (7000, 24)])
def test_so_many_hours_of_junk_are_bounded(period_ms: int, hours: int) -> None:
    """However fast it comes, no more is heard than capacity, refill, and two frames in each listening window."""
    bucket = ListeningBucket(10_000, 50_000)
    heard = 0
    for now_ms in range(0, hours * 3_600_000, period_ms):
        if bucket.listens(now_ms):
            bucket.draw(now_ms, 80, 1)
            heard += 80
    assert 10_000 < heard <= 10_000 + 50_000 * hours / 24 + 2 * 120 * hours * 80


def test_it_never_stops_listening() -> None:
    """Empty, it still listens for a second in every half minute."""
    bucket = ListeningBucket(100, 0)
    bucket.draw(0, 1000, 1)
    heard = [now_ms for now_ms in range(30_000, 150_000, 100) if bucket.listens(now_ms)]
    assert heard == [start + step for start in range(30_000, 150_000, 30_000) for step in range(0, 1000, 100)]


def test_in_each_window_two_frames_may_fail() -> None:
    """Empty, it listens from the window's first millisecond to its last, and until the second frame has failed."""
    bucket = ListeningBucket(100, 0)
    bucket.draw(0, 1000, 1)
    for begin_ms in (30_000, 60_000):
        assert not bucket.listens(begin_ms - 1)
        assert [bucket.listens(begin_ms + into_ms) for into_ms in (0, 999, 1000)] == [True, True, False]
        bucket.draw(begin_ms, 80, 1)
        assert bucket.listens(begin_ms + 1)
        bucket.draw(begin_ms + 1, 80, 0)
        assert bucket.listens(begin_ms + 2), "half a frame has not failed yet"
        bucket.draw(begin_ms + 2, 80, 1)
        assert not bucket.listens(begin_ms + 3)


def test_what_was_somebodys_is_given_back() -> None:
    """As if it had not been drawn; but there is never more in it than it holds."""
    bucket = ListeningBucket(100, 0)
    bucket.draw(1000, 100, 0)
    assert not bucket.listens(1000)
    bucket.give_back(60)
    assert bucket.listens(1000)
    bucket.give_back(1000)
    bucket.draw(1000, 99, 0)
    assert bucket.listens(1000)
    bucket.draw(1000, 1, 0)
    assert not bucket.listens(1000)


def test_it_recovers() -> None:
    """When the junk is over it fills up again, and listens all the time."""
    bucket = ListeningBucket(1000, 1000)
    bucket.draw(0, 2000, 1)
    assert not bucket.listens(_DAY_MS // 2 - 1)
    assert bucket.listens(_DAY_MS + 5_000)
