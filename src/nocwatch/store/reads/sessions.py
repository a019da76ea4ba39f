"""Sessions: lists by filter, one by its id, and the newest of each station.

Reads only, on a connection that it is given. The document is the session; the columns beside it are only to find it by.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from nocwatch.kpis.counting import CountsAs
from nocwatch.moments import HOUR_NS
from nocwatch.plans import Limited
from nocwatch.sessions import Outcome, Reason, Session
from nocwatch.store.batch import or_none
from nocwatch.store.reads.paging import Where, escaped, key_of, limited, page
from nocwatch.store.values import LastSession, Page, SessionFilter, TokenTotals

_DECODER = msgspec.json.Decoder(Session)

TOKEN_SESSIONS_MAX = 10_000
"""Of one token that are summed up: decades of a driver, and of a card for a whole fleet what a page may wait for."""
TEXT_SESSIONS_MAX = 1000
TEXT_STATIONS_MAX = 64
"""A search text that fits few stations is answered from their index; one that fits many is tested row by row, and a
page fills up soon."""
COUNTS_AS = {
    CountsAs.ATTEMPTS: "attempts = 1",
    CountsAs.DELIVERED: "delivered = 1",
    CountsAs.NOT_DELIVERED: "attempts = 1 AND delivered = 0",
    CountsAs.VALID_STOPS: "valid_stops = 1",
    CountsAs.NOT_STOPPED: "delivered = 1 AND valid_stops = 0",
    CountsAs.NOT_SUCCESSFUL: "attempts = 1 AND valid_stops = 0",
    CountsAs.ALLOWED: "attempts = 1 AND refused = 0",
    CountsAs.ALLOWED_NOT_DELIVERED: "attempts = 1 AND delivered = 0 AND refused = 0",
    CountsAs.START_TIME: "start_ns IS NOT NULL",
}
# As the key figures tell hours apart: what held when the hour began, and before the first era what began it.
_RAN = (
    f"coalesce((SELECT firmware FROM eras WHERE eras.station = sessions.station "
    f"AND eras.from_ns <= started_at_ns / {HOUR_NS} * {HOUR_NS} ORDER BY from_ns DESC LIMIT 1), "
    "(SELECT firmware FROM eras WHERE eras.station = sessions.station ORDER BY from_ns LIMIT 1), '')"
)

NUMBER_DIGITS_MAX = 18
"""Of a reservation's number in a search text: what a column holds."""


def find(reader: sqlite3.Connection, wanted: SessionFilter, after: str | None, limit: int) -> Page[Session]:
    limit = limited(limit)
    sql, values = statement(reader, wanted, after, limit + 1)
    rows = [_DECODER.decode(document) for (document,) in reader.execute(sql, values)]
    return page(rows, limit, lambda session: (session.started_at_ns, session.id))


def statement(
    reader: sqlite3.Connection, wanted: SessionFilter, after: str | None, limit: int
) -> tuple[str, list[object]]:
    """The query and its values; apart so that a test can ask SQLite for its plan."""
    where = Where()
    narrow = wanted.station is not None or (
        wanted.stations is not None and len(wanted.stations) <= TEXT_STATIONS_MAX
    )
    # Of two indices SQLite cannot know the better one without statistics: a station has few sessions, an outcome many.
    outcome = "+outcome" if narrow or wanted.token else "outcome"
    where.equal("station", wanted.station)
    where.among("station", wanted.stations)
    if wanted.sockets is not None:
        named = [f"{station}/{evse}/{connector}" for station, evse, connector in wanted.sockets]
        where.add(
            "+station || '/' || evse || '/' || connector IN (SELECT value FROM json_each(?))",
            msgspec.json.encode(named).decode(),
        )
    if wanted.evse is not None:
        where.equal("evse", or_none(wanted.evse))
    where.equal("connector", wanted.connector)
    where.among(outcome, wanted.outcomes)
    where.among("reason" if outcome == "outcome" else "+reason", wanted.reasons)
    where.equal("start_source", wanted.start_source)
    where.equal("token", wanted.token)
    where.equal("upstream", wanted.upstream)
    where.equal("late", wanted.late)
    _planned(where, wanted)
    if wanted.ended is not None:
        where.add(f"{outcome} {'<>' if wanted.ended else '='} 'ongoing'")
    if wanted.counts_as is not None:
        where.add(COUNTS_AS[wanted.counts_as])
    if wanted.firmware is not None:
        where.add(f"{_RAN} GLOB ?", wanted.firmware)
    if wanted.from_ns is not None:
        where.add(
            "(stopped_at_ns IS NULL OR stopped_at_ns >= ?)" if wanted.overlapping else "started_at_ns >= ?",
            wanted.from_ns,
        )
    if wanted.until_ns is not None:
        where.add("started_at_ns < ?", wanted.until_ns)
    if wanted.text:
        _text(reader, where, wanted.text)
    newest = wanted.order != "oldest"
    if key := key_of(after, int, str):
        where.add(f"(started_at_ns, id) {'<' if newest else '>'} (?, ?)", *key)
    way = "DESC" if newest else "ASC"
    sql = (
        f"SELECT document FROM (SELECT number, started_at_ns, id FROM sessions {where.sql} "
        f"ORDER BY started_at_ns {way}, id {way} LIMIT ?) JOIN session_documents USING (number) "
        f"ORDER BY started_at_ns {way}, id {way}"
    )
    return sql, [*where.values, limit]


