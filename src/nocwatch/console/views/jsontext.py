"""JSON as coloured text: folded to one line, or opened and indented. Everything in it is escaped here, token by token.

What a station sent is anybody's text: long, deep, or made to break pages. So depth and length are bounded, and what is cut
says so.
"""

from __future__ import annotations

from typing import Any

import msgspec
from markupsafe import Markup, escape

DEPTH_MAX = 12
"""OCPP's deepest payloads (2.1 charging schedules) nest eight levels."""
CHARS_MAX = 16_384
"""Of one opened frame: more than any OCPP message that a person reads; the frame's own page has the raw text."""
FOLDED_CHARS_MAX = 240
"""Of the folded line: more than the widest screen shows."""


def folded(value: Any) -> str:
    """One line of text, cut to ``FOLDED_CHARS_MAX``."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8", "replace")
    text = " ".join(text[: FOLDED_CHARS_MAX * 2].split())
    return text if len(text) <= FOLDED_CHARS_MAX else text[: FOLDED_CHARS_MAX - 1] + "…"


def opened(value: Any) -> Markup:
    """Indented and coloured: keys, texts, numbers and words have classes ``jk js jn jw``."""
    out = _Out()
    _write(value, 0, out)
    if out.cut:
        out.parts.append(Markup('\n<span class="jc">… cut here; the raw text below has all of it</span>'))
    return Markup("").join(out.parts)


class _Out:
    def __init__(self) -> None:
        self.parts: list[Markup] = []
        self.length = 0
        self.cut = False

    def add(self, text: str, css: str = "") -> None:
        if self.length > CHARS_MAX:
            self.cut = True
            return
        self.length += len(text)
        if self.length > CHARS_MAX:
            text, self.cut = text[:CHARS_MAX], True
        safe = escape(text)
        self.parts.append(Markup('<span class="{}">{}</span>').format(css, safe) if css else safe)


def _write(value: Any, depth: int, out: _Out) -> None:
    if out.cut:
        return
    if isinstance(value, dict | list) and value and depth < DEPTH_MAX:
        _write_many(value, depth, out)
    elif isinstance(value, str):
        out.add(msgspec.json.encode(value).decode("utf-8", "replace"), "js")
    elif isinstance(value, bool) or value is None:
        out.add("null" if value is None else str(value).lower(), "jw")
    elif isinstance(value, int | float):
        out.add(msgspec.json.encode(value).decode(), "jn")
    else:
        out.add(folded(value))


def _write_many(value: dict[str, Any] | list[Any], depth: int, out: _Out) -> None:
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    indent = "  " * (depth + 1)
    out.add(first + "\n")
    count = len(value)
    for index, item in enumerate(value.items() if isinstance(value, dict) else value):
        out.add(indent)
        if isinstance(value, dict):
            out.add(msgspec.json.encode(item[0]).decode("utf-8", "replace"), "jk")
            out.add(": ")
            _write(item[1], depth + 1, out)
        else:
            _write(item, depth + 1, out)
        out.add(",\n" if index < count - 1 else "\n")
        if out.cut:
            return
    out.add("  " * depth + last)
