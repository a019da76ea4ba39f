"""Times as (from, until) in nanoseconds, in order and apart: joined, cut, taken off each other. Pure."""

from __future__ import annotations

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
    found, index, other = [], 0, 0
    while index < len(one) and other < len(two):
        start, end = max(one[index][0], two[other][0]), min(one[index][1], two[other][1])
        if start < end:
            found.append((start, end))
        if one[index][1] < two[other][1]:
            index += 1
        else:
            other += 1
    return found


def without(one: Sequence[Span], two: Sequence[Span]) -> list[Span]:
    """The times of the one that are not in the other; each is merged."""
    found: list[Span] = []
    for start, end in one:
        at = start
        for off_from, off_until in two:
            if off_until <= at or off_from >= end:
                continue
            if off_from > at:
                found.append((at, off_from))
            at = max(at, off_until)
        if at < end:
            found.append((at, end))
    return found


def length_ns(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)
