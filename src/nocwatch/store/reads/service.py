"""What outages, repairs and visits are reckoned from: bands out of service, and sessions as evidence. Reads only."""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

import msgspec

from nocwatch.kpis.grouping import port_of
from nocwatch.kpis.ports import FAILED_IN_A_ROW, DownBand, Port, PortFacts, Try
from nocwatch.kpis.visits import Attempt
from nocwatch.network import ConnectorStatus
from nocwatch.store.chains import ENDED
from nocwatch.store.rollups import is_station

ATTEMPTS_MAX = 500_000
"""Sessions that visits are made from in one question: some seconds' work. Only where a card is shared by many are there as many."""
_STATUSES = {status.value: status for status in ConnectorStatus}
_STOPPED = "coalesce(s.stopped_at_ns, s.changed_at_ns)"
_FAILED = "attempts = 1 AND outcome = 'failed' AND blame = 'charger'"


def _well(station: str, evse: str, connector: str, start_ns: str, end_ns: str) -> str:
    """Successes at the port of a failure that came after it."""
    return (
        f"SELECT s.started_at_ns, {_STOPPED} FROM sessions AS s INDEXED BY sessions_station WHERE s.station = {station} "
        f"AND s.started_at_ns >= {start_ns} AND s.attempts = 1 AND s.outcome = 'success' AND s.evse = {evse} "
        f"AND (s.evse >= 0 OR s.connector = {connector}) AND (s.started_at_ns > {start_ns} OR {_STOPPED} >= {end_ns})"
    )


_WELL = _well("f.station", "f.evse", "f.connector", "f.started_at_ns", "f.end_ns")
_FIRST_WELL = f"{_well('?1', '?2', '?3', '?4', '?5')} AND s.started_at_ns < ?6 ORDER BY 1, 2 LIMIT 1"
_DOWN = "status IN ('Offline', 'Faulted', 'Unavailable', 'No data')"


def ports(
    reader: sqlite3.Connection,
    stations: Sequence[str] | None,
    from_ns: int,
    until_ns: int,
    *,
    tried: bool = True,
) -> list[PortFacts]:
    """Every port of these stations (or of all), with what of it touches the time; a band that lasts, lasts to its end.

    Without ``tried`` the sessions stay unread: repairs need none, and there are many.
    """
    where, chosen = _among(stations)
    bands: dict[tuple[str, int, int], list[DownBand]] = {}
    for station, evse, connector, start_ns, end_ns, status, error in reader.execute(
        f"SELECT station, evse, connector, from_ns, coalesce(until_ns, ?), status, error_code FROM states "
        f"WHERE {_DOWN} AND from_ns < ? AND (until_ns IS NULL OR until_ns > ?) AND {where}",
        (until_ns, until_ns, from_ns, *chosen),
    ):
        bands.setdefault((station, evse, connector), []).append(
            DownBand(start_ns, end_ns, _STATUSES[status], error)
        )
    of_station: dict[str, list[DownBand]] = {}
    of_ports: dict[Port, dict[int, list[DownBand]]] = {}
    since: dict[Port, int] = {}
    for station, evse, connector, first_ns in reader.execute(
        f"SELECT station, evse, connector, first_ns FROM connectors WHERE {where} ORDER BY station, evse, connector",
        chosen,
    ):
        here = bands.get((station, evse, connector), [])
        if is_station(evse, connector):
            of_station.setdefault(station, []).extend(here)
            continue
        port = port_of(station, evse, connector)
        of_ports.setdefault(port, {})[connector] = here
        since[port] = min(first_ns, since.get(port, first_ns))
    tries = _tries(reader, where, chosen, from_ns, until_ns, set(of_ports)) if tried else {}
    return [
        PortFacts(port, since[port], connectors, of_station.get(port.station, []), tries.get(port, []))
        for port, connectors in of_ports.items()
    ]


def _tries(
    reader: sqlite3.Connection,
    where: str,
    chosen: Sequence[object],
    from_ns: int,
    until_ns: int,
    known: set[Port],
) -> dict[Port, list[Try]]:
    """Those that make a time without service: failures by the charger that no success parts, and the first success after them.

    A year of a large fleet has a million sessions, and most of them say that all is well: what lies between two failures is looked up.
    """
    runs: list[tuple[Port, int, list[Try]]] = []
    goes_on = False
    for station, evse, connector, start_ns, end_ns, failed_again in reader.execute(
        f"SELECT station, evse, connector, started_at_ns, end_ns, next_ns IS NOT NULL AND NOT EXISTS ({_WELL} "
        f"AND (s.started_at_ns < f.next_ns OR s.started_at_ns = f.next_ns AND {_STOPPED} < f.next_end_ns)) FROM ("
        f"SELECT station, evse, connector, started_at_ns, {_STOPPED} AS end_ns, lead(started_at_ns) OVER w AS next_ns, "
        f"lead({_STOPPED}) OVER w AS next_end_ns FROM sessions AS s INDEXED BY sessions_failed WHERE {_FAILED} "
        f"AND started_at_ns >= ? AND started_at_ns < ? AND {where} "
        f"WINDOW w AS (PARTITION BY station, evse, CASE WHEN evse >= 0 THEN -1 ELSE connector END "
        f"ORDER BY started_at_ns, {_STOPPED})) AS f "
        "ORDER BY station, evse, CASE WHEN evse >= 0 THEN -1 ELSE connector END, started_at_ns, end_ns",
        (from_ns, until_ns, *chosen),
    ):
        if not goes_on:
            runs.append((port_of(station, evse, connector), connector, []))
        runs[-1][-1].append(Try(start_ns, end_ns, "failed", "charger"))
        goes_on = bool(failed_again)
    found: dict[Port, list[Try]] = {}
    for port, connector, run in runs:
        if port in known and len(run) >= FAILED_IN_A_ROW:
            last = (port.station, port.evse, connector, run[-1].from_ns, run[-1].until_ns)
            well = reader.execute(_FIRST_WELL, (*last, until_ns))
            tries = found.setdefault(port, [])
            tries += run
            tries += [Try(start_ns, end_ns, "success", None) for start_ns, end_ns in well]
    return found


def attempts(
    reader: sqlite3.Connection,
    stations: Sequence[str] | None,
    from_ns: int,
    until_ns: int,
    place: Callable[[str], str],
) -> Iterator[Attempt] | None:
    """Attempts of visits that are in no sum (``kpis/chains.py``), in order of time, one after the other as they are asked for.

    None where they are too many.
    """
    where, chosen = _among(stations)
    number = reader.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM sessions WHERE visit >= 4 AND started_at_ns >= ? "
        f"AND started_at_ns < ? AND {where} LIMIT ?)",
        (from_ns, until_ns, *chosen, ATTEMPTS_MAX + 1),
    ).fetchone()[0]
    if number > ATTEMPTS_MAX:
        return None
    rows = reader.execute(
        f"SELECT station, evse, connector, token, started_at_ns, {ENDED}, outcome "
        f"FROM sessions WHERE visit >= 4 AND started_at_ns >= ? AND started_at_ns < ? AND {where} "
        "ORDER BY started_at_ns, 6, id",
        (from_ns, until_ns, *chosen),
    )
    return (Attempt(place(row[0]), *row) for row in rows)


def _among(stations: Sequence[str] | None) -> tuple[str, tuple[object, ...]]:
    if stations is None:
        return "1", ()
    return "station IN (SELECT value FROM json_each(?))", (msgspec.json.encode(list(stations)).decode(),)
