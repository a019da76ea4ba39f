"""Who may come: lists of networks and stations, caps on connections and handshakes of one address and of all.

PURE: takes addresses as text and the time as an argument. Nothing of it is on by default, and where nothing is on,
``guards_addresses`` and ``guards_stations`` say so, and nobody calls it.

Always holds: a denied network is denied whatever else is said; what an address costs is bounded in memory; and a change
of the lists touches no connection that is already there, nor what is known of the addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nocwatch.proxy.failure import Failure
from nocwatch.proxy.networks import IpNumber, NetworkList, Networks, number_of
from nocwatch.proxy.rates import Rate, Rates

ADDRESSES_MAX = 65_536
"""Addresses whose rate is remembered: some 10 MiB. Beyond, the one heard longest ago is forgotten, and counted."""

IPV6_PREFIX = 64
"""Bits of an IPv6 address that stand for one customer: who has one such address has all of its network."""

BUSY_RETRY_S = 30
"""When to come back to an address that has all its connections. Mostly they are dead ones, which TCP will find out."""

STATIONS_MAX = 100_000
"""Of one list; as many as there are stations."""

_IS_GLOB = re.compile(r"[*?\[]")

GLOBS_MAX = 500
"""Of them, those with ``*``, ``?`` or ``[``. Each costs 4 µs a handshake, in which no link moves; plain ones are looked up."""


def _few_globs(names: tuple[str, ...]) -> tuple[str, ...]:
    globs = sum(1 for name in names if _IS_GLOB.search(name))
    if globs > GLOBS_MAX:
        raise ValueError(
            f"{globs} patterns are too many: at most {GLOBS_MAX} may hold *, ? or [; plain identities may be {STATIONS_MAX}"
        )
    return names


Globs = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=255)], ...],
    Field(max_length=STATIONS_MAX),
    AfterValidator(_few_globs),
]


class AdmissionSettings(BaseModel):
    """Who may come. Off by default, every part of it.

    Attributes:
        networks_allow: when any is given, a station must come from one of them.
        networks_deny: who comes from one of these is refused, allowed or not.
        stations_allow: globs; when any is given, an identity must fit one of them.
        stations_deny: globs of identities that are refused, allowed or not.
        uncapped: networks that the caps on one address do not hold for: a depot with a hundred stations behind one address.
        address_connections_max: at once of one address (of a /64 in IPv6), handshakes included. Beyond: 429.
        address_handshakes_per_second: of one address, after ``address_burst`` at once. Beyond: 429.
        address_burst: what an address may do at once after a rest.
        handshakes_per_second: of all together, after ``burst`` at once. Beyond: 503.
        burst: what all together may do at once after a rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    networks_allow: NetworkList = ()
    networks_deny: NetworkList = ()
    stations_allow: Globs = ()
    stations_deny: Globs = ()
    uncapped: NetworkList = ()
    address_connections_max: int | None = Field(default=None, ge=1)
    address_handshakes_per_second: float | None = Field(default=None, gt=0, le=1_000_000)
    address_burst: int = Field(default=10, ge=1, le=1_000_000)
    handshakes_per_second: float | None = Field(default=None, gt=0, le=1_000_000)
    burst: int = Field(default=100, ge=1, le=1_000_000)


_DENIED = Failure(403, "network_denied", "connections from this address are not allowed here")
_NOT_ALLOWED = Failure(403, "network_not_allowed", "connections from this address are not allowed here")
_STATION_DENIED = Failure(403, "station_denied", "this station is not allowed here")
_STATION_NOT_ALLOWED = Failure(403, "station_not_allowed", "this station is not allowed here")
_FULL = Failure(
    429, "address_connections_max", "there are too many connections from this address", BUSY_RETRY_S
)


class Lists:
    """The lists of some settings, ready to be asked.

    Long ones take a second to make: where links are carried, make them in a thread, and hand them to ``Admission.change``.
    """

    __slots__ = ("allow", "deny", "settings", "stations_allow", "stations_deny", "uncapped")

    def __init__(self, settings: AdmissionSettings) -> None:
        self.settings = settings
        self.allow = Networks(settings.networks_allow)
        self.deny = Networks(settings.networks_deny)
        self.uncapped = Networks(settings.uncapped)
        self.stations_allow = _Names(settings.stations_allow)
        self.stations_deny = _Names(settings.stations_deny)


class Admission:
    """The door of one relay process.

    Attributes:
        guards_addresses: some list or cap looks at addresses, or counts handshakes: call ``enter``.
        guards_stations: some list looks at identities: call ``station``.
    """

    def __init__(self, settings: AdmissionSettings | None = None) -> None:
        self._lists = Lists(AdmissionSettings())
        self._connections: dict[int, int] = {}
        self._rate: Rate | None = None
        self._courtesy: Rate | None = None
        self._rates: Rates | None = None
        self._forgotten = 0
        self.guards_addresses = self.guards_stations = False
        if settings is not None:
            self.change(Lists(settings))

    def change(self, lists: Lists) -> None:
        """Other lists and caps from now on. Who is there stays, and counts; a rate that stays goes on where it was."""
        before, settings = self._lists.settings, lists.settings
        self._lists = lists
        rate, burst = settings.handshakes_per_second, settings.burst
        if (rate, burst) != (before.handshakes_per_second, before.burst):
            self._rate = Rate(rate, burst) if rate is not None else None
            self._courtesy = Rate(rate, burst) if rate is not None else None
        rate, burst = settings.address_handshakes_per_second, settings.address_burst
        if (rate, burst) != (before.address_handshakes_per_second, before.address_burst):
            self._forgotten = self.forgotten
            self._rates = Rates(rate, burst, ADDRESSES_MAX) if rate is not None else None
        capped = self._rate or self._rates is not None or settings.address_connections_max is not None
        self.guards_addresses = bool(lists.allow or lists.deny or capped)
        self.guards_stations = bool(lists.stations_allow or lists.stations_deny)

    @property
    def forgotten(self) -> int:
        """Addresses whose rate was given up for want of room, since the start."""
        return self._forgotten + (self._rates.forgotten if self._rates is not None else 0)

    @property
    def addresses(self) -> int:
        """Addresses of which something is remembered now."""
        return len(self._connections) + (len(self._rates) if self._rates is not None else 0)

    def enter(self, host: str, now: float) -> Callable[[], None] | Failure | None:
        """Asked once for each connection, as soon as its true address is known.

        The caps of one address come before that of all, so that one address cannot use up what belongs to everybody.

        Returns:
            Why not; or what to call when the connection has ended; None where nothing is to be called.
        """
        number, lists = number_of(host), self._lists
        if number in lists.deny:
            return _DENIED
        if lists.allow and number not in lists.allow:
            return _NOT_ALLOWED
        key, most = 0, None
        if number is not None and number not in lists.uncapped:
            key, most = _customer(number), lists.settings.address_connections_max
            if most is not None and self._connections.get(key, 0) >= most:
                return _FULL
            wait_s = self._rates.wait_s(key, now) if self._rates is not None else None
            if wait_s is not None:
                sentence = "there are too many connections from this address in a short time"
                return Failure(429, "address_rate", sentence, wait_s)
        wait_s = self._rate.wait_s(now) if self._rate else None
        if wait_s is not None:
            return Failure(503, "handshake_rate", "too many stations are connecting at once", wait_s)
        if most is None:
            return None
        self._connections[key] = self._connections.get(key, 0) + 1
        return partial(self._leave, key)

    def is_answered_behind_tls(self, failure: Failure, now: float) -> bool:
        """Whether somebody who is refused is worth a TLS handshake, to be told when to come again.

        Only who comes in a storm of all: one that is kept out for its own sake knows it, or shall not. And only as many a
        second as are let in: so the cap bounds what a storm costs in TLS to twice what it lets through.
        """
        if failure.reason != "handshake_rate" or self._courtesy is None:
            return False
        return self._courtesy.wait_s(now) is None

    def station(self, identity: str) -> Failure | None:
        """Whether this identity may come; asked once its request is read."""
        lists = self._lists
        if identity in lists.stations_deny:
            return _STATION_DENIED
        if lists.stations_allow and identity not in lists.stations_allow:
            return _STATION_NOT_ALLOWED
        return None

    def _leave(self, key: int) -> None:
        left = self._connections.get(key, 0) - 1
        if left > 0:
            self._connections[key] = left
        else:
            self._connections.pop(key, None)


def _customer(number: IpNumber) -> int:
    """One number for IPv4 addresses (not negative) and IPv6 networks (negative)."""
    bits, value = number
    return value if bits == 32 else -1 - (value >> 128 - IPV6_PREFIX)


class _Names:
    """Identities and globs of them: plain ones are looked up, however many they are."""

    __slots__ = ("_fits", "_plain")

    def __init__(self, globs: Sequence[str]) -> None:
        self._plain = frozenset(glob for glob in globs if not _IS_GLOB.search(glob))
        patterns = [translate(glob) for glob in globs if glob not in self._plain]
        self._fits = re.compile("|".join(patterns)).match if patterns else None

    def __bool__(self) -> bool:
        return bool(self._plain or self._fits)

    def __contains__(self, identity: str) -> bool:
        return identity in self._plain or (self._fits is not None and self._fits(identity) is not None)
