"""Certificates as they are read: against another reader, and with bytes that are none."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography import x509 as other
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.certificates import Authority, fingerprint, key_pin

from nocwatch.proxy.x509 import Certificate, first_of_pem, read_certificate

DAY_S = 86_400


def der_of(path: Path) -> bytes:
    return other.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("kind", ["EC", "RSA"])
@pytest.mark.parametrize("days", [(-1, 1), (-1, 30 * 365)])
def test_it_says_what_another_reader_says(tmp_path: Path, kind: str, days: tuple[float, float]) -> None:
    """Beyond 2050 a certificate writes its dates in another way."""
    path, _ = Authority(tmp_path, "Depot CA").issue("CP-1", dns="cp1.example", kind=kind, days=days)
    wanted = other.load_pem_x509_certificate(path.read_bytes())
    assert first_of_pem(path.read_bytes()) == Certificate(
        name="CP-1",
        names=("cp1.example",),
        issuer="Depot CA",
        serial=wanted.serial_number.to_bytes((wanted.serial_number.bit_length() + 7) // 8).hex(),
        not_before_s=int(wanted.not_valid_before_utc.timestamp()),
        not_after_s=int(wanted.not_valid_after_utc.timestamp()),
        sha256=fingerprint(path),
        spki=key_pin(path).removeprefix("sha256/"),
        key_kind=kind,
    )


def test_a_name_in_any_script_and_length_is_read_and_cut(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "Größe 充電")
    path, _ = authority.issue("x" * 64, file="long", dns="y" * 300)
    found = first_of_pem(path.read_bytes())
    assert (found.issuer, found.name, found.names) == ("Größe 充電", "x" * 64, ("y" * 128,))


def test_of_a_chain_the_first_is_ours(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "CA")
    path, _ = authority.issue("relay.example")
    chain = b"# made by a tool\n" + path.read_bytes() + authority.certificate.read_bytes()
    assert first_of_pem(chain).name == "relay.example"


@pytest.mark.parametrize(
    "text", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", b"\xff" * 99]
)
def test_a_file_without_a_certificate_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        first_of_pem(text)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damaged_bytes_are_a_certificate_of_bounded_size_or_a_value_error(data: st.DataObject) -> None:
    der = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(0, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(der[: data.draw(st.integers(0, len(der)))]) if data.draw(st.booleans()) else bytes(der)
    try:
        found = read_certificate(cut)
    except ValueError:
        return
    assert max(map(len, (found.name, found.issuer, found.serial, *found.names))) <= 128


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_at_all(data: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        read_certificate(data)


@pytest.mark.parametrize(
    ("life_days", "left_days", "soon"),
    [(365, 15, False), (365, 13, True), (365, -1, True), (90, 30, False), (90, 13, True), (6, 2, False), (6, 1, True)],
)  # fmt: skip
def test_what_is_soon_depends_on_how_long_a_certificate_lives(
    life_days: int, left_days: int, soon: bool
) -> None:
    """One that lives for six days and is renewed after four is not in danger all its life."""
    found = Certificate(
        name="", issuer="", serial="", sha256="", spki="", key_kind="EC",
        not_before_s=0, not_after_s=life_days * DAY_S,
    )  # fmt: skip
    assert found.expires_soon((life_days - left_days) * DAY_S) is soon


SAMPLE = base64.b64decode(
    "MIIBXjCCAQSgAwIBAgIUBPqclhRtO3+ZwSZXuACyFjzF/PwwCgYIKoZIzj0EAwIwDTELMAkGA1UEAwwCQ0EwHhcNMjYxMTIw"
    "MTMzMTIwWhcNMjYxMTIyMTMzMTIwWjAOMQwwCgYDVQQDDANDUDEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARPYgrrPcZ0"
    "lUjTy0XFd1QX+Em05G1hPbyUCWci8gwZFWvU36f0Ejhg7J1fnAGBRfgFQvtfbkKRDIVygH0roj4wo0EwPzAcBgNVHREEFTAT"
    "ggtjcDEuZXhhbXBsZYcEfwAAATAfBgNVHSMEGDAWgBQPfjJQo6Yb9FC7NafxTdSA4cK0ZTAKBggqhkjOPQQDAgNIADBFAiEA"
    "pN1Q2eyW5DRa662x6J0npYNG4k4TuAqWRblZ6mD3bqkCID292NXGhUsmkWcoch9UcN+UJRY3vBDz3WrfNUGzZ4BZ"
)
