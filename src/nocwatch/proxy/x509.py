"""What a certificate says of itself: whose it is, who vouches for it, until when, and the hashes that one pins.

PURE. It believes nothing and checks nothing: OpenSSL has done that, or nobody has. Python's ssl tells no more of a
certificate than its bytes where it was not verified, and nothing at all of our own; so the few fields that a log, a
metric or a pin needs are read here, out of DER (X.690, RFC 5280 §4.1).

Always holds: whatever the bytes, the outcome is a Certificate of bounded size or a ValueError.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Iterator

import msgspec

TEXT_MAX = 128
"""Characters of a name. X.509's own bound of a common name is 64; DNS names beyond this are nobody's station."""

NAMES_MAX = 16
"""Alternative names that are kept. A station's certificate has one or two."""

SOON_S = 14 * 86_400
"""An expiry this near is told: two weeks are enough to get a certificate also where a person must sign for it."""

SOON_PART = 4
"""But not before three quarters of a certificate's life are over: automatic renewal comes at two thirds."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _OCTETS = 0x30, 0x04
_UTC_TIME, _GENERAL_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS, _DNS_NAME = 0xA0, 0xA3, 0x82
_COMMON_NAME = b"\x55\x04\x03"
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"
_AUTHORITY_ACCESS = b"\x2b\x06\x01\x05\x05\x07\x01\x01"
_ISSUER_IS_AT = b"\x2b\x06\x01\x05\x05\x07\x30\x02"
_KEY_KINDS = {
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01": "RSA",
    b"\x2a\x86\x48\xce\x3d\x02\x01": "EC",
    b"\x2b\x65\x70": "Ed25519",
    b"\x2b\x65\x71": "Ed448",
}
_ENCODINGS = {0x0C: "utf-8", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Of an X.509 certificate what people ask for.

    Attributes:
        name: common name of the subject, the last where there are several; empty where there is none.
        names: DNS names among the alternative names.
        issuer: common name of who signed it.
        serial: hexadecimal, as its authority counts.
        not_before_s: seconds since 1970 from which it is valid.
        not_after_s: and at which it expires.
        sha256: of the whole certificate, hexadecimal: its fingerprint.
        spki: sha256 of its public key (SubjectPublicKeyInfo), base64: the same after a renewal that keeps the key.
        key_kind: ``RSA``, ``EC``, ``Ed25519``, ``Ed448`` or ``other``.
    """

    name: str
    names: tuple[str, ...] = ()
    issuer: str
    serial: str
    not_before_s: int
    not_after_s: int
    sha256: str
    spki: str
    key_kind: str

    def expires_soon(self, now_s: float) -> bool:
        """Whether it has expired, or somebody should see to it now."""
        life_s = max(0, self.not_after_s - self.not_before_s)
        return self.not_after_s - now_s < min(SOON_S, life_s / SOON_PART)


class Vouching(msgspec.Struct, frozen=True):
    """Who vouches for whom, in a certificate.

    Attributes:
        subject, issuer: their names, as DER: the same name is the same bytes.
        name, issuer_name: common names of the two, for people.
        issuer_is_published: the certificate says where its issuer's is to be had, as those of public authorities do.
    """

    subject: bytes
    issuer: bytes
    name: str
    issuer_name: str
    issuer_is_published: bool


def vouching_of_pem(text: bytes) -> list[Vouching]:
    """Of all certificates of a PEM file, in their order; what is none is passed over."""
    found = []
    for match in _PEM.finditer(text):
        try:
            found.append(read_vouching(base64.b64decode(match[1])))
        except ValueError:
            continue
    return found


def read_vouching(der: bytes) -> Vouching:
    """Reads DER.

    Raises:
        ValueError: this is no certificate.
    """
    try:
        fields = _fields(der)
        issuer, subject = fields[2][1], fields[4][1]
        access = _extension(fields, _AUTHORITY_ACCESS)
        return Vouching(subject, issuer, _common_name(subject), _common_name(issuer), _ISSUER_IS_AT in access)
    except (IndexError, StopIteration, OverflowError, UnicodeError):
        raise ValueError("this is no certificate") from None


