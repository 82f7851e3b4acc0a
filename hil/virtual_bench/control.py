"""The control port of a served bench, from the client's side: its clock and its faults.

One JSON object per line, each answered by one line::

    {"do": "hello"}                           -> {"name", "seed", "digest", "time", "rate", "now_ms", "start_utc_ms",
                                                  "instance"}: another one if the server was started again
    {"do": "reset", "seed": 1, "inject": []}  -> {"now_ms": 0}: a new world; only in lock step
    {"do": "advance", "ms": 60000}            -> {"now_ms"}; only in lock step
    {"do": "inject", "fault": "NAME@TIME"}    -> {"now_ms"}; TIME counts from now

What cannot be done is answered by {"error": "..."} and changes nothing.
"""

import json
import socket
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from hil.errors import BenchFault

__all__ = ["CONTROL_TIMEOUT_S", "ControlClient", "Hello", "LockStepClock"]

CONTROL_TIMEOUT_S = 60.0
"""A day of lock step is simulated in well under a second; a server silent for this long is gone."""


class Hello(BaseModel):
    """What a served bench says of itself."""

    name: str
    seed: int
    digest: str
    time: Literal["lock-step", "real"]
    rate: float
    now_ms: int
    start_utc_ms: int
    instance: str


class ControlClient:
    """A connection to the control port. The server serves one at a time: it owns the bench's time."""

    def __init__(self, address: str) -> None:
        """Connect to ``address`` (HOST:PORT). Raises BenchFault if no served bench answers there."""
        self.address = address
        host, _, port = address.rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=CONTROL_TIMEOUT_S)
        except OSError as error:
            raise BenchFault(
                f"control port {address}: {error.strerror or error}; start the bench with `pumprig bench serve FILE`"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")

    def hello(self) -> Hello:
        """Who is there, and how its time passes. Raises BenchFault if it is no served bench."""
        reply = self._ask({"do": "hello"})
        try:
            return Hello.model_validate(reply)
        except ValidationError as error:
            raise BenchFault(f"control port {self.address}: answers, but is no pumprig bench: {reply}") from error

    def reset(self, seed: int, injections: Sequence[str]) -> None:
        """Begin a new world at bench time 0."""
        self._ask({"do": "reset", "seed": seed, "inject": list(injections)})

    def advance(self, duration_ms: int) -> int:
        """Let bench time pass; returns the bench time reached, in ms."""
        return int(self._ask({"do": "advance", "ms": duration_ms})["now_ms"])

    def inject(self, injection: str) -> None:
        """Have a fault begin; its time counts from now."""
        self._ask({"do": "inject", "fault": injection})

    def close(self) -> None:
        """Leave the bench to the next client."""
        self._lines.close()
        self._socket.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise BenchFault(f"control port {self.address}: {error.strerror or error}") from error
        if not line:
            raise BenchFault(f"control port {self.address}: the served bench closed the connection")
        try:
            reply = json.loads(line)
        except ValueError as error:
            raise BenchFault(f"control port {self.address}: expected a line of JSON, got {line[:80]!r}") from error
        if not isinstance(reply, dict):
            raise BenchFault(f"control port {self.address}: expected a JSON object, got {line[:80]!r}")
        if "error" in reply:
            raise BenchFault(f"control port {self.address}: {reply['error']}")
        return reply


class LockStepClock:
    """Bench time that passes only when this client sleeps, in the served world as well."""

    def __init__(self, control: ControlClient, start_utc_ms: int) -> None:
        """Drive the world behind ``control``, which has just been reset to bench time 0."""
        self.start_utc_ms = start_utc_ms
        self._control = control
        self._now_ms = 0

    def now_ms(self) -> int:
        """Bench time now, in ms."""
        return self._now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Let ``duration_ms`` of bench time pass."""
        if duration_ms > 0:
            self._now_ms = self._control.advance(duration_ms)
