"""What chains of attempts count for in the hourly sums, kept as sessions come, change and go. Runs inside the writer's transaction.

What always holds: each session's row holds what was told of it (``visit``), so that exactly that is taken off when its chain turns
out to be another one. Only the chains that a change touches are read.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from nocwatch.kpis.chains import ASKED_FURTHER, BEGINS, CHAIN_MAX, Driver, Link, chains, told_of
from nocwatch.store.rollups import Sums

Move = tuple[Link | None, Link | None]
"""An attempt as it was kept, and as it is now; None where it is none."""
Told = tuple[int | None, str]
"""What is told of an attempt from now on, and the session's id."""

ENDED = "max(started_at_ns, coalesce(stopped_at_ns, changed_at_ns))"
LINK = f"started_at_ns, {ENDED}, id, token, station, evse, connector, outcome, visit"
"""The columns of a ``Link``."""
_TOKEN, _GUEST = "token = ?", "token IS NULL AND station = ? AND evse = ? AND connector = ?"
PAGE_ROWS = 2000
"""Sessions in memory at once when all chains are told anew, besides those of one chain."""
SUMS_ROWS = 50_000
"""Sums in memory at once then: some tens of megabytes; those of the fleet are the same for all drivers."""
FOR_EVER = 2**63 - 1


def settle(writer: sqlite3.Connection, moves: Iterable[Move], sums: Sums) -> list[Told]:
    """Takes off what the touched chains had counted for and adds what they count for now; asked before the rows are written."""
    touched: dict[Driver, tuple[list[Link], list[Link]]] = {}
    told: dict[str, int | None] = {}
    for before, now in moves:
        if before is not None:
            touched.setdefault(before.driver, ([], []))[0].append(before)
            if now is None and before.told is not None:
                told[before.id] = None
        if now is not None:
            touched.setdefault(now.driver, ([], []))[1].append(now)
    for driver, (gone, come) in touched.items():
        told.update((name, word) for word, name in _Driver(writer, driver, sums).settled(gone, come))
    return [(word, name) for name, word in told.items()]


def put(writer: sqlite3.Connection, told: Iterable[Told]) -> None:
    """Once the rows are there."""
    writer.executemany("UPDATE sessions SET visit = ? WHERE id = ?", told)


class _Driver:
    """The chains of one driver. From ``shared_ns`` on they are not told apart any more: one of them had become too long."""

    def __init__(self, writer: sqlite3.Connection, driver: Driver, sums: Sums) -> None:
        self.writer, self.driver, self.sums = writer, driver, sums
        self.key = (driver.token or "", *driver[1:])
        self.where = _TOKEN if driver.token else _GUEST
        self.values: tuple[object, ...] = driver[:1] if driver.token else driver[1:]
        row = writer.execute(
            "SELECT from_ns FROM shared_drivers WHERE token = ? AND station = ? AND evse = ? AND connector = ?",
            self.key,
        ).fetchone()
        self.shared_ns: int = row[0] if row else FOR_EVER

    def settled(self, gone: list[Link], come: list[Link]) -> list[Told]:
        around: dict[str, Link] = {}
        for link in gone:
            self._around(around, link.started_at_ns, link.started_at_ns)
        for link in come:
            self._around(around, link.started_at_ns, link.ended_at_ns + self.driver.gap_ns)
        left = {link.id: link for link in self.taken(around.values())}
        for link in gone:
            left.pop(link.id, None)
        left.update((link.id, link) for link in come)
        shared_ns = self.shared_ns
        found = list(self.told(sorted(left.values())))
        if self.shared_ns < shared_ns:
            read = {*around, *left}
            new = self._rows("started_at_ns >= ?", self.shared_ns, "ASC")
            others = (link for link in new if link.started_at_ns < shared_ns and link.id not in read)
            found += [(ASKED_FURTHER, link.id) for link in self.taken(others)]
        return found

    def taken(self, links: Iterable[Link]) -> Iterator[Link]:
        """The same, and what they had counted for is taken off."""
        for link in links:
            self.sums.visit(link, -1)
            yield link

    def told(self, links: Iterable[Link]) -> Iterator[Told]:
        """What is told of them that is not told of them yet; where a chain is too long, the driver is a shared one from there on."""
        for chain in chains(links, self.driver.gap_ns):
            until_ns = max(link.ended_at_ns for link in chain) + self.driver.gap_ns
            if len(chain) > CHAIN_MAX or until_ns >= self.shared_ns:
                self._share(chain[0].started_at_ns)
            shared = chain[0].started_at_ns >= self.shared_ns
            words = [ASKED_FURTHER] * len(chain) if shared else told_of(chain)
            for link, word in zip(chain, words, strict=True):
                self.sums.visit(link._replace(told=word), 1)
                if word != link.told:
                    yield word, link.id

    def _share(self, from_ns: int) -> None:
        """From here on all of this driver's visits are made when they are asked for."""
        if from_ns < self.shared_ns:
            self.shared_ns = from_ns
            self.writer.execute(
                "INSERT INTO shared_drivers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET from_ns = excluded.from_ns",
                (*self.key, from_ns),
            )

    def _around(self, around: dict[str, Link], from_ns: int, until_ns: int) -> None:
        """The chain that holds ``from_ns`` or ends before it, and all that begin until ``until_ns``."""
        if from_ns >= self.shared_ns:
            return
        for link in self._rows("started_at_ns <= ?", from_ns, "DESC"):
            around[link.id] = link
            if link.told in BEGINS:
                break
        for link in self._rows("started_at_ns > ?", from_ns, "ASC"):
            if link.started_at_ns >= self.shared_ns or (
                link.told in BEGINS and link.started_at_ns > until_ns
            ):
                break
            around[link.id] = link

    def _rows(self, condition: str, at_ns: int, way: str) -> Iterator[Link]:
        rows = self.writer.execute(
            f"SELECT {LINK} FROM sessions WHERE attempts = 1 AND {self.where} AND {condition} "
            f"ORDER BY started_at_ns {way}, 2 {way}, id {way}",
            (*self.values, at_ns),
        )
        return (Link(*row) for row in rows)


