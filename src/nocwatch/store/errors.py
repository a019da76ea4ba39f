"""Names for what goes wrong with the store, so that the watch can tell what to wait for from what to give up on."""

from __future__ import annotations

import sqlite3

from nocwatch.errors import NocwatchError


class StoreError(NocwatchError):
    """The store cannot be used as it is: not ours, damaged, of a newer version. Waiting does not help."""


class StoreUnavailableError(StoreError):
    """The store could not take it now: nothing of the batch was kept. Try the same batch again later.

    Attributes:
        reason: ``full``, ``busy``, ``io``, ``readonly`` or ``cannot_open``: bounded, fit for a counter's label.
    """

    status = 1  # a disk that is full at the first start must not end the relay: the watch is started again

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class BadCursorError(StoreError):
    """A page's cursor that this store did not give out."""


_WAIT = {
    "SQLITE_FULL": ("full", "the disk is full"),
    "SQLITE_BUSY": ("busy", "another process holds the database"),
    "SQLITE_LOCKED": ("busy", "the database is locked"),
    "SQLITE_IOERR": ("io", "the disk gave an error"),
    "SQLITE_READONLY": ("readonly", "the database cannot be written to"),
    "SQLITE_CANTOPEN": ("cannot_open", "the database cannot be opened"),
    "SQLITE_NOMEM": ("io", "out of memory"),
}
_BROKEN = {
    "SQLITE_CORRUPT": "the database is damaged; move it away, and nocwatch fills a new one from the journal",
    "SQLITE_NOTADB": "the file is no SQLite database",
}


def named(error: sqlite3.Error, path: str) -> StoreError | None:
    """The store's own error for one of SQLite's; None where it is a programmer's error, which is raised as it is."""
    name = str(getattr(error, "sqlite_errorname", "") or "")
    for prefix, (reason, message) in _WAIT.items():
        if name.startswith(prefix):
            return StoreUnavailableError(reason, f"{path}: {message} ({error})")
    for prefix, message in _BROKEN.items():
        if name.startswith(prefix):
            return StoreError(f"{path}: {message} ({error})")
    return None
