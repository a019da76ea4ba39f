"""Logging where standard error cannot be written: the process goes on, and owns up afterwards."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

from nocwatch.logs import UnfailingStream

SAYS = """
import structlog
from nocwatch import logs
logs.configure("relay")
log = structlog.get_logger()
for number in range(2000):
    log.warning("upstream_down", number=number)
print("still relaying")
"""


def test_a_relay_whose_log_is_on_a_full_disk_goes_on() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", SAYS], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
    assert done.stdout == "still relaying\n"


def test_a_relay_whose_log_reader_is_gone_goes_on() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", SAYS], stdout=subprocess.PIPE, stderr=writing, text=True, check=False
        )
    finally:
        os.close(writing)
    assert done.stdout == "still relaying\n"


def test_on_a_good_disk_each_line_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["number"] for line in lines] == list(range(2000))
    assert lines[0]["process"] == "relay"
    assert "lines_dropped" not in lines[-1]


class FullForAWhile(io.StringIO):
    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_the_first_line_after_the_disk_has_room_says_what_was_lost() -> None:
    disk = FullForAWhile()
    stream = UnfailingStream(disk)
    for _ in range(3):
        stream.write("lost\n")
    assert stream.own_up(None, "info", {"event": "room"}) == {"event": "room", "lines_dropped": 3}
    disk.full = False
    stream.write("kept\n")
    assert disk.getvalue() == "kept\n"
    assert stream.own_up(None, "info", {"event": "next"}) == {"event": "next"}
