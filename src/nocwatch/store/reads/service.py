"""What outages, repairs and visits are reckoned from: bands out of service, and sessions as evidence. Reads only."""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

import msgspec

from nocwatch.kpis.grouping import port_of
from nocwatch.kpis.ports import DownBand, Port, PortFacts, Try
from nocwatch.kpis.visits import Attempt
from nocwatch.network import ConnectorStatus
from nocwatch.store.chains import ENDED
from nocwatch.store.rollups import is_station

ATTEMPTS_MAX = 500_000
"""Sessions that visits are made from in one question: some seconds' work. Only where a card is shared by many are there as many."""
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
            DownBand(start_ns, end_ns, ConnectorStatus(status), error)
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
    """Those that begin, lengthen or end a time without service: failures by the charger, and the first success after one.

    A year of a large fleet has a million sessions, and most of them say that all is well.
    """
    found: dict[Port, list[Try]] = {}
    for station, evse, connector, start_ns, end_ns, outcome, blame in reader.execute(
        f"SELECT station, evse, connector, started_at_ns, end_ns, outcome, blame FROM ("
        f"SELECT station, evse, connector, started_at_ns, outcome, blame, coalesce(stopped_at_ns, changed_at_ns) AS end_ns, "
        f"lag(outcome) OVER (PARTITION BY station, evse, CASE WHEN evse >= 0 THEN -1 ELSE connector END "
        f"ORDER BY started_at_ns, coalesce(stopped_at_ns, changed_at_ns), outcome) AS before FROM sessions "
        f"WHERE attempts = 1 AND started_at_ns >= ? AND started_at_ns < ? AND {where} "
        f"AND (outcome = 'success' OR (outcome = 'failed' AND blame = 'charger'))) "
        f"WHERE outcome = 'failed' OR before = 'failed'",
        (from_ns, until_ns, *chosen),
    ):
        port = port_of(station, evse, connector)
        if port in known:
            found.setdefault(port, []).append(Try(start_ns, end_ns, outcome, blame))
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
