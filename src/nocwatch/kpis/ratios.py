"""How sure a share is: the Wilson score interval [Wilson 1927], which holds for few tries and for shares near 0 and 1. Pure."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95
"""Of intervals that are shown; a rule may ask for another."""


def wilson(success: int, number: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval in which the true share lies; (0, 1) where nothing was tried.

    Args:
        success: tries that went well, 0 to ``number``.
        number: tries.
        confidence: of the interval, above 0 and below 1.
    """
    if number <= 0:
        return 0.0, 1.0
    z = _quantile(confidence)
    rate, square = success / number, z * z
    centre = rate + square / (2 * number)
    spread = z * math.sqrt(rate * (1 - rate) / number + square / (4 * number * number))
    shrink = 1 + square / number
    return max(0.0, (centre - spread) / shrink), min(1.0, (centre + spread) / shrink)


@lru_cache(maxsize=64)
def _quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
