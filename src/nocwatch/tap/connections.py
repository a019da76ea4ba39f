"""What the tap knows of one connection, and what a LINK record says of it."""

from __future__ import annotations

import msgspec

from nocwatch.access import Certificate
from nocwatch.frames import Link, LinkEvent
from nocwatch.records import Record
from nocwatch.tap.gate import Gate
from nocwatch.tap.inflate import negotiated
from nocwatch.tap.websocket import Decoder

SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "hoba", "mutual", "vapid", "other"})


class LinkRecord(msgspec.Struct):
    """The JSON of a LINK record."""

    event: str
    station: str | None = None
    upstream: str | None = None
    remote_address: str | None = None
    subprotocol: str | None = None
    extensions: str | None = None
    http_status: int | None = None
    code: int | None = None
    by: str | None = None
    reason: str | None = None
    tls: str | None = None
    security_profile: int | None = None
    authorization: str | None = None
    user: str | None = None
    own_name: bool | None = None  # of imported journals: the relay leaves it to the tap
    certificate: Certificate | None = None
    implied: bool = False  # of imported journals


class Connection(msgspec.Struct):
    """One connection as the tap knows it.

    Attributes:
        station: empty as long as nobody named it: its frames are decoded, so as to keep in step, and not given out.
        close_code: of the first CLOSE frame that passed, in whichever direction.
        confirmed: something was heard of it since the last gap of its lane.
    """

    lane: int
    station: str
    from_station: Decoder
    from_csms: Decoder
    upstream: str = ""
    subprotocol: str | None = None
    extensions: str = ""
    close_code: int | None = None
    confirmed: bool = True


def new_connection(lane: int, station: str, extensions: str, *, in_step: bool) -> Connection:
    terms = negotiated(extensions) if extensions else None
    station_terms, csms_terms = terms or (None, None)
    connection = Connection(
        lane=lane,
        station=station,
        from_station=Decoder(masked=True, deflate=station_terms),
        from_csms=Decoder(masked=False, deflate=csms_terms),
        extensions=extensions,
    )
    if not in_step:
        connection.from_station.lose()
        connection.from_csms.lose()
    return connection


def link_event(record: Record, link: LinkRecord, event: LinkEvent, code: int | None, gate: Gate) -> Link:
    user = gate.name(link.user or "")  # the relay has hashed it: then it stays as it is
    own_name = link.own_name
    if own_name is None and user:
        own_name = user == gate.name(link.station or "")
    return Link(
        lane=record.lane,
        sequence=record.sequence << 16,
        received_at_ns=record.at_ns,
        connection=record.connection,
        station=link.station or "",
        event=event,
        upstream=link.upstream or "",
        remote_address=link.remote_address or "",
        subprotocol=link.subprotocol or None,
        extensions=link.extensions or "",
        tls=link.tls,
        security_profile=link.security_profile,
        authorization=scheme(link.authorization),
        user=user,
        own_name=own_name,
        certificate=gated(link.certificate, gate),
        http_status=link.http_status,
        code=code,
        by=link.by or "",
        reason=link.reason or "",
        implied=link.implied,
    )


def scheme(written: str | None) -> str:
    """What the relay wrote of an Authorization; whatever else stands there may be a secret, and becomes ``other``."""
    return written if written in SCHEMES else "other" if written else ""


def gated(shown: Certificate | None, gate: Gate) -> Certificate | None:
    """A certificate is shown to whoever asks; but whoever issued it may have put a person's address into its names."""
    if shown is None:
        return None
    return msgspec.structs.replace(
        shown,
        name=gate.words(shown.name),
        names=tuple(map(gate.words, shown.names)),
        issuer=gate.words(shown.issuer),
    )
