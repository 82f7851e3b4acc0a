"""Whether notices come as they were asked for."""

from itertools import pairwise

import pytest

from hil.bench import Bench
from hil.pump.programmer import Programmer
from protocols.messages import ErrorReply, Reason, Sampled, Subscribe, Subscribed

__all__ = ["check_subscriptions"]

_PERIOD_S = 1
_NOTICES = 2
_ATTEMPTS = 6
_TOLERANCE_MS = 500
"""As much as an answer may take."""


def check_subscriptions(pump: Programmer, bench: Bench) -> None:
    """Ask for two notices, in the midst of them for others, and then for none."""
    _spaced(_complete(pump, bench, _NOTICES))
    replaced = _subscribe(pump, _PERIOD_S, 100)
    _heard(pump, bench, _PERIOD_S)
    _complete(pump, bench, 1, replaced)  # takes the place of the other, and begins at 0
    for period_s, notices in ((0, 5), (_PERIOD_S, 0)):
        _subscribe(pump, _PERIOD_S, 100)
        _subscribe(pump, period_s, notices)
        pump.numbered_notices(1)  # one may have been on its way
        late = _heard(pump, bench, _PERIOD_S)
        assert not late, f"subscriptions: {len(late)} notices came after Subscribe({period_s} s, {notices} notices)"


def _subscribe(pump: Programmer, period_s: int, notices: int) -> int:
    """The seq that notices must have."""
    answer = pump.exchange(Subscribe(period_s, notices))
    if isinstance(answer, ErrorReply) and answer.reason is Reason.UNKNOWN_OPCODE:
        pytest.skip("the pump has no Subscribe")
    wanted = Subscribed(period_s, notices)
    assert answer == wanted, f"subscriptions: {answer} came after Subscribe, not {wanted}"
    return pump.last_seq


def _complete(pump: Programmer, bench: Bench, wanted: int, replaced: int | None = None) -> list[Sampled]:
    """So many notices; one under ``replaced`` may have been on its way when its subscription was.

    A line may lose a notice, or have a Subscribe sent again, which begins anew: so they are asked for again, as long as
    those that came are right.
    """
    said = "subscriptions: no answer to Subscribe came at once"
    for attempt in range(_ATTEMPTS):
        for _ in range(attempt):
            pump.read_status()  # a line that loses every fifth frame loses another one now
        repeats = pump.repeats
        seq = _subscribe(pump, _PERIOD_S, wanted)
        heard = _heard(pump, bench, (wanted + 1) * _PERIOD_S)
        if pump.repeats > repeats:
            continue
        old, replaced = [each for each in heard if each[0] == replaced], None
        heard = [each for each in heard if each not in old[:1]]
        under = {each for each, _ in heard}
        assert under <= {seq}, f"subscriptions: notices came under seq {sorted(under)}, not {seq}, their Subscribe's"
        numbers = [notice.number for _, notice in heard]
        right = list(range(wanted))
        said = f"subscriptions: the notices that came had numbers {numbers}, after {wanted} were asked for"
        assert set(numbers) <= set(right), said
        if numbers == right:
            return [notice for _, notice in heard]
    raise AssertionError(said)


def _heard(pump: Programmer, bench: Bench, for_s: int) -> list[tuple[int, Sampled]]:
    """What came unasked in so many seconds of bench time."""
    begin_ms = bench.now_ms()
    heard = pump.numbered_notices(for_s * 1000 + _TOLERANCE_MS)
    if bench.now_ms() - begin_ms < for_s * 500:  # a served bench in lock step: time passes only where somebody sleeps
        bench.sleep(seconds=for_s)
        heard += pump.numbered_notices(_TOLERANCE_MS)
    return heard


def _spaced(notices: list[Sampled]) -> None:
    """By the pump's own clock: what a line adds is not the pump's."""
    times_ms = [notice.uptime_ms for notice in notices]
    for earlier_ms, later_ms in pairwise(times_ms):
        passed_ms = later_ms - earlier_ms
        assert abs(passed_ms - _PERIOD_S * 1000) <= _TOLERANCE_MS, (
            f"subscriptions: {passed_ms} ms of the pump's uptime lie between two notices, not {_PERIOD_S} s"
        )
