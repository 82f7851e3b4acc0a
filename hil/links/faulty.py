"""A wire with faults, between the recorder and a simulated device: the recording holds what the rig really saw."""

from collections.abc import Callable, Iterable
from itertools import count

from hil.errors import LinkError
from hil.links.port_link import REOPEN_FOR_S
from hil.links.virtual import VirtualLink
from hil.links.wire_faults import Direction, WireChance, WireFault
from hil.virtual_bench.device import Device

__all__ = ["FaultyDevice", "FaultyLink"]


class FaultyDevice:
    """``device``, as it is heard and seen at the other end of a bad wire. It is a device itself."""

    def __init__(self, device: Device, wire: str, faults: Iterable[WireFault], seed: int) -> None:
        """Put ``faults``, those that concern ``wire``, between the rig and ``device``."""
        self._device = device
        self._faults = [fault for fault in faults if fault.concerns(wire)]
        self._chance = WireChance(seed, wire)
        self._numbers: dict[Direction, count[int]] = {"tx": count(), "rx": count()}
        self._number = 0
        self._late = b""
        self._under_way: list[tuple[int, bytes]] = []
        """What is on its way back, and when it arrives: in the order in which it was said, as on any wire."""

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Let ``data`` pass to the device, as far as it does, and what it answers back."""
        if not self.is_plugged(now_ms):
            return self.emit(now_ms)
        late, self._late = self._late, b""
        self._put_under_way(now_ms, late)
        for message in self._damaged("tx", now_ms, data):
            self._send_back(now_ms, self._device.receive(now_ms, message))
        return self._arrived(now_ms)

    def next_emit_ms(self) -> int | None:
        """When something comes unasked, or what was delayed."""
        times = [self._device.next_emit_ms(), *(due_ms for due_ms, _ in self._under_way[:1])]
        return min((time for time in times if time is not None), default=None)

    def emit(self, now_ms: int) -> bytes:
        """What arrives at ``now_ms``."""
        due_ms = self._device.next_emit_ms()
        said = self._device.emit(now_ms) if due_ms is not None and due_ms <= now_ms else b""
        if not self.is_plugged(now_ms):
            self._late, self._under_way = b"", []
            return b""
        self._send_back(now_ms, said)
        return self._arrived(now_ms)

    def forget(self, now_ms: int) -> None:
        """Lose what was under way, as a wire does that is pulled out."""
        self.emit(now_ms)
        self._late, self._under_way = b"", []

    def is_plugged(self, now_ms: int) -> bool:
        """Whether the wire is in its socket."""
        return not any(fault.holds(now_ms) for fault in self._of_kind("unplug"))

    def unplugged_times(self, now_ms: int) -> int:
        """How many times it has been pulled out so far: who held the port open before has lost it."""
        return sum(fault.from_ms <= now_ms for fault in self._of_kind("unplug"))

    def next_plugging_ms(self, now_ms: int) -> int | None:
        """When the wire is next pulled out or put back; None if never again."""
        times = [time for fault in self._of_kind("unplug") for time in (fault.from_ms, fault.until_ms)]
        return min((time for time in times if time is not None and time > now_ms), default=None)

    def _of_kind(self, kind: str) -> list[WireFault]:
        return [fault for fault in self._faults if fault.kind == kind]

    def _send_back(self, now_ms: int, said: bytes) -> None:
        """Put an answer on its way, or keep it until it is late."""
        for message in self._damaged("rx", now_ms, said):
            delay_ms = sum(round(fault.value) for fault in self._of_kind("delay") if fault.holds(now_ms))
            if self._meets("late", "rx", self._number, now_ms):
                self._late += message
            else:
                self._put_under_way(now_ms + delay_ms, message)

    def _put_under_way(self, due_ms: int, message: bytes) -> None:
        """Let ``message`` arrive at ``due_ms``, but not before what is ahead of it."""
        ahead_ms = self._under_way[-1][0] if self._under_way else due_ms
        if message:
            self._under_way.append((max(due_ms, ahead_ms), message))

    def _arrived(self, now_ms: int) -> bytes:
        """What is under way no more."""
        arrived = b"".join(data for due_ms, data in self._under_way if due_ms <= now_ms)
        self._under_way = [(due_ms, data) for due_ms, data in self._under_way if due_ms > now_ms]
        return arrived

    def _damaged(self, direction: Direction, now_ms: int, data: bytes) -> list[bytes]:
        """What becomes of one message: nothing, one or two."""
        if not data:
            return []
        number = self._number = next(self._numbers[direction])
        if self._meets("drop", direction, number, now_ms):
            return []
        if len(data) > 1 and self._meets("truncate", direction, number, now_ms):
            data = data[: 1 + self._chance.choose("truncate", direction, number, len(data) - 1)]
        if self._meets("flip", direction, number, now_ms):
            bit = self._chance.choose("flip", direction, number, 8 * len(data))
            data = data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]
        return [data, data] if self._meets("duplicate", direction, number, now_ms) else [data]

    def _meets(self, kind: str, direction: Direction, number: int, now_ms: int) -> bool:
        percent = max((fault.value for fault in self._of_kind(kind) if fault.holds(now_ms)), default=0.0)
        return self._chance.hits(kind, direction, number, percent)


class FaultyLink(VirtualLink):
    """A link to a device on a bad wire. A wire that was pulled out is lost, and opened again as a real port is."""

    def __init__(
        self, resource: str, device: FaultyDevice, now_ms: Callable[[], int], advance_to: Callable[[int], None]
    ) -> None:
        """Plug into ``device``."""
        super().__init__(resource, device, now_ms, advance_to)
        self._wire = device
        self._remarks: list[str] = []
        self._unplugged_times = device.unplugged_times(now_ms())
        if not device.is_plugged(now_ms()):
            raise LinkError(
                f"{resource}: cannot be opened: it is unplugged, by a fault of the wire; wait until it is back"
            )

    def drain(self) -> bytes:
        """As ``Link.drain``; of a lost wire what had come from it."""
        return self.unread() if self.lost else super().drain()

    def take_remarks(self) -> list[str]:
        """That the wire was put back."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def _send(self, data: bytes) -> None:
        if self.lost:
            self._wait_until_back()
        self._fail_if_unplugged("sending")
        super()._send(data)

    def _receive(self, timeout_ms: int) -> bytes:
        if self.lost:
            raise LinkError(f"{self.resource}: the port is lost; the next command opens it again if it is back")
        return super()._receive(timeout_ms)

    def _listen(self) -> None:
        self._fail_if_unplugged("reading")
        super()._listen()

    def _next_ms(self) -> int | None:
        times = (super()._next_ms(), self._wire.next_plugging_ms(self._now_ms()))
        return min((time for time in times if time is not None), default=None)

    def _fail_if_unplugged(self, while_doing: str) -> None:
        if self._wire.unplugged_times(self._now_ms()) != self._unplugged_times:
            raise self._loss(while_doing, "unplugged, by a fault of the wire")

    def _wait_until_back(self) -> None:
        give_up_ms = self._now_ms() + round(REOPEN_FOR_S * 1000)
        while not self._wire.is_plugged(self._now_ms()) and self._now_ms() < give_up_ms:
            back_ms = self._wire.next_plugging_ms(self._now_ms())
            self._advance_to(give_up_ms if back_ms is None else min(back_ms, give_up_ms))
        if not self._wire.is_plugged(self._now_ms()):
            raise LinkError(f"{self.resource}: lost, and not back within {REOPEN_FOR_S:g} s: it is unplugged")
        self._wire.forget(self._now_ms())
        self._arrived.clear()
        self.lost = False
        self._unplugged_times = self._wire.unplugged_times(self._now_ms())
        self._remarks.append(f"{self.resource}: reopened as {self.resource}")
