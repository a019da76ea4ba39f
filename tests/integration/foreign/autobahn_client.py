"""The Autobahn cases, driven by ``kosoku``. ``autobahn_client.py URL FILE CASE…``: FILE gets the report, case by case.

Of a report all is kept but times, time stamps, octets per read, and the random keys of frames.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from kosoku import FailureError, run_fuzzingclient

URL, FILE, CASES = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
TOLD = (
    "case_id", "description", "result", "result_close", "local_close_code", "local_close_reason", "remote_close_code",
    "remote_close_reason", "closed_by_me", "failed_by_me", "dropped_by_me", "was_clean", "was_not_clean_reason",
    "was_open_handshake_timeout", "was_close_handshake_timeout", "was_server_connection_drop_timeout",
)  # fmt: skip


def told(result: Any) -> dict[str, Any]:
    report = {name: getattr(result, name) for name in TOLD}
    report["behavior"] = result.behavior.value
    report["behavior_close"] = result.behavior_close.value
    report["received"] = hashlib.sha256(repr(result.received).encode()).hexdigest()
    report["frames_received"] = {str(opcode): count for opcode, count in result.rx_frame_stats.items()}
    report["answer"] = re.sub(r"\r\nDate: [^\r]*", "", result.http_response)
    report["milliseconds"] = result.duration
    return report


async def main() -> None:
    try:
        results = await run_fuzzingclient(URL, CASES)
    except FailureError as failure:
        results = failure.results
    FILE.write_text(json.dumps([told(result) for result in results]))
    os._exit(
        0
    )  # its worker threads may still be closing connections, and the interpreter's end would wait for them


asyncio.run(main())
