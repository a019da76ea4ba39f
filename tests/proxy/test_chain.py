"""A listener's file and the way from its certificate to an authority that chargers know."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.certificates import Authority

from nocwatch.proxy.certificates import broken_chains
from nocwatch.proxy.chain import remark_on, system_roots
from nocwatch.proxy.listener import Listener
from nocwatch.proxy.settings import ListenerSettings
from nocwatch.proxy.tls_settings import ListenerTls
from nocwatch.proxy.x509 import vouching_of_pem


class Chain:
    """A certificate, its intermediate authority, and the root above it, as PEM."""

    def __init__(self, folder: Path, *, published: bool) -> None:
        root = Authority(folder, "Root CA")
        between = Authority(folder, "Between CA", signed_by=root)
        leaf, self.key = between.issue("ocpp.example", published=published)
        self.leaf, self.between, self.root = (
            each.read_bytes() for each in (leaf, between.certificate, root.certificate)
        )


@pytest.fixture
def public(tmp_path: Path) -> Chain:
    return Chain(tmp_path, published=True)


def test_a_lone_certificate_of_a_public_authority_lacks_its_intermediate(public: Chain) -> None:
    found = remark_on(public.leaf)
    assert found is not None
    assert found.certain
    assert found.text.startswith(
        "its chain ends with ocpp.example, issued by Between CA, which is no root authority"
    )
    assert "station_tls_distrusts_us" in found.text


def test_a_lone_certificate_of_a_private_authority_may_be_right(tmp_path: Path) -> None:
    private = Chain(tmp_path, published=False)
    found = remark_on(private.leaf)
    assert found is not None
    assert not found.certain
    assert "right where that is a root authority that all chargers have" in found.text


def test_a_chain_up_to_its_root_is_whole(public: Chain) -> None:
    assert remark_on(public.leaf + public.between + public.root) is None


def test_a_chain_that_ends_below_an_authority_that_signs_the_stations_is_whole(public: Chain) -> None:
    assert remark_on(public.leaf + public.between, [public.root]) is None
    assert remark_on(public.leaf, [public.between]) is not None  # not a root, so nobody has it by itself


def test_a_chain_that_ends_below_an_authority_of_this_system_is_whole(
    public: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(public.root)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    system_roots.cache_clear()
    try:
        assert remark_on(public.leaf + public.between) is None
        assert remark_on(public.leaf) is not None
    finally:
        system_roots.cache_clear()


def test_certificates_in_the_wrong_order_break_the_chain(public: Chain) -> None:
    found = remark_on(public.leaf + public.root + public.between)
    assert found is not None
    assert found.certain
    assert "ocpp.example was issued by Between CA, and below it stands Root CA" in found.text


def test_a_certificate_that_vouches_for_itself_needs_no_chain(public: Chain) -> None:
    assert remark_on(public.root) is None


def test_what_is_no_certificate_gets_no_remark() -> None:
    assert remark_on(b"") is None
    assert remark_on(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") is None


@given(st.binary(max_size=400))
@settings(max_examples=80, deadline=None)
def test_whatever_the_bytes_it_says_something_or_nothing(garbage: bytes) -> None:
    vouching_of_pem(b"-----BEGIN CERTIFICATE-----" + garbage + b"-----END CERTIFICATE-----")


def test_readyz_speaks_of_a_chain_only_where_it_cannot_be_right(tmp_path: Path) -> None:
    told = {}
    for published in (True, False):
        folder = tmp_path / str(published)
        folder.mkdir()
        Chain(folder, published=published)
        tls = ListenerTls(certificate=folder / "ocpp.example.crt", key=folder / "ocpp.example.key")
        listener = Listener(ListenerSettings(address="127.0.0.1:0", name="depot", tls=tls))
        told[published] = broken_chains([listener])
        listener.close()
    assert told[False] == []
    (remark,) = told[True]
    assert remark.startswith("the certificate of the listener depot: ")
