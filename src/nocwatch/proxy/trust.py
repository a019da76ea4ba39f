"""Whose word about a station's address is believed: the load balancers of one listener, and how they say it.

PURE. A connection from anywhere else is a station's own, and its address is the one that it comes from; what it says of
itself in such a header goes upstream and is not believed here.
"""

from __future__ import annotations

from typing import Protocol

from nocwatch.proxy.forwarded import HeaderName
from nocwatch.proxy.networks import Networks, number_of
from nocwatch.proxy.proxy_protocol import Version


class TrustSettings(Protocol):
    """The part of a listener's settings that this is about."""

    @property
    def trusted(self) -> tuple[str, ...]: ...
    @property
    def proxy_protocol(self) -> Version | None: ...
    @property
    def address_header(self) -> HeaderName | None: ...


class Trust:
    """Of one listener.

    Attributes:
        networks: of the load balancers.
        proxy_protocol: which header opens each of their connections; None for none.
        address_header: in which header of the request they write; None for none.
    """

    __slots__ = ("address_header", "networks", "proxy_protocol")

    def __init__(self, settings: TrustSettings) -> None:
        self.networks = Networks(settings.trusted)
        self.proxy_protocol = settings.proxy_protocol
        self.address_header = settings.address_header

    @classmethod
    def of(cls, settings: TrustSettings) -> Trust | None:
        """None where nobody is trusted: then there is nothing to look at."""
        return cls(settings) if settings.trusted else None

    def covers(self, host: str) -> bool:
        return number_of(host) in self.networks
