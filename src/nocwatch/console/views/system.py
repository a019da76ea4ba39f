"""How nocwatch itself is: the relay's delay as one line a direction, and all figures in sections with plain labels. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nocwatch import delays as histograms
from nocwatch.console.views import words

_DIRECTIONS = {"from_station": "stations to CSMS", "from_csms": "CSMS to stations"}
_SHARE = 0.99


def delays(relay: Mapping[str, Any]) -> list[str]:
    """What the relay adds, one sentence a direction, as far as it has told."""
    ticks = {name: value for name, value in relay.items() if isinstance(value, int)}
    found = []
    for direction, delay in histograms.read(ticks).items():
        bound_us = delay.below_us(_SHARE)
        within = f"within {bound_us / 1000:g} ms" if bound_us else "longer than a second for some"
        found.append(f"{_DIRECTIONS[direction]}: 99 of 100 chunks {within}")
    return found


class Section(NamedTuple):
    """A part of the System page: names and values, or a table."""

    title: str
    pairs: list[tuple[str, str, Any, bool]]
    columns: list[str]
    lines: list[list[tuple[str, Any, bool]]]


_BAD_WHEN_TRUE = ("dropped", "errors", "failed", "given_up", "refused", "quarantined", "lost")
_BAD_WHEN_FALSE = ("alive", "ready", "connected", "ok", "up")


def _bad(name: str, held: Any) -> bool:
    """Whether a value of the System page is to stand out: something dropped, or something not alive."""
    if isinstance(held, bool):
        return not held and name in _BAD_WHEN_FALSE
    return isinstance(held, int | float) and held > 0 and any(word in name for word in _BAD_WHEN_TRUE)


def label(name: str, meanings: Mapping[str, str]) -> str:
    """What a figure counts: its meaning, of a table (``refused_no_route``) with the word it is counted by; else its name as words."""
    if name in meanings:
        return meanings[name].rstrip(".")
    family = max((each for each in meanings if name.startswith(f"{each}_")), key=len, default="")
    if family in _TABLES:
        return f"{meanings[family].rstrip('.')}: {name.removeprefix(family + '_').replace('_', ' ')}"
    return words.label(name)


_TABLES = (
    "refused",
    "closed",
    "upstream_up",
    "worker_up",
    "worker_links_open",
    "worker_restarts",
    "worker_draining",
)


def sections(status: Mapping[str, Any], meanings: Mapping[str, str] | None = None) -> list[Section]:
    """All figures; those that a sentence says already (the delay's buckets) are left to the API and the metrics."""
    found = []
    for title, held in status.items():
        if isinstance(held, Mapping):
            pairs = [
                (label(name, meanings or {} if title == "relay" else {}), name, value, _bad(name, value))
                for name, value in held.items()
                if not isinstance(value, Mapping) and not name.startswith(histograms.PREFIX)
            ]
            found.append(Section(words.sentence(title), pairs, [], []))
            found += sections(
                {f"{title} {name}": value for name, value in held.items() if isinstance(value, Mapping)}
            )
        elif (
            isinstance(held, Sequence) and not isinstance(held, str) and held and isinstance(held[0], Mapping)
        ):
            columns = list(dict.fromkeys(name for line in held for name in line))
            lines = [
                [(name, line.get(name), _bad(name, line.get(name))) for name in columns] for line in held
            ]
            found.append(Section(words.sentence(title), [], columns, lines))
    return found
