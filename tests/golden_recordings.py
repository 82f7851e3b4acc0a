"""``python -m tests.golden_recordings`` makes fixtures/recordings anew: notable scenarios, and what is in each.

What each must decode to is taken from the JSON that was recorded beside the bytes, read by mcap's own reader: nothing
of it comes from the code that decodes bytes into tables, but for the hashes of the tables' content.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow.parquet as pq
from cobs import cobs
from mcap.reader import make_reader

from fixtures import __file__ as fixtures_file
from hil.bench import Bench, open_bench
from hil.benches.bench_file import load_bench
from hil.benches.wiring import SimulatedWiring
from hil.export.export import Part, export
from hil.export.flat import for_json
from hil.export.selection import Selection
from hil.export.telemetry import Telemetry
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings
from hil.pump.programmer import PumpFault
from hil.recording.writer import RecordingWriter
from hil.shipped import shipped
from protocols.framing import encode_frame
from protocols.messages import Identify, SetClock, encode_message

__all__ = ["FOLDER", "SCENARIOS", "content_hashes", "make"]

FOLDER: Final = Path(fixtures_file).parent / "recordings"
_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000


class _NoisyLink(Link):
    """A wire on which now and then a bit is turned, bytes are lost, or bytes come that nobody sent."""

    def __init__(self, link: Link, seed: int) -> None:
        self.resource = link.resource
        self._link = link
        self._chance = random.Random(seed)  # noqa: S311 - noise

    def write(self, data: bytes) -> None:
        self._link.write(data)  # what the recorder kept was sent; the pump hears it
        self.sent_bytes += len(data)

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        data = self._damaged(self._link.read_until(terminator, timeout_ms))
        self.received_bytes += len(data)
        return data

    def drain(self) -> bytes:
        data = self._damaged(self._link.drain())
        self.received_bytes += len(data)
        return data

    def monotonic_ms(self) -> int:
        return self._link.monotonic_ms()

    def close(self) -> None:
        self._link.close()

    def _damaged(self, data: bytes) -> bytes:
        accident = self._chance.randrange(12)
        if not data or accident > 3:
            return data
        place = self._chance.randrange(len(data))
        if accident == 0:
            return data[:place] + bytes([data[place] ^ 1 << self._chance.randrange(8)]) + data[place + 1 :]
        if accident == 1:
            return data[:place] + data[place + self._chance.randrange(1, 9) :]
        if accident == 2:
            return data[:place] + self._chance.randbytes(5) + data[place:]
        return self._chance.randbytes(9) + data


class _NoisyWiring(SimulatedWiring):
    def open(self, wire: str, resource: str, serial: SerialSettings) -> Link:
        link = super().open(wire, resource, serial)
        return _NoisyLink(link, seed=7) if wire == "pump" else link


def _listened(bench: Bench, period_s: int, duration_ms: int) -> None:
    """Notices, asked for again when they stop because the pump has restarted."""
    end_ms = bench.clock.now_ms() + duration_ms
    asked = False
    while (left_ms := end_ms - bench.clock.now_ms()) > 0:
        if not asked:
            try:
                bench.pump.subscribe(period_s, 0xFFFF)
            except PumpFault:
                bench.sleep(seconds=60)
                continue
        asked = bool(bench.pump.notices(min(left_ms, 3 * period_s * _SECOND)))


def _warmed(bench: Bench) -> None:
    if bench.bath is not None:
        bench.bath.set_point(37.0)
        bench.bath.start()


def _day_by_day(period_s: int, days: int) -> Callable[[Bench], None]:
    """A subscription; each morning somebody reads the status, and at the end the logs."""

    def story(bench: Bench) -> None:
        _warmed(bench)
        for _ in range(days):
            _listened(bench, period_s, _DAY)
            for ask in (bench.pump.read_status, bench.pump.read_alarms):
                try:
                    ask()
                except PumpFault:
                    bench.sleep(seconds=60)
        bench.pump.subscribe(0, 0)
        bench.pump.read_events()
        bench.pump.read_history(0)
        bench.pump.read_configuration()

    return story


def _noisy(bench: Bench) -> None:
    _warmed(bench)
    for _ in range(60):
        try:
            bench.pump.subscribe(60, 0xFFFF)
            bench.pump.notices(20 * _MINUTE)
            bench.pump.read_status()
        except PumpFault:
            bench.sleep(seconds=60)


def _attacked(bench: Bench) -> None:
    """A session; an attacker who replays, forges, alters and floods, but holds no key."""
    chance, wire = random.Random(3), bench.pump_link  # noqa: S311 - noise
    bench.pump.read_status()
    sent: list[bytes] = []
    keep = wire.write

    def overheard(data: bytes) -> None:
        sent.append(data)
        keep(data)

    wire.write = overheard  # type: ignore[method-assign]
    bench.pump.set_clock(bench.utc_ms())
    wire.write = keep  # type: ignore[method-assign]
    for _ in range(25):
        replayed = chance.choice(sent)
        frame = bytearray(cobs.decode(replayed[:-1])[:-4])
        frame[chance.randrange(2, len(frame))] ^= 1 << chance.randrange(8)
        for data in (
            replayed,
            encode_frame(bytes(frame)),
            encode_frame(b"\x01\x00" + encode_message(9, SetClock(utc_ms=0))),
            encode_frame(b"\x01\x00" + encode_message(9, Identify())),
            encode_frame(b"\x01\x01" + chance.randbytes(8) + (7).to_bytes(4, "big") + chance.randbytes(40)),
            chance.randbytes(60) + b"\0",
        ):
            wire.write(data)
            bench.sleep(seconds=2)
            wire.drain()
        bench.pump.read_status()
    bench.pump.read_events()


class Scenario:
    """How one recording is made."""

    def __init__(
        self,
        about: str,
        story: Callable[[Bench], None],
        injections: Iterable[str] = (),
        bench: str = "simulated",
        wiring: type[SimulatedWiring] = SimulatedWiring,
    ) -> None:
        """``about`` it in a sentence, for people."""
        self.about = about
        self.story = story
        self.injections = tuple(injections)
        self.bench = bench
        self.wiring = wiring


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "normal-fortnight": Scenario("a fortnight in which nothing happens", _day_by_day(3600, 14)),
    "occlusion": Scenario("the catheter is blocked after a day", _day_by_day(900, 3), ["catheter-occlusion=100%@1d"]),
    "fast-flow": Scenario("the restrictor lets 30 % more pass", _day_by_day(900, 3), ["restrictor-fast-flow=30%@1d"]),
    "brown-out": Scenario("the supply fails for ten seconds after a day", _day_by_day(900, 2), ["brown-out=10s@1d"]),
    "attacked-link": Scenario("somebody without a key attacks a secure link", _attacked, bench="simulated-secure"),
    "corrupted-wire": Scenario("a wire that turns bits, loses bytes and adds some", _noisy, wiring=_NoisyWiring),
}


def make(name: str, folder: Path) -> None:
    """Make one recording, and beside it what it must decode to."""
    scenario = SCENARIOS[name]
    path = folder / f"{name}.mcap"
    path.unlink(missing_ok=True)
    loaded = load_bench(shipped(f"benches/{scenario.bench}.toml"))
    wiring = scenario.wiring(loaded, 1, scenario.injections)
    writer = RecordingWriter(
        path,
        start_utc_ms=wiring.clock.start_utc_ms,
        metadata={"scenario": name, "about": scenario.about, "seed": "1", "inject": json.dumps(scenario.injections)},
        attachments={},
        pump_wires=("pump",),
    )
    with ExitStack() as cleanup:
        cleanup.callback(writer.close)
        scenario.story(open_bench(loaded, wiring, writer, cleanup, seed=1))
    found = {"about": scenario.about, **_told(path), "tables": content_hashes(path)}
    path.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def content_hashes(path: Path) -> dict[str, str]:
    """Of each table of the recording's Parquet export: the SHA-256 of its rows, one as a line of JSON each."""
    with TemporaryDirectory() as folder, Telemetry.open(path) as telemetry:
        export([Part(telemetry, Selection())], "parquet", Path(folder) / "tables")
        return {file.stem: _content_hash(file) for file in sorted((Path(folder) / "tables").iterdir())}


