"""What the relay is to reach, and what of it one run has shown: a row a goal, judged at each number of stations."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from relay_bench import Result

OURS, OURS_TLS = "nocwatch", "nocwatch+tls"


@dataclass(frozen=True)
class Goal:
    """A row.

    Attributes:
        what: in words, as a heading has them.
        sign: "≤" is reached from below, "≥" from above.
        limit: as a number.
        measured: of one table of results; None where it cannot be told.
        unit: behind the limit.
        at: of which numbers of stations it speaks.
        tls: whether it speaks of the candidates with TLS.
        spoiled: why it is missed whatever the value, in words; empty where it is not.
        needs: what must have run, for a goal that nothing is known of.
        decimals: of the measured value.
    """

    what: str
    sign: str
    limit: float
    measured: Callable[[Result], float | None]
    unit: str = " times"
    at: Callable[[int], bool] = lambda _stations: True
    tls: bool = False
    spoiled: Callable[[Result], str] = lambda _result: ""
    needs: str = ""
    decimals: int = 2

    def reached(self, value: float) -> bool:
        return value <= self.limit if self.sign == "≤" else value >= self.limit


@dataclass(frozen=True)
class Row:
    """A goal and what became of it, in words."""

    what: str
    goal: str
    measured: str
    reached: str


def _against(theirs: str, figure: str, own: str = OURS) -> Callable[[Result], float | None]:
    """Times the other's value of the same round, the median."""
    return lambda result: result.ratio(own, figure, theirs)


def _added(figure: str) -> Callable[[Result], float | None]:
    """The same of what is above no proxy at all; None where the other added nothing that can be told."""

    def measured(result: Result) -> float | None:
        rounds = zip(
            *(result.values.get(name, {}).get(figure, []) for name in (OURS, "nginx", "direct")), strict=False
        )
        ratios = [
            (own - floor) / (theirs - floor)
            for own, theirs, floor in rounds
            if own is not None and theirs is not None and floor is not None and theirs > floor
        ]
        return statistics.median(ratios) if ratios else None

    return measured


def _refused(result: Result) -> str:
    """What was refused in a storm, as the report's fault has it."""
    return next(
        (each for each in result.faults if each.startswith(f"{OURS},") and "storm:" in each), ""
    ).partition("storm: ")[2]


GOALS: tuple[Goal, ...] = (
    Goal("CPU time a message, against nginx", "≤", 1.15, _against("nginx", "cpu_s"), needs="nginx"),
    Goal(
        "throughput, against websockets and JSON",
        "≥",
        4,
        _against("websockets+json", "rt_s"),
        at=lambda stations: stations >= 1000,
        needs="websockets+json at 1,000 stations or more",
        decimals=1,
    ),
    Goal(
        "throughput, against mitmproxy",
        "≥",
        20,
        _against("mitmproxy", "rt_s"),
        needs="mitmproxy",
        decimals=1,
    ),
    Goal(
        "idle memory a station, against nginx",
        "≤",
        0.5,
        _against("nginx", "kib_connection"),
        needs="nginx",
    ),
    Goal("added p50, against nginx", "≤", 1.2, _added("p50_us"), needs="nginx and direct"),
    Goal("added p99, against nginx", "≤", 2, _added("p99_us"), needs="nginx and direct"),
    Goal(
        "9,900 stations reconnect at once: time, against HAProxy; none refused",
        "≤",
        1.4,
        _against("haproxy", "storm_s"),
        at=lambda stations: stations >= 9900,
        spoiled=_refused,
        needs="haproxy at 9,900 stations",
    ),
    Goal(
        "TLS: CPU time a message, against nginx",
        "≤",
        1.4,
        _against("nginx+tls", "cpu_s", OURS_TLS),
        tls=True,
        needs="nginx+tls and nocwatch+tls",
    ),
    Goal(
        "TLS: CPU time a handshake, against nginx",
        "≤",
        2,
        _against("nginx+tls", "us_handshake", OURS_TLS),
        tls=True,
        needs="nginx+tls and nocwatch+tls",
    ),
    Goal(
        "p99 of 100 stations beside two that flood, against nginx",
        "≤",
        3,
        _against("nginx", "flood_p99_us"),
        at=lambda stations: stations == 100,
        needs="nginx at 100 stations",
    ),
    Goal(
        "memory a station while the CSMS does not read",
        "≤",
        128,
        lambda result: result.median(OURS, "stalled_kib"),
        unit=" KiB",
        decimals=1,
    ),
)
RECORDS_S = 15_000
"""Of the watch: records a second on one core, from the journal to sessions, detectors and store, all shipped rules on."""


def rows(results: Sequence[Result], watched: dict[str, Any] | None) -> list[Row]:
    """One of each goal that concerns what has run."""
    found = [_row(goal, results) for goal in GOALS] if results else []
    if watched is not None:
        measured = watched["follow"]["records_s"]
        found.append(
            Row(
                "watch: records a second on one core",
                f"≥ {RECORDS_S:,}",
                f"{measured:,.0f}",
                _yes(measured >= RECORDS_S),
            )
        )
    return found


def _row(goal: Goal, results: Sequence[Result]) -> Row:
    concerned = [each for each in results if each.tls == goal.tls and goal.at(each.stations)]
    values = [(each.stations, value) for each in concerned if (value := goal.measured(each)) is not None]
    limit = f"{goal.sign} {goal.limit:g}{goal.unit}"
    if not values:
        return Row(goal.what, limit, f"not measured: needs {goal.needs or OURS}", "-")
    measured = ", ".join(f"{value:.{goal.decimals}f} ({stations:,})" for stations, value in values)
    if spoiled := next(filter(None, map(goal.spoiled, concerned)), ""):
        return Row(goal.what, limit, f"{measured}; refused: {spoiled}", "no")
    reached = [stations for stations, value in values if goal.reached(value)]
    if len(reached) in (0, len(values)):
        return Row(goal.what, limit, measured, _yes(bool(reached)))
    return Row(goal.what, limit, measured, "at " + ", ".join(f"{stations:,}" for stations in reached))


def _yes(true: bool) -> str:
    return "yes" if true else "no"
