"""Where an upstream's URLs lead, and which of the addresses lately failed.

What always holds: the order is the operator's and the resolver's, and nobody races: a fallback that stands by may not get
stations while the first one takes them. An address that failed goes behind the others for a while, so that one that is
dead does not cost each of ten thousand stations its share of the dial's time; then one dial tries it again, and the rest
follow when it has shown that it is back. Where all have failed all are tried, as if nothing were known.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from typing import TypeVar

import trio

from nocwatch.proxy.settings import Target

FRESH_S = 5.0
"""How long a resolved name is used again: ten thousand stations that reconnect at once ask the resolver once, and a
CSMS that moves is followed within seconds."""

FRESH_AFTER_FAILURE_S = 1.0
"""The same when none of its addresses could be reached: a name that has just been moved is why, now and then."""

RESOLVER_SILENT_S = 1.0
"""How long a resolver is waited for where addresses are known from before. The libraries give one that is gone ten seconds,
which is all that a dial has."""

RETRY_S = 15.0
"""How long what failed is passed over, while there is another. A CSMS that is back gets its stations so soon."""


_H = TypeVar("_H", bound="Health")


class Health:
    """Whether something lately failed."""

    __slots__ = ("retry_at",)

    def __init__(self) -> None:
        self.retry_at: float | None = None

    def failed(self) -> None:
        self.retry_at = trio.current_time() + RETRY_S

    def worked(self) -> None:
        self.retry_at = None

    def take(self) -> bool:
        """Whether it is worth trying first. When its time has come it says so once: to who tries for all."""
        if self.retry_at is None:
            return True
        if self.retry_at <= trio.current_time():
            self.failed()
            return True
        return False


class Address(Health):
    """One socket address.

    Attributes:
        family: for ``socket.socket``.
        at: for ``connect``.
    """

    __slots__ = ("at", "family")

    def __init__(self, family: int, at: object) -> None:
        super().__init__()
        self.family = family
        self.at = at


class Place(Health):
    """One URL of an upstream: its name and the addresses behind it.

    Attributes:
        target: host, port, and what a request becomes on its way there.
    """

    __slots__ = ("_addresses", "_fresh_until", "_resolving", "target")

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self._addresses = _numeric(target)
        self._fresh_until = float("inf") if self._addresses else float("-inf")
        self._resolving = trio.Lock()

    async def addresses(self) -> list[Address]:
        """In the order in which they are to be tried. A resolver that fails or is silent leaves those that were known.

        Raises:
            OSError: the name has none.
        """
        if trio.current_time() < self._fresh_until:
            return in_order(self._addresses)
        async with self._resolving:
            if trio.current_time() >= self._fresh_until:
                with trio.move_on_after(RESOLVER_SILENT_S if self._addresses else math.inf):
                    await self._resolve()
                self._fresh_until = trio.current_time() + FRESH_S
        return in_order(self._addresses)

    async def _resolve(self) -> None:
        try:
            found = await trio.socket.getaddrinfo(
                self.target.host, self.target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
        except OSError:
            if not self._addresses:
                raise
        else:
            known = {each.at: each for each in self._addresses}
            self._addresses = [
                known.get(address) or Address(int(family), address) for family, _, _, _, address in found
            ]

    def failed(self) -> None:
        super().failed()
        if self._fresh_until != float("inf"):
            self._fresh_until = min(self._fresh_until, trio.current_time() + FRESH_AFTER_FAILURE_S)


def _numeric(target: Target) -> list[Address]:
    """The address of a host that is one; none for a name.

    A resolver would say what is known already, after the longest wait when the machine is busiest: blamed on the CSMS.
    """
    try:
        found = socket.getaddrinfo(
            target.host,
            target.port,
            type=socket.SOCK_STREAM,
            proto=socket.IPPROTO_TCP,
            flags=socket.AI_NUMERICHOST,
        )
    except OSError:
        return []
    return [Address(int(family), address) for family, _, _, _, address in found]


def in_order(each: Sequence[_H]) -> list[_H]:
    """Those that are worth trying, then those that lately failed, each in the order in which they came."""
    if len(each) == 1:
        return list(each)
    good = [one for one in each if one.take()]
    return [*good, *(one for one in each if one not in good)]
