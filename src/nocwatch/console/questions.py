"""What a page of key figures is asked: its window, and the addresses that lead on from it. Pure.

What always holds: the address is the whole question, so that a link, a download and the page behind a number are about the
same sessions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from nocwatch.console.addresses import NEVER_NS, Address, BadQuery, path
from nocwatch.console.figures import DAYS_MAX, SCOPES, scope_of, told_apart
from nocwatch.kpis.grouping import By, Query
from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS

WINDOWS: tuple[tuple[str, str, int | None], ...] = (
    ("24h", "24 h", DAY_NS),
    ("7d", "7 d", 7 * DAY_NS),
    ("30d", "30 d", 30 * DAY_NS),
    ("13mo", "13 months", 396 * DAY_NS),
)
WINDOW = "30d"
PICKED = (*SCOPES, "firmware", "upstream")
"""What figures can be narrowed by."""


class Window(NamedTuple):
    """What the figures are of. ``name``: of ``WINDOWS``, empty for one's own, whose days are ``first`` and ``last``."""

    name: str
    from_ns: int
    until_ns: int
    first: str
    last: str


def window_of(address: Address, now_ns: int, zone: tzinfo) -> Window:
    """In whole hours, so that a page that is asked for again within a minute need not be reckoned again."""
    name, from_ns = address.range(WINDOW, now_ns, WINDOWS)
    if address.text("from") is None and address.text("until") is None:
        assert from_ns is not None
        until_ns = _hours_up(now_ns)
        from_ns = until_ns - (now_ns - from_ns)
        return Window(name, from_ns, until_ns, _day(zone, from_ns), _day(zone, now_ns))
    own = _moment(address, zone, "until", days=1)
    until_ns = _hours_up(now_ns if own is None else min(own, now_ns))
    own = _moment(address, zone, "from")
    from_ns = until_ns - DAYS_MAX * DAY_NS if own is None else own // HOUR_NS * HOUR_NS
    if own is not None and own >= now_ns:
        raise BadQuery("from: that time is still to come")
    if not from_ns < until_ns <= from_ns + DAYS_MAX * DAY_NS:
        raise BadQuery(f"from, until: from must be before until, and at most {DAYS_MAX} days before it")
    return Window("", from_ns, until_ns, _day(zone, from_ns), _day(zone, until_ns - 1))


def _moment(address: Address, zone: tzinfo, name: str, days: int = 0) -> int | None:
    """A day is the console's own, and as an end it is the whole day."""
    text = address.text(name)
    if text is None or not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return address.moment(name)
    whole_ns = address.moment(name)  # it says what is wrong with a day that is none
    if whole_ns is None or not DAY_NS < whole_ns < NEVER_NS:
        return whole_ns
    midnight = datetime.fromisoformat(text).replace(tzinfo=zone) + timedelta(days=days)
    return int(midnight.timestamp()) * SECOND_NS


def _day(zone: tzinfo, at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // SECOND_NS, zone).strftime("%Y-%m-%d")


def _hours_up(at_ns: int) -> int:
    return -(-at_ns // HOUR_NS) * HOUR_NS


def query_of(address: Address, from_ns: int, until_ns: int, by: By) -> Query:
    scope = scope_of(address, firmware=address.text("firmware"))
    query = Query(from_ns=from_ns, until_ns=until_ns, by=by, scope=scope, upstream=address.text("upstream"))
    return told_apart(query)


def asked(address: Address, names: Iterable[str]) -> dict[str, str]:
    return {name: address.values[name] for name in names if address.text(name)}


def behind(address: Address, window: Window, known: Container[str]) -> Callable[..., str]:
    """The address of the sessions of a group behind a number."""
    base = {
        **asked(address, PICKED),
        "from": window.from_ns // SECOND_NS,
        "until": window.until_ns // SECOND_NS,
    }

    def sessions(by: str, group: str, counted: dict[str, str]) -> str:
        narrowed: dict[str, object] = {**base, **counted}
        if by == By.CONNECTOR.value:
            station, evse, connector = socket_of(group, known)
            said = "none" if connector in (("-1",) if evse is None else ("0", "-1")) else connector
            narrowed |= {"station": station, "evse": evse or "none", "connector": said}
        elif by == By.STATION.value:
            narrowed["station"] = group
        elif by != By.FLEET.value:
            narrowed[by] = group if by == By.UPSTREAM.value else exactly(group)
        return Address("/sessions", {}).with_(**narrowed)

    return sessions


def socket_of(group: str, known: Container[str] = ()) -> tuple[str, str | None, str]:
    """Station, EVSE and connector of a connector's group, as ``kpis.grouping.name_of`` calls it.

    Stations may hold slashes: of two readings the one whose station is ``known`` is right.
    """
    station, _, connector = group.rpartition("/")
    before, _, evse = station.rpartition("/")
    if connector == "-1" or station in known or not evse.isdecimal() or not before:
        return station, None, connector
    return before, evse, connector


def exactly(name: str) -> str:
    """As a pattern that the name fits. Stars and question marks fit themselves, and names of stations have them."""
    return name.replace("[", "[[]")


def into(address: Address, by: By, known: Container[str]) -> Callable[[str], str]:
    """Where a group's name leads: to all its figures; a connector's to its station."""

    def inside(group: str) -> str:
        if by is By.CONNECTOR:
            return f"/stations/{path(socket_of(group, known)[0])}"
        return address.with_(**{by.value: exactly(group), "by": None, "figure": None, "page": None})

    return inside


def download(address: Address, window: Window) -> dict[str, str]:
    question: dict[str, object] = {
        **asked(address, (*PICKED, "by")),
        "from": window.from_ns // SECOND_NS,
        "until": window.until_ns // SECOND_NS,
    }
    return {
        "csv": Address("/reports/figures.csv", {}).with_(**question),
        "json": Address("/api/kpis/figures", {}).with_(**question),
    }
