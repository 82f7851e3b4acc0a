"""Which ports and VISA resources there are. Nothing is opened, and nothing is written to any of them."""

import warnings
from dataclasses import dataclass

from serial.tools import list_ports

from hil.links.port_name import by_id_names

__all__ = ["FoundPort", "ports", "visa_resources"]

_MAKERS = {
    0x0403: "FTDI",
    0x067B: "Prolific",
    0x10C4: "Silicon Labs",
    0x1A86: "WCH",
    0x04D8: "Microchip",
    0x0557: "ATEN",
    0x110A: "Moxa",
    0x2341: "Arduino",
    0x0EB8: "Mettler-Toledo",
    0x24BC: "Sartorius",
    0x0957: "Agilent",
    0x2A8D: "Keysight",
    0x1AB1: "Rigol",
}
"""Who a USB vendor number belongs to, of those that are met on a bench (the USB Implementers Forum's list)."""

_DRIVERS = {"mettler": "mt-sics", "ohaus": "mt-sics", "sartorius": "sbi", "julabo": "julabo", "keysight": "scpi",
            "agilent": "scpi", "rigol": "scpi"}  # fmt: skip
"""Which driver an instrument of this maker is probably for. An adapter's maker says nothing of what is behind it."""


@dataclass(frozen=True)
class FoundPort:
    """One serial port, with what its USB adapter says of itself."""

    device: str
    description: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    by_id: tuple[str, ...]

    @property
    def usb_name(self) -> str | None:
        """How a bench file can name it, so that it is found wherever it is plugged in."""
        return f"usb:{self.serial_number}" if self.serial_number else None

    @property
    def maker(self) -> str | None:
        """Who made the adapter, if that is known."""
        return None if self.vid is None else _MAKERS.get(self.vid)

    @property
    def driver_guess(self) -> str | None:
        """The driver that it is probably for: a guess from names alone, since nothing may be asked."""
        return _guess(f"{self.description} {self.maker or ''}")


def ports() -> list[FoundPort]:
    """Every serial port of this machine."""
    by_id = by_id_names()
    return [
        FoundPort(
            port.device,
            port.description or "",
            port.vid,
            port.pid,
            port.serial_number,
            tuple(by_id.get(port.device, ())),
        )
        for port in sorted(list_ports.comports(), key=lambda port: str(port.device))
    ]


def visa_resources(*, network: bool) -> dict[str, str | None]:
    """Every VISA resource that pyvisa-py finds, with the driver that it is probably for.

    Instruments on the network answer a broadcast, so they are looked for only if ``network`` is wanted.
    """
    import pyvisa  # noqa: PLC0415 - slow to import
    from pyvisa import constants  # noqa: PLC0415
    from pyvisa_py.sessions import Session  # noqa: PLC0415

    pyvisa.ResourceManager("@py")  # loads what can be had of USB, GPIB and the rest
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries for buses that this machine does not have
        for (interface, _), session in Session.iter_valid_session_classes():
            if interface != constants.InterfaceType.tcpip or network:
                found += session.list_resources()
    return {name: _guess_of_visa(name) for name in sorted(set(found)) if not name.startswith("PRLGX")}


def _guess_of_visa(name: str) -> str | None:
    parts = name.split("::")
    if not name.upper().startswith("USB") or len(parts) < 3:
        return None
    try:
        return _guess(_MAKERS.get(int(parts[1], 0), ""))
    except ValueError:
        return None


def _guess(text: str) -> str | None:
    return next((driver for name, driver in _DRIVERS.items() if name in text.lower()), None)
