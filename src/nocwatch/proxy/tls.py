"""TLS as the relay speaks it, on both sides: contexts made from files, and what a failed handshake is called.

A context is never changed: when its files change a new one takes its place for the handshakes to come, and links live on
with theirs. What always holds: nothing below TLS 1.2, no renegotiation, no compression, and no file that is of no use is
passed over: it is one clear sentence, and the context that there was stays.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from nocwatch.errors import NocwatchError
from nocwatch.proxy.chain import ChainRemark, remark_on
from nocwatch.proxy.tls_settings import KeyPair, ListenerTls, UpstreamTls
from nocwatch.proxy.x509 import Certificate, first_of_pem

MODERN = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption. Among them what OCPP asks of stations with EC keys."""

LEGACY = f"{MODERN}:ECDHE+AES:RSA+AESGCM:RSA+AES:!AESCCM"
"""What old chargers need: RSA key exchange (OCPP 1.6's security whitepaper asks it of every CSMS) and CBC. Keys as
strong as ever: the whitepaper has 2048 bits (RSA) and 224 (EC) for the least too."""

TICKETS = 1
"""A station has one connection, so it needs one ticket to come back cheaply; OpenSSL would give it two."""

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CIPHERS = {"modern": MODERN, "legacy": LEGACY}

_EXPIRED, _CRL_MISSING, _CRL_EXPIRED, _REVOKED = 10, 3, 12, 23
_UNKNOWN = frozenset({2, 18, 19, 20, 21})
_UNTRUSTED = (
    "UNKNOWN_CA",
    "BAD_CERTIFICATE",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "UNSUPPORTED_CERTIFICATE",
)
_REASONS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "station_tls_no_certificate",
    "NO_SHARED_CIPHER": "station_tls_no_cipher",
    "NO_SHARED_GROUP": "station_tls_no_cipher",
    "NO_SUITABLE_KEY_SHARE": "station_tls_no_cipher",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "station_tls_no_cipher",
    "UNSUPPORTED_PROTOCOL": "station_tls_old",
    "VERSION_TOO_LOW": "station_tls_old",
    "HTTP_REQUEST": "station_tls_absent",
    "WRONG_VERSION_NUMBER": "station_tls_absent",
}

Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]


class Context(ssl.SSLContext):
    """A TLS context that knows the files it was made of.

    Attributes:
        certificates: our own, as the files had them.
        stamp: of the files, from before they were read.
        remarks: on the chains of a listener's certificates.
    """

    certificates: tuple[Certificate, ...] = ()
    remarks: tuple[ChainRemark, ...] = ()
    stamp: Stamp = ()


def stamp(settings: ListenerTls | UpstreamTls) -> Stamp:
    """What changes when one of the files does."""
    return tuple(_stamp(path) for path in _files(settings))


def server_context(tls: ListenerTls, where: str) -> Context:
    """For a listener.

    Args:
        tls: its settings.
        where: which listener, for the sentence.

    Raises:
        NocwatchError: a file cannot be read, or is of no use.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, stamp(tls))
    context.minimum_version = _VERSIONS[tls.minimum]
    context.set_ciphers(_CIPHERS[tls.ciphers])
    context.num_tickets = TICKETS
    pairs = [tls, tls.second] if tls.second else [tls]
    context.certificates = tuple(_load_pair(context, each, where) for each in pairs)
    if tls.second and context.certificates[0].key_kind == context.certificates[1].key_kind:
        kind = context.certificates[0].key_kind
        raise NocwatchError(
            f"{where}: {tls.certificate} and {tls.second.certificate} both have {kind} keys; a second certificate is of another kind"
        )
    if tls.client_ca is not None:
        _load_authorities(context, tls.client_ca, where)
        context.verify_mode = ssl.CERT_REQUIRED if tls.client_certificate == "required" else ssl.CERT_OPTIONAL
    if tls.crl is not None:
        _load_authorities(context, tls.crl, where)
        if not context.cert_store_stats()["crl"]:
            raise NocwatchError(f"{where}: {tls.crl} is of no use: no revocation list in it")
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    known = [_read(tls.client_ca, where)] if tls.client_ca is not None else []
    context.remarks = tuple(_on_chains(pairs, known, where))
    return context


def client_context(tls: UpstreamTls, where: str) -> Context:
    """For an upstream.

    Raises:
        NocwatchError: a file cannot be read, or is of no use.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, stamp(tls))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.verify != "full":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca is not None:
        _load_authorities(context, tls.ca, where)
    else:
        context.load_default_certs()
    if tls.certificate is not None and tls.key is not None:
        ours = _load_pair(context, KeyPair(certificate=tls.certificate, key=tls.key), where)
        context.certificates = (ours,)
    return context


def is_pinned(certificate: Certificate, pins: tuple[str, ...]) -> bool:
    return certificate.sha256 in pins or f"sha256/{certificate.spki}" in pins


def station_reason(error: ssl.SSLError) -> str:
    """Why TLS with a station did not come about: a bounded word for counters."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "station_tls_left"
    if isinstance(error, ssl.SSLCertVerificationError):
        code = error.verify_code
        if code in (_CRL_MISSING, _CRL_EXPIRED):
            return "station_tls_no_valid_crl"
        words = {_EXPIRED: "expired", _REVOKED: "revoked", **dict.fromkeys(_UNKNOWN, "unknown_authority")}
        return f"station_tls_certificate_{words.get(code, 'bad')}"
    reason = error.reason or ""
    if "_ALERT_" in reason and reason.endswith(_UNTRUSTED):
        return "station_tls_distrusts_us"
    return _REASONS.get(reason, "station_tls")


def _context(protocol: int, made_of: Stamp) -> Context:
    context = Context(protocol)
    context.stamp = made_of
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _files(settings: ListenerTls | UpstreamTls) -> list[Path]:
    files = [settings.certificate, settings.key]
    if isinstance(settings, ListenerTls):
        files += [settings.client_ca, settings.crl]
        if settings.second:
            files += [settings.second.certificate, settings.second.key]
    else:
        files.append(settings.ca)
    return [path for path in files if path is not None]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _load_pair(context: Context, pair: KeyPair, where: str) -> Certificate:
    for path in (pair.certificate, pair.key):
        _read(path, where)
    both = f"{pair.certificate} with {pair.key}"
    # Without a password's function OpenSSL would ask on the terminal for that of an encrypted key, and wait.
    _use(where, both, lambda: context.load_cert_chain(pair.certificate, pair.key, password=lambda: ""))
    try:
        return first_of_pem(_read(pair.certificate, where))
    except ValueError as error:
        raise NocwatchError(f"{where}: {pair.certificate} is of no use: {error}") from None


def _on_chains(pairs: Iterable[KeyPair], known: list[bytes], where: str) -> Iterator[ChainRemark]:
    for each in pairs:
        if (found := remark_on(_read(each.certificate, where), known)) is not None:
            yield ChainRemark(f"{each.certificate}: {found.text}", found.certain)


def _load_authorities(context: Context, path: Path, where: str) -> None:
    _read(path, where)
    _use(where, str(path), lambda: context.load_verify_locations(path))


def _read(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NocwatchError(f"{where}: {path} cannot be read: {error.strerror}") from None


def _use(where: str, what: str, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        why = (error.reason or "no PEM").replace("_", " ").lower()
        raise NocwatchError(f"{where}: {what} is of no use: {why}") from None
    except OSError as error:
        raise NocwatchError(f"{where}: {what} cannot be read: {error.strerror}") from None