def _content_hash(file: Path) -> str:
    digest = hashlib.sha256()
    for batch in pq.ParquetFile(file).iter_batches():
        for row in for_json(batch):
            digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()


def _told(path: Path) -> dict[str, Any]:
    """What the recording's own JSON says."""
    messages: dict[str, list[dict[str, Any]]] = {}
    events: Counter[str] = Counter()
    alarms: list[dict[str, Any]] = []
    duration_ms = 0
    with path.open("rb") as file:
        for _, channel, record in make_reader(file).iter_messages():
            if channel.message_encoding != "json":
                continue
            content = json.loads(record.data)
            kind = channel.topic.rpartition("/")[2]
            if channel.topic.startswith("/pump/"):
                messages.setdefault(kind, []).append(content)
                duration_ms = content["frame"]["time_ms"]
                if kind in {"sampled", "status"} and content["alarms"] != (alarms[-1]["alarms"] if alarms else []):
                    alarms.append({"time_ms": duration_ms, "alarms": content["alarms"]})
            elif kind == "gaps":
                events[f"gaps/{content['kind']}"] += 1
            elif kind == "rejected":
                events[f"rejected/{content['direction']}/{content['reason']}"] += 1
            else:
                events[kind] += 1
    return {
        "last_message_ms": duration_ms,
        "messages": {kind: len(found) for kind, found in sorted(messages.items())},
        "events": dict(sorted(events.items())),
        "alarms": alarms,
        "first": {kind: found[0] for kind, found in sorted(messages.items())},
        "last": {kind: found[-1] for kind, found in sorted(messages.items())},
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in SCENARIOS:
        make(each, FOLDER)
        print(each, (FOLDER / f"{each}.mcap").stat().st_size)
