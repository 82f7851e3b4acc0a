"""Ports by the serial number of their USB adapter: a name that stays, whichever socket it is plugged into."""

import re
from pathlib import Path
from typing import Any

from serial.tools import list_ports

from hil.errors import LinkError

__all__ = ["by_id_names", "lasting_names", "ports_here", "resolve_port"]

_USB = re.compile(r"usb:(?:(?P<vid>[0-9a-f]{4}):(?P<pid>[0-9a-f]{4}):)?(?P<serial>[^\s:]+)", re.IGNORECASE)
_BY_ID = Path("/dev/serial/by-id")
_BY_PATH = Path("/dev/serial/by-path")


def resolve_port(resource: str) -> str:
    """The device behind ``usb:SERIAL`` or ``usb:VID:PID:SERIAL`` now; any other name as it is.

    Looked up each time, because the device's own name changes when it is unplugged. Raises LinkError, with the ports
    that are there, if none or more than one has that number.
    """
    if not resource.lower().startswith("usb:"):
        return resource
    wanted = _USB.fullmatch(resource)
    if wanted is None:
        raise LinkError(f"{resource}: write usb:SERIAL or usb:VID:PID:SERIAL, with VID and PID as four hex digits")
    found = sorted(port.device for port in list_ports.comports() if _is_meant(port, wanted))
    if len(found) == 1:
        return str(found[0])
    if found:
        raise LinkError(
            f"{resource}: {len(found)} ports have this serial number: {', '.join(found)}; "
            "write usb:VID:PID:SERIAL, or the port's name in /dev/serial/by-id"
        )
    raise LinkError(f"{resource}: no port has this serial number; serial ports on this machine: {ports_here()}")


def ports_here() -> str:
    """Every serial port with the serial number of its adapter, for messages."""
    ports = sorted(list_ports.comports(), key=lambda port: str(port.device))
    return ", ".join(f"{port.device}{_usb_name(port)}" for port in ports) or "none"


def by_id_names() -> dict[str, list[str]]:
    """The names in /dev/serial/by-id of each device; empty where the system has none."""
    return _names_in(_BY_ID)


def lasting_names() -> dict[str, list[str]]:
    """The names of each device that are the same when it is plugged in again, the best first.

    That of its adapter goes with it wherever it is plugged in; that of its socket is for adapters without a number.
    """
    return {**_names_in(_BY_PATH), **by_id_names()}


def _names_in(folder: Path) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    if folder.is_dir():
        for name in sorted(folder.iterdir()):
            names.setdefault(str(name.resolve()), []).append(str(name))
    return names


def _is_meant(port: Any, wanted: re.Match[str]) -> bool:
    if port.serial_number is None or port.serial_number.casefold() != wanted["serial"].casefold():
        return False
    return wanted["vid"] is None or (port.vid, port.pid) == (int(wanted["vid"], 16), int(wanted["pid"], 16))


def _usb_name(port: Any) -> str:
    return f" (usb:{port.serial_number})" if port.serial_number else ""