def _planned(where: Where, wanted: SessionFilter) -> None:
    where.equal("reservation", wanted.reservation)
    if wanted.limited is Limited.SOME:
        where.add("limited <> ''")  # what allowed nothing limited, too
    elif wanted.limited is Limited.NOTHING:
        where.add("limited = 'nothing' AND limited <> ''")  # said twice: so SQLite knows that its index fits
    elif wanted.limited is Limited.NOT:
        where.add("limited = ''")
    if wanted.costed is not None:
        where.add(f"cost IS {'NOT ' if wanted.costed else ''}NULL")


def _text(reader: sqlite3.Connection, where: Where, text: str) -> None:
    numbers = [
        number
        for column in ("id", "transaction_id", "token")
        for (number,) in reader.execute(
            f"SELECT number FROM sessions WHERE {column} >= ? AND {column} < ? LIMIT ?",
            (text, text + "\U0010ffff", TEXT_SESSIONS_MAX),
        )
    ]
    if text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX:
        asked = "SELECT number FROM sessions WHERE reservation = ? LIMIT ?"
        numbers += [number for (number,) in reader.execute(asked, (int(text), TEXT_SESSIONS_MAX))]
    stations = [
        station
        for (station,) in reader.execute(
            "SELECT id FROM stations WHERE id LIKE ? ESCAPE '\\' LIMIT ?",
            (f"%{escaped(text)}%", TEXT_STATIONS_MAX + 1),
        )
    ]
    found = msgspec.json.encode(numbers).decode()
    if len(stations) > TEXT_STATIONS_MAX:
        where.add(
            "(+station LIKE ? ESCAPE '\\' OR +number IN (SELECT value FROM json_each(?)))",
            f"%{escaped(text)}%",
            found,
        )
    else:
        marks = ",".join("?" * len(stations))
        where.add(f"(station IN ({marks}) OR number IN (SELECT value FROM json_each(?)))", *stations, found)


def one(reader: sqlite3.Connection, session_id: str) -> Session | None:
    row = reader.execute(
        "SELECT document FROM sessions JOIN session_documents USING (number) WHERE id = ?", (session_id,)
    ).fetchone()
    return _DECODER.decode(row[0]) if row else None


def starts_ns(reader: sqlite3.Connection, session: Session) -> list[int]:
    """When the sessions of its station with its transaction began, itself among them: numbers of 1.6 are given again."""
    asked = (
        "SELECT started_at_ns FROM sessions WHERE transaction_id = ? AND station = ? ORDER BY started_at_ns"
    )
    return [at_ns for (at_ns,) in reader.execute(asked, (str(session.transaction), session.station))]


def totals(reader: sqlite3.Connection, token: str) -> TokenTotals | None:
    """All sessions of a token together, the newest where they are very many; None where there is none."""
    asked = (
        "SELECT COUNT(*), COUNT(DISTINCT station), TOTAL(MAX(energy_wh, 0)), MIN(started_at_ns) FROM (SELECT station, energy_wh, started_at_ns "
        "FROM sessions WHERE token = ? ORDER BY started_at_ns DESC, id DESC LIMIT ?)"
    )
    number, stations, energy_wh, since_ns = reader.execute(asked, (token, TOKEN_SESSIONS_MAX)).fetchone()
    if not number:
        return None
    return TokenTotals(
        sessions=number,
        stations=stations,
        energy_wh=energy_wh,
        since_ns=since_ns,
        more=number == TOKEN_SESSIONS_MAX,
    )


_LAST = (
    "SELECT station, id, outcome, reason, started_at_ns, stopped_at_ns, energy_wh FROM ({asked}) AS asked CROSS JOIN sessions "
    "ON number = (SELECT number FROM sessions AS own WHERE own.station = asked.name "
    "ORDER BY own.started_at_ns DESC, own.id DESC LIMIT 1)"
)


def last_of_stations(reader: sqlite3.Connection, stations: Sequence[str] | None) -> dict[str, LastSession]:
    """The newest session of each of these stations (of all where None); stations without one are left out."""
    if stations is None:
        rows = reader.execute(_LAST.format(asked="SELECT id AS name FROM stations"))
    else:
        names = msgspec.json.encode(list(stations)).decode()
        rows = reader.execute(_LAST.format(asked="SELECT value AS name FROM json_each(?)"), (names,))
    return {
        station: LastSession(
            id=session_id,
            outcome=Outcome(outcome),
            reason=Reason(reason) if reason else None,
            started_at_ns=started_ns,
            stopped_at_ns=stopped_ns,
            energy_wh=energy_wh,
        )
        for station, session_id, outcome, reason, started_ns, stopped_ns, energy_wh in rows
    }
