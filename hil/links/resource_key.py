"""One key for one resource, however it is written: what a lock is taken on."""

import os
import re
import socket

from hil.links.port_name import resolve_port

__all__ = ["served_key", "used_key"]

_URL = re.compile(r"(?:socket|rfc2217)://(?P<host>\[[^\]]+\]|[^:/\s]+):(?P<port>\d+)", re.IGNORECASE)
_VISA_SOCKET = re.compile(r"TCPIP\d*::(?P<host>[^\s]+)::(?P<port>\d+)::SOCKET", re.IGNORECASE)
_VISA_SERIAL = re.compile(r"ASRL(?P<port>.+)::INSTR", re.IGNORECASE)


def used_key(resource: str) -> str:
    """The key of ``resource`` for who uses it.

    A serial port is its device, whichever link, adapter's number or VISA name leads there; a socket is the address
    of its host and its port. Raises LinkError for a ``usb:`` name that no port has.
    """
    if match := _URL.match(resource) or _VISA_SOCKET.fullmatch(resource):
        return f"tcp:{_address(match['host'])}:{int(match['port'])}"
    if match := _VISA_SERIAL.fullmatch(resource):
        board = match["port"]
        return _port_key(f"COM{board}" if board.isdecimal() else board)
    if "::" in resource or "://" in resource:
        return f"visa:{resource.upper()}" if "::" in resource else resource
    return _port_key(resolve_port(resource))


def served_key(kind: str, where: str) -> str:
    """The key of a place at which a simulated bench offers a device: the other end of what a client uses."""
    return f"serve:tcp:{where}" if kind == "tcp" else f"serve:pty:{os.path.abspath(where)}"  # noqa: PTH100 - not the device behind


def _port_key(name: str) -> str:
    if os.path.exists(name) or os.sep in name:  # noqa: PTH110 - plain strings all along
        return f"port:{os.path.realpath(name)}"
    return f"port:{name.upper()}"


def _address(host: str) -> str:
    try:
        return socket.gethostbyname(host.strip("[]"))
    except OSError:
        return host.lower()  # opening it will say what is wrong with it