def tell_all(writer: sqlite3.Connection, add: Callable[[sqlite3.Connection, Sums], None]) -> None:
    """Tells all kept chains by the definitions of this nocwatch; by difference, so that the sums of those that are gone stay."""
    writer.execute("DELETE FROM shared_drivers")
    sums = Sums()
    found: list[Told] = []

    def flush(rows: int, sums_rows: int) -> None:
        if len(found) > rows:
            put(writer, found)
            found.clear()
        if len(sums.rows) > sums_rows:
            add(writer, sums)
            sums.rows.clear()

    while others := _no_attempts(writer):
        for link in others:
            sums.visit(link, -1)
            found.append((None, link.id))
        flush(0, 0)
    for links in (_of_tokens(writer), _of_guests(writer)):
        for driver, mine in groupby(links, lambda link: link.driver):
            each = _Driver(writer, driver, sums)
            for told in each.told(each.taken(mine)):
                found.append(told)
                flush(PAGE_ROWS, SUMS_ROWS)
    flush(0, 0)


def _no_attempts(writer: sqlite3.Connection) -> list[Link]:
    """What is none by now and was told of as one."""
    rows = writer.execute(
        f"SELECT {LINK} FROM sessions WHERE attempts = 0 AND visit IS NOT NULL LIMIT ?", (PAGE_ROWS,)
    )
    return [Link(*row) for row in rows]


def _of_tokens(writer: sqlite3.Connection) -> Iterator[Link]:
    """By driver, and in order of their start; page by page, so that they can be written to meanwhile."""
    last: tuple[object, ...] = ("", 0, "")
    while rows := writer.execute(
        f"SELECT {LINK} FROM sessions WHERE attempts = 1 AND token IS NOT NULL AND (token, started_at_ns, id) > (?, ?, ?) "
        "ORDER BY token, started_at_ns, id LIMIT ?",
        (*last, PAGE_ROWS),
    ).fetchall():
        yield from (Link(*row) for row in rows)
        link = Link(*rows[-1])
        last = (link.token, link.started_at_ns, link.id)


def _of_guests(writer: sqlite3.Connection) -> Iterator[Link]:
    last: tuple[object, ...] = ("", -2, -2, 0, 0)
    while rows := writer.execute(
        f"SELECT {LINK}, number FROM sessions WHERE attempts = 1 AND token IS NULL "
        "AND (station, evse, connector, started_at_ns, number) > (?, ?, ?, ?, ?) "
        "ORDER BY station, evse, connector, started_at_ns, number LIMIT ?",
        (*last, PAGE_ROWS),
    ).fetchall():
        yield from (Link(*row[:-1]) for row in rows)
        link = Link(*rows[-1][:-1])
        last = (link.station, link.evse, link.connector, link.started_at_ns, rows[-1][-1])
