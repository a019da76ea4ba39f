"""Durations and sizes as operators write them: ``90s``, ``15m``, ``30d``, ``20GiB``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

DURATION_S_MAX = 200 * 365 * 86400
"""Two hundred years: what is longer is a slip of the pen, and no moment that far off can be reckoned with."""
SIZE_MAX = 1 << 60
"""An exbibyte: no disk has it."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B", re.IGNORECASE)
_FACTORS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}


def parse_duration(value: object) -> float:
    """Seconds. A bare 0 is allowed; any other number needs its unit.

    Raises:
        ValueError: with what would be right.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0.0
    if isinstance(value, str):
        text = value.strip()
        parts = _DURATION.findall(text)
        if parts and not _DURATION.sub("", text).strip():
            seconds = float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
            if seconds > DURATION_S_MAX:
                raise ValueError(f"{value!r:.60} is longer than two hundred years")
            return seconds
    raise ValueError(f"{value!r} is no duration; write a number with its unit: 90s, 15m, 12h, 30d")


def parse_size(value: object) -> int:
    """Bytes.

    Raises:
        ValueError: with what would be right.
    """
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        size = float(match[1]) * _FACTORS[(match[2] or "").lower()]
        if size > SIZE_MAX:
            raise ValueError(f"{value!r:.60} is more than a million TiB")
        return int(size)
    raise ValueError(f"{value!r} is no size; write a number with its unit: 64KiB, 20GiB")


def duration_text(seconds: float) -> str:
    """As it would be written: ``90s``, ``15m``, ``1d``."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds:g}s"


def size_text(size: int) -> str:
    """As it would be written: ``64KiB``, ``20GiB``."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        factor = _FACTORS[unit[:-1].lower()]
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds."""
Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes."""
