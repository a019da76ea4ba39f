"""Connections to the SQLite file: one that writes, on a thread of its own, and a few that read.

What always holds: whatever a write does is one transaction, kept whole or not at all. Readers never wait for the writer and
never hold it up (WAL). Errors that waiting may heal are ``StoreUnavailableError``.
"""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from nocwatch.store.errors import StoreError, StoreUnavailableError, named
from nocwatch.store.schema import migrate

ResultT = TypeVar("ResultT")

READERS_MAX = 8
"""Queries at a time: more than the console's worker threads on a small machine; the ninth waits for its turn."""
READER_WAIT_S = 30.0
"""How long a query waits for its turn: longer than any page may take, so that waiting in vain means something hangs."""
READER_CACHE_KIB = 8 * 1024
WRITER_CACHE_KIB = 64 * 1024
MMAP_BYTES = 256 * 1024 * 1024
"""Reads of what is in the page cache anyway cost no copy."""
WAL_LIMIT_BYTES = 64 * 1024 * 1024
"""What the write-ahead log is cut back to after a checkpoint."""
CHECKPOINT_PAGES = 4000
"""16 MiB: a checkpoint every few seconds under full load, each within tens of milliseconds."""


class Database:
    """The file and its connections. Methods may be called from any thread."""

    def __init__(self, path: Path, busy_timeout_s: float = 5.0) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._closed = False
        self._readers: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue(READERS_MAX)
        for _ in range(READERS_MAX):
            self._readers.put(None)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nocwatch-store")
        try:
            self._executor.submit(self._open_writer).result()
        except BaseException:
            self._executor.shutdown()
            raise

    def write(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Runs ``work`` in a transaction on the writer's thread; nothing of it is kept where it raises.

        Raises:
            StoreUnavailableError: try again later.
            StoreError: closed, or damaged.
        """
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")
        return self._executor.submit(self._transaction, work).result()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one query or a few; it sees the last transaction that was finished.

        Raises:
            StoreError: closed; ``StoreUnavailableError`` where no reader came free in time.
        """
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")
        try:
            reader = self._readers.get(timeout=READER_WAIT_S)
        except queue.Empty:
            raise StoreUnavailableError(
                "busy", f"{self.path}: {READERS_MAX} queries are still running"
            ) from None
        try:
            if reader is None:
                reader = self._open_reader()
            yield reader
        except sqlite3.Error as error:
            raise named(error, str(self.path)) or error from error
        finally:
            self._readers.put(reader)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """As ``reading``, for several queries that must see one state."""
        with self.reading() as reader:
            reader.execute("BEGIN")
            try:
                yield reader
            finally:
                reader.execute("ROLLBACK")

    def close(self) -> None:
        """Ends all connections once their work is done; the write-ahead log is folded into the file."""
        if self._closed:
            return
        self._closed = True
        for _ in range(READERS_MAX):
            try:
                reader = self._readers.get(timeout=READER_WAIT_S)
            except queue.Empty:
                break
            if reader is not None:
                reader.close()
        self._executor.submit(self._close_writer).result()
        self._executor.shutdown()

    def _open_writer(self) -> None:
        path = str(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailableError("cannot_open", f"{path}: {error.strerror}") from error
        try:
            writer = sqlite3.connect(
                path, timeout=self._busy_timeout_s, isolation_level=None, cached_statements=256
            )
        except sqlite3.Error as error:
            raise named(error, path) or error from error
        try:
            # Only a file without tables can still take it: space of deleted rows goes back in small steps.
            writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
            writer.execute("PRAGMA journal_mode = WAL")
            # In WAL mode NORMAL loses at most the last transactions on power loss, never consistency; the watch's cursor
            # is in the same transaction, so what is lost is read from the journal again.
            writer.execute("PRAGMA synchronous = NORMAL")
            writer.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
            writer.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
            writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            writer.execute("PRAGMA temp_store = MEMORY")
            migrate(writer, path)
        except sqlite3.Error as error:
            writer.close()
            raise named(error, path) or error from error
        except StoreError:
            writer.close()
            raise
        self._writer = writer

    def _transaction(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        writer = self._writer
        try:
            writer.execute("BEGIN IMMEDIATE")
            try:
                result = work(writer)
                writer.execute("COMMIT")
            except BaseException:
                # Some errors (a full disk among them) have rolled back already.
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise named(error, str(self.path)) or error from error
        return result

    def _close_writer(self) -> None:
        self._writer.execute("PRAGMA optimize")
        self._writer.close()

    def _open_reader(self) -> sqlite3.Connection:
        # The file exists: the writer made it. ``check_same_thread`` is off because connections pass between threads,
        # one at a time.
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        reader = sqlite3.connect(
            uri,
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        reader.execute("PRAGMA query_only = ON")
        reader.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        reader.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
        reader.execute("PRAGMA temp_store = MEMORY")
        return reader
