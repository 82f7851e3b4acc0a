"""Which kind of link a resource name means."""

import re

from hil.links.console import CONSOLE, ConsoleLink
from hil.links.link import BufferedLink
from hil.links.port_link import PortLink
from hil.links.serial_settings import SerialSettings

__all__ = ["open_link"]

_VISA = re.compile(r"::(INSTR|SOCKET)$", re.IGNORECASE)


def open_link(resource: str, serial: SerialSettings) -> PortLink | BufferedLink:
    """The open link of ``resource``, locked for us: VISA if it ends as VISA resources do, pyserial otherwise.

    Raises LinkError naming the resource and what to do, or who holds it.
    """
    if resource == CONSOLE:
        return ConsoleLink(resource)

    def open_port() -> BufferedLink:
        if _VISA.search(resource):
            from hil.links.visa import VisaLink  # noqa: PLC0415 - pyvisa takes 0.4 s to import

            return VisaLink(resource, serial)
        from hil.links.serial_port import SerialLink  # noqa: PLC0415

        return SerialLink(resource, serial)

    return PortLink(resource, open_port)
