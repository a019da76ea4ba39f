"""An alert as its page shows it: history in lines, who was told, what is known besides. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.alerts.settings import FILE_RECEIVER
from nocwatch.flags import Flag, FlagState
from nocwatch.store.values import AlertMoment

_SHOWN_ELSEWHERE = frozenset({"station_name", "site_name", "timezone"})
_TOLD = {
    Notice.WORSE: "told again, it became worse",
    Notice.JOINED: "told again, more have joined",
    Notice.REPEAT: "told again, nobody has taken it",
    Notice.REOPENED: "told again, it came back",
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| UTC)")
_CLOCK = re.compile(r"\d\d:\d\d:\d\d")


class HistoryLine(NamedTuple):
    """One line: a state where one was reached, how people were told, and a sentence. Any can be empty."""

    at_ns: int
    word: str
    told: str
    text: str


def history(moments: Iterable[AlertMoment]) -> list[HistoryLine]:
    """The newest first. A revision in which nothing changed that a person would see is left out."""
    lines: list[HistoryLine] = []
    state, text = None, ""
    for moment in moments:
        fresh = moment.state is not state or bool(_TOLD.get(moment.notice))
        if fresh or moment.text != text:
            word = moment.state.value.capitalize() if fresh else ""
            lines.append(HistoryLine(moment.at_ns, word, _TOLD.get(moment.notice, ""), moment.text))
        state, text = moment.state, moment.text
    return lines[::-1]


def told(alert: Alert) -> list[str]:
    """Receivers that are people, or lead to some: the file is read by nobody at night."""
    return [name for name in alert.receivers if name != FILE_RECEIVER]


def still(alert: Alert) -> str:
    """How many of its flags stand, and why nobody hears of them: ``1 of 1 still raised, quiet: resolved by jo``."""
    # Alerts that were kept before raised flags were counted have only the open ones.
    raised = max(alert.raised_count, alert.open_count)
    quiet = alert.state is AlertState.RESOLVED and alert.resolved_by and raised
    return f"{raised} of {alert.flag_count} still raised" + (
        f", quiet: resolved by {alert.resolved_by}" if quiet else ""
    )


def said_at_ns(alert: Alert, flags: Iterable[Flag]) -> int | None:
    """When the sentence that it has of one of its flags was said; None where that flag is over: then nothing runs on."""
    said = [flag.at_ns for flag in flags if flag.state is FlagState.RAISED and flag.summary == alert.summary]
    return max(said, default=None)


def facts(alert: Alert) -> list[tuple[str, str]]:
    """Labels that are not said elsewhere on the page."""
    return [(name, value) for name, value in alert.labels.items() if name not in _SHOWN_ELSEWHERE]


def group(alert: Alert) -> str:
    """What its flags have in common; empty where each flag is an alert of its own, since then it says nothing."""
    return "" if re.fullmatch(r"rule=.*,key=.*", alert.group) else alert.group.replace(",", ", ")


def with_times(text: str, show: Callable[[str], str]) -> str:
    """The sentence with each moment in it, in UTC, as ``show`` has it; ``show`` takes RFC 3339."""
    return _MOMENT.sub(lambda found: show(found[0].replace(" UTC", "Z")), text)


def tells_time(text: str) -> bool:
    """Whether the sentence says itself when it was: then it needs no time beside it."""
    return bool(_CLOCK.search(text))
