"""What ``tls:`` of a listener and of an upstream says. Every key has a default, each choice its reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

STATION = "{station}"
"""Stands for the identity in ``client_name``."""

_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")
_KEY_PIN = re.compile(r"sha256//?([A-Za-z0-9+/]{43}=)")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KeyPair(_Model):
    """A certificate with its key.

    Attributes:
        certificate: PEM file, the chain below the certificate.
        key: PEM file of its private key, without a password.
    """

    certificate: Path
    key: Path


class ListenerTls(KeyPair):
    """How a listener proves itself, and whom it believes.

    Attributes:
        second: one more certificate, of another kind of key (RSA beside EC): each station gets the one that it can check.
        minimum: the oldest version spoken. OCPP's security profiles know nothing below 1.2.
        ciphers: ``modern``: forward secrecy and AEAD only. ``legacy`` adds what old chargers bring instead: RSA key
            exchange (which OCPP 1.6's security whitepaper asks of every CSMS) and CBC. TLS 1.3 is the same in both.
        client_ca: PEM file; when given, stations are asked for a certificate of it (security profile 3).
        client_certificate: ``optional`` lets stations without one in as well, while a fleet moves to profile 3.
        client_name: what a station's certificate must be called, as common name or DNS name, upper and lower case
            being the same. ``{station}`` stands for the identity in the path. None: any certificate of the authority
            may use any identity. A station that may and does come without a certificate is not asked.
        crl: PEM file of revocation lists, one of each authority that signs stations. Once it is given, a station
            whose authority has no valid list in it is refused: a list that ran out says nothing.
    """

    second: KeyPair | None = None
    minimum: Literal["1.2", "1.3"] = "1.2"
    ciphers: Literal["modern", "legacy"] = "modern"
    client_ca: Path | None = None
    client_certificate: Literal["required", "optional"] = "required"
    client_name: str | None = None
    crl: Path | None = None

    @model_validator(mode="after")
    def _of_clients(self) -> ListenerTls:
        if self.client_name is not None and self.client_name.count(STATION) != 1:
            raise ValueError(
                'client_name says where the identity stands in the certificate\'s name: "{station}" or "{station}.chargers.example"'
            )
        if self.client_ca is None:
            for key in ("client_certificate", "client_name", "crl"):
                if key in self.model_fields_set and getattr(self, key) is not None:
                    raise ValueError(f"{key} needs client_ca: the authority of the stations' certificates")
        return self


def _pin(text: str) -> str:
    """In one form: 64 lower hexadecimal digits of a certificate, or ``sha256/`` and base64 of a public key."""
    if _FINGERPRINT.fullmatch(text):
        return text.replace(":", "").lower()
    if match := _KEY_PIN.fullmatch(text):
        return f"sha256/{match[1]}"
    raise ValueError(
        f"{text!r} is no pin; write a certificate's SHA-256 fingerprint (64 hexadecimal digits, colons or not),"
        " or sha256/ and the base64 SHA-256 of its public key"
    )


def _server_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", text):
        raise ValueError(f"{text!r:.80} is no name of a host, such as csms.example")
    return text


ServerName = Annotated[str, AfterValidator(_server_name)]
Pin = Annotated[str, AfterValidator(_pin)]


class UpstreamTls(_Model):
    """How a ``wss`` CSMS is checked, and what we show it.

    Attributes:
        ca: PEM file of the authorities that may vouch for the CSMS; the system's where None.
        server_name: what it is asked for (SNI) and what its certificate must be called; the URL's host where None.
        pins: of its certificate (fingerprint) or its public key (``sha256/…``): one must be right, besides what
            ``verify`` asks. The key's outlives renewals that keep the key; write the next one beside it in time.
        verify: ``full``: authority and name. ``pin``: the pin alone, for a certificate that vouches for itself.
            ``none``: whoever answers is believed; for a test bench.
        certificate: ours, for a CSMS that asks for one (security profile 3). PEM file, the chain below it.
        key: PEM file of its private key, without a password.
    """

    ca: Path | None = None
    server_name: ServerName | None = None
    pins: tuple[Pin, ...] = ()
    verify: Literal["full", "pin", "none"] = "full"
    certificate: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> UpstreamTls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.verify == "pin" and not self.pins:
            raise ValueError("verify: pin needs pins")
        if self.verify != "full" and self.ca is not None:
            raise ValueError(f"ca says who may vouch for the CSMS, and verify: {self.verify} asks nobody")
        return self
