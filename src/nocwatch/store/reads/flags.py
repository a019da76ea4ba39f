"""Flags and alerts: lists with what needs a person first, single ones, and each station's raised flags."""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.flags import Flag, FlagState, Severity
from nocwatch.store.apply import ALERT_STATE_RANK, FLAG_OPEN_RANK, alert_rank, alert_ranks
from nocwatch.store.reads.paging import Where, key_of, limited, page, walk_ranks
from nocwatch.store.values import AlertFilter, AlertMoment, FlagFilter, Page, StationFlags

_FLAG = msgspec.json.Decoder(Flag)
_ALERT = msgspec.json.Decoder(Alert)

OF_ALERT_MAX = 1000
"""Flags of one alert that are given at once: a group of more is read on the flags page."""


def flag_rank(flag: Flag) -> int:
    return flag.severity.rank + (FLAG_OPEN_RANK if flag.state is FlagState.RAISED else 0)


def find_flags(reader: sqlite3.Connection, wanted: FlagFilter, after: str | None, limit: int) -> Page[Flag]:
    limit = limited(limit)
    where = Where()
    where.equal("station", wanted.station)
    where.among("station", wanted.stations)
    where.equal("session", wanted.session)
    where.among("rule" if wanted.station is None and wanted.session is None else "+rule", wanted.rules)
    where.among("+category", wanted.categories)
    where.equal("+late", wanted.late)
    where.contains(("summary", "station", "subject"), wanted.text)
    if wanted.from_ns is not None:
        where.add("(state = 'raised' OR at_ns >= ?)", wanted.from_ns)
    if wanted.until_ns is not None:
        where.add("onset_at_ns < ?", wanted.until_ns)
    severities = wanted.severities or tuple(Severity)
    states = [wanted.state] if wanted.state else list(FlagState)
    if wanted.order == "newest":
        if wanted.severities:
            where.among("+severity", wanted.severities)
        where.equal("+state", wanted.state)
        rows = _newest(reader, "flags", where, "onset_at_ns", after, limit + 1)
        return page([_FLAG.decode(row[0]) for row in rows], limit, lambda flag: (flag.onset_at_ns, flag.id))
    ranks = [
        each.rank + (FLAG_OPEN_RANK if state is FlagState.RAISED else 0)
        for each in severities
        for state in states
    ]
    key = key_of(after, int, int, str)
    rows = walk_ranks(reader, "SELECT document FROM flags", where, ranks, "onset_at_ns", key, limit + 1)
    flags = [_FLAG.decode(row[0]) for row in rows]
    return page(flags, limit, lambda flag: (flag_rank(flag), flag.onset_at_ns, flag.id))


def find_alerts(
    reader: sqlite3.Connection, wanted: AlertFilter, after: str | None, limit: int
) -> Page[Alert]:
    limit = limited(limit)
    where = Where()
    where.equal("station", wanted.station)
    where.among("station", wanted.stations)
    where.equal("+site", wanted.site)
    where.among("+rule", wanted.rules)
    where.contains(("summary", "station", "site", "group_name"), wanted.text)
    if wanted.flag is not None:
        where.add("id IN (SELECT alert FROM alert_flags WHERE flag = ?)", wanted.flag)
    if wanted.receiver is not None:
        where.add(
            "EXISTS (SELECT 1 FROM json_each(document, '$.receivers') WHERE value = ?)", wanted.receiver
        )
    if wanted.from_ns is not None:
        where.add("(state <> 'resolved' OR at_ns >= ?)", wanted.from_ns)
    if wanted.until_ns is not None:
        where.add("started_at_ns < ?", wanted.until_ns)
    if wanted.order == "newest":
        if wanted.severities:
            where.among("+severity", wanted.severities)
        where.among("+state", wanted.states)
        rows = _newest(reader, "alerts", where, "started_at_ns", after, limit + 1)
        return page(
            [_ALERT.decode(row[0]) for row in rows], limit, lambda alert: (alert.started_at_ns, alert.id)
        )
    ranks = {
        rank + severity.rank
        for state in wanted.states or tuple(AlertState)
        for rank in alert_ranks(state)
        for severity in wanted.severities or tuple(Severity)
    }
    key = key_of(after, int, int, str)
    rows = walk_ranks(reader, "SELECT document FROM alerts", where, ranks, "started_at_ns", key, limit + 1)
    alerts = [_ALERT.decode(row[0]) for row in rows]
    return page(alerts, limit, lambda alert: (alert_rank(alert), alert.started_at_ns, alert.id))


