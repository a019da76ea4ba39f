"""Which certificate a station showed, and whether it may use the identity in its path.

OpenSSL has verified it before anyone asks here. OCPP's security profile 3 puts a station's serial number into the common
name, and operators put there what their CSMS calls the station; so what to expect is the operator's to say.

Always holds: what is recorded is bounded, and nothing of it is secret: a certificate is shown to whoever asks.
"""

from __future__ import annotations

import hashlib

import msgspec

from nocwatch.proxy.failure import Failure
from nocwatch.proxy.secured import Secured
from nocwatch.proxy.tls_settings import STATION, ListenerTls
from nocwatch.proxy.x509 import read_certificate


class ShownCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """What a LINK record keeps of it; as ``x509.Certificate`` has them."""

    name: str = ""
    names: tuple[str, ...] = ()
    issuer: str = ""
    serial: str = ""
    sha256: str
    not_after_s: int | None = None


def shown_by(station: Secured) -> ShownCertificate | None:
    """The certificate that a station showed; None where it showed none."""
    der = station.peer_certificate()
    if not der:
        return None
    try:
        read = read_certificate(der)
    except ValueError:
        # OpenSSL takes what we cannot read: then it has no name, and is nobody's by client_name.
        return ShownCertificate(sha256=hashlib.sha256(der).hexdigest())
    return ShownCertificate(
        name=read.name,
        names=read.names,
        issuer=read.issuer,
        serial=read.serial,
        sha256=read.sha256,
        not_after_s=read.not_after_s,
    )


def refusal(settings: ListenerTls | None, shown: ShownCertificate | None, station: str) -> Failure | None:
    """Why a station may not use that identity; None where it may.

    Args:
        settings: of its listener.
        shown: its certificate.
        station: the identity in its path.
    """
    if settings is None or settings.client_name is None:
        return None
    if shown is None:
        may = settings.client_certificate == "optional"
    else:
        wanted = _folded(settings.client_name.replace(STATION, station))
        may = bool(station) and any(_folded(each) == wanted for each in (shown.name, *shown.names))
    if may:
        return None
    return Failure(403, "certificate_of_another", "the certificate is not that of the station in the path")


def _folded(name: str) -> bytes:
    """Upper and lower case are the same in OCPP's identities and in DNS, as far as ASCII goes."""
    return name.encode("utf-8", "surrogatepass").lower()
