"""Whether the certificates of a listener's file lead a charger to an authority that it knows: the chain, and what it lacks.

OpenSSL serves any chain, whole or not, and the charger on the other side only hangs up. So a file without its intermediate
certificate is told here, in words. What this machine does not know may be known to every charger, as a private authority is:
so it is a remark and never a mistake, and certain only where the file contradicts itself or its issuer is published.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from nocwatch.proxy.x509 import Vouching, read_vouching, vouching_of_pem

_BY_HASH = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""What OpenSSL looks for in a folder of authorities."""


class ChainRemark(NamedTuple):
    """What is to be said of a chain.

    Attributes:
        text: a sentence without its end.
        certain: there is no way in which this could be right.
    """

    text: str
    certain: bool


def remark_on(pem: bytes, known: Iterable[bytes] = ()) -> ChainRemark | None:
    """Of a listener's certificate file; None where its chain is whole.

    Args:
        pem: the file.
        known: PEM files of authorities that stations have as well.
    """
    chain = vouching_of_pem(pem)
    stations_have = {each.subject for file in known for each in vouching_of_pem(file) if _is_root(each)}
    for lower, upper in zip_longest(chain, chain[1:]):
        # What stands below such a one is for chargers that know an older root: it may lead anywhere.
        if _is_root(lower) or lower.issuer in system_roots() or lower.issuer in stations_have:
            return None
        if upper is not None and lower.issuer != upper.subject:
            return ChainRemark(
                f"its chain is broken: {lower.name or 'a certificate'} was issued by {lower.issuer_name}, and below it stands "
                f"{upper.name or 'another one'}; each certificate wants that of its issuer below it",
                certain=True,
            )
    if not chain:
        return None
    last = chain[-1]
    if last.issuer_is_published and system_roots():
        return ChainRemark(
            f"its chain ends with {last.name or 'a certificate'}, issued by {last.issuer_name}, which is no root authority of this system: chargers that "
            f"do not have that one will not believe the listener (station_tls_distrusts_us); put the certificate of {last.issuer_name} below",
            certain=True,
        )
    return ChainRemark(
        f"its chain ends with {last.name or 'a certificate'}, issued by {last.issuer_name}: right where that is a root authority that all chargers have; "
        f"if it is an intermediate one, put its certificate below",
        certain=False,
    )


@lru_cache(maxsize=1)
def system_roots() -> frozenset[bytes]:
    """Names of the authorities that this system believes; none where it has none, or does not say where they are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    found = {each.subject for der in context.get_ca_certs(binary_form=True) for each in _vouching(der)}
    # Of a folder OpenSSL reads a certificate when it is asked for, so the context does not know those yet.
    for path in _by_hash(ssl.get_default_verify_paths().capath):
        with suppress(OSError):
            found.update(each.subject for each in vouching_of_pem(path.read_bytes()))
    return frozenset(found)


def _by_hash(folder: str | None) -> list[Path]:
    if folder is None:
        return []
    try:
        return [each for each in Path(folder).iterdir() if _BY_HASH.fullmatch(each.name)]
    except OSError:
        return []


def _vouching(der: bytes) -> Iterator[Vouching]:
    with suppress(ValueError):
        yield read_vouching(der)


def _is_root(one: Vouching) -> bool:
    return one.subject == one.issuer
