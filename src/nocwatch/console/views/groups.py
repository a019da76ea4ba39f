"""Key figures by the question that they answer, and groups of stations compared by one of them. Pure.

What always holds: groups stand in the order of what is surely bad, so that one failure of one does not stand above forty of a
hundred; what is not known stands last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nocwatch.console.views import words
from nocwatch.console.views.figures import Change, Line, change, family, line, told
from nocwatch.kpis.definitions import LOWER_IS_BETTER
from nocwatch.kpis.figures import Figure

IN_SERVICE = "Is it in service"
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Does charging work",
        (
            "charge_start_success",
            "charge_end_success",
            "session_success",
            "charger_start_success",
            "success_rate",
            "charge_start_time",
        ),
    ),
    ("Did drivers get what they came for", ("first_attempt_success", "troubled_visits", "failed_visits")),
    (
        "Is it used",
        ("utilisation_occupied", "utilisation_charging", "utilisation_idle", "energy_per_connector_day"),
    ),
    (IN_SERVICE, ("availability", "mttr", "mtbf")),
)
SHORT = {
    "charge_start_success": "Starts",
    "session_success": "Sessions",
    "charge_start_time_p50": "Start time",
    "utilisation_occupied": "Occupied",
    "energy_per_connector_day": "A day",
    "availability": "Available",
    "mttr": "Repair",
}
"""Columns of the table of groups, by the figure that each shows; the heading sorts by it."""


class Section(NamedTuple):
    """Figures that answer one question."""

    title: str
    lines: list[Line]


def sections(figures: Iterable[Figure], before: Iterable[Figure]) -> list[Section]:
    """The figures of one group, by the question that they answer; of times the median, with the others in its text."""
    known = {figure.name: figure for figure in figures if family(figure.name) != "csms_answer_time"}
    earlier = {figure.name: figure for figure in before}
    found = []
    for title, names in SECTIONS:
        lines = []
        for name in names:
            if name == "charge_start_time":
                lines += _start_times(known, earlier)
            elif name in known:
                lines.append(line(known[name], earlier.get(name)))
        if lines:
            found.append(Section(title, lines))
    return found


def _start_times(known: Mapping[str, Figure], earlier: Mapping[str, Figure]) -> list[Line]:
    quantiles = [figure for name, figure in known.items() if family(name) == "charge_start_time"]
    median = known.get("charge_start_time_p50")
    if median is None:
        return []
    made = line(median, earlier.get(median.name))
    spread = ", ".join(
        f"{figure.name.rpartition('_')[2]} {told(figure.value, figure)}" for figure in quantiles
    )
    text = f"{spread}. {made.text}" if median.number else made.text
    return [made._replace(title="Charge start time, median", text=text)]


class Answer(NamedTuple):
    """Answer times of one action by one CSMS."""

    detail: str
    values: list[str]
    number: str
    few: bool
    change: Change


def answers(figures: Iterable[Figure], before: Iterable[Figure]) -> list[Answer]:
    """The slowest first, by their 95th percentile."""
    rows: dict[str, list[Figure]] = {}
    for figure in figures:
        if family(figure.name) == "csms_answer_time":
            rows.setdefault(figure.detail, []).append(figure)
    earlier = {(figure.name, figure.detail): figure for figure in before}
    found = []
    for detail, quantiles in rows.items():
        slow = quantiles[1]
        found.append(
            (
                -(slow.value or 0.0),
                Answer(
                    detail,
                    [told(each.value, each) for each in quantiles],
                    words.number(slow.number),
                    slow.few,
                    change(slow, earlier.get((slow.name, slow.detail))),
                ),
            )
        )
    return [answer for _, answer in sorted(found, key=lambda pair: (pair[0], pair[1].detail))]


class GroupRow(NamedTuple):
    """One group: the figure that was chosen in full, the others by their value (and whether few stand behind it)."""

    name: str
    chosen: Line
    others: list[tuple[str, bool]]


class Table(NamedTuple):
    """Groups, worst first by the chosen figure. ``axis``: ends of its bars, in words."""

    rows: list[GroupRow]
    columns: list[tuple[str, str, str]]
    """Of the others: figure, short title, whole title."""
    axis: tuple[str, str] | None


Groups = Sequence[tuple[str, Sequence[Figure]]]


def table(groups: Groups, before: Groups, chosen: str, first: int, rows_max: int) -> Table:
    """A page of the groups from number ``first`` on."""
    earlier = {name: {figure.name: figure for figure in figures} for name, figures in before}
    ordered = sorted(
        (({figure.name: figure for figure in figures}, name) for name, figures in groups),
        key=lambda pair: (*badness(pair[0].get(chosen)), pair[1]),
    )
    shown = ordered[first : first + rows_max]
    axis = _axis([figures[chosen] for figures, _ in shown if chosen in figures])
    columns = [name for name in SHORT if name != chosen]
    rows = []
    for figures, name in shown:
        if chosen in figures:
            full = line(figures[chosen], earlier.get(name, {}).get(chosen), axis)
        else:
            full = line(Figure(name=chosen, title="", unit="", value=None), None)
        others = [
            (told(figure.value, figure), figure.few) if figure else (words.UNKNOWN, False)
            for figure in map(figures.get, columns)
        ]
        rows.append(GroupRow(name, full, others))
    titles = {figure.name: figure.title for figures, _ in ordered for figure in figures.values()}
    ends = (words.percent(axis[0], 0), words.percent(axis[1], 0))
    return Table(
        rows,
        [(name, SHORT[name], titles.get(name, name)) for name in columns],
        ends if any(row.chosen.bar for row in rows) else None,
    )


def badness(figure: Figure | None) -> tuple[int, float]:
    """To sort by, the worst first; what is not known stands last.

    Of shares of tries the end of the interval that speaks for the group decides: what is surely bad is bad.
    """
    if figure is None or figure.value is None:
        return 1, 0.0
    if figure.name in LOWER_IS_BETTER:
        return 0, -(figure.value if figure.low is None else figure.low)
    return 0, figure.value if figure.high is None else figure.high


def _axis(figures: Sequence[Figure]) -> tuple[float, float]:
    """In steps of ten percent, around what is shown."""
    lows = [figure.low for figure in figures if figure.low is not None]
    highs = [figure.high for figure in figures if figure.high is not None]
    if not lows:
        return 0.0, 1.0
    return int(min(lows) * 10) / 10, min(1.0, (int(max(highs) * 10 - 1e-9) + 1) / 10)


def choices(groups: Groups) -> list[tuple[str, str]]:
    """Figures that the groups can be put in order by: name and title."""
    return list(
        dict.fromkeys(
            (figure.name, figure.title)
            for _, figures in groups
            for figure in figures
            if family(figure.name) != "csms_answer_time"
        )
    )
