"""``X-Forwarded-For`` and ``Forwarded`` (RFC 7239): read as far as they are trusted, written where the CSMS wants it.

PURE. Both are lists that grow to the right, and anybody can have written their left. So they are read from the right:
each hop is believed as far as the one who named it is trusted, the first that is not trusted is the station, and what
cannot be read ends the walk. Nothing to the left of that can change what was found, however it is quoted.

Always holds: writing changes no byte of the head but the ones that are added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from nocwatch.proxy.networks import Networks, host_text, number_of

HeaderName = Literal["x-forwarded-for", "forwarded"]

HOPS_MAX = 32
"""Of one request. Real ways have two or three; a list of thousands is someone's attempt to keep us busy."""
ELEMENT_BYTES_MAX = 1024
"""Of one element of Forwarded: addresses, host and extensions are some hundred bytes."""

_PAIR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++|\"(?:[^\"\\\x00-\x08\x0a-\x1f\x7f]|\\.)*+\")"
_ELEMENT = re.compile(rb"(?:" + _PAIR + rb")?(?:[ \t]*+;[ \t]*+(?:" + _PAIR + rb")?)*+")
_ONE_PAIR = re.compile(_PAIR)
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(\d{1,5}))?")
_SPELLINGS = {"x-forwarded-for": b"X-Forwarded-For", "forwarded": b"Forwarded"}


def true_address(host: str, port: int, head: bytes, header: HeaderName, trusted: Networks) -> tuple[str, int]:
    """Who is behind this peer, by the header of its request.

    Args:
        host: the peer's address.
        port: the peer's port.
        head: the request's, complete.
        header: the one in which the trusted write.
        trusted: whose word is believed.

    Returns:
        Address and port; the port is 0 where the header does not say it.
    """
    hops = _hops_from_right(_values(head, header), header)
    for _ in range(HOPS_MAX):
        if number_of(host) not in trusted:
            break
        hop = _parsed(next(hops, ""))
        if hop is None:
            break
        host, port = hop
    return host, port


def told(head: bytes, header: HeaderName, host: str) -> bytes:
    """The head with one more hop: at the end of the header's last line, or as a new last line where there is none."""
    number = number_of(host)
    node = host_text(number) if number else "unknown"
    if header == "forwarded":
        node = f'for="[{node}]"' if ":" in node else f"for={node}"
    at = None
    for start, end in _lines(head, header):
        at = start, end
    if at is None:
        return head[:-2] + b"%s: %s\r\n\r\n" % (_SPELLINGS[header], node.encode())
    start, end = at
    comma = b", " if head[start:end].strip(b" \t,") else b" "
    return head[:end] + comma + node.encode() + head[end:]


def _lines(head: bytes, header: HeaderName) -> Iterator[tuple[int, int]]:
    """Where the values of the header's lines stand, with the blanks before them and without those behind."""
    wanted = header.encode()
    at = head.index(b"\r\n") + 2
    while (end := head.index(b"\r\n", at)) != at:
        name = at + len(wanted)
        if head[name : name + 1] == b":" and head[at:name].lower() == wanted:
            yield name + 1, name + 1 + len(head[name + 1 : end].rstrip(b" \t"))
        at = end + 2


def _values(head: bytes, header: HeaderName) -> list[bytes]:
    return [head[start:end] for start, end in _lines(head, header)]


def _hops_from_right(values: list[bytes], header: HeaderName) -> Iterator[str]:
    """What each hop is called, the newest first. An empty text stands for what cannot be read."""
    cut = _last_address if header == "x-forwarded-for" else _last_element
    for value in reversed(values):
        rest: bytes | None = value.rstrip(b" \t,")
        while rest:
            hop, rest = cut(rest)
            if hop is not None:
                yield hop


def _last_address(value: bytes) -> tuple[str | None, bytes | None]:
    rest, _, last = value.rpartition(b",")
    last = last.strip(b" \t")
    return (last.decode("latin-1") if last else None), rest.rstrip(b" \t,")


def _last_element(value: bytes) -> tuple[str | None, bytes | None]:
    """The shortest end of the list that is an element by itself.

    Inside a quoted text no end can be one: it would end with the quote that it does not begin. So commas in there do not
    deceive, nor does a quote that somebody further left has left open.
    """
    window = value[-ELEMENT_BYTES_MAX:]
    comma = len(window)
    while True:
        comma = window.rfind(b",", 0, comma)
        element = window[comma + 1 :].strip(b" \t")
        if _ELEMENT.fullmatch(element):
            if comma < 0 and len(window) < len(value):
                return "", None
            rest = value[: len(value) - len(window) + max(comma, 0)].rstrip(b" \t,")
            return (_node_of(element) if element else None), rest
        if comma < 0:
            return "", None


def _node_of(element: bytes) -> str:
    for pair in _ONE_PAIR.findall(element):
        name, _, value = pair.partition(b"=")
        if name.lower() == b"for":
            text = value.decode("latin-1")
            return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
    return ""


def _parsed(node: str) -> tuple[str, int] | None:
    """``203.0.113.7``, ``203.0.113.7:51234``, ``[2001:db8::7]:51234``, ``2001:db8::7``; None for all else, obfuscated names included."""
    match = _NODE.fullmatch(node)
    host, port = (match[1] or match[2], int(match[3] or 0)) if match else (node, 0)
    if len(host) > 45 or port > 65535 or "%" in host:
        return None
    number = number_of(host)
    return None if number is None else (host_text(number), port)
