"""How often Python looks for cycles: rarely. For the long-running processes, once all that lives long has been made."""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 100)
"""With Python's own thresholds, 10,000 idle links cost the relay pauses of a second, and the watch a tenth of its time;
neither makes many cycles to be found."""


def tune() -> None:
    """What exists now lives as long as the process and is never looked at again; the rest is looked at rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
