"""A station that gets no link: counted, told to the journal within its allowance, and given the answer that it will hear.

Why it gets none is decided elsewhere (``failure.py``). Always holds: each refusal is counted once under a bounded reason;
a connection that never said who it is makes no link event, unless it was sent away for where it came from.
"""

from __future__ import annotations

from collections.abc import Iterator

import trio

from nocwatch import clock
from nocwatch.proxy.answers import own_answer
from nocwatch.proxy.counters import Counters
from nocwatch.proxy.door import Arrival
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.negotiation import LEFT
from nocwatch.proxy.proxy_protocol import HeaderFlaw
from nocwatch.proxy.recorder import Guard, LinkInfo
from nocwatch.proxy.refusals import Allowance

_OF_HEADERS = frozenset(HeaderFlaw)


class Refusing:
    """Of one relay process."""

    def __init__(self, guard: Guard, counters: Counters, numbers: Iterator[int]) -> None:
        self._guard = guard
        self._counters = counters
        self._numbers = numbers
        self._allowance = Allowance()

    def refuse(self, arrival: Arrival, info: LinkInfo, failure: Failure) -> None:
        """A station of which we know who it is."""
        info.http_status = failure.status
        self._tell(info, "station" if failure is LEFT else "relay", failure.reason, failure.reason)
        self._last_words(arrival, failure)

    def answered(self, arrival: Arrival, info: LinkInfo, status: int) -> None:
        """The CSMS said no, and the station has heard it."""
        arrival.last = b""
        self._tell(info, "csms", "answer", f"answer_{status}")

    def turn_away(self, arrival: Arrival, failure: Failure) -> None:
        """A connection, by where it comes from: told, though nobody knows whose it is."""
        if failure.status is None and failure.reason not in _OF_HEADERS:
            self.unheard(arrival, failure)
            return
        info = LinkInfo(remote_address=arrival.remote_address)
        info.http_status = failure.status if arrival.speaks else None
        self._tell(info, "relay", failure.reason, failure.reason)
        self._last_words(arrival, failure)

    def unheard(self, arrival: Arrival, failure: Failure) -> None:
        """A connection without an identity: counted, but no link event, which would be one of nobody."""
        self._count(failure.reason)
        self._last_words(arrival, failure)

    def _last_words(self, arrival: Arrival, failure: Failure) -> None:
        if failure.status is not None and arrival.speaks:
            arrival.last = own_answer(failure.status, failure.sentence, failure.retry_after_s)

    def _tell(self, info: LinkInfo, by: str, reason: str, counted: str) -> None:
        self._count(counted)
        if not self._allowance.tell(counted, bool(info.station), trio.current_time()):
            self._counters.refusals_untold += 1
            return
        self._guard.link(clock.now_ns(), next(self._numbers), info.event("refused", by=by, reason=reason))

    def _count(self, reason: str) -> None:
        refused = self._counters.refused
        refused[reason] = refused.get(reason, 0) + 1
