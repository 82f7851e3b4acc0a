"""One key for one resource, however it is written: what a lock is taken on, and what is remembered of it."""

import os
import re
import socket
from collections.abc import Iterator, Mapping

from hil.errors import LinkError
from hil.links.console import CONSOLE
from hil.links.port_name import lasting_names, resolve_port

__all__ = ["lasting_key", "served_key", "sharing", "used_key"]

_URL = re.compile(r"(?:socket|rfc2217)://(?P<host>\[[^\]]+\]|[^:/\s]+):(?P<port>\d+)", re.IGNORECASE)
_VISA_SOCKET = re.compile(r"TCPIP\d*::(?P<host>[^\s]+)::(?P<port>\d+)::SOCKET", re.IGNORECASE)
_VISA_SERIAL = re.compile(r"ASRL(?P<port>.+)::INSTR", re.IGNORECASE)
_PSEUDO_TERMINALS = "/dev/pts/"


def used_key(resource: str) -> str:
    """The key of ``resource`` for who uses it.

    A serial port is its device, whichever link, adapter's number or VISA name leads there; a socket is the address
    of its host and its port. Raises LinkError for a ``usb:`` name that no port has.
    """
    port = _port(resource)
    if port is not None:
        return _port_key(port)
    if match := _URL.match(resource) or _VISA_SOCKET.fullmatch(resource):
        return f"tcp:{_address(match['host'])}:{int(match['port'])}"
    return f"visa:{resource.upper()}" if "::" in resource else resource


def lasting_key(resource: str) -> str:
    """The key of ``resource`` for what must not be forgotten of it while it is unplugged.

    A port may be another number when it is plugged in again: it is known by the name that Linux gives to its adapter,
    or to the socket it is in. A pseudo-terminal has no such name: it is known by the link that leads to it. Raises
    LinkError for a ``usb:`` name that no port has.
    """
    port = _port(resource)
    if port is None:
        return used_key(resource)
    device = os.path.realpath(port)
    if names := lasting_names().get(device):
        return f"port:{names[0]}"
    return f"port:{_last_link(port)}" if device.startswith(_PSEUDO_TERMINALS) else _port_key(port)


def served_key(kind: str, where: str) -> str:
    """The key of a place at which a simulated bench offers a device: the other end of what a client uses."""
    return f"serve:tcp:{where}" if kind == "tcp" else f"serve:pty:{os.path.abspath(where)}"  # noqa: PTH100 - not the device behind


def sharing(links: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Devices whose link leads, under whatever name, to the resource of one before them, and which that is."""
    owners: dict[str, str] = {}
    for wire, link in links.items():
        if link == CONSOLE:
            continue  # a person can do several things
        try:
            key = used_key(link)
        except LinkError:
            key = link.lower()  # a usb: name that no port has now
        if owners.setdefault(key, wire) != wire:
            yield wire, owners[key]


def _port(resource: str) -> str | None:
    """The serial port that ``resource`` names; None if it names something else. Raises LinkError."""
    if match := _VISA_SERIAL.fullmatch(resource):
        board = match["port"]
        return f"COM{board}" if board.isdecimal() else board
    return None if "::" in resource or "://" in resource else resolve_port(resource)


def _port_key(name: str) -> str:
    if os.path.exists(name) or os.sep in name:  # noqa: PTH110 - plain strings all along
        return f"port:{os.path.realpath(name)}"
    return f"port:{name.upper()}"


def _last_link(port: str) -> str:
    """The last name on the way from ``port`` to its device, or the device if ``port`` is no link."""
    folder, name = os.path.split(port)
    here = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118 - plain strings all along
    target = os.path.join(os.path.dirname(here), os.readlink(here)) if os.path.islink(here) else ""  # noqa: PTH114, PTH115, PTH118, PTH120
    return here if not target or target.startswith(_PSEUDO_TERMINALS) else _last_link(target)


def _address(host: str) -> str:
    try:
        return socket.gethostbyname(host.strip("[]"))
    except OSError:
        return host.lower()  # opening it will say what is wrong with it
