"""How text and time are put into InfluxDB's line protocol. Pure, and nothing here knows what is written."""

from __future__ import annotations

FOLD_NS = 4096
"""Times are exact to 4 µs; below that the sequence number stands."""
TEXT_BYTES_MAX = 32 * 1024
"""InfluxDB 3 refuses string fields above 64 KiB; half of that leaves room for escapes."""

_KEY = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n", "\r": r"\r", "\t": r"\ "})


def tag(text: str) -> str:
    """A tag's value: escaped, and never ending in a backslash, which would swallow what follows."""
    return text.translate(_KEY).rstrip("\\")


def string(text: str) -> str:
    """A string field, cut where it is absurdly long."""
    if len(text) > TEXT_BYTES_MAX // 4 and len(encoded := text.encode("utf-8", "replace")) > TEXT_BYTES_MAX:
        text = encoded[:TEXT_BYTES_MAX].decode("utf-8", "ignore")
    # Two replacements: a translation table takes twenty times as long over a payload.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
