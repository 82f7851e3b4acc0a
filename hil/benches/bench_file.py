"""A bench as one TOML file: the pump, the instruments, what surrounds them and, if simulated, what is true."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from firmware_model.config import FrozenModel, at_key, check_model, line_of, read_toml
from firmware_model.errors import ConfigurationError
from firmware_model.profile import PumpProfile, find_profile, load_profile
from hil.benches.instrument_tables import InstrumentsTable, LinkName, Percent, SerialTable, UncertaintyC, UncertaintyKpa
from hil.errors import UsageError
from hil.links.resource_key import sharing
from hil.pump.pump_session import SessionMode, read_key
from hil.shipped import file_or_shipped

__all__ = [
    "BenchFile",
    "EnvironmentTable",
    "PumpTable",
    "SafeStateTable",
    "ServeTable",
    "ServedDevice",
    "WorldTable",
    "load_bench",
]

RoomC = Annotated[float, Field(ge=5, le=45)]
AmbientKpa = Annotated[float, Field(ge=20, le=600)]
"""From the highest mountains to a deep dive."""
OutletKpa = Annotated[float, Field(ge=-100, le=100)]
EvaporationUgPerS = Annotated[float, Field(ge=0, le=1000)]
"""What is lost; 1000 ug/s is a beaker that is empty within hours."""
DropNl = Annotated[int, Field(ge=0, le=100_000)]
SerialNumber = Annotated[str, Field(pattern=r"^[!-~]{1,16}$")]


class PumpTable(FrozenModel):
    """The pump under test: where its telemetry comes out, and what it is meant to be."""

    link: LinkName
    profile: Annotated[str, Field(min_length=1)]
    serial_number: SerialNumber | None = None
    serial: SerialTable = SerialTable()
    session: SessionMode = "open"
    """Whether its telemetry is open or in secure sessions; the test key is for simulated pumps."""
    key_file: str | None = None
    """For ``session = "key-file"``: where uid and key are, beside this file."""


class EnvironmentTable(FrozenModel):
    """What the user measured around the bench; ``u_`` keys are standard uncertainties (k = 1)."""

    room_temperature_c: RoomC
    u_room_temperature_c: UncertaintyC
    relative_humidity_percent: Percent
    u_relative_humidity_percent: Percent
    ambient_kpa: AmbientKpa
    u_ambient_kpa: UncertaintyKpa
    outlet_kpa: OutletKpa
    u_outlet_kpa: UncertaintyKpa
    evaporation: Literal["rate", "oil-film", "reference-vessel"] = "rate"
    """How it is known what evaporates from the beaker; each way has its own keys."""
    evaporation_ug_per_s: EvaporationUgPerS | None = None
    """For "rate"; with a reference vessel, what to plan with."""
    u_evaporation_ug_per_s: EvaporationUgPerS | None = None
    evaporation_bound_ug_per_s: Annotated[float, Field(gt=0, le=1000)] | None = None
    """For "oil-film": no more than this gets through."""
    u_vessel_likeness_percent: Percent | None = None
    """For "reference-vessel": how far the two vessels may differ in what they lose."""
    beaker_volume_ml: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Of air that beaker and glass displace: the tare does not cancel when the air changes between two readings."""
    drop_volume_nl: DropNl

    @model_validator(mode="after")
    def _evaporation_has_its_keys(self) -> Self:
        wanted = {
            "rate": ("evaporation_ug_per_s", "u_evaporation_ug_per_s"),
            "oil-film": ("evaporation_bound_ug_per_s",),
            "reference-vessel": ("u_vessel_likeness_percent",),
        }
        may = {
            *wanted[self.evaporation],
            *(("evaporation_ug_per_s",) if self.evaporation == "reference-vessel" else ()),
        }
        for key in wanted[self.evaporation]:
            if getattr(self, key) is None:
                raise ValueError(f'evaporation = "{self.evaporation}" needs the key {key}')
        for key in {each for keys in wanted.values() for each in keys} - may:
            if getattr(self, key) is not None:
                raise ValueError(f'{key} does not go with evaporation = "{self.evaporation}"')
        return self


class SafeBathTable(FrozenModel):
    """How the bath is left."""

    set_point_c: Annotated[float, Field(ge=5, le=50)] = 25.0
    running: bool = False


class SafePressureTable(FrozenModel):
    """How a pressure controller is left: nothing else takes the pressure off the pump."""

    vented: Literal[True] = True


class SafeSupplyTable(FrozenModel):
    """How the supply is left."""

    output: bool = False


class SafeStateTable(FrozenModel):
    """What the bench is left in when a run ends, hangs or dies. Stopping therapy is not a safe state."""

    pump: Literal["untouched"] = "untouched"
    bath: SafeBathTable = SafeBathTable()
    ambient_pressure: SafePressureTable = SafePressureTable()
    outlet_pressure: SafePressureTable = SafePressureTable()
    supply: SafeSupplyTable = SafeSupplyTable()
    hang_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """A run that does nothing on any wire for so long hangs."""


