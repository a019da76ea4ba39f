"""The store's file for those who only look: reports beside a watch that goes on writing.

What always holds: nothing is written, made or migrated; no transaction outlives a query, so that the write-ahead log is not held up
by a report whose reader takes its time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from nocwatch.network import Station
from nocwatch.sessions import Session
from nocwatch.store.database import READER_CACHE_KIB
from nocwatch.store.errors import StoreError, StoreUnavailableError, named
from nocwatch.store.reads import sessions as session_reads
from nocwatch.store.reads.paging import LIMIT_MAX
from nocwatch.store.schema import APPLICATION_ID, MIGRATIONS
from nocwatch.store.settings import StoreSettings, sqlite_path
from nocwatch.store.values import SessionFilter

_STATION = msgspec.json.Decoder(Station)


@contextmanager
def reading(settings: StoreSettings) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write.

    Raises:
        StoreError: there is no store, it is another program's, or of another form than this nocwatch's;
            ``StoreUnavailableError`` where it cannot be read now.
    """
    path = sqlite_path(settings.url)
    if not path.exists():
        raise StoreError(
            f"{path}: there is no store yet; the watch makes it at its first start (is this the right --data folder?)"
        )
    try:
        with closing(_opened(path, settings.busy_timeout)) as reader:
            _check(reader, path)
            yield reader
    except sqlite3.Error as error:
        raise named(error, str(path)) or error from error


def _opened(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    reader = sqlite3.connect(uri, uri=True, timeout=busy_timeout_s, isolation_level=None)
    try:
        reader.execute("PRAGMA query_only = ON")
        reader.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        reader.execute("PRAGMA temp_store = MEMORY")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        reader.close()
        if str(getattr(error, "sqlite_errorname", "")).startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise StoreUnavailableError(
                "cannot_open",
                f"{path}: cannot be read by this user, who needs the right to write in its folder while the watch is not running",
            ) from error
        raise
    return reader


def _check(reader: sqlite3.Connection, path: Path) -> None:
    version = int(reader.execute("PRAGMA user_version").fetchone()[0])
    if int(reader.execute("PRAGMA application_id").fetchone()[0]) != APPLICATION_ID:
        raise StoreError(f"{path}: the file belongs to another program; name another in store.url")
    if version != len(MIGRATIONS):
        which = (
            "a newer nocwatch; use that one"
            if version > len(MIGRATIONS)
            else "an older nocwatch; start the watch once, which brings it up to date"
        )
        raise StoreError(f"{path}: written by {which} (form {version}; this one reads {len(MIGRATIONS)})")


def every_session(reader: sqlite3.Connection, wanted: SessionFilter) -> Iterator[Session]:
    """All that match, in the filter's order, read page by page: no more than one is held."""
    after: str | None = None
    while True:
        found = session_reads.find(reader, wanted, after, LIMIT_MAX)
        yield from found.items
        after = found.next
        if after is None:
            return


def stations(reader: sqlite3.Connection) -> dict[str, Station]:
    """All that were ever seen and are kept, by identity."""
    return {
        name: _STATION.decode(document)
        for name, document in reader.execute("SELECT id, document FROM stations ORDER BY id")
    }


def read_until_ns(reader: sqlite3.Connection, now_ns: int) -> int:
    """How far the store knows: up to now, or to where its watch stopped; beyond that nobody can say what a connector did."""
    row = reader.execute("SELECT value FROM meta WHERE name = 'at_ns'").fetchone()
    return min(now_ns, int(row[0])) if row else now_ns
