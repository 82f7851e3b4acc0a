"""Every link behaves alike: one suite over all transports, each on a real wire."""

import threading
import time
from collections.abc import Iterator

import pytest

from hil.errors import LinkError, LinkTimeout
from hil.links.link import Link
from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from tests.contract.far_ends import TRANSPORTS, FarEnd

Wire = tuple[Link, FarEnd]
_UNPLUGGABLE = [name for name in TRANSPORTS if name not in {"virtual", "serial-rfc2217"}]


@pytest.fixture(params=list(TRANSPORTS))
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A link and the far end of its wire."""
    with TRANSPORTS[request.param]() as (link, far):
        yield link, far


def test_bytes_arrive_unchanged(wire: Wire) -> None:
    """Every byte value goes through, both ways; no line ending or flow control is translated."""
    link, far = wire
    every = bytes(range(256))
    link.write(every)
    assert far.receive(256) == every
    far.send(every + b"END")
    assert link.read_until(b"END", 2000) == every + b"END"


def test_read_ends_at_the_terminator(wire: Wire) -> None:
    """What comes behind the terminator waits for the next read; a terminator may be longer than a byte."""
    link, far = wire
    far.send(b"one\r\ntwo\r\nthr")
    assert link.read_until(b"\r\n", 2000) == b"one\r\n"
    assert link.read_until(b"\r\n", 2000) == b"two\r\n"
    far.send(b"ee\r")
    far.send(b"\n")
    assert link.read_until(b"\r\n", 2000) == b"three\r\n"


def test_timeout_keeps_partial_bytes_as_evidence(wire: Wire) -> None:
    """An answer that stops half way is a timeout that shows what came, and none of it is in the next answer."""
    link, far = wire
    far.send(b"12.3")
    with pytest.raises(LinkTimeout) as caught:
        link.read_until(b"\n", 200)
    assert caught.value.partial == b"12.3"
    assert link.resource in str(caught.value)
    far.send(b"45\n")
    assert link.read_until(b"\n", 2000) == b"45\n"


def test_timeout_is_kept(wire: Wire) -> None:
    """A silent device is waited for as long as asked, in the link's own time, and not much longer."""
    link, _ = wire
    began_ms = link.monotonic_ms()
    with pytest.raises(LinkTimeout, match="nothing came"):
        link.read_until(b"\n", 150)
    assert 150 <= link.monotonic_ms() - began_ms < 1500


def test_late_answer_can_be_drained(wire: Wire) -> None:
    """What comes after a timeout is thrown away by drain, so that it never answers the next question."""
    link, far = wire
    with pytest.raises(LinkTimeout):
        link.read_until(b"\n", 50)
    far.send(b"late\n")
    late = b""
    deadline = time.monotonic() + 5
    while late != b"late\n" and time.monotonic() < deadline:
        late += link.drain()
    assert late == b"late\n"
    assert link.drain() == b""
    far.send(b"now\n")
    assert link.read_until(b"\n", 2000) == b"now\n"


def test_what_came_unasked_is_discarded(wire: Wire) -> None:
    """Before a command: nothing where nothing came, and at once; else all that came, read already or not."""
    link, far = wire
    began = time.monotonic()
    assert link.discard() == b""
    assert time.monotonic() - began < 1
    far.send(b"one\ntwo\nthree")
    assert link.read_until(b"\n", 2000) == b"one\n"
    discarded = b""
    deadline = time.monotonic() + 5
    while discarded != b"two\nthree" and time.monotonic() < deadline:
        discarded += link.discard()
    assert discarded == b"two\nthree"
    far.send(b"now\n")
    assert link.read_until(b"\n", 2000) == b"now\n"


def test_large_transfers_are_whole(wire: Wire) -> None:
    """60 KiB go through both ways at once, although no buffer on the way holds them."""
    link, far = wire
    block = bytes(number % 251 for number in range(60 * 1024))
    heard: list[bytes] = []
    listener = threading.Thread(target=lambda: heard.append(far.receive(len(block))))
    if type(link).__name__ == "VirtualLink":
        link.write(block)
        listener.start()
    else:
        listener.start()
        link.write(block)
    listener.join(timeout=20)
    assert heard == [block]
    sender = threading.Thread(target=far.send, args=(block + b"\xff",))
    sender.start()
    assert link.read_until(b"\xff", 20_000) == block + b"\xff"
    sender.join(timeout=20)


def test_garbage_without_an_end_is_given_up(wire: Wire) -> None:
    """A device that never ends its line is an error within the time given, not a hang and not a heap of memory."""
    link, far = wire
    sender = threading.Thread(target=_send_until_refused, args=(far, b"\xaa" * 1000, 80), daemon=True)
    sender.start()
    with pytest.raises(LinkError):
        link.read_until(b"\n", 3000)
    link.drain()
    link.close()


def _send_until_refused(far: FarEnd, block: bytes, times: int) -> None:
    try:
        for _ in range(times):
            far.send(block)
    except OSError:
        pass  # the other side has hung up, as it should


def test_closing_twice_is_harmless(wire: Wire) -> None:
    """A link may be closed again, whoever does it."""
    link, _ = wire
    link.close()
    link.close()


@pytest.mark.parametrize("name", _UNPLUGGABLE)
def test_unplugged_device_is_lost_not_silent(name: str) -> None:
    """A wire that breaks while we wait is a LinkError that names the resource, well before the timeout."""
    with TRANSPORTS[name]() as (link, far):
        threading.Timer(0.2, far.unplug).start()
        began = time.monotonic()
        with pytest.raises(LinkError) as caught:
            link.read_until(b"\n", 3000)
        assert link.resource in str(caught.value)
        if name != "visa-asrl":  # pyvisa-py reports a pseudo-terminal that is gone as a timeout
            assert not isinstance(caught.value, LinkTimeout)
            assert time.monotonic() - began < 2.5 if name != "visa-socket" else True


@pytest.mark.parametrize(
    "resource",
    [
        "/dev/ttyNOWHERE9",
        "socket://127.0.0.1:1",
        "rfc2217://127.0.0.1:1",
        "ASRL/dev/ttyNOWHERE9::INSTR",
        "TCPIP::127.0.0.1::1::SOCKET",
        "nonsense://here",
    ],
)
def test_missing_port_is_named(resource: str) -> None:
    """A port that is not there is a LinkError in one line that names it and says what to check."""
    with pytest.raises(LinkError) as caught:
        open_link(resource, SerialSettings())
    assert resource in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value)
