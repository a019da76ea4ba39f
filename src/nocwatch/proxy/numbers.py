"""Connections' numbers: unique over the lanes of a journal and over the restarts of a relay, and small enough for its keys.

They are told apart by what they are made of, so no file remembers the last one given. The tap relies on one thing more:
within a lane, a relay that started later gives higher numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from nocwatch.errors import NocwatchError
from nocwatch.moments import SECOND_NS

LANE_BITS, COUNTER_BITS = 4, 28
NUMBERS_BEGIN_NS = 1_577_836_800 * SECOND_NS
"""2020-01-01T00:00:00Z. Counted from 1970, the seconds of a connection's number would pass 2**31 in 2038, and the number 2**63."""


def connection_numbers(start_ns: int, lane: int) -> Iterator[int]:
    """Numbers that no other lane and no earlier start of this one gives.

    ``start in seconds since 2020 << 32 | lane << 28 | counter``; a counter that has run over (268 million) borrows the next
    second. Thirty-one bits of seconds stay below 2**63 until 2088.

    Args:
        start_ns: when the relay started, UTC. A clock that stands before 2020 counts as 2020.
        lane: of the journal, 0 to 15.

    Raises:
        NocwatchError: there are no numbers for such a lane.
    """
    if not 0 <= lane < 1 << LANE_BITS:
        raise NocwatchError(f"a relay's lane is 0 to {(1 << LANE_BITS) - 1}, not {lane}")
    for second in itertools.count(max(0, start_ns - NUMBERS_BEGIN_NS) // SECOND_NS):
        base = second << 32 | lane << COUNTER_BITS
        yield from range(base + 1, base + (1 << COUNTER_BITS))
