"""Files that were cut short, changed on the way, or dated by a clock of no century: told with their line, and read as far as they go."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path

import pytest

from nocwatch.errors import NocwatchError
from nocwatch.trace.files import Traces

LINES = [
    json.dumps(
        {
            "timestamp": f"2026-01-01T00:00:{second:02}Z", "direction": "cp-to-csms", "messageType": "CALL", "messageId": str(second),
            "action": "Heartbeat", "chargePointId": "CP1", "payload": {"noise": os.urandom(16).hex()},
        }
    )
    for second in range(60)
]  # fmt: skip


def packed(lines: list[str]) -> bytes:
    return gzip.compress("\n".join(lines).encode())


@pytest.mark.parametrize("size", [2, 3, 9, 10, 12, 40, 400, -9, -1])
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_packed_file_that_was_cut_short_is_told_and_read_as_far_as_it_goes(
    tmp_path: Path, size: int, newest_first: bool
) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(packed(LINES[::-1] if newest_first else LINES)[:size])
    with pytest.raises(NocwatchError, match=r"log\.jsonl\.gz:\d+: the packed file is damaged here"):
        Traces([path])
    seconds = [line.timestamp for line in Traces([path], skip_broken=True)]
    assert seconds == sorted(seconds)
    assert (size != -9) or len(seconds) >= 59


def test_a_packed_array_that_was_cut_short_is_told(tmp_path: Path) -> None:
    path = tmp_path / "dump.json.gz"
    path.write_bytes(gzip.compress(f"[{','.join(LINES)}]".encode())[:-20])
    with pytest.raises(NocwatchError, match="the packed file is damaged"):
        Traces([path])


def test_a_packed_file_through_a_pipe_is_as_good_as_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for size, wanted in ((None, 60), (-9, 59)):
        writer = threading.Thread(target=pipe.write_bytes, args=(packed(LINES[::-1])[:size],))
        writer.start()
        found = [line.timestamp for line in Traces([pipe], skip_broken=True)]
        writer.join()
        assert len(found) >= wanted
        assert found == sorted(found)


@pytest.mark.parametrize(
    "timestamp",
    ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2262-04-12T00:00:00Z", "1969-12-31T23:59:59Z"],
)
def test_a_time_that_no_journal_has_room_for_is_told_with_its_line(tmp_path: Path, timestamp: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        "\n".join([LINES[0], json.dumps({**json.loads(LINES[1]), "timestamp": timestamp}), LINES[2]])
    )
    with pytest.raises(NocwatchError, match=rf"log\.jsonl:2: '{timestamp}' is no time of a charging station"):
        Traces([path])
    assert len(list(Traces([path], skip_broken=True))) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"link": "refused", "httpStatus": 10**20},
        {"link": "refused", "httpStatus": -1},
        {"link": "open", "securityProfile": 10**20},
        {"link": "closed", "code": 70_000},
    ],
)
def test_a_number_that_no_link_has_is_told_with_its_line(tmp_path: Path, fields: dict[str, object]) -> None:
    path = tmp_path / "log.jsonl"
    link = {"timestamp": "2026-01-01T00:00:00Z", "chargePointId": "CP1", **fields}
    path.write_text("\n".join([json.dumps(link), LINES[0]]))
    with pytest.raises(NocwatchError, match=r"log\.jsonl:1: no line of a trace"):
        Traces([path])
