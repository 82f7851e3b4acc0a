"""What a person sees of ports and wires: what there is, who holds it, and what can go wrong with it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from hil.benches.bench_file import load_bench
from hil.errors import LinkError, UsageError
from hil.links.lock import HeldLock, held_locks, remove_lock
from hil.links.resource_key import used_key
from hil.links.wire_faults import WIRE_FAULTS
from hil.screen import screen

__all__ = ["print_locks", "print_scan", "print_wire_faults", "unlock"]


def print_locks(*, as_json: bool) -> None:
    """Every lock on this machine's benches, one a line."""
    locks = held_locks()
    if as_json:
        _print_json({"schema": "pumprig.locks/1", "locks": [_lock_as_json(lock) for lock in locks]})
        return
    console = screen()
    for lock in locks:
        state = "[bold yellow]stale[/]" if lock.is_stale else "held "
        console.print(
            f"{state} {escape(lock.resource)}  {'served' if _is_served(lock) else 'used'} by {escape(str(lock.owner))} "
            f"since {lock.since}, heartbeat {lock.heartbeat_age_s:.1f} s ago"
        )
    if not locks:
        console.print("no resource is locked")


def unlock(resource: str, *, force: bool) -> None:
    """Take the locks of ``resource`` away. Raises UsageError if there is none, LinkError if one is held."""
    found = [lock for lock in held_locks() if resource in {lock.resource, lock.key} or lock.key == _key(resource)]
    if not found:
        raise UsageError(f"{resource}: is not locked; see `pumprig bench locks`")
    for lock in found:
        remove_lock(lock, force=force)
        sys.stdout.write(f"unlocked {lock.resource}, which was {'stale' if lock.is_stale else 'held'}: {lock.owner}\n")


def print_scan(file: Path | None, *, network: bool, as_json: bool) -> None:
    """Ports, VISA resources, locks and, for the links of the bench ``file``, who is there."""
    from hil.links.port_scan import ports, visa_resources  # noqa: PLC0415 - pyvisa is slow to import

    bench = None if file is None else load_bench(file)
    found, visa, locks = ports(), visa_resources(network=network), held_locks()
    devices = []
    if bench is not None:
        from hil.benches.scan_identity import bench_devices  # noqa: PLC0415 - drivers are needed for this alone

        devices = bench_devices(bench)
    if as_json:
        said = {
            "schema": "pumprig.scan/1",
            "ports": [
                asdict(port) | {"usb_name": port.usb_name, "maker": port.maker, "driver_guess": port.driver_guess}
                for port in found
            ],
            "visa": [{"resource": name, "driver_guess": guess} for name, guess in visa.items()],
            "locks": [_lock_as_json(lock) for lock in locks],
            "bench": [asdict(device) for device in devices],
        }
        _print_json(said)
        return
    console = screen()
    console.print("serial ports", style="bold")
    for port in found:
        ids = (
            "" if port.vid is None else f"  {port.vid:04x}:{port.pid or 0:04x}{f' {port.maker}' if port.maker else ''}"
        )
        names = "".join(f"\n    {name}" for name in (port.usb_name, *port.by_id) if name)
        console.print(escape(f"  {port.device}  {port.description}{ids}{_probably(port.driver_guess)}{names}"))
    console.print("VISA resources", style="bold")
    for name, guess in visa.items():
        console.print(escape(f"  {name}{_probably(guess)}"))
    if not network:
        console.print("  not looked for on the network; --network does", style="dim")
    console.print("locks", style="bold")
    for lock in locks:
        console.print(escape(f"  {lock.resource}  {'stale' if lock.is_stale else 'held'}: {lock.owner}"))
    if bench is not None:
        console.print(escape(f"bench {bench.file.name}"), style="bold")
    width = max((len(device.role) for device in devices), default=0)
    for device in devices:
        console.print(escape(f"  {device.role:<{width}} {device.link}  {device.identity or device.problem}"))


def print_wire_faults(*, as_json: bool) -> None:
    """Every kind of fault of a wire, as a table."""
    if as_json:
        _print_json({"schema": "pumprig.wire-faults/1", "kinds": [asdict(kind) for kind in WIRE_FAULTS.values()]})
        return
    console = screen()
    console.print(
        "--wire-fault WIRE:KIND[=VALUE][@FROM][+DURATION], such as pump:drop=1% or bath:unplug@3h+10min", markup=False
    )
    for kind in WIRE_FAULTS.values():
        value = (
            ""
            if kind.lower == kind.upper
            else f"{kind.default:g}{kind.unit}, {kind.lower:g} to {kind.upper:g}{kind.unit}"
        )
        console.print(f"  {kind.name:<10} {value:<24} {kind.summary}", markup=False)


def _probably(driver: str | None) -> str:
    return f"  probably for {driver}" if driver else ""


def _print_json(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said, indent=2) + "\n")


def _lock_as_json(lock: HeldLock) -> dict[str, Any]:
    """A lock for programs."""
    return {
        "resource": lock.resource,
        "key": lock.key,
        "role": "served" if _is_served(lock) else "used",
        "state": "stale" if lock.is_stale else "held",
        "owner": lock.owner.user,
        "pid": lock.owner.pid,
        "host": lock.owner.host,
        "command": lock.owner.command,
        "since": lock.since,
        "heartbeat_age_s": lock.heartbeat_age_s,
    }


def _is_served(lock: HeldLock) -> bool:
    return lock.key.startswith("serve:")


def _key(resource: str) -> str:
    try:
        return used_key(resource)
    except LinkError:  # a port that is not there now can have a lock all the same, by the name that it was opened by
        return ""
