"""Why the relay gave a station no link: every word that ``refused`` is counted and journaled by, and where the cause lies.

PURE. The relay counts by these words (``proxy/``), and detectors and documents read them: so what a word means stands once.
Where the cause lies is what an operator does about it: the listener's certificate is mended elsewhere than a cap.

What always holds: each word that the relay can say stands here (a test holds both against one another), but for the CSMS's
own answers, of which there is one for each status: ``answer_401``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Cause(StrEnum):
    """Where to look."""

    CSMS = "CSMS"
    TLS = "TLS of the listener"
    CAPS = "caps"
    LISTS = "lists"
    ROUTES = "routes"
    BALANCER = "load balancer"
    STATION = "station"
    RELAY = "relay"


class Meaning(NamedTuple):
    """What one word says.

    Attributes:
        cause: where to look.
        status: what the station is answered; empty where nothing is said.
        text: what happened.
    """

    cause: Cause
    status: str
    text: str


ANSWER = "answer"
"""The word in a link event where the CSMS itself said no; counted as ``answer_<status>``."""

_CSMS, _TLS, _CAPS, _LISTS = Cause.CSMS, Cause.TLS, Cause.CAPS, Cause.LISTS
_ROUTES, _BALANCER, _STATION, _RELAY = Cause.ROUTES, Cause.BALANCER, Cause.STATION, Cause.RELAY

REASONS: dict[str, Meaning] = {
    "upstream_refused": Meaning(_CSMS, "502", "nobody listens at the CSMS's address"),
    "upstream_unreachable": Meaning(_CSMS, "502", "no way leads to the CSMS's address"),
    "upstream_unknown_host": Meaning(_CSMS, "502", "the CSMS's name has no address"),
    "upstream_timeout": Meaning(_CSMS, "504", "the CSMS does not take the connection in `dial_timeout`"),
    "upstream_tls": Meaning(
        _CSMS, "502", "no TLS with the CSMS: its certificate or its authority will not do"
    ),
    "upstream_pin": Meaning(_CSMS, "502", "the CSMS's certificate is none of `tls.pins`"),
    "upstream_closed": Meaning(_CSMS, "502", "the CSMS ended the connection without an answer"),
    "upstream_garbage": Meaning(_CSMS, "502", "what the CSMS answered is no HTTP"),
    "upstream_silent": Meaning(_CSMS, "504", "the CSMS did not answer in `answer_timeout`"),
    "station_tls_absent": Meaning(_TLS, "", "spoke without TLS: `ws://` in place of `wss://`"),
    "station_tls_no_cipher": Meaning(
        _TLS,
        "",
        "has no cipher or key in common with the listener: `ciphers: legacy`, a `second` certificate",
    ),
    "station_tls_old": Meaning(_TLS, "", "speaks only what is older than `minimum`"),
    "station_tls_no_certificate": Meaning(_TLS, "", "showed no certificate, and must"),
    "station_tls_certificate_expired": Meaning(_TLS, "", "showed a certificate that has expired"),
    "station_tls_certificate_revoked": Meaning(_TLS, "", "showed a certificate that is revoked in `crl`"),
    "station_tls_certificate_unknown_authority": Meaning(
        _TLS, "", "showed a certificate of an authority that is not in `client_ca`"
    ),
    "station_tls_certificate_bad": Meaning(
        _TLS, "", "showed a certificate that will not do for another reason"
    ),
    "station_tls_no_valid_crl": Meaning(_TLS, "", "is of an authority that has no valid list in `crl`"),
    "station_tls_distrusts_us": Meaning(
        _TLS,
        "",
        "does not believe *our* certificate: its chain is not whole, or the charger does not know the authority",
    ),
    "station_tls_left": Meaning(
        _TLS, "", "left in the middle of TLS: a balancer's check, or a charger that distrusts without a word"
    ),
    "station_tls": Meaning(_TLS, "", "TLS failed in another way"),
    "handshake_rate": Meaning(_CAPS, "503", "more than `admission.handshakes_per_second`"),
    "address_rate": Meaning(
        _CAPS, "429", "more than `admission.address_handshakes_per_second` of one address"
    ),
    "address_connections_max": Meaning(
        _CAPS, "429", "its address has `admission.address_connections_max` connections"
    ),
    "links_max": Meaning(
        _CAPS, "503", "the relay has `limits.links_max` links, or all that its open files allow"
    ),
    "network_denied": Meaning(_LISTS, "403", "its address is in `admission.networks_deny`"),
    "network_not_allowed": Meaning(_LISTS, "403", "its address is not in `admission.networks_allow`"),
    "station_denied": Meaning(_LISTS, "403", "its identity is in `admission.stations_deny`"),
    "station_not_allowed": Meaning(_LISTS, "403", "its identity is not in `admission.stations_allow`"),
    "certificate_of_another": Meaning(
        _LISTS, "403", "came with a certificate that is not that of the identity in its path (`client_name`)"
    ),
    "no_route": Meaning(_ROUTES, "502", "no upstream takes its path, listener and identity (`match`)"),
    "loop": Meaning(
        _ROUTES, "508", "it is the relay's own connection: an upstream's address leads back to nocwatch"
    ),
    "proxy_header_missing": Meaning(
        _BALANCER,
        "",
        "a trusted balancer handed it on without the PROXY header that `proxy_protocol` asks for",
    ),
    "proxy_header_malformed": Meaning(_BALANCER, "", "its PROXY header is broken, or of another version"),
    "proxy_header_unexpected": Meaning(
        _BALANCER, "400", "began with a PROXY header, and comes from nobody in `trusted`"
    ),
    "not_http": Meaning(_STATION, "400", "what came is no HTTP"),
    "method_not_get": Meaning(_STATION, "400", "asked by another method than GET"),
    "bare_line_end_or_nul": Meaning(
        _STATION, "400", "a line of the head ends with a bare CR or LF, or holds a NUL"
    ),
    "malformed_header": Meaning(_STATION, "400", "a header that is none"),
    "folded_header": Meaning(_STATION, "400", "a header folded over two lines"),
    "length_and_transfer_encoding": Meaning(_STATION, "400", "two readings of where the request ends"),
    "request_with_body": Meaning(_STATION, "400", "a handshake with a body"),
    "several_hosts": Meaning(_STATION, "400", "several `Host` headers"),
    "head_too_large": Meaning(_STATION, "431", "a head above `limits.head_size_max`"),
    "handshake_timeout": Meaning(
        _STATION, "408", "its head, or TLS, did not come in `limits.handshake_timeout`"
    ),
    "empty": Meaning(_STATION, "", "ended the connection without a byte: a probe of a balancer or a monitor"),
    "station_left": Meaning(_STATION, "", "left before it had an answer, or in the middle of its head"),
    "relay_out_of_resources": Meaning(_RELAY, "503", "the relay is out of open files, ports or memory"),
    "relay_fault": Meaning(_RELAY, "", "a mistake of nocwatch's own; the log has it"),
    "shutting_down": Meaning(_RELAY, "", "cut off in its handshake by the relay's end, or before it began"),
}
"""Word → what it says. In the order in which the page of metrics tells them."""


def cause_of(reason: str) -> Cause | None:
    """Where to look for a word of a counter or a link event; None for one of another version of the relay."""
    if reason == ANSWER or reason.startswith(f"{ANSWER}_"):
        return Cause.CSMS
    found = REASONS.get(reason)
    return found.cause if found is not None else None


def table() -> str:
    """The page of metrics's table, line by line."""
    lines = ["| reason | look at | answered | what happened |", "|---|---|---|---|"]
    lines.append(
        "| `answer_<status>` | CSMS | as the CSMS says | the CSMS itself said no, with this status: `answer_401` |"
    )
    lines += [
        f"| `{reason}` | {each.cause} | {each.status or 'nothing'} | {each.text} |"
        for reason, each in REASONS.items()
    ]
    return "\n".join(lines)
