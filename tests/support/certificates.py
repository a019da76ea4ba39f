"""A small certificate authority for tests: files that expire with the day."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

_DAY = dt.timedelta(days=1)


class Authority:
    """Signs certificates for names and loopback, into a folder.

    Attributes:
        certificate: PEM file of the authority itself.
    """

    def __init__(
        self, folder: Path, name: str = "test authority", *, signed_by: Authority | None = None
    ) -> None:
        """A root, or an intermediate authority below another one."""
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        public = self._key.public_key()
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        above = signed_by or self
        signed = (
            above._builder(self._name, public)
            .add_extension(constraints, critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(above._key, hashes.SHA256())
        )
        self.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        file: str = "",
        dns: str | None = None,
        kind: str = "EC",
        days: tuple[float, float] = (-1, 1),
        published: bool = False,
    ) -> tuple[Path, Path]:
        """PEM files of a certificate for that name (and 127.0.0.1), and of its key.

        Args:
            name: its common name.
            file: of both files' names; that of the certificate where empty.
            dns: its DNS name, where that is another.
            kind: of key, ``EC`` or ``RSA``.
            days: from now, between which it is valid.
            published: it says where the certificate of this authority is to be had, as those of public authorities do.
        """
        key = (
            ec.generate_private_key(ec.SECP256R1())
            if kind == "EC"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [x509.DNSName(dns or name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            self._builder(subject, key.public_key(), days)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(authority, critical=False)
        )
        if published:
            where = x509.UniformResourceIdentifier("http://authority.example/issuer.der")
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        certificate_file = self._folder / f"{file or name}.crt"
        key_file = self._folder / f"{file or name}.key"
        certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate_file, key_file

    def revocations(self, *revoked: Path, days: tuple[float, float] = (-1, 1)) -> Path:
        """PEM file of a list of what this authority has revoked."""
        since, until = _moments(days)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        builder = builder.last_update(since).next_update(until)
        for path in revoked:
            serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
            builder = builder.add_revoked_certificate(entry.build())
        file = self._folder / "revoked.crl"
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file

    def server_context(self, name: str = "localhost") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name))
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)

    def _builder(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        days: tuple[float, float] = (-1, 1),
    ) -> x509.CertificateBuilder:
        since, until = _moments(days)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )


def locked(key: Path) -> bytes:
    """The PEM of a key, under a password."""
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a PEM file's certificate."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()


def key_pin(certificate: Path) -> str:
    """SHA-256 of its public key, as a pin."""
    public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256/{base64.b64encode(hashlib.sha256(der).digest()).decode()}"


def _moments(days: tuple[float, float]) -> tuple[dt.datetime, dt.datetime]:
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - a certificate is valid by the real clock
    return now + days[0] * _DAY, now + days[1] * _DAY
