"""The certificate that all candidates with TLS show in one run: EC P-256, signed by itself, for 127.0.0.1.

Made by the package ``cryptography`` where it is there, otherwise by the ``openssl`` program.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib.util
import ipaddress
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

NAME = "nocwatch bench"
FROM, UNTIL = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2049, 1, 1, tzinfo=dt.UTC)
"""Nobody checks it; it is deleted after the run."""


@dataclass(frozen=True)
class Certificate:
    """PEM files; ``both`` is the certificate and below it the key, as HAProxy reads them."""

    certificate: Path
    key: Path
    both: Path


def missing() -> str:
    """Why none can be made, in words; empty where one can."""
    if importlib.util.find_spec("cryptography") or shutil.which("openssl"):
        return ""
    return "neither the package cryptography nor the openssl program is installed"


@functools.cache
def made() -> Certificate:
    """The one of this run."""
    folder = Path(_folder().name)
    found = Certificate(folder / "certificate.pem", folder / "key.pem", folder / "both.pem")
    if importlib.util.find_spec("cryptography"):
        _by_package(found)
    else:
        _by_program(found)
    found.both.write_bytes(found.certificate.read_bytes() + found.key.read_bytes())
    return found


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Deleted when the bench ends."""
    return tempfile.TemporaryDirectory(prefix="nocwatch-bench-tls-")


def _by_package(files: Certificate) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files.certificate.write_bytes(certificate.public_bytes(pem))
    files.key.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _by_program(files: Certificate) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", f"/CN={NAME}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "7"]
    command += ["-keyout", str(files.key), "-out", str(files.certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
