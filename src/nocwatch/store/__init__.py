"""What nocwatch remembers: sessions, states, samples, frames, flags, alerts, what is to be sent, and who did what.

SQLite by default. One transaction for each batch of the watch, with the watch's own cursor in it; any number of readers.
"""

from nocwatch.store.batch import Batch
from nocwatch.store.errors import BadCursorError, StoreError, StoreUnavailableError
from nocwatch.store.settings import StoreSettings
from nocwatch.store.store import Store
from nocwatch.store.values import (
    AlertFilter,
    AlertMoment,
    Annotation,
    AuditEntry,
    Band,
    DayKpi,
    FlagFilter,
    FrameFilter,
    LastSession,
    Overview,
    Page,
    SessionFilter,
    StationFlags,
    StoredFrame,
    StoredSample,
)

__all__ = [
    "AlertFilter",
    "AlertMoment",
    "Annotation",
    "AuditEntry",
    "BadCursorError",
    "Band",
    "Batch",
    "DayKpi",
    "FlagFilter",
    "FrameFilter",
    "LastSession",
    "Overview",
    "Page",
    "SessionFilter",
    "StationFlags",
    "Store",
    "StoreError",
    "StoreSettings",
    "StoreUnavailableError",
    "StoredFrame",
    "StoredSample",
]