def first_of_pem(text: bytes) -> Certificate:
    """The first certificate of a PEM file: of a chain, the one that is ours.

    Raises:
        ValueError: there is none, or it is damaged.
    """
    match = _PEM.search(text)
    if match is None:
        raise ValueError("no certificate in it")
    try:
        return read_certificate(base64.b64decode(match[1]))
    except binascii.Error:
        raise ValueError("its first certificate is damaged") from None


def read_certificate(der: bytes) -> Certificate:
    """Reads DER.

    Raises:
        ValueError: this is no certificate.
    """
    try:
        return _read(der)
    except (IndexError, StopIteration, OverflowError, UnicodeError):
        raise ValueError("this is no certificate") from None


def _fields(der: bytes) -> list[tuple[int, bytes]]:
    """Serial, algorithm, issuer, validity, subject, public key; what follows is optional."""
    _, whole = next(_items(der))
    _, signed = next(_items(whole))
    fields = list(_items(signed))
    if fields[0][0] == _VERSION:
        del fields[0]
    return fields


def _read(der: bytes) -> Certificate:
    fields = _fields(der)
    serial, issuer, validity, subject, key = (fields[i][1] for i in (0, 2, 3, 4, 5))
    since, until = list(_items(validity))[:2]
    algorithm = next(_items(next(_items(key))[1]))[1]
    return Certificate(
        name=_common_name(subject),
        names=tuple(_alternative_names(_extension(fields, _ALTERNATIVE_NAMES))),
        issuer=_common_name(issuer),
        serial=serial.lstrip(b"\0").hex()[:TEXT_MAX],
        not_before_s=_moment(*since),
        not_after_s=_moment(*until),
        sha256=hashlib.sha256(der).hexdigest(),
        spki=base64.b64encode(hashlib.sha256(_wrapped(key)).digest()).decode(),
        key_kind=_KEY_KINDS.get(algorithm, "other"),
    )


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise ValueError("this is no certificate")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("this is no certificate")
        yield tag, data[at : at + length]
        at += length


def _wrapped(content: bytes) -> bytes:
    """A sequence with its header again: DER has one way only to write a length."""
    size = len(content)
    if size < 0x80:
        return bytes((_SEQUENCE, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((_SEQUENCE, 0x80 | len(length))) + length + content


def _common_name(name: bytes) -> str:
    found = ""
    for _, part in _items(name):
        for _, attribute in _items(part):
            (_, oid), (tag, value) = list(_items(attribute))[:2]
            if oid == _COMMON_NAME:
                found = value.decode(_ENCODINGS.get(tag, "latin-1"), "replace")
    return found[:TEXT_MAX]


def _extension(fields: list[tuple[int, bytes]], oid: bytes) -> bytes:
    """What an extension holds; empty where there is none."""
    extensions = next((value for tag, value in fields[6:] if tag == _EXTENSIONS), b"")
    for _, sequence in _items(extensions):
        for _, extension in _items(sequence):
            parts = list(_items(extension))
            if parts[0][1] == oid and parts[-1][0] == _OCTETS:
                return parts[-1][1]
        break
    return b""


def _alternative_names(extension: bytes) -> list[str]:
    for _, names in _items(extension):
        found = [value.decode("latin-1")[:TEXT_MAX] for tag, value in _items(names) if tag == _DNS_NAME]
        return found[:NAMES_MAX]
    return []


def _moment(tag: int, text: bytes) -> int:
    written = text.decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280 §4.1.2.5.1: two digits from 50 on are of the last century.
        written = ("19" if written[:2] >= "50" else "20") + written
    elif tag != _GENERAL_TIME:
        raise ValueError("this is no certificate")
    at = dt.datetime.strptime(written, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC)
    return int(at.timestamp())
