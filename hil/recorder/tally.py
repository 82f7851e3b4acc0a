"""What has been recorded so far, for whoever watches."""

from dataclasses import dataclass, field

from hil.recording.pump_record import Meaning
from protocols.listener import Heard, Refused, Sealed
from protocols.messages import Alarms, Sampled, Status

__all__ = ["Tally"]


@dataclass
class Tally:
    """Counts, and the last thing that the pump said of itself."""

    frames: int = 0
    """Whole ones, of both directions, readable or not."""
    sealed: int = 0
    """Of them, those whose keys are not known."""
    rejected: int = 0
    gaps: int = 0
    bytes: int = 0
    last_status: str = ""
    last_rejection: str = ""
    last_gap: str = ""
    marks: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    def take(self, meaning: Meaning) -> None:
        """Count one thing that the wire said."""
        match meaning.said:
            case Heard(message=message):
                self.frames += 1
                kind = type(message).__name__
                self.kinds[kind] = self.kinds.get(kind, 0) + 1
                if isinstance(message, (Status, Sampled)):
                    self.last_status = _said(message)
            case Sealed():
                self.frames += 1
                self.sealed += 1
            case Refused():
                self.rejected += 1
                self.last_rejection = f"{meaning.content['reason']} at byte {meaning.content['offset']}"
            case None:
                self.gaps += 1
                self.last_gap = str(meaning.content["detail"])
            case _:
                self.frames += 1


def _said(message: Status | Sampled) -> str:
    alarms = ", ".join(alarm.name or "" for alarm in Alarms if alarm in message.alarms) or "no alarm"
    return (
        f"{message.mode.name}, {message.temperature_mc / 1000:.2f} C, {message.reservoir_pa / 1000:.2f} kPa, "
        f"{message.battery_mv} mV, {alarms}"
    )
