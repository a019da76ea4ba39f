"""All that is fuzzed, by name. Each takes any bytes and raises where something that must hold does not."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.targets_front import credentials, forwarded, proxy_header
from tests.fuzz.targets_growth import growth
from tests.fuzz.targets_http import answer, request
from tests.fuzz.targets_text import envelope, gate, talk
from tests.fuzz.targets_wire import frames, tap

TARGETS: dict[str, Callable[[bytes], None]] = {
    "request": request,
    "answer": answer,
    "proxy_header": proxy_header,
    "forwarded": forwarded,
    "credentials": credentials,
    "frames": frames,
    "tap": tap,
    "gate": gate,
    "envelope": envelope,
    "talk": talk,
    "growth": growth,
}
