"""Whether the certificates of a listener's file lead a charger to an authority that it knows: the chain, and what it lacks.

OpenSSL serves any chain, whole or not, and the charger on the other side only hangs up. So a file without its intermediate
certificate is told here, in words. What this machine does not know may be known to every charger, as a private authority is:
so it is a remark and never a mistake, and certain only where the file contradicts itself or its issuer is published.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from nocwatch.proxy.x509 import Vouching, read_vouching, vouching_of_pem


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
    for upper, lower in zip(chain[1:], chain, strict=False):
        if lower.issuer != upper.subject:
            return ChainRemark(
                f"its chain is broken: {lower.name or 'a certificate'} was issued by {lower.issuer_name}, and below it stands "
                f"{upper.name or 'another one'}; each certificate wants that of its issuer below it",
                certain=True,
            )
    if not chain or _is_root(chain[-1]) or chain[-1].issuer in system_roots():
        return None
    last = chain[-1]
    own = {each.subject for file in known for each in vouching_of_pem(file) if _is_root(each)}
    if last.issuer in own:
        return None
    if last.issuer_is_published:
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
    """Names of the authorities that this system believes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    found = set()
    for der in context.get_ca_certs(binary_form=True):
        try:
            found.add(read_vouching(der).subject)
        except ValueError:
            continue
    return frozenset(found)


def _is_root(one: Vouching) -> bool:
    return one.subject == one.issuer
