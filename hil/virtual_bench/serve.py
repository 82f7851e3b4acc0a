"""The simulated bench as a process of its own: devices on sockets and pseudo-terminals, its time on a control port.

One thread and one selector: every byte and every step of time is handled in turn, so what a client
sees after ``advance`` is the world after it. In lock step time stands still between the client's
sleeps; otherwise it runs at ``rate`` times real time.
"""

import json
import selectors
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firmware_model.faults.injection import Injection, parse_injection
from hil.benches.bench_file import LoadedBench, ServedDevice, ServeTable
from hil.clock import WallClock
from hil.errors import BenchFault, RigError, UsageError
from hil.links.faulty import FaultyDevice
from hil.links.lock import ResourceLock
from hil.links.resource_key import served_key
from hil.links.wire_faults import WireFault
from hil.pump.pump_session import check_simulated_key
from hil.virtual_bench.bench_faults import KNOWN_FAULTS
from hil.virtual_bench.device import Device
from hil.virtual_bench.ports import Port, PtyPort, SocketPort, listen
from hil.virtual_bench.world import World

__all__ = ["ServedBench", "ServedPort"]

_CONTROL = "control"
_FREE_PORT = "127.0.0.1:0"
_IDLE_S = 0.5
_MAX_REQUEST_BYTES = 65_536
_LONGEST_STEP_MS = 366 * 86_400_000


@dataclass(frozen=True)
class ServedPort:
    """One place where a device, or the control port, can be reached."""

    device: str
    kind: str
    where: str