class WorldTable(FrozenModel):
    """What is physically true on a simulated bench. A procedure cannot see it; a real bench has no such table."""

    start_utc: datetime
    room_temperature_c: RoomC
    ambient_kpa: AmbientKpa
    outlet_kpa: OutletKpa
    evaporation_ug_per_s: EvaporationUgPerS
    drop_volume_nl: DropNl
    reservoir_ml: Annotated[float, Field(gt=0, le=1000)]
    bath_time_constant_min: Annotated[float, Field(ge=0.01, le=10_000)]
    bath_noise_c: Annotated[float, Field(ge=0, le=1)]

    @field_validator("start_utc")
    @classmethod
    def _states_its_zone(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("a time needs its zone; write it like 2026-01-01T00:00:00Z")
        if not 2000 <= value.year < 2100:
            raise ValueError("the year must be 2000 to 2099")
        return value

    @property
    def start_utc_ms(self) -> int:
        """UTC at bench time 0, in ms since 1970."""
        return round(self.start_utc.timestamp() * 1000)


class ServedDevice(FrozenModel):
    """Where a simulated device can be reached from another process."""

    tcp: str | None = None
    pty: str | None = None

    @field_validator("tcp")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else _address(value)


class ServeTable(FrozenModel):
    """How ``pumprig bench serve`` offers the simulated bench; clients find its clock at ``control``."""

    control: str
    time: Literal["lock-step", "real"] = "real"
    pump: ServedDevice = ServedDevice()
    balance: ServedDevice = ServedDevice()
    reference_balance: ServedDevice = ServedDevice()
    bath: ServedDevice = ServedDevice()
    ambient_pressure: ServedDevice = ServedDevice()
    outlet_pressure: ServedDevice = ServedDevice()
    multimeter: ServedDevice = ServedDevice()
    supply: ServedDevice = ServedDevice()
    operator: ServedDevice = ServedDevice()

    @field_validator("control")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return _address(value)


class BenchFile(FrozenModel):
    """A whole bench file, checked, with the pump profile that it names."""

    name: Annotated[str, Field(min_length=1)]
    pump: PumpTable
    instruments: InstrumentsTable = InstrumentsTable()
    environment: EnvironmentTable
    world: WorldTable | None = None
    safe_state: SafeStateTable = SafeStateTable()
    serve: ServeTable | None = None

    @model_validator(mode="after")
    def _simulated_links_have_a_world(self) -> Self:
        for name, link in self.links().items():
            if not link.startswith("sim:"):
                continue
            if link != f"sim:{name}":
                raise at_key(f"the simulated {name} is linked by sim:{name}, not by {link}", *_link_keys(name))
            if self.world is None:
                raise at_key(
                    f"the link of {name} is simulated, but there is no [world] table to simulate", *_link_keys(name)
                )
        return self

    @model_validator(mode="after")
    def _tables_fit_together(self) -> Self:
        if self.environment.evaporation == "reference-vessel" and self.instruments.reference_balance is None:
            problem = 'evaporation = "reference-vessel" needs [instruments.reference_balance], which weighs it'
            raise at_key(problem, "environment", "evaporation")
        if (self.pump.session == "key-file") != (self.pump.key_file is not None):
            key = "session" if self.pump.key_file is None else "key_file"
            raise at_key('pump.key_file and pump.session = "key-file" go together', "pump", key)
        return self

    def links(self) -> dict[str, str]:
        """The link of every device on this bench, by wire name."""
        return {"pump": self.pump.link} | {role: table.link for role, table in self.instruments.present().items()}

    def is_simulated(self) -> bool:
        """Whether every device of this bench lives in this process."""
        return all(link.startswith("sim:") for link in self.links().values())


class LoadedBench(FrozenModel):
    """A bench file together with where it stood and the profile it names."""

    path: str
    file: BenchFile
    profile: PumpProfile

    @property
    def key_file(self) -> Path | None:
        """Where the key of the pump's session is, if it is provisioned."""
        name = self.file.pump.key_file
        return None if name is None else Path(self.path).parent / name

    def world_digest(self) -> str:
        """A hash of all that a simulated bench depends on: equal digests simulate the same world."""
        world = self.file.world.model_dump(mode="json") if self.file.world else None
        pump = {
            "serial_number": self.file.pump.serial_number,
            "session": self.file.pump.session,
            "profile": self.profile.model_dump(mode="json"),
        }
        drivers = {role: table.driver for role, table in self.file.instruments.present().items()}
        return hashlib.sha256(json.dumps([world, pump, drivers], sort_keys=True).encode()).hexdigest()


def load_bench(path: Path) -> LoadedBench:
    """The bench file at ``path``, or the one of that name that comes with pumprig, and its pump profile.

    Raises ConfigurationError (file, line, key), or UsageError for a name that is none.
    """
    path = file_or_shipped(path, "benches", "bench")
    text, document = read_toml(path)
    file = check_model(path, text, document, BenchFile)

    def wrong(problem: str, *keys: str) -> ConfigurationError:
        return ConfigurationError(path, problem, key=".".join(keys), line=line_of(text, keys))

    profile = load_profile(find_profile(path, text, file.pump.profile, ("pump", "profile")))
    if file.world is not None and not profile.residual_ml <= file.world.reservoir_ml <= profile.capacity_ml:
        can_hold = f"{profile.residual_ml:g} to {profile.capacity_ml:g} mL, what this pump's reservoir can hold"
        raise wrong(f"must be {can_hold}", "world", "reservoir_ml")
    loaded = LoadedBench(path=str(path), file=file, profile=profile)
    if loaded.key_file is not None:
        try:
            read_key(loaded.key_file)
        except UsageError as error:
            raise wrong(str(error), "pump", "key_file") from error
    for wire, other in sharing(file.links()):
        raise wrong(f"is the resource of {other}: {file.links()[other]}; each device has its own", *_link_keys(wire))
    return loaded


def _link_keys(wire: str) -> tuple[str, ...]:
    """Where a device's link stands in the file."""
    return ("pump", "link") if wire == "pump" else ("instruments", wire, "link")


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise ValueError("this is no HOST:PORT; write it like 127.0.0.1:47600")
    return text
