"""Times as (from, until) in nanoseconds, in order and apart: joined, cut, taken off each other. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order, with what touches or overlaps joined, and without what has no length."""
    found: list[Span] = []
    for from_ns, until_ns in sorted(spans):
        if until_ns <= from_ns:
            continue
        if found and from_ns <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until_ns))
        else:
            found.append((from_ns, until_ns))
    return found


def cut(spans: Iterable[Span], from_ns: int, until_ns: int) -> list[Span]:
    """What of them lies in the time."""
    return merged((max(start, from_ns), min(end, until_ns)) for start, end in spans)


def both(one: Sequence[Span], two: Sequence[Span]) -> list[Span]:
    """The times that are in both; each is merged."""
    # An outage or two against the nights of a year: each is looked up where it belongs.
    if len(one) > len(two):
        one, two = two, one
    found = []
    for start, end in one:
        for index in range(_first(two, start), len(two)):
            other_from, other_until = two[index]
            if other_from >= end:
                break
            found.append((max(start, other_from), min(end, other_until)))
    return found


def without(one: Sequence[Span], two: Sequence[Span]) -> list[Span]:
    """The times of the one that are not in the other; each is merged."""
    found: list[Span] = []
    for start, end in one:
        at = start
        for index in range(_first(two, start), len(two)):
            off_from, off_until = two[index]
            if off_from >= end:
                break
            if off_from > at:
                found.append((at, off_from))
            at = off_until
        if at < end:
            found.append((at, end))
    return found


def _first(spans: Sequence[Span], from_ns: int) -> int:
    """The first of the merged spans that ends after that."""
    index = bisect_right(spans, (from_ns,))
    return index - 1 if index and spans[index - 1][1] > from_ns else index


def length_ns(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)
