"""Connections' numbers: unique over the lanes of a journal and over the restarts of a relay, and small enough for its keys.

They are told apart by what they are made of: when the relay started, by its clock. A clock may be set back, or stand still
in 1970 until somebody sets it, so the newest number in the lane's journal has a say as well. The tap relies on one thing
more: within a lane, a relay that started later gives higher numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from nocwatch.errors import NocwatchError
from nocwatch.moments import SECOND_NS

LANE_BITS, COUNTER_BITS = 4, 28
NUMBERS_BEGIN_NS = 1_577_836_800 * SECOND_NS
"""2020-01-01T00:00:00Z. Counted from 1970, the seconds of a connection's number would pass 2**31 in 2038, and the number 2**63."""


_BEGIN_MAX = (1 << 31) - 1
"""Thirty-one bits of seconds stay below 2**63, until 2088. A clock beyond that counts as then."""


def beginning(start_ns: int, newest: int) -> int:
    """The upper half of a start's numbers: seconds since 2020, and above all that the lane has had.

    Args:
        start_ns: when the relay started, UTC. A clock that stands before 2020 counts as 2020.
        newest: upper half of the newest number in the lane's journal; -1 where there is none.
    """
    return min(max((start_ns - NUMBERS_BEGIN_NS) // SECOND_NS, newest + 1), _BEGIN_MAX)


def connection_numbers(begin: int, lane: int) -> Iterator[int]:
    """Numbers that no other lane and no earlier start of this one gives.

    ``begin << 32 | lane << 28 | counter``; a counter that has run over (268 million) borrows the next second.

    Args:
        begin: from ``beginning``.
        lane: of the journal, 0 to 15.

    Raises:
        NocwatchError: there are no numbers for such a lane.
    """
    if not 0 <= lane < 1 << LANE_BITS:
        raise NocwatchError(f"a relay's lane is 0 to {(1 << LANE_BITS) - 1}, not {lane}")
    for second in itertools.count(begin):
        base = second << 32 | lane << COUNTER_BITS
        yield from range(base + 1, base + (1 << COUNTER_BITS))
