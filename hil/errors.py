"""Every error of the rig, and the exit code that each stands for.

::

    RigError
    ├── UsageError            the caller asked for something that does not exist or fit      exit 2
    └── BenchFault            the bench, a wire or a recording failed                         exit 3
        ├── LinkError         links/: a port that is missing, busy or lost
        │   └── LinkTimeout   links/: no complete answer in time; keeps the partial bytes
        ├── InstrumentFault   instruments/: the instrument answers, but with an error of its own
        └── RecordingError    recording/: the file cannot be read on, or does not match
"""

__all__ = ["BenchFault", "InstrumentFault", "LinkError", "LinkTimeout", "RecordingError", "RigError", "UsageError"]


class RigError(Exception):
    """The rig could not do what it was asked to do."""


class UsageError(RigError):
    """The caller asked for something that does not exist, or does not fit together."""


class BenchFault(RigError):
    """The bench, one of its wires, or a recording failed."""


class LinkError(BenchFault):
    """A port is missing, busy, refused or lost."""


class LinkTimeout(LinkError):
    """No complete answer came in time. ``partial`` holds the bytes that did come: evidence, never an answer."""

    def __init__(self, resource: str, timeout_ms: int, partial: bytes = b"") -> None:
        """Name the link's ``resource``, how long it was given, and what came."""
        came = f"only {partial!r} came" if partial else "nothing came"
        super().__init__(f"{resource}: no complete answer within {timeout_ms} ms; {came}")
        self.resource = resource
        self.timeout_ms = timeout_ms
        self.partial = partial


class InstrumentFault(BenchFault):
    """An instrument answered, but reports an error or a state in which it cannot be used."""


class RecordingError(BenchFault):
    """A recording cannot be read on from here, or does not match what is asked of it."""
