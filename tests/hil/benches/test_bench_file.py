"""Bench files: the shipped ones load, and what does not fit together is refused where it stands."""

from pathlib import Path

import pytest

from firmware_model.errors import ConfigurationError
from hil.benches.bench_file import BenchFile, load_bench
from hil.shipped import shipped


@pytest.mark.parametrize("name", ["simulated", "served", "example-real"])
def test_shipped_benches_load(name: str) -> None:
    """Every bench that comes with pumprig is valid."""
    loaded = load_bench(shipped(f"benches/{name}.toml"))
    assert set(loaded.file.links()) == {"pump", "balance", "bath"}
    assert loaded.file.is_simulated() == (name == "simulated")


def test_served_bench_simulates_the_same_world_as_the_simulated_one() -> None:
    """The two shipped simulations differ in their wires only, so their results can be compared."""
    digests = {load_bench(shipped(f"benches/{name}.toml")).world_digest() for name in ("simulated", "served")}
    assert len(digests) == 1


def test_bench_survives_being_recorded() -> None:
    """A recording keeps the loaded bench as JSON; it comes back equal."""
    loaded = load_bench(shipped("benches/served.toml"))
    assert type(loaded).model_validate_json(loaded.model_dump_json()) == loaded


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("[world]", "[wordl]", "wordl", "did you mean world?"),
        ("start_utc = 2026-01-01T00:00:00Z", "start_utc = 2026-01-01T00:00:00", "world.start_utc", "needs its zone"),
        (
            "bath_time_constant_min = 12.0",
            "bath_time_constant_min = 0",
            "world.bath_time_constant_min",
            "greater than or equal to 0.01",
        ),
        ("u_outlet_kpa = 0.07", "u_outlet_kpa = -0.07", "environment.u_outlet_kpa", "greater than or equal to 0"),
        (
            "u_temperature_c = 0.03",
            "u_temperature_c = 1e300",
            "instruments.bath.u_temperature_c",
            "less than or equal to 10",
        ),
        (
            "evaporation_ug_per_s = 0.25",
            "evaporation_ug_per_s = -0.25",
            "environment.evaporation_ug_per_s",
            "greater than or equal to 0",
        ),
        (
            "evaporation_ug_per_s = 0.25",
            "evaporation_ug_per_s = 1e300",
            "environment.evaporation_ug_per_s",
            "less than or equal to 1000",
        ),
        ('control = "127.0.0.1:47600"', 'control = "47600"', "serve.control", "HOST:PORT"),
        ('tcp = "127.0.0.1:47602"', 'tcp = "127.0.0.1:99999"', "serve.balance.tcp", "HOST:PORT"),
        ('link = "/tmp/pumprig-served/pump"', 'link = ""', "pump.link", "this is no link"),
        ("[instruments.bath]", "[instrument.bath]", "instrument", "did you mean instruments?"),
        ('link = "/tmp/pumprig-served/pump"', 'link = "sim:pmp"', "pump.link", "is linked by sim:pump"),
        ('link = "socket://127.0.0.1:47603"', 'link = "sim:path"', "instruments.bath.link", "linked by sim:bath"),
        ("reservoir_ml = 30.0", "reservoir_ml = 31.0", "world.reservoir_ml", "what this pump's reservoir can hold"),
        ('profile = "', 'profile = "no-', "pump.profile", "unknown profile"),
        ('serial_number = "SN0042"', 'session = "key-file"', "pump.session", "go together"),
        ('serial_number = "SN0042"', 'key_file = "here.toml"', "pump.key_file", "go together"),
        (
            'serial_number = "SN0042"',
            'session = "key-file"\nkey_file = "nosuch.toml"',
            "pump.key_file",
            "nosuch.toml: cannot be read as a key file: No such file or directory",
        ),
        (
            "u_evaporation_ug_per_s = 0.03",
            'u_vessel_likeness_percent = 1.0\nevaporation = "reference-vessel"',
            "environment.evaporation",
            "reference_balance",
        ),
        (
            "socket://127.0.0.1:47603",
            "rfc2217://localhost:47602",
            "instruments.bath.link",
            "is the resource of balance: TCPIP::127.0.0.1::47602::SOCKET",
        ),
        ("socket://127.0.0.1:47603", "/tmp/pumprig-served/pump", "instruments.bath.link", "is the resource of pump"),  # noqa: S108 - the shipped file's own path
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(
    tmp_path: Path, old: str, new: str, key: str, problem: str
) -> None:
    """Each mistake in a bench file is found at its key and line."""
    text = shipped("benches/served.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "bench.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_bench(path)
    assert caught.value.key == key
    assert problem in caught.value.problem
    assert caught.value.line is not None
    assert new.splitlines()[-1] in path.read_text(encoding="utf-8").splitlines()[caught.value.line - 1]


def test_two_devices_may_share_a_person(tmp_path: Path) -> None:
    """Only ports and sockets are one device's own."""
    text = shipped("benches/served.toml").read_text(encoding="utf-8")
    text = text.replace("socket://127.0.0.1:47603", "console:") + '[instruments.operator]\nlink = "console:"\n'
    path = tmp_path / "bench.toml"
    path.write_text(text, encoding="utf-8")
    assert load_bench(path).file.links()["operator"] == "console:"


def test_every_number_of_a_bench_file_has_both_bounds() -> None:
    """What is beyond all reason is a slip, and is found before the run, not when a square of it overflows."""
    schema = BenchFile.model_json_schema()
    numbers = {
        f"{table}.{key}": each
        for table, model in {**schema["$defs"], "": schema}.items()
        for key, field in model.get("properties", {}).items()
        for each in (field, *field.get("anyOf", []))
        if each.get("type") in {"number", "integer"} and "enum" not in each
    }
    assert len(numbers) > 30
    assert [
        key
        for key, each in numbers.items()
        if not each.keys() & {"minimum", "exclusiveMinimum"} or not each.keys() & {"maximum", "exclusiveMaximum"}
    ] == []


def test_simulated_link_without_a_world_is_refused(tmp_path: Path) -> None:
    """A bench cannot be simulated if the file does not say what is true on it."""
    text = shipped("benches/simulated.toml").read_text(encoding="utf-8")
    path = tmp_path / "bench.toml"
    path.write_text(text.partition("[world]")[0], encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"no \[world\] table"):
        load_bench(path)


@pytest.mark.parametrize(
    ("link", "is_one"),
    [
        ("/dev/ttyUSB0", True),
        ("/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0", True),
        ("COM3", True),
        ("socket://scope.lab:4001", True),
        ("socket://[::1]:4001", True),
        ("socket://::1:4001", False),
        ("rfc2217://10.0.0.3:7000?logging=debug", True),
        ("ASRL/dev/ttyUSB0::INSTR", True),
        ("ASRL3::INSTR", True),
        ("TCPIP::127.0.0.1::5025::SOCKET", True),
        ("TCPIP0::scope.lab::5025::SOCKET", True),
        ("socket://127.0.0.1", False),
        ("socket://127.0.0.1:99999", False),
        ("socket://127.0.0.1:abc", False),
        ("foo://x:1", False),
        ("TCPIP::127.0.0.1::SOCKETX", False),
        ("TCPIP::127.0.0.1::99999::SOCKET", False),
        ("/dev/tty\\u0000USB0", False),
        ("sim:balance", False),
    ],
)
def test_links_are_checked_before_a_port_is_touched(tmp_path: Path, link: str, is_one: bool) -> None:
    """Every form of link is known; a mistake in one is found in the file, at its line."""
    text = shipped("benches/served.toml").read_text(encoding="utf-8")
    path = tmp_path / "bench.toml"
    path.write_text(text.replace("/tmp/pumprig-served/pump", link, 1), encoding="utf-8")  # noqa: S108 - the shipped file
    if is_one:
        assert load_bench(path).file.pump.link == link
    else:
        with pytest.raises(ConfigurationError):
            load_bench(path)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("reservoir_ml = 30.0", "reservoir_ml = 99.0", "world.reservoir_ml"),
        ("ambient_kpa = 101.325", "ambient_kpa = 1013.25", "environment.ambient_kpa"),
        ("outlet_kpa = 12.40", "outlet_kpa = 500.0", "environment.outlet_kpa"),
        ("bath_noise_c = 0.01", "bath_noise_c = 50.0", "world.bath_noise_c"),
        ("start_utc = 2026", "start_utc = 1900", "world.start_utc"),
        ('serial_number = "SN0042"', 'serial_number = ""', "pump.serial_number"),
        ("drop_volume_nl = 500", "drop_volume_nl = 1000000000000", "environment.drop_volume_nl"),
    ],
)
def test_values_that_cannot_be_are_refused_at_their_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    """Hectopascals for kilopascals, more than the reservoir holds: found before a day is lost."""
    text = shipped("benches/simulated.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "bench.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_bench(path)
    assert caught.value.key == key
    assert len(str(caught.value)) < 400
