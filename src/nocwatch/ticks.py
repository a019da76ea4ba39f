"""What a relay's counters mean when there are several of them: one tick of each worker makes the figures of the whole.

Names and values are those of TICK records (``journal/FORMAT.md``). A counter that is not known here is added up, so that
a new one needs nothing; a gauge that must not be added stands in a table below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

GAUGES = frozenset(
    {
        "connections_begin",
        "draining",
        "ended",
        "handshakes_open",
        "handshakes_waiting",
        "held_bytes",
        "journal_buffered_bytes",
        "journal_dropped_timestamp_seconds",
        "links_open",
        "start_time_seconds",
        "workers",
    }
)
_LOWEST = ("upstream_up_", "certificate_expires_", "ended")
"""What counts is the worker that is worst off, and of the end the last one."""

_GAUGES_OF_SOME = (*_LOWEST, "worker_up_", "worker_links_open_", "worker_draining_")
"""What stands for now and not for all that ever was; behind the prefixes stands whose it is."""

_HIGHEST = frozenset(
    {
        "certificate_failures",
        "certificate_renewals",
        "connections_begin",
        "draining",
        "journal_dropped_timestamp_seconds",
        "reload_failures",
        "reloads",
        "start_time_seconds",
        "workers",
    }
)
"""Each worker is told of the same reload, and knows how many there are of them."""


def is_gauge(name: str) -> bool:
    return name in GAUGES or name.startswith(_GAUGES_OF_SOME)


def total(each: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Of all workers together. A CSMS counts as reached when every worker's last dial reached it."""
    result: dict[str, int] = {}
    for counters in each:
        for name, value in counters.items():
            if name not in result:
                result[name] = value
            elif name in _HIGHEST:
                result[name] = max(result[name], value)
            elif name.startswith(_LOWEST):
                result[name] = min(result[name], value)
            else:
                result[name] += value
    return result


def going_on(counters: Mapping[str, int], former: Mapping[str, int]) -> dict[str, int]:
    """What a worker counts behind one that crashed: its figures go on from there, so that the whole never counts back."""
    counted = (name for name in former if not is_gauge(name) and name not in _HIGHEST)
    return {**counters, **{name: counters.get(name, 0) + former[name] for name in counted}}


def speaking(lanes: Mapping[int, Mapping[str, int]]) -> list[int]:
    """The lanes of which a tick each second is to be expected.

    While a relay shuts down its workers end one after the other, each when its links have: who said that it ended is silent
    on purpose. Where none is left they are all of them again: then it is the relay that is silent, and people want to know.
    """
    going = [lane for lane, counters in lanes.items() if not counters.get("ended")]
    return going if any(lanes[lane].get("draining") for lane in going) else list(lanes)


def current(of_lanes: Mapping[int, tuple[int, Mapping[str, int]]]) -> dict[int, Mapping[str, int]]:
    """The lanes that have a worker, by the newest tick: one that was taken away in the configuration counts no more.

    Args:
        of_lanes: lane → when its last tick was written, and what that held.
    """
    if not of_lanes:
        return {}
    _, newest = max(of_lanes.values(), key=lambda tick: tick[0])
    workers = newest.get("workers") or max(of_lanes) + 1  # a tick of another version does not say
    return {lane: counters for lane, (_, counters) in sorted(of_lanes.items()) if lane < workers}
