"""Traces for others to see: the same story, told without names.

Tokens and secrets go through the gate under a key that nobody keeps. Identities of stations, serial numbers, addresses and
names of hosts become words that say only which are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nocwatch.frames import Frame
from nocwatch.tap.gate import Gate
from nocwatch.trace.files import Traces
from nocwatch.trace.lines import Json, Line, frame_line, link_line
from nocwatch.trace.reading import told_lines

_NAMES = re.compile(
    r"serial|chargeboxserial|metertype|evseid|hostname|location(name)?$|url|uri", re.IGNORECASE
)
"""Keys of payloads whose values name a thing or a place."""
_PORT = re.compile(r"(?<=[\].0-9]):\d+$")
"""Of ``203.0.113.7:51234`` and ``[2001:db8::7]:51234``. Behind a load balancer there may be none."""
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")


class _Names:
    """Gives each name another one, the same for the same."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}

    def of(self, kind: str, name: str) -> str:
        key = (kind, name)
        if key not in self._given:
            self._given[key] = f"{kind}{sum(1 for given, _ in self._given if given == kind) + 1}"
        return self._given[key]


def anonymised(files: Sequence[Path] | Traces, key: bytes) -> Iterator[Json]:
    """Message and link lines of the traces, without names.

    Raises:
        NocwatchError: file:line where a file cannot be read.
    """
    names = _Names()
    for line, said in told_lines(files, Gate(key)):
        connection = _connection(line, names)
        if isinstance(said, Frame):
            made = frame_line(_renamed(said, names), line.ocpp_version or "", connection)
        else:
            made = link_line(said, connection)
            if said.station:
                made["chargePointId"] = names.of("CP", said.station)
            if said.remote_address:
                made["remoteAddress"] = names.of("address", _PORT.sub("", said.remote_address))
            if "user" in made:
                made["user"] = names.of("user", made["user"])
            if "certificate" in made:
                made["certificate"] = _nameless(made["certificate"], said.station, names)
            if "upstream" in made:
                made["upstream"] = names.of("upstream", said.upstream)
            if "reason" in made:
                made["reason"] = _ADDRESS.sub(lambda found: names.of("address", found[0]), said.reason)
        if made is not None:
            yield made


def _nameless(shown: Json, station: str, names: _Names) -> Json:
    """A certificate by which still can be told whose it is among the others, whether it bears the station's name, and its end."""

    def renamed(name: str) -> str:
        return names.of("CP", station) if name == station else names.of("certificate", name) if name else ""

    return {
        **shown,
        "name": renamed(shown["name"]),
        "names": [renamed(each) for each in shown["names"]],
        "issuer": names.of("issuer", shown["issuer"]) if shown["issuer"] else "",
        "serial": names.of("serial", shown["serial"]) if shown["serial"] else "",
        "sha256": names.of("fingerprint", shown["sha256"]) if shown["sha256"] else "",
    }


def _connection(line: Line, names: _Names) -> str | None:
    """Another name for the line's connection, so that what passed on each of two can still be told apart."""
    if line.connection_name is None:
        return None
    return names.of("connection", f"{line.charge_point_id} {line.connection_name}")


def _renamed(frame: Frame, names: _Names) -> Frame:
    station = names.of("CP", frame.station)
    try:
        message = msgspec.json.decode(frame.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Nobody can tell what stands in text that is no message.
        return msgspec.structs.replace(
            frame, station=station, payload=b"[withheld: %d bytes]" % len(frame.payload)
        )
    text = msgspec.json.encode(_walk(message, names)).decode()
    text = _ADDRESS.sub(lambda found: names.of("address", found[0]), text)
    if len(frame.station) >= 3:
        text = text.replace(frame.station, station)
    return msgspec.structs.replace(frame, station=station, payload=text.encode())


def _walk(value: Any, names: _Names) -> Any:
    if isinstance(value, dict):
        return {
            key: names.of("name", inner)
            if isinstance(inner, str) and inner and _NAMES.search(key)
            else _walk(inner, names)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_walk(inner, names) for inner in value]
    return value
