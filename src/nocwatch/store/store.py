"""The store as the rest of the house sees it: batches in, pages out. Every call is sync and may block; call it in a thread.

What always holds: ``apply`` keeps a batch whole or not at all, with the watch's cursor in it, and applying the same steps
twice changes nothing. Any thread may call anything.
"""

# ruff: noqa: S608 - names in the SQL are our own tables and columns; values are always parameters

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nocwatch.alerts.acts import Act
from nocwatch.alerts.alert import Alert
from nocwatch.alerts.notification import OutboxCounts, OutboxRow
from nocwatch.flags import Flag
from nocwatch.sessions import Session
from nocwatch.store import apply as writes
from nocwatch.store import notes, outbox, standing, summing, tokens
from nocwatch.store.batch import Batch
from nocwatch.store.database import Database
from nocwatch.store.errors import StoreError, StoreUnavailableError
from nocwatch.store.reads import flags as flag_reads
from nocwatch.store.reads import frames as frame_reads
from nocwatch.store.reads import kpis
from nocwatch.store.reads import sessions as session_reads
from nocwatch.store.reads import states as state_reads
from nocwatch.store.settings import StoreSettings, sqlite_path
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
    TokenTotals,
)


class Store:
    """One SQLite file. ``Store.open`` makes or upgrades it."""

    def __init__(self, database: Database, settings: StoreSettings) -> None:
        self.database = database
        self.settings = settings

    @classmethod
    def open(cls, settings: StoreSettings | str | None = None) -> Store:
        """Opens by settings, or by URL with the settings' defaults.

        Raises:
            StoreError: a URL of another kind, a file that is not ours or of a newer nocwatch;
                ``StoreUnavailableError`` where it cannot be opened now.
        """
        if isinstance(settings, str):
            try:
                sqlite_path(settings)
            except ValueError as error:
                raise StoreError(f"store.url: {error}") from None
            settings = StoreSettings(url=settings)
        settings = settings or StoreSettings()
        database = Database(sqlite_path(settings.url), settings.busy_timeout)
        try:
            database.write(summing.recount)
        except StoreUnavailableError:
            pass  # another process writes just now; who opens the store next counts anew
        except BaseException:
            database.close()
            raise
        return cls(database, settings)

    def close(self) -> None:
        """Ends all connections. Calls after it raise ``StoreError``."""
        self.database.close()

    # --- the watch -----------------------------------------------------------------------------------------------------

    def apply(self, batch: Batch) -> None:
        """Keeps the batch and its cursor in one transaction.

        Raises:
            StoreUnavailableError: nothing was kept; apply the same batch again later.
        """
        self.database.write(lambda writer: writes.apply(writer, batch))

    def cursor(self) -> bytes | None:
        """The cursor of the last batch that was kept; None before the first."""
        with self.database.reading() as reader:
            row = reader.execute("SELECT value FROM meta WHERE name = 'cursor'").fetchone()
        return bytes(row[0]) if row else None

    def at_ns(self) -> int:
        """Pipeline time of the last batch that was kept; 0 before the first."""
        with self.database.reading() as reader:
            row = reader.execute("SELECT value FROM meta WHERE name = 'at_ns'").fetchone()
        return int(row[0]) if row else 0

    def prefixed_tokens(self, limit: int) -> list[tuple[str, str]]:
        """Tokens' key-hashes with the prefixes that they began with, the latest noted first."""
        with self.database.reading() as reader:
            return tokens.prefixed(reader, limit)

    # --- sessions, flags, alerts ---------------------------------------------------------------------------------------

    def sessions(
        self, wanted: SessionFilter | None = None, after: str | None = None, limit: int = 50
    ) -> Page[Session]:
        """Sessions, the newest start first.

        Raises:
            BadCursorError: ``after`` is of no list of sessions. So for all lists.
        """
        with self.database.reading() as reader:
            return session_reads.find(reader, wanted or SessionFilter(), after, limit)

    def session(self, session_id: str) -> Session | None:
        with self.database.reading() as reader:
            return session_reads.one(reader, session_id)

    def totals(self, token: str | None) -> TokenTotals | None:
        """What a token has done so far, this store's time long; None of no token."""
        if not token:
            return None
        with self.database.reading() as reader:
            return session_reads.totals(reader, token)

    def starts_ns(self, session: Session) -> list[int]:
        """When the sessions of its station with its transaction began; see ``Imports.of_session``."""
        with self.database.reading() as reader:
            return session_reads.starts_ns(reader, session)

    def last_sessions(self, stations: Sequence[str] | None = None) -> dict[str, LastSession]:
        """Station → its newest session, of these stations or of all."""
        with self.database.reading() as reader:
            return session_reads.last_of_stations(reader, stations)

    def flags(
        self, wanted: FlagFilter | None = None, after: str | None = None, limit: int = 50
    ) -> Page[Flag]:
        """Flags: raised first, then the worst, then the newest."""
        with self.database.reading() as reader:
            return flag_reads.find_flags(reader, wanted or FlagFilter(), after, limit)

    def flag(self, flag_id: str) -> Flag | None:
        with self.database.reading() as reader:
            return flag_reads.one_flag(reader, flag_id)

    def flags_by_id(self, ids: Sequence[str]) -> list[Flag]:
        """Those of the flags that are kept, in the order asked for."""
        with self.database.reading() as reader:
            return flag_reads.flags_by_id(reader, ids)

    def raised_by_station(self, stations: Iterable[str] | None = None) -> dict[str, StationFlags]:
        """Station → its raised flags in short."""
        with self.database.reading() as reader:
            return flag_reads.raised_by_station(reader, stations)

    def quiet_flags(self) -> dict[str, str]:
        """Raised flags whose alert a person has resolved: id → who that was."""
        with self.database.reading() as reader:
            return flag_reads.quiet_flags(reader)

    def alerts(
        self, wanted: AlertFilter | None = None, after: str | None = None, limit: int = 50
    ) -> Page[Alert]:
        """Alerts: firing, acknowledged, resolved; in each the worst, then the newest."""
        with self.database.reading() as reader:
            return flag_reads.find_alerts(reader, wanted or AlertFilter(), after, limit)

    def alert(self, alert_id: str) -> Alert | None:
        with self.database.reading() as reader:
            return flag_reads.one_alert(reader, alert_id)

    def alert_history(self, alert_id: str) -> list[AlertMoment]:
        """The alert's revisions, the oldest first."""
        with self.database.reading() as reader:
            return flag_reads.history(reader, alert_id)

    def raised_flags(self) -> list[str]:
        """Ids of all flags that stand."""
        with self.database.reading() as reader:
            return standing.raised_flags(reader)

    def ongoing_sessions(self) -> list[str]:
        """Ids of all sessions that go on."""
        with self.database.reading() as reader:
            return standing.ongoing_sessions(reader)

    def standing_alerts(self, others: Iterable[str] = ()) -> list[standing.Standing]:
        """All open alerts, and those of the others that are kept, in short."""
        with self.database.snapshot() as reader:
            return standing.standing_alerts(reader, others)

    # --- frames, curves, timelines, sums -------------------------------------------------------------------------------

    def frames(
        self, wanted: FrameFilter | None = None, after: str | None = None, limit: int = 100
    ) -> Page[StoredFrame]:
        """Frames and link events, the newest first."""
        with self.database.reading() as reader:
            return frame_reads.find(reader, wanted or FrameFilter(), after, limit)

    def frames_by_ref(self, refs: Iterable[str]) -> list[StoredFrame]:
        """Those of the frames that are still kept, in order of time."""
        with self.database.reading() as reader:
            return frame_reads.by_ref(reader, refs)

    def samples(self, session_id: str) -> list[StoredSample]:
        """A session's curve in order of time."""
        with self.database.reading() as reader:
            return frame_reads.samples(reader, session_id)

    def states(self, station: str, from_ns: int, until_ns: int) -> list[Band]:
        """A station's bands that touch the time, by connector and start; ends are not cut to it."""
        with self.database.reading() as reader:
            return state_reads.of_station(reader, station, from_ns, until_ns)

    def states_of(self, stations: Iterable[str], from_ns: int, until_ns: int) -> dict[str, list[Band]]:
        """The same for each of several stations."""
        with self.database.reading() as reader:
            return state_reads.of_stations(reader, stations, from_ns, until_ns)

    def first_known_ns(self) -> int | None:
        """From when on anything is known of any socket; None while nothing is."""
        with self.database.reading() as reader:
            return state_reads.first_known_ns(reader)

    def kpi_days(
        self, stations: str | Sequence[str] | None, days: int, now_ns: int, timezone: str = "UTC"
    ) -> list[DayKpi]:
        """Sums of each of the last days (the oldest first) of a station, of some, or of all (None)."""
        chosen = (stations,) if isinstance(stations, str) else stations
        with self.database.snapshot() as reader:
            return kpis.kpi_days(reader, chosen, days, now_ns, timezone)

    def overview(self, now_ns: int) -> Overview:
        """Counts for the first page."""
        with self.database.snapshot() as reader:
            return kpis.overview(reader, now_ns)

    def counts(self) -> dict[str, int]:
        """Table → rows, and ``bytes`` of the file: for the system page and ``nocwatch doctor``; reads whole indices."""
        with self.database.snapshot() as reader:
            found = {
                table: int(reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
                for table in (
                    "stations",
                    "sessions",
                    "flags",
                    "alerts",
                    "frames",
                    "samples",
                    "states",
                    "outbox",
                    "audit",
                )
            }
            size = reader.execute(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            ).fetchone()[0]
        return {**found, "bytes": int(size)}

    # --- people --------------------------------------------------------------------------------------------------------

    def annotate(self, note: Annotation) -> None:
        """Sets a custom field of a session, station, flag or alert; an empty value removes it."""
        self.database.write(lambda writer: notes.annotate(writer, note))

    def annotations(self, subject_kind: str, subject: str) -> list[Annotation]:
        with self.database.reading() as reader:
            return notes.annotations_of(reader, subject_kind, subject)

    def audit(self, entry: AuditEntry) -> int:
        """Appends to the audit; gives the entry's number."""
        return self.database.write(lambda writer: notes.audit(writer, entry))

    def audit_entries(
        self, subject: str | None = None, after: str | None = None, limit: int = 100
    ) -> Page[AuditEntry]:
        with self.database.reading() as reader:
            return notes.audit_entries(reader, subject, after, limit)

    def keep_act(self, act: Act) -> None:
        """Keeps what a person did to an alert, before the book is told of it."""
        self.database.write(lambda writer: notes.keep_act(writer, act))

    def acts(self, since_ns: int) -> list[Act]:
        """Acts made at or after that pipeline time: what a restored book is handed again."""
        with self.database.reading() as reader:
            return notes.acts(reader, since_ns)

    # --- the dispatcher ------------------------------------------------------------------------------------------------

    def outbox_due(self, receiver: str, now_ns: int, limit: int = 16) -> list[OutboxRow]:
        with self.database.reading() as reader:
            return outbox.due(reader, receiver, now_ns, limit)

    def outbox_next_ns(self, receiver: str) -> int | None:
        with self.database.reading() as reader:
            return outbox.next_due_ns(reader, receiver)

    def outbox_delivered(self, number: int, at_ns: int) -> None:
        self.database.write(lambda writer: outbox.delivered(writer, number, at_ns))

    def outbox_retry(self, number: int, next_attempt_ns: int, error: str) -> None:
        self.database.write(lambda writer: outbox.retry(writer, number, next_attempt_ns, error))

    def outbox_given_up(self, number: int, at_ns: int, error: str) -> None:
        self.database.write(lambda writer: outbox.given_up(writer, number, at_ns, error))

    def outbox_supersede(self, number: int, at_ns: int) -> bool:
        return self.database.write(lambda writer: outbox.supersede(writer, number, at_ns))

    def outbox_abandon(self, known: Sequence[str], at_ns: int) -> int:
        """Gives up what waits for receivers that are not known any more; how many that were."""
        return self.database.write(lambda writer: outbox.abandon(writer, known, at_ns))

    def outbox_counts(self) -> list[OutboxCounts]:
        with self.database.reading() as reader:
            return outbox.counts(reader)
