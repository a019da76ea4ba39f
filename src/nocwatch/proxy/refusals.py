"""Which refusals the journal is told of, so that a flood of them cannot fill it. All of them are counted.

PURE: takes the time as an argument. Each reason has its own allowance, so that a flood for one reason hides no refusal for
another; reasons are bounded words.
"""

from __future__ import annotations

from nocwatch.proxy.rates import Rate

NAMED_PER_SECOND = 100
"""Of refused stations with an identity, for each reason. Whoever is refused comes again: in a minute a whole fleet is told.
At 300 bytes, a flood that never ends writes some 2.5 GB a day."""

NAMELESS_PER_SECOND = 5
"""Of connections that were refused before they said who they are: enough to see from where."""

REASONS_MAX = 1024
"""Reasons with an allowance of their own; there are some forty words and 500 statuses of answers. More would be a mistake of
ours, and not told."""


class Allowance:
    """What may still be told this second, for each reason."""

    __slots__ = ("_rates",)

    def __init__(self) -> None:
        self._rates: dict[tuple[str, bool], Rate] = {}

    def tell(self, reason: str, named: bool, now: float) -> bool:
        """Whether this one is told.

        Args:
            reason: why it was refused.
            named: it said who it is.
            now: any clock's seconds.
        """
        rate = self._rates.get((reason, named))
        if rate is None:
            if len(self._rates) >= REASONS_MAX:
                return False
            per_second = NAMED_PER_SECOND if named else NAMELESS_PER_SECOND
            rate = self._rates[reason, named] = Rate(per_second, per_second)
        return rate.wait_s(now) is None
