"""The programmer and a bad pump: whatever comes, it ends in one sentence."""

import pytest

from hil.errors import LinkError
from hil.links.virtual import VirtualLink
from hil.pump.programmer import Programmer, PumpFault
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import Alarms, History, HistoryRecord, Identify, Identity, Message, Mode, Status, Telecommand
from protocols.responder import Responder


class Babbler:
    """A device that sends frame ends without frames, for ever."""

    def receive(self, now_ms: int, data: bytes) -> bytes:  # noqa: ARG002 - the shape of a device
        """A good deal of it."""
        return b"\x00" * 200_000

    def next_emit_ms(self) -> None:
        """Never."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device
        """Nothing."""
        return b""


class Looping(Babbler):
    """A pump that answers every question for history with the same old record."""

    def __init__(self) -> None:
        record = HistoryRecord(
            seq=3, end_uptime_ms=0, volume_nl=0, flow_nl_per_day=0, flow_valid=False,
            temperature_mc=0, reservoir_pa=0, outlet_pa=0, ambient_pa=0, alarms=Alarms(0),
        )  # fmt: skip
        self._reply = History(0, 100, bytes(16), (record,), bytes(16))
        self._responder = Responder(OpenChannel(), self._answer)

    def _answer(self, _: Telecommand) -> Message:
        return self._reply

    def receive(self, now_ms: int, data: bytes) -> bytes:  # noqa: ARG002 - the shape of a device
        """Its answer."""
        return self._responder.receive(data)


STATUS = Status(1, 2, 3, Mode.MONITORING, Alarms(0), 5, -6, 7, -8, 99, 9, 10, -11, flow_valid=True, history_next=12)


class PulledOut(Looping):
    """A pump whose port is lost once it is asked for its status or its clock, and back at once."""

    def __init__(self, *serial_numbers: str) -> None:
        super().__init__()
        self._responder = Responder(OpenChannel(), self._who)
        self._serial_numbers = list(serial_numbers)
        self._pulled_out = False
        self.asked: list[str] = []

    def _who(self, asked: Telecommand) -> Message:
        self.asked.append(type(asked).__name__)
        if not isinstance(asked, Identify) and not self._pulled_out:
            self._pulled_out = True
            raise LinkError("sim:pump: lost")
        if not isinstance(asked, Identify):
            return STATUS
        return Identity(1, bytes(8), self._serial_numbers.pop(0), "P", 1, 2, 3, 7)


def programmer_of(device: Babbler) -> Programmer:
    """A programmer on a virtual wire."""
    time = [0]
    return Programmer(VirtualLink("sim:pump", device, lambda: time[0], lambda now_ms: time.__setitem__(0, now_ms)))


def test_frame_ends_without_frames_are_given_up() -> None:
    """A break on the line is zeros for ever: no deadline, but an end."""
    with pytest.raises(PumpFault, match="bytes came that are no valid reply"):
        programmer_of(Babbler()).identify()


def test_history_that_does_not_move_on_is_refused() -> None:
    """A pump that repeats old records cannot hold us in a loop."""
    with pytest.raises(PumpFault, match=r"records \[3\] came, 4 and on were asked for"):
        programmer_of(Looping()).read_history(0)


def test_frames_are_what_the_wire_carries() -> None:
    """The test's own device speaks real frames (a guard for the tests above)."""
    assert encode_frame(b"x").endswith(b"\x00")


def test_what_can_be_asked_twice_is_asked_again_of_the_same_pump_only() -> None:
    """After a port was lost the pump says who it is and is asked again; another pump, or a command, is an error."""
    same = PulledOut("SN1", "SN1")
    pump = programmer_of(same)
    pump.identify()
    assert pump.read_status() == STATUS
    assert same.asked == ["Identify", "ReadStatus", "Identify", "ReadStatus"]
    assert pump.repeats == 1
    pump = programmer_of(PulledOut("SN1", "SN2"))
    pump.identify()
    with pytest.raises(PumpFault, match="was lost, and pump SN2 answers where SN1 was before"):
        pump.read_status()
    told = PulledOut("SN1")
    pump = programmer_of(told)
    pump.identify()
    with pytest.raises(LinkError, match="lost"):
        pump.set_clock(0)
    assert told.asked == ["Identify", "SetClock"]
