"""The CSMS's answer head and where a refusal's body ends; and the few answers that are the relay's own.

PURE. An answer is never judged, only measured: it goes to the station as it came. What cannot be told apart from
garbage is ``None``, and the station gets a 502 in its place.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

INTERIM_MAX = 8
"""Interim answers (100, 102, 103) before the real one. More is a CSMS that talks to itself: 502."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?\r?")
_BEGINNING = b"HTTP/1."
_HEAD_END = re.compile(rb"\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_CHUNK_LINE_MAX = 4096
"""Bytes of a chunk's size line with its extensions, or of one trailer line."""

_REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    508: "Loop Detected",
}


class Framing(Enum):
    """How the end of an answer's body is found (RFC 9112 §6.3)."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until_close"


class AnswerHead(msgspec.Struct, frozen=True, kw_only=True):
    """What the CSMS said.

    Attributes:
        raw: the head as it came, its blank line included.
        status: 100 to 599.
        subprotocol: what it chose; None where it chose none.
        extensions: its ``Sec-WebSocket-Extensions``, as they came; several lines joined by a comma.
        length: of the body, when ``framing`` is LENGTH.
    """

    raw: bytes
    status: int
    subprotocol: str | None = None
    extensions: str = ""
    framing: Framing = Framing.NONE
    length: int = 0

    @property
    def interim(self) -> bool:
        return self.status < 200 and self.status != 101


def find_answer(received: bytes, searched: int = 0) -> int | None:
    """How many bytes the head has; None while it is not complete.

    Args:
        received: all that came so far.
        searched: how many bytes an earlier call has seen.

    Raises:
        ValueError: what came can never be an answer.
    """
    if not received.startswith(_BEGINNING[: len(received)]):
        raise ValueError("no HTTP answer")
    end = _HEAD_END.search(received, max(0, searched - 2))
    return end.end() if end else None


def parse_answer(raw: bytes) -> AnswerHead | None:
    """Reads a complete head; None where even its status line is none."""
    line, *headers = raw.split(b"\n")
    status_line = _STATUS_LINE.fullmatch(line)
    if status_line is None:
        return None
    status = int(status_line[1])
    subprotocol: str | None = None
    extensions: list[str] = []
    encoding = b""
    lengths: set[bytes] = set()
    for header in headers:
        name, colon, value = header.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name == b"sec-websocket-protocol":
            subprotocol = value.decode("latin-1")
        elif name == b"sec-websocket-extensions":
            extensions.append(value.decode("latin-1"))
        elif name == b"transfer-encoding":
            encoding = value.lower()
        elif name == b"content-length":
            lengths.add(value)
    framing, length = _framing(status, encoding, lengths)
    return AnswerHead(
        raw=raw,
        status=status,
        subprotocol=subprotocol,
        extensions=", ".join(extensions),
        framing=framing,
        length=length,
    )


def _framing(status: int, encoding: bytes, lengths: set[bytes]) -> tuple[Framing, int]:
    if status < 200 or status in (204, 304):
        return Framing.NONE, 0
    if encoding:
        return (Framing.CHUNKED if encoding.split(b",")[-1].strip() == b"chunked" else Framing.UNTIL_CLOSE), 0
    if len(lengths) == 1 and (digits := next(iter(lengths))).isdigit() and len(digits) <= 18:
        return Framing.LENGTH, int(digits)
    return Framing.UNTIL_CLOSE, 0


class Body:
    """Finds the end of an answer's body in pieces of any size. Fed with its bytes, it says how many belong to it."""

    __slots__ = ("_framing", "_left", "_line", "_state", "done")

    def __init__(self, answer: AnswerHead) -> None:
        self._framing = answer.framing
        self._left = answer.length
        self._line = b""
        self._state = "size"
        self.done = answer.framing is Framing.NONE or (answer.framing is Framing.LENGTH and not answer.length)

    def feed(self, data: bytes) -> int:
        """How many of these bytes are of the body; less than all of them only when ``done``.

        Raises:
            ValueError: the chunked coding is broken; where the body ends can no longer be known.
        """
        if self.done:
            return 0
        if self._framing is Framing.UNTIL_CLOSE:
            return len(data)
        if self._framing is Framing.LENGTH:
            taken = min(self._left, len(data))
            self._left -= taken
            self.done = not self._left
            return taken
        at = 0
        while at < len(data) and not self.done:
            at = self._feed_chunk(data, at) if self._state == "data" else self._feed_line(data, at)
        return at

    def _feed_chunk(self, data: bytes, at: int) -> int:
        taken = min(self._left, len(data) - at)
        self._left -= taken
        if not self._left:
            self._state = "gap"
        return at + taken

    def _feed_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        piece = data[at:] if end < 0 else data[at : end + 1]
        self._line += piece
        if len(self._line) > _CHUNK_LINE_MAX:
            raise ValueError("a line of the chunked coding has no end")
        if end >= 0:
            line, self._line = self._line.strip(b"\r\n"), b""
            self._take_line(line)
        return at + len(piece)

    def _take_line(self, line: bytes) -> None:
        if self._state == "gap":  # the line end after a chunk's data
            if line:
                raise ValueError("a chunk is longer than its size")
            self._state = "size"
        elif self._state == "size":
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise ValueError("a chunk has no size")
            self._left = int(size[1], 16)
            self._state = "data" if self._left else "trailer"
        elif not line:  # the blank line after the trailer
            self.done = True


def own_answer(status: int, sentence: str, retry_after_s: int | None = None) -> bytes:
    """An answer of the relay's own: plain text that says who speaks, and the end of the connection."""
    body = f"nocwatch relay: {sentence}\n".encode()
    later = "" if retry_after_s is None else f"Retry-After: {retry_after_s}\r\n"
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{later}"
        f"Connection: close\r\n\r\n"
    ).encode() + body
