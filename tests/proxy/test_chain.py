"""A listener's file and the way from its certificate to an authority that chargers know."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture
def its_root_is_known(public: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(public.root)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    system_roots.cache_clear()
    yield
    system_roots.cache_clear()


@pytest.mark.usefixtures("its_root_is_known")
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


@pytest.mark.usefixtures("its_root_is_known")
def test_a_chain_that_ends_below_an_authority_of_this_system_is_whole(public: Chain) -> None:
    assert remark_on(public.leaf + public.between) is None
    assert remark_on(public.leaf) is not None


@pytest.mark.usefixtures("its_root_is_known")
def test_a_chain_that_passes_an_authority_of_this_system_is_whole(public: Chain, tmp_path: Path) -> None:
    """A young root's certificate by an older one stands at the end of many chains; the old one is gone from the systems."""
    by_an_older_root = Authority(tmp_path, "Old CA").issue("Root CA", published=True)[0].read_bytes()
    assert remark_on(public.leaf + public.between + by_an_older_root) is None
    assert remark_on(public.leaf + public.between + by_an_older_root + public.root) is None
    assert remark_on(public.leaf + by_an_older_root) is not None


def test_authorities_that_lie_in_a_folder_by_their_hash_are_this_systems_too(
    public: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Debian: OpenSSL reads there what it is asked for, and lists none of it."""
    (folder := tmp_path / "certs").mkdir()
    (folder / "0a1b2c3d.0").write_bytes(public.root)
    (folder / "00000000.0").symlink_to("nowhere")
    (folder / "README").write_bytes(public.between)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    system_roots.cache_clear()
    try:
        assert remark_on(public.leaf + public.between) is None
        assert remark_on(public.leaf) is not None
    finally:
        system_roots.cache_clear()


def test_on_a_system_without_authorities_nothing_is_certain(
    public: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare container: every chain up to its root, and without it, ends with one that is not known here."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    system_roots.cache_clear()
    try:
        found = remark_on(public.leaf + public.between)
        assert found is not None
        assert not found.certain
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


@pytest.mark.usefixtures("its_root_is_known")
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
