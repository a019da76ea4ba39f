"""Durations counted in buckets, so that quantiles of any window are those of pooled counts, and never averages of quantiles.

A bucket is an eighth of an octave of microseconds: a quantile is at most 6.3 % off. Pure, whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

STEPS_BITS = 3
"""Eight buckets an octave."""
_STEPS = 1 << STEPS_BITS
MICROSECOND_NS = 1000

Counts = Mapping[int, int]
"""Bucket → how many durations."""


def bucket_of(length_ns: int) -> int:
    """The bucket of a duration; a negative one (clocks that disagree) counts as none at all: 0."""
    micros = max(0, length_ns) // MICROSECOND_NS
    if micros < _STEPS:
        return micros
    octave = micros.bit_length() - 1 - STEPS_BITS
    return ((octave + 1) << STEPS_BITS) + (micros >> octave) - _STEPS


def lower_ns(bucket: int) -> int:
    """The shortest duration of a bucket."""
    if bucket < _STEPS:
        return bucket * MICROSECOND_NS
    octave, step = divmod(bucket, _STEPS)
    return ((_STEPS + step) << (octave - 1)) * MICROSECOND_NS


def quantile_s(counts: Counts, share: float) -> float | None:
    """The duration, in seconds, that this share of them does not exceed (nearest rank); None where there are none.

    Within its bucket by position, as if the bucket's durations were spread evenly.
    """
    number = sum(counts.values())
    if number <= 0:
        return None
    rank = share * number
    passed = 0
    for bucket in sorted(counts):
        here = counts[bucket]
        if here <= 0:
            continue
        if passed + here >= rank:
            low, high = lower_ns(bucket), lower_ns(bucket + 1)
            return (low + (high - low) * max(0.0, rank - passed) / here) / 1e9
        passed += here
    return None
