"""The station's request head: where it ends, who asks for what, and the one value that changes on its way upstream.

PURE. Not an HTTP library: headers are looked at and never written anew. What goes upstream is the bytes that came,
order, case and percent-encoding included, with another Host value and, where the upstream's URL has a path, with that
path before the request's own.

Always holds: a head that two parsers could read in two ways is refused (RFC 9112 §3, §5, §11.2: bare LF, folded lines,
NUL, blanks before the colon, two Hosts, a declared body), and so is nothing else: whether the request is a good
WebSocket handshake is for the CSMS to say.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from urllib.parse import unquote_to_bytes

import msgspec

from nocwatch.proxy.credentials import scheme_of

STATION_LENGTH_MAX = 255
"""Characters of an identity. OCPP 2.x allows 48; a longer one than this is shortened with its hash, so that no path of
64 KiB gets into every record, label and page."""

HEADERS_MAX = 512
"""Real requests have a dozen, those of chains of gateways thirty; each costs a microsecond in which no link moves."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\x00-\x20\x7f]+) HTTP/1\.[01]")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\x00\r\n]*)")
"""The value with the blanks around it: an expression that takes them off needs, for 64 KiB of blanks in the midst of a
value, ten seconds, and no link moves while it searches."""
_LOOKED_AT = frozenset({b"host", b"content-length", b"transfer-encoding", b"authorization"})
_STRAY = re.compile(rb"\n(?<!\r\n)|\r(?=[^\n])|\x00")
"""Each way begins with a byte of its own: so the search passes over all others at once, a quarter of the time."""
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class Flaw(StrEnum):
    """Why a request is refused by the relay itself. Bounded: it becomes a label."""

    TOO_LARGE = "head_too_large"
    NOT_HTTP = "not_http"
    METHOD = "method_not_get"
    LINE_END = "bare_line_end_or_nul"
    HEADER = "malformed_header"
    FOLDED = "folded_header"
    SMUGGLING = "length_and_transfer_encoding"
    BODY = "request_with_body"
    HOSTS = "several_hosts"


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may go upstream.

    Attributes:
        raw: the head as it came, its blank line included.
        target: as it stands in the request line.
        path: the target without authority and query, each byte one character (Latin-1), as it came.
        station: the identity, see ``identity_of``.
        host_at: where the Host value stands in ``raw``; None where there is no Host.
        authorization: the scheme (``credentials.py``), without the credentials; empty where there is none.
        credentials_at: where the Authorization value stands in ``raw``; None where there is none.
    """

    raw: bytes
    target: bytes
    path: str
    station: str
    host_at: tuple[int, int] | None
    authorization: str = ""
    credentials_at: tuple[int, int] | None = None

    @property
    def credentials(self) -> bytes:
        """The Authorization value. For ``credentials.py`` alone."""
        return b"" if self.credentials_at is None else self.raw[slice(*self.credentials_at)]

    def rewritten(self, host: bytes | None, prefix: bytes = b"") -> bytes:
        """The head for the upstream.

        Args:
            host: the new Host value; None leaves the station's.
            prefix: path that goes before the request's own, without a slash at its end.
        """
        raw = self.raw
        if host is not None and self.host_at is not None:
            start, end = self.host_at
            raw = raw[:start] + host + raw[end:]
        if prefix:
            at = raw.index(b" ") + 1
            if absolute := _ABSOLUTE.match(self.target):
                at += absolute.end()
            raw = raw[:at] + prefix + raw[at:]
        return raw


def find_head(received: bytes | bytearray, size_max: int, searched: int = 0) -> int | Flaw | None:
    """How many bytes the head has, None while it is not complete, or why it never will be one.

    What cannot become a head is refused as soon as that shows, without waiting for the rest: a TLS hello on a plain
    listener should not have to run into the time-out.

    Args:
        received: all that came so far.
        size_max: bytes of the longest head that is taken.
        searched: how many bytes an earlier call has seen, so that a head that drips in costs no more than one that
            comes whole.
    """
    start = max(0, searched - 3)
    end = received.find(b"\r\n\r\n", start)
    if end < 0:
        if _STRAY.search(received, start):
            return Flaw.NOT_HTTP if b"\r\n" not in received else Flaw.LINE_END
        if len(received) > size_max:
            return Flaw.TOO_LARGE
        return None if _may_begin_a_request(received) else Flaw.NOT_HTTP
    return end + 4 if end + 4 <= size_max else Flaw.TOO_LARGE


def _may_begin_a_request(received: bytes | bytearray) -> bool:
    method = received[:32].split(b" ", 1)[0]
    return bool(re.fullmatch(rb"[A-Za-z]{0,31}", method))


def parse_request(raw: bytes) -> RequestHead | Flaw:  # noqa: C901, PLR0912 - the list of what is refused reads best in one piece
    """Reads a complete head, as ``find_head`` cut it off."""
    if _STRAY.search(raw):
        return Flaw.LINE_END
    line, *headers = raw[:-4].split(b"\r\n")
    if len(headers) > HEADERS_MAX:
        return Flaw.TOO_LARGE
    request = _REQUEST_LINE.fullmatch(line)
    if request is None:
        return Flaw.NOT_HTTP
    if request[1] != b"GET":
        return Flaw.METHOD
    at = len(line) + 2
    host_at: tuple[int, int] | None = None
    lengths: list[bytes] = []
    encoded = False
    authorization = ""
    credentials_at: tuple[int, int] | None = None
    for header in headers:
        match = _HEADER.fullmatch(header)
        if match is None:
            return Flaw.FOLDED if header[:1] in (b" ", b"\t") else Flaw.HEADER
        name = match[1].lower()
        if name not in _LOOKED_AT:
            at += len(header) + 2
            continue
        value = match[2].strip(b" \t")
        if name == b"host":
            if host_at is not None:
                return Flaw.HOSTS
            host_at = _value_at(at, match)
        elif name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            encoded = True
        elif name == b"authorization":
            authorization = scheme_of(value)
            credentials_at = _value_at(at, match)
        at += len(header) + 2
    if encoded:
        return Flaw.SMUGGLING if lengths else Flaw.BODY
    if any(length != b"0" for length in lengths):
        return Flaw.BODY
    path = path_of(request[2])
    return RequestHead(
        raw=raw,
        target=request[2],
        path=path,
        station=identity_of(path),
        host_at=host_at,
        authorization=authorization,
        credentials_at=credentials_at,
    )


def _value_at(line_at: int, header: re.Match[bytes]) -> tuple[int, int]:
    """Where the value of a header line stands in the head, without the blanks around it."""
    value = header[2]
    begins = line_at + header.end(2) - len(value.lstrip(b" \t"))
    return begins, begins + len(value.strip(b" \t"))


def path_of(target: bytes) -> str:
    """The path of a request target, without authority, query and fragment, otherwise byte for byte."""
    absolute = None if target.startswith(b"/") else _ABSOLUTE.match(target)
    path = target[absolute.end() :] if absolute else target
    return re.split(rb"[?#]", path, maxsplit=1)[0].decode("latin-1")


def identity_of(path: str) -> str:
    """The station's identity: the last path segment that is not empty, percent-decoded (OCPP-J 1.6 §3.1.1).

    So ``///CP%201`` is ``CP 1``, ``/ws://host/CP_1/SERIAL`` is ``SERIAL``, ``/ocpp/CP1/`` is ``CP1``. Bytes that are no
    UTF-8 are read as Latin-1. Empty where the path has no segment at all.
    """
    segment = next((part for part in reversed(path.split("/")) if part), "")
    octets = unquote_to_bytes(segment.encode("latin-1"))
    try:
        identity = octets.decode("utf-8")
    except UnicodeDecodeError:
        identity = octets.decode("latin-1")
    if len(identity) > STATION_LENGTH_MAX:
        identity = f"{identity[:200]}~{hashlib.sha256(octets).hexdigest()[:16]}"
    return identity
