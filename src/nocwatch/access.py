"""How a station proved who it is when it connected, as far as its handshake shows it: as everyone sees it.

Made by the relay and gated by ``tap/``, read-only elsewhere. Nothing here is secret: no password, no token, and of a certificate
what it shows to whoever asks.
"""

from __future__ import annotations

import msgspec


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The client certificate that a station showed.

    Attributes:
        name: its common name.
        names: its DNS names.
        issuer: common name of whoever signed it.
        serial: hexadecimal.
        sha256: its fingerprint.
        not_after_s: when it ends, seconds since 1970; None where that could not be read.
    """

    name: str = ""
    names: tuple[str, ...] = ()
    issuer: str = ""
    serial: str = ""
    sha256: str = ""
    not_after_s: int | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Of one connection.

    Attributes:
        tls: version of TLS; None in the clear.
        security_profile: of OCPP, 0 to 3; None for TLS with neither password nor certificate.
        authorization: scheme of the request's Authorization in lower case, empty where it has none.
        user: key-hash of the user name in it.
        own_name: whether that is the station's identity; None where no user name was recorded.
        certificate: None where it showed none.
    """

    tls: str | None = None
    security_profile: int | None = None
    authorization: str = ""
    user: str = ""
    own_name: bool | None = None
    certificate: Certificate | None = None
