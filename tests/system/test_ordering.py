"""In lock step, what was sent before time passed is heard before time passes, on whichever wire it came."""

import json
import socket
from pathlib import Path

import pytest

from tests.system.conftest import Serve

pytestmark = pytest.mark.system


def test_silent_setting_is_heard_before_time_passes(serve: Serve, served_file: Path) -> None:
    """A bath that is started and a minute that is let pass at once: the water has always warmed by that minute."""
    serve(served_file)
    text = served_file.read_text(encoding="utf-8")
    control_port = int(text.split('control = "127.0.0.1:')[1].split('"')[0])
    bath_port = int(text.split('link = "socket://127.0.0.1:')[1].split('"')[0])
    readings = set()
    with (
        socket.create_connection(("127.0.0.1", control_port), timeout=10) as control,
        socket.create_connection(("127.0.0.1", bath_port), timeout=10) as bath,
    ):
        for each in (control, bath):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = control.makefile("rb")
        for _ in range(60):
            control.sendall(b'{"do": "reset", "seed": 3, "inject": []}\n')
            assert json.loads(replies.readline()) == {"now_ms": 0}
            bath.sendall(b"out_sp_00 37.00\rout_mode_05 1\r")
            control.sendall(b'{"do": "advance", "ms": 60000}\n')
            assert json.loads(replies.readline()) == {"now_ms": 60_000}
            bath.sendall(b"in_pv_00\r")
            readings.add(bath.recv(100))
    assert len(readings) == 1
