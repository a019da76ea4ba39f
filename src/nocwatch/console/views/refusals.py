"""Stations that were turned away: who tried, how often, and why, from refused link events. Pure.

Bounded by the frames it is given; the store keeps refusals as long as frames, and the relay tells at most a hundred a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from nocwatch.store.values import StoredFrame

_WHY = {
    "upstream_refused": "nothing listens at the CSMS's address (502)",
    "upstream_unreachable": "there is no way to the CSMS (502)",
    "upstream_unknown_host": "the name of the CSMS cannot be resolved (502)",
    "upstream_timeout": "the CSMS did not answer the connection in time (504)",
    "upstream_silent": "the CSMS took the connection and said nothing (504)",
    "upstream_closed": "the CSMS closed the connection before it answered (502)",
    "upstream_garbage": "what answers there does not speak HTTP (502)",
    "upstream_tls": "TLS with the CSMS failed (502)",
    "upstream_pin": "the CSMS showed another certificate than the pinned one (502)",
    "loop": "the address of the CSMS leads back to the relay itself (508)",
    "answer_508": "the address of the CSMS leads back to the relay itself (508)",
    "no_route": "no route of the relay takes this path (404)",
    "handshake_timeout": "the station did not finish its request in time",
    "certificate_of_another": "its certificate names another station (403)",
    "station_denied": "the relay's lists deny it (403)",
    "station_not_allowed": "the relay's lists do not allow it (403)",
    "network_denied": "the relay's lists deny its network (403)",
    "network_not_allowed": "the relay's lists do not allow its network (403)",
}


class Refused(NamedTuple):
    """One station that got no link.

    Attributes:
        station: empty where it went before it said who it is.
        why: of its last attempt, in words.
        upstream: the CSMS that it was for; empty where it came not that far.
    """

    station: str
    attempts: int
    last_ns: int
    why: str
    upstream: str


class _Told(msgspec.Struct):
    upstream: str = ""
    http_status: int | None = None
    remote_address: str = ""


def why(reason: str, http_status: int | None) -> str:
    """A bounded reason of the relay's in words."""
    if said := _WHY.get(reason):
        return said
    if http_status and reason.startswith("answer_"):
        return f"the CSMS answered {http_status}"
    words = reason.replace("_", " ") or "refused"
    return f"{words} ({http_status})" if http_status else words


def refused(frames: Iterable[StoredFrame]) -> list[Refused]:
    """By station, the last one first; ``frames`` are refused link events, the newest first."""
    found: dict[str, Refused] = {}
    for frame in frames:
        known = found.get(frame.station)
        if known is not None:
            found[frame.station] = known._replace(attempts=known.attempts + 1)
            continue
        try:
            told = msgspec.json.decode(frame.payload.encode(), type=_Told)
        except (msgspec.DecodeError, msgspec.ValidationError):
            told = _Told()
        found[frame.station] = Refused(
            frame.station, 1, frame.at_ns, why(frame.reason, told.http_status), told.upstream
        )
    return list(found.values())
