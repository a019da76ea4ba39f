"""A key figure as a page shows it: value, how sure it is, what it was before, and the sessions behind it. Pure.

What always holds: a share of few tries is marked as such, and is called worse than before only where chance does not explain it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nocwatch.console.views import words
from nocwatch.kpis.counting import CountsAs
from nocwatch.kpis.definitions import LOWER_IS_BETTER, NEITHER_IS_BETTER, TEXTS
from nocwatch.kpis.figures import Figure
from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.sessions import Outcome

Behind = Mapping[str, str]
"""Query parameters of the sessions behind a number."""


class Bar(NamedTuple):
    """Interval, value and what is asked for, in percent of the axis."""

    low: float
    width: float
    at: float
    mark: float | None


class Change(NamedTuple):
    """Against the former window: shares by points, all else by percent of what it was.

    ``css``: the colour where it is surely worse; ``text`` empty where there is nothing to compare.
    """

    text: str
    css: str
    before: str
    moved: bool = False


class Line(NamedTuple):
    """One figure of one group.

    Attributes:
        interval: in words. ``sample``: how many tries, hours or kilowatt-hours; ``few``: too few to say much.
        missed: how many of the tries not, in words; empty where the figure counts none.
        behind, behind_missed: what to ask the sessions for; None where no session stands behind it.
    """

    name: str
    title: str
    text: str
    value: str
    bar: Bar | None
    interval: str
    sample: str
    few: bool
    missed: str
    behind: Behind | None
    behind_missed: Behind | None
    change: Change
    asked_for: str
    short: bool
    benchmark: str
    source: str


_JUDGED = {"outcome": f"{Outcome.SUCCESS},{Outcome.FAILED}"}
_FAILED = {"outcome": Outcome.FAILED.value}
_ATTEMPTS = {"counts_as": CountsAs.ATTEMPTS.value}
_EVERY: Behind = {}
BEHIND: dict[str, tuple[Behind, Behind | None]] = {
    "charge_start_success": (_ATTEMPTS, {"counts_as": CountsAs.NOT_DELIVERED.value}),
    "charge_end_success": (
        {"counts_as": CountsAs.DELIVERED.value},
        {"counts_as": CountsAs.NOT_STOPPED.value},
    ),
    "session_success": (_ATTEMPTS, {"counts_as": CountsAs.NOT_SUCCESSFUL.value}),
    "charger_start_success": (
        {"counts_as": CountsAs.ALLOWED.value},
        {"counts_as": CountsAs.ALLOWED_NOT_DELIVERED.value},
    ),
    "success_rate": (_JUDGED, _FAILED),
    "charge_start_time": ({"counts_as": CountsAs.START_TIME.value}, None),
    "first_attempt_success": (_ATTEMPTS, _FAILED),
    "troubled_visits": (_ATTEMPTS, _FAILED),
    "failed_visits": (_ATTEMPTS, _FAILED),
    "utilisation_occupied": (_EVERY, None),
    "utilisation_charging": (_EVERY, None),
    "utilisation_idle": (_EVERY, None),
    "energy_per_connector_day": (_EVERY, None),
}
"""Figure → what to ask the list of sessions for: all that count, and those that are missing from the numerator."""

_VISITS = {"first_attempt_success", "troubled_visits", "failed_visits"}


def family(name: str) -> str:
    """The figure without its quantile: ``charge_start_time_p50`` → ``charge_start_time``."""
    base, _, last = name.rpartition("_")
    return base if last[:1] == "p" and last[1:].isdigit() else name


def told(value: float | None, figure: Figure) -> str:
    """The value as people read it."""
    if value is None:
        return words.UNKNOWN
    if figure.unit == "%":
        return words.percent(value)
    if figure.unit == "s":
        return words.span(int(value * SECOND_NS))
    if figure.unit == "h":
        return words.span(int(value * HOUR_NS))
    return words.unit(value, figure.unit, 1)


def line(figure: Figure, before: Figure | None, axis: tuple[float, float] = (0.0, 1.0)) -> Line:
    base = family(figure.name)
    behind, missed = BEHIND.get(base, (None, None))
    lacking = ""
    if base in _VISITS:
        lacking = "failed sessions"
    elif figure.low is not None:
        lacks = (figure.denominator or 0) - (figure.numerator or 0)
        lacking = f"{words.number(lacks)} not" if lacks else ""
    return Line(
        name=figure.name,
        title=figure.title,
        text=TEXTS.get(base, ""),
        value=told(figure.value, figure),
        bar=_bar(figure, axis),
        interval=_interval(figure),
        sample=_sample(figure),
        few=figure.few,
        missed=lacking,
        behind=behind,
        behind_missed=missed,
        change=change(figure, before),
        asked_for="" if figure.mark is None else words.percent(figure.mark, 0),
        short=figure.mark is not None and figure.high is not None and figure.high < figure.mark,
        benchmark=figure.benchmark,
        source=figure.source,
    )


def _sample(figure: Figure) -> str:
    if figure.unit == "%" and figure.number is not None:
        return f"{words.number(figure.numerator)} of {words.number(figure.denominator)}"
    if figure.unit == "s":
        return words.number(figure.number)
    if figure.unit == "h":
        counted = "repair" if figure.name == "mttr" else "outage"
        return f"{words.number(figure.number)} {counted}{'' if figure.number == 1 else 's'}"
    if figure.denominator is None:
        return ""
    decimals = (
        0 if figure.denominator >= 10 else 1
    )  # above and below alike, or a third of an hour is "0 h in 0.3 h"
    hours = words.unit(figure.denominator, "h", decimals)
    above = words.unit(figure.numerator, "kWh" if figure.unit == "kWh" else "h", decimals)
    return f"{above} in {hours}"


def _interval(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{words.percent(figure.low)} to {words.percent(figure.high)}"


def _bar(figure: Figure, axis: tuple[float, float]) -> Bar | None:
    if figure.low is None or figure.high is None or figure.value is None:
        return None
    first, last = axis

    def at(share: float) -> float:
        return max(0.0, min(1.0, (share - first) / ((last - first) or 1.0))) * 100

    low, high = at(figure.low), at(figure.high)
    return Bar(low, high - low, at(figure.value), None if figure.mark is None else at(figure.mark))


def change(now: Figure, before: Figure | None) -> Change:
    """Better or worse is said where the two intervals do not meet, and of shares alone; all else is told without a word."""
    if now.value is None or before is None or before.value is None:
        return Change("", "muted", "" if before is None else told(before.value, before))
    difference = now.value - before.value
    if now.unit == "%":
        text = words.number(abs(difference) * 100, 1)
    elif before.value:
        text = words.percent(abs(difference) / before.value, 0)
    else:
        text = "more"
    if not any(digit in text for digit in "123456789") and text != "more":
        return Change("as before", "muted", told(before.value, before))
    arrow = "\u2191" if difference > 0 else "\u2193"
    apart = None not in (now.low, before.low) and (
        now.low > before.high or now.high < before.low  # type: ignore[operator]
    )
    worse = (difference > 0) == (family(now.name) in LOWER_IS_BETTER or now.name in LOWER_IS_BETTER)
    css = "preparing" if apart and worse and now.name not in NEITHER_IS_BETTER else "muted"
    return Change(f"{arrow} {text}", css, told(before.value, before), moved=True)