def _newest(
    reader: sqlite3.Connection, table: str, where: Where, time_column: str, after: str | None, limit: int
) -> list[tuple[Any, ...]]:
    if key := key_of(after, int, str):
        where.add(f"({time_column}, id) < (?, ?)", *key)
    return reader.execute(
        f"SELECT document FROM {table} {where.sql} ORDER BY {time_column} DESC, id DESC LIMIT ?",
        (*where.values, limit),
    ).fetchall()


def one_flag(reader: sqlite3.Connection, flag_id: str) -> Flag | None:
    row = reader.execute("SELECT document FROM flags WHERE id = ?", (flag_id,)).fetchone()
    return _FLAG.decode(row[0]) if row else None


def flags_by_id(reader: sqlite3.Connection, ids: Iterable[str]) -> list[Flag]:
    """Those of the flags that are there, in the order asked for, at most ``OF_ALERT_MAX``."""
    found = []
    for flag_id in list(ids)[:OF_ALERT_MAX]:
        flag = one_flag(reader, flag_id)
        if flag is not None:
            found.append(flag)
    return found


def one_alert(reader: sqlite3.Connection, alert_id: str) -> Alert | None:
    row = reader.execute("SELECT document FROM alerts WHERE id = ?", (alert_id,)).fetchone()
    return _ALERT.decode(row[0]) if row else None


def history(reader: sqlite3.Connection, alert_id: str) -> list[AlertMoment]:
    """An alert's revisions, the oldest first."""
    return [
        AlertMoment(
            at_ns=at_ns,
            revision=revision,
            state=AlertState(state),
            notice=Notice(notice),
            severity=Severity(severity),
            text=text,
        )
        for at_ns, revision, state, notice, severity, text in reader.execute(
            "SELECT at_ns, revision, state, notice, severity, text FROM alert_moments WHERE alert = ? ORDER BY revision",
            (alert_id,),
        )
    ]


def quiet_flags(reader: sqlite3.Connection) -> dict[str, str]:
    """Raised flags of which nobody hears since a person has resolved their alert, and who that was."""
    found: dict[str, str] = {}
    loud: set[str] = set()
    for flag, rank, by in reader.execute(
        "SELECT of.flag, alerts.rank, json_extract(CAST(alerts.document AS TEXT), '$.resolved_by') FROM flags "
        "JOIN alert_flags AS of ON of.flag = flags.id JOIN alerts ON alerts.id = of.alert WHERE flags.rank >= ?",
        (FLAG_OPEN_RANK,),
    ):
        if rank >= ALERT_STATE_RANK:
            loud.add(flag)
        elif by:
            found[flag] = by
    return {flag: by for flag, by in found.items() if flag not in loud}


def raised_by_station(
    reader: sqlite3.Connection, stations: Iterable[str] | None = None
) -> dict[str, StationFlags]:
    """Each station's raised flags in short; stations without one are left out."""
    where = Where()
    where.add("rank >= ?", FLAG_OPEN_RANK)
    where.add("station IS NOT NULL")
    where.among("station", stations)
    counts: dict[str, dict[str, int]] = {}
    worst: dict[str, tuple[str, str, str]] = {}
    least: dict[str, tuple[str, str, str]] = {}
    quiet = quiet_flags(reader)
    for station, severity, summary, flag_id in reader.execute(
        f"SELECT station, severity, summary, id FROM flags {where.sql} ORDER BY rank DESC, onset_at_ns DESC, id DESC",
        where.values,
    ):
        counted = counts.setdefault(station, {})
        name = "quiet" if flag_id in quiet else severity
        counted[name] = counted.get(name, 0) + 1
        if name != "quiet":
            worst.setdefault(station, (severity, summary, flag_id))
        elif set(counted) == {"quiet"}:
            least.setdefault(station, (Severity.INFO.value, summary, flag_id))
    worst = {**least, **worst}
    return {
        station: StationFlags(
            **counted, worst=Severity(worst[station][0]), summary=worst[station][1], flag=worst[station][2]
        )
        for station, counted in counts.items()
    }
