"""The same questions answered a second time, as simply as can be and slowly: what the product's parsers must agree with.

Nothing here shares a line or an expression with what it judges.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
HEX = "0123456789abcdefABCDEF"


class Request(NamedTuple):
    """What one would read in a head, letter by letter."""

    target: str
    path: str
    octets: bytes
    host: str | None
    scheme: str


def request(raw: bytes) -> Request | None:  # noqa: C901 - letter by letter, and in one piece
    """None where two readers could differ about it, or where it is no GET without a body."""
    text = raw.decode("latin-1")
    if not text.endswith("\r\n\r\n") or "\0" in text:
        return None
    without = text.replace("\r\n", "")
    if "\r" in without or "\n" in without:
        return None
    line, *headers = text[:-4].split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or words[0] != "GET" or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        return None
    target = words[1]
    if not target or any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in target):
        return None
    hosts: list[str] = []
    scheme = ""
    for header in headers:
        colon = header.find(":")
        if colon < 1 or not all(letter in TOKEN for letter in header[:colon]):
            return None
        name, value = header[:colon].lower(), header[colon + 1 :].strip(" \t")
        if name == "transfer-encoding" or (name == "content-length" and value != "0"):
            return None
        if name == "host":
            hosts.append(value)
        if name == "authorization":
            scheme = _scheme(value)
    if len(hosts) > 1:
        return None
    path = _path(target)
    segments = [segment for segment in path.split("/") if segment]
    octets = _unquoted(segments[-1]) if segments else b""
    return Request(target, path, octets, hosts[0] if hosts else None, scheme)


def _scheme(value: str) -> str:
    """The first word where it is one of those that cannot be a secret."""
    word = value.replace("\t", " ").split(" ")[0].lower()
    known = ("basic", "bearer", "digest", "negotiate", "hoba", "mutual", "vapid")
    return word if word in known else "other" if value else ""


def _path(target: str) -> str:
    start = 0
    mark = target.find("://")
    scheme = target[: max(0, mark)]
    if scheme.isascii() and scheme[:1].isalpha() and all(each.isalnum() or each in "+-." for each in scheme):
        start = mark + 3
        while start < len(target) and target[start] not in "/?#":
            start += 1
    end = start
    while end < len(target) and target[end] not in "?#":
        end += 1
    return target[start:end]


def _unquoted(segment: str) -> bytes:
    out = bytearray()
    at = 0
    while at < len(segment):
        pair = segment[at + 1 : at + 3]
        if segment[at] == "%" and len(pair) == 2 and pair[0] in HEX and pair[1] in HEX:
            out.append(int(pair, 16))
            at += 3
        else:
            out += segment[at].encode("latin-1")
            at += 1
    return bytes(out)


class TwiceError(Exception):
    """An object that has a name two times: which one counts, nobody can say."""


def read_json(text: bytes) -> Any:
    """As the standard library reads it, but nothing that JSON does not have, and no name twice in an object."""

    def only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise TwiceError
        return dict(pairs)

    def refused(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text.decode(), object_pairs_hook=only_once, parse_constant=refused)


def all_pairs(text: bytes) -> list[tuple[str, Any]]:
    """Every name in a JSON text with its value, whether or not a later one of the same name hides it."""
    found: list[tuple[str, Any]] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend(pairs)
        return dict(pairs)

    json.loads(text.decode(), object_pairs_hook=note)
    return found