class ServedBench:
    """A simulated bench that other processes use. Make it, then ``run`` it until ``stop`` is asked for."""

    def __init__(
        self,
        bench: LoadedBench,
        *,
        seed: int,
        rate: float | None = None,
        lock_step: bool = False,
        injections: Sequence[Injection] = (),
        wire_faults: Sequence[WireFault] = (),
    ) -> None:
        """Open every port of the bench file's [serve] table; free ones where it names none.

        Without ``rate`` and ``lock_step`` time passes as the file says. Raises BenchFault if a port is taken,
        UsageError if the file has no world to simulate.
        """
        self._bench = bench
        check_simulated_key(bench.file.pump.session, bench.key_file, seed)
        table = bench.file.serve or ServeTable(control=_FREE_PORT)
        self._seed = seed
        self._world = World(bench, seed=seed, injections=injections)
        in_lock_step = lock_step or (rate is None and table.time == "lock-step")
        self._clock = None if in_lock_step else WallClock(rate or 1.0)
        self._wire_faults = wire_faults
        self._check_wire_faults()
        self._devices = self._wired()
        self._selector = selectors.DefaultSelector()
        self._ports: list[Port] = []
        self._listeners: list[socket.socket] = []
        self._locks: list[ResourceLock] = []
        self._free_ptys: Path | None = None
        self._request = b""
        self._instance = uuid.uuid4().hex
        self.served: list[ServedPort] = []
        try:
            self._listen(_CONTROL, table.control)
            if bench.file.serve is None:
                self._free_ptys = Path(tempfile.mkdtemp(prefix="pumprig-"))
            for device in self._devices:
                self._serve_device(device, getattr(table, device))
        except BaseException:
            self.close()
            raise

    @property
    def pace(self) -> str:
        """How time passes, in words."""
        return "in lock step with its client" if self._clock is None else f"at {self._clock.rate:g} times real time"

    def run(self, stop: Callable[[], bool]) -> None:
        """Serve until ``stop()`` is true; it is asked at least twice a second."""
        while not stop():
            self._step()

    def close(self) -> None:
        """Take every port away."""
        for port in self._ports:
            port.close()
        for listener in self._listeners:
            listener.close()
        for lock in self._locks:
            lock.release()
        if self._free_ptys is not None:
            shutil.rmtree(self._free_ptys, ignore_errors=True)
        self._selector.close()

    def _step(self) -> None:
        for key, _ in self._selector.select(self._seconds_to_wait()):
            act: Callable[[], None] = key.data
            act()
        if self._clock is not None:
            self._advance_to(self._clock.now_ms())
        for port in self._ports:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if port.flush() else 0)
            if self._selector.get_key(port).events != wanted:
                self._selector.modify(port, wanted, self._selector.get_key(port).data)

    def _seconds_to_wait(self) -> float:
        due_ms = self._next_emit_ms()
        if self._clock is None or due_ms is None:
            return _IDLE_S
        return min(_IDLE_S, max(0, due_ms - self._clock.now_ms()) / 1000 / self._clock.rate)

    # --- the devices -------------------------------------------------------------------------------------

    def _check_wire_faults(self) -> None:
        """Raises UsageError for a fault that cannot be had here."""
        kinds = {fault.kind for fault in self._wire_faults}
        if "unplug" in kinds:
            raise UsageError(
                "--wire-fault: a served wire is unplugged by ending the server; unplug is for --target sim"
            )
        if "delay" in kinds and self._clock is None:
            raise UsageError("--wire-fault: in lock step no time passes while a client waits; use late, or --rate")

    def _wired(self) -> Mapping[str, Device]:
        """The devices of the world, as they are heard at the ends of their wires."""
        return {
            name: FaultyDevice(device, name, self._wire_faults, self._seed)
            if any(fault.concerns(name) for fault in self._wire_faults)
            else device
            for name, device in self._world.devices.items()
        }

    def _serve_device(self, device: str, table: ServedDevice) -> None:
        if table.tcp or self._free_ptys:
            self._listen(device, table.tcp or _FREE_PORT)
        if table.pty or (self._free_ptys and sys.platform != "win32"):
            link = Path(table.pty) if table.pty else self._free_ptys_path(device)
            self._lock("pty", str(link))  # or else a second server would put its own link in the place of ours
            port = PtyPort(device, link)
            self.served.append(ServedPort(device, "pty", str(port.link)))
            self._add(port, lambda: self._pass_on(port))

    def _lock(self, kind: str, where: str) -> None:
        self._locks.append(ResourceLock(served_key(kind, where), where))

    def _free_ptys_path(self, device: str) -> Path:
        return (self._free_ptys or Path()) / device

    def _listen(self, device: str, address: str) -> None:
        listener = listen(device, address)
        self._listeners.append(listener)
        host, port = listener.getsockname()[:2]
        self._lock("tcp", f"{host}:{port}")
        self.served.append(ServedPort(device, "tcp", f"{host}:{port}"))
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(device, listener))

    def _accept(self, device: str, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the client has gone already
        port = SocketPort(device, connection)
        if device != _CONTROL:
            self._add(port, lambda: self._pass_on(port))
            return
        for other in [each for each in self._ports if each.device == _CONTROL]:
            self._serve_control(other)  # it may have gone a moment ago
        if any(other.device == _CONTROL for other in self._ports):
            port.write(_line({"error": "another client drives this bench; wait until it has finished"}))
            port.close()
        else:
            self._request = b""
            self._add(port, lambda: self._serve_control(port))

    def _add(self, port: Port, act: Callable[[], None]) -> None:
        self._ports.append(port)
        self._selector.register(port, selectors.EVENT_READ, act)

    def _remove(self, port: Port) -> None:
        if port not in self._ports:
            return  # removed while its event waited in the same round
        self._selector.unregister(port)
        self._ports.remove(port)
        port.close()

    def _pass_on(self, port: Port) -> None:
        data = port.read()
        if data is None:
            self._remove(port)
        elif data:
            if self._clock is not None:
                self._advance_to(self._clock.now_ms())
            port.write(self._devices[port.device].receive(self._world.now_ms, data))

    def _advance_to(self, now_ms: int) -> None:
        """Move the world on, stopping wherever a device speaks unasked."""
        while (due_ms := self._next_emit_ms()) is not None and due_ms <= now_ms:
            self._world.advance_to(max(due_ms, self._world.now_ms))
            for name, device in self._devices.items():
                emit_ms = device.next_emit_ms()
                if emit_ms is not None and emit_ms <= self._world.now_ms:
                    self._say(name, device.emit(self._world.now_ms))
        self._world.advance_to(now_ms)

    def _hear_devices(self) -> None:
        """Take what has arrived on every wire.

        What a client sent before it let time pass came before that time, whichever wire the selector names first; a
        bath, for one, does not answer a setting, so the client has nothing to wait for.
        """
        for port in [port for port in self._ports if port.device != _CONTROL]:
            self._pass_on(port)

    def _next_emit_ms(self) -> int | None:
        times = [device.next_emit_ms() for device in self._devices.values()]
        return min((time for time in times if time is not None), default=None)

    def _say(self, device: str, data: bytes) -> None:
        for port in self._ports:
            if port.device == device:
                port.write(data)

    # --- the control port --------------------------------------------------------------------------------

    def _serve_control(self, port: Port) -> None:
        data = port.read()
        if data is None or len(self._request) > _MAX_REQUEST_BYTES:
            self._remove(port)
            return
        *requests, self._request = (self._request + data).split(b"\n")
        for request in requests:
            port.write(_line(self._answer(request)))

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                return {"error": "a request is a JSON object"}
            return self._do(request["do"], request)
        except KeyError as error:
            return {"error": f"{line[:200].decode(errors='replace')}: the key {error} is missing"}
        except (TypeError, ValueError, OverflowError, RecursionError, RigError) as error:
            return {"error": f"{line[:200].decode(errors='replace')}: {error}"}

    def _do(self, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        if verb == "hello":
            return self._hello()
        if verb == "inject":
            injection = parse_injection(request["fault"], KNOWN_FAULTS)
            self._world.inject(replace(injection, at_ms=injection.at_ms + self._world.now_ms))
            return {"now_ms": self._world.now_ms}
        if self._clock is not None:
            raise BenchFault(f"this bench runs {self.pace}; {verb} needs lock step")
        if verb == "reset":
            injections = [parse_injection(text, KNOWN_FAULTS) for text in request.get("inject", [])]
            seed = _whole(request, "seed")
            check_simulated_key(self._bench.file.pump.session, self._bench.key_file, seed)
            self._world = World(self._bench, seed=seed, injections=injections)
            self._seed = seed
            self._devices = self._wired()
            return {"now_ms": self._world.now_ms}
        if verb == "advance":
            duration_ms = _whole(request, "ms")
            if not 0 <= duration_ms <= _LONGEST_STEP_MS:
                raise ValueError(f"a step is 0 to {_LONGEST_STEP_MS} ms")
            self._hear_devices()
            self._advance_to(self._world.now_ms + duration_ms)
            return {"now_ms": self._world.now_ms}
        raise ValueError("unknown request; known: hello, reset, advance, inject")

    def _hello(self) -> dict[str, Any]:
        return {
            "name": self._bench.file.name,
            "seed": self._seed,
            "digest": self._bench.world_digest(),
            "time": "lock-step" if self._clock is None else "real",
            "rate": 0.0 if self._clock is None else self._clock.rate,
            "now_ms": self._world.now_ms,
            "start_utc_ms": self._world.start_utc_ms,
            "instance": self._instance,
        }


def _whole(request: dict[str, Any], key: str) -> int:
    """A whole number. Raises TypeError for anything else, KeyError if there is none."""
    number = request[key]
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"{key} must be a whole number, got {json.dumps(number)}")
    return number


def _line(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply).encode() + b"\n"
