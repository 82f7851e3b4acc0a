"""Writers that are killed at any moment: a process of its own, which forks one child for each trial.

Prints one JSON object: how many trials, and what went wrong in which.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mcap.exceptions import EndOfFile
from mcap.records import Message
from mcap.stream_reader import StreamReader

from hil.recording.reader import Recording
from hil.recording.writer import RecordingWriter
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import ReadStatus, encode_message

RECORDS = 60
_FRAME = encode_frame(OpenChannel().seal(encode_message(1, ReadStatus())))


def data_of(number: int) -> bytes:
    """What is recorded as the ``number``-th."""
    return number.to_bytes(4, "big") + _FRAME * (number % 3) + bytes(number % 50)


def child(path: Path, acknowledge: int, *, close: bool) -> None:
    """Record, and say so after each record; then close, or go on for ever."""
    writer = RecordingWriter(path, start_utc_ms=0, metadata={}, attachments={"a.json": b"{}"}, pump_wires=("pump",))
    number = 0
    while not close or number < RECORDS:
        writer.write("pump", "tx" if number % 2 else "rx", number, data_of(number))
        os.write(acknowledge, b"x")
        number += 1
    writer.close()
    os.write(acknowledge, b"c")
    time.sleep(60)


def trial(path: Path, chance: random.Random, *, close: bool) -> list[str]:
    """What is wrong after one kill."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        try:
            child(path, theirs, close=close)
        finally:
            os._exit(1)
    os.close(theirs)
    acknowledged = b""
    if close:  # from the last records on through sealing, rewriting, comparing and renaming
        while len(acknowledged) < RECORDS - 5:
            acknowledged += os.read(ours, 1)
        time.sleep(chance.uniform(0, 0.02))
    else:
        for _ in range(chance.randrange(200)):
            acknowledged += os.read(ours, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while piece := os.read(ours, 65_536):
        acknowledged += piece
    os.close(ours)
    return list(problems(path, acknowledged.count(b"x"), closed=acknowledged.endswith(b"c")))


def problems(path: Path, acknowledged: int, *, closed: bool) -> Iterator[str]:
    """What is wrong with the file at ``path``, if so many records were acknowledged."""
    if not acknowledged and (not path.exists() or path.stat().st_size < 100):
        return
    recording = Recording.open(path)
    found = [record.data for record in recording.records]
    if found != [data_of(number) for number in range(len(found))]:
        yield "the records are not those that were written"
    if len(found) < acknowledged:
        yield f"{acknowledged} records were acknowledged, {len(found)} are there"
    if closed and not recording.complete:
        yield "closing was acknowledged, but the file is cut"
    with path.open("rb") as file:
        theirs = 0
        try:
            for record in StreamReader(file, validate_crcs=True).records:
                theirs += isinstance(record, Message)
        except EndOfFile:
            if recording.complete:
                yield "mcap's reader finds no end"
    if theirs < acknowledged:
        yield f"mcap's reader finds {theirs} messages of {acknowledged}"


def main(folder: Path, count: int, seed: int) -> None:
    """Half of the trials are killed while they record, half while they close."""
    wrong = {}
    forms = {"complete": 0, "cut": 0}
    for number in range(count):
        path = folder / f"{number}.mcap"
        found = trial(path, random.Random(f"{seed} {number}"), close=bool(number % 2))  # noqa: S311
        if found:
            wrong[number] = found
        elif path.exists() and path.stat().st_size > 100:
            forms["complete" if Recording.open(path).complete else "cut"] += 1
        for left in (path, path.with_name(path.name + ".rewriting")):
            left.unlink(missing_ok=True)
    sys.stdout.write(json.dumps({"trials": count, "wrong": wrong, "forms": forms}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
