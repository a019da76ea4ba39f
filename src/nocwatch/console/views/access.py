"""How a station signs in, in words, and whether its certificate will do for long. Pure."""

from __future__ import annotations

from typing import NamedTuple

from nocwatch.access import Access, Certificate
from nocwatch.console.views import words
from nocwatch.moments import DAY_NS, SECOND_NS
from nocwatch.network import Station

SOON_NS = 30 * DAY_NS
"""Before its end a certificate is told of: a renewal by OCPP takes minutes, one that needs a visit takes weeks."""

_PROFILES = {
    0: "not encrypted, no password",
    1: "a password, not encrypted",
    2: "{tls}, a password",
    3: "{tls}, a certificate",
}


class Fact(NamedTuple):
    """One line of the station's facts; ``css`` of what is worth a look."""

    label: str
    text: str
    note: str = ""
    css: str = ""


def ends_in_ns(station: Station, now_ns: int) -> int | None:
    """How long the certificate of its newest connection will still do; None where it has none, or no end."""
    shown = station.access.certificate if station.access is not None else None
    if shown is None or shown.not_after_s is None:
        return None
    return shown.not_after_s * SECOND_NS - now_ns


def ends_soon(station: Station, now_ns: int) -> bool:
    """Ended already, too: its next handshake will be refused."""
    left_ns = ends_in_ns(station, now_ns)
    return left_ns is not None and left_ns < SOON_NS


def facts(access: Access | None, now_ns: int) -> list[Fact]:
    """Nothing of a station whose connection nobody saw begin."""
    if access is None:
        return []
    found = [_security(access)]
    if access.authorization not in ("", "basic"):
        found.append(Fact("Authorization", access.authorization))
    if access.own_name is True:
        found.append(Fact("Signs in as", "its identity"))
    elif access.own_name is False:
        found.append(Fact("Signs in as", "another name", access.user, "preparing"))
    if access.certificate is not None:
        found.append(_certificate(access.certificate, now_ns))
    return found


def _security(access: Access) -> Fact:
    tls = (access.tls or "TLS").replace("TLSv", "TLS ")
    profile = access.security_profile
    if profile is None:
        return Fact("Security", f"{tls}, no password" if access.tls else words.UNKNOWN)
    return Fact("Security", _PROFILES.get(profile, "").format(tls=tls), f"profile {profile}")


def _certificate(shown: Certificate, now_ns: int) -> Fact:
    name = shown.name or next(iter(shown.names), "") or shown.sha256[:16]
    issuer = f"by {shown.issuer}" if shown.issuer else ""
    if shown.not_after_s is None:
        return Fact("Certificate", name, issuer)
    left_ns = shown.not_after_s * SECOND_NS - now_ns
    told = f"ends in {words.span(left_ns)}" if left_ns > 0 else f"ended {words.span(-left_ns)} ago"
    css = "faulted" if left_ns <= 0 else "preparing" if left_ns < SOON_NS else ""
    return Fact("Certificate", name, ", ".join(filter(None, (told, issuer))), css)
