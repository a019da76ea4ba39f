"""InfluxDB 1.8, 2.x and 3.x, fed from the spool by a durable cursor, so that an outage of hours loses nothing.

What always holds: a batch is done when the server has taken it or has refused it for good, and only then the cursor moves.
What is not known to have arrived is written again, which changes nothing: equal series and equal time overwrite. What a
server refuses for good (400, 413, 422) is halved until the bad points stand alone, and those go to a file beside the spool,
with the server's words. A wrong token or a missing bucket is no fault of the points: they wait. No point is lost without a
counter, and nothing that a disk or a server does ends the watch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio
import urllib3.exceptions
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from nocwatch.journal.cursor import Cursor, load_cursor, save_cursor
from nocwatch.journal.errors import JournalError
from nocwatch.journal.reader import Reader
from nocwatch.journal.retention import delete_below
from nocwatch.records import Record, RecordKind
from nocwatch.sinks.settings import InfluxSettings
from nocwatch.sinks.spool import unpacked

PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 30.0
RETRY_AFTER_MAX_S = 300.0
"""A server's own wish (429, 503) is followed up to this."""
IDLE_S = 0.2
"""How long the drain rests when the spool is empty: the most that a point is later than it need be."""
RECORDS_MAX = 64
"""Read at once: 16 MiB of lines at most."""
BATCH_BYTES_MAX = 4 * 2**20
"""InfluxDB 1.8 takes 25 MB in one write; a batch of this size is through within the time-out on a slow line too."""
QUARANTINE_BYTES_MAX = 16 * 1024 * 1024
"""Refused points are kept for a person to look at; beyond this they are only counted, or a broken schema fills the disk."""
REFUSED_FILE = "refused.lp"
CURSOR_FILE = "cursor.json"

_REFUSED = frozenset({400, 413, 422})
_HINTS = {
    401: "the token is wrong",
    403: "the token may not write there",
    404: "there is no such bucket or organisation",
}

log = structlog.get_logger("nocwatch.influx")


class Counters(msgspec.Struct):
    """What became of the points, since the start.

    Attributes:
        points_written: taken by the server.
        points_refused: refused for good, each alone, and put beside the spool.
        writes: requests that the server took.
        failures: requests that have to be made again.
        lost_records: spool records that were dropped (spool full) or damaged before they were written.
        cursor_errors: the cursor could not be saved; what follows is written again after a restart.
    """

    points_written: int = 0
    points_refused: int = 0
    writes: int = 0
    failures: int = 0
    lost_records: int = 0
    cursor_errors: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """Why a write did not work.

    Attributes:
        text: a sentence.
        for_good: the points are wrong, not the server or the way to it.
        after_s: how long the server asks to wait.
    """

    text: str
    for_good: bool = False
    after_s: float = 0.0


class InfluxSink:
    """Drains the spool into InfluxDB.

    Attributes:
        trouble: a sentence while it does not work, empty while it does.
        caught_up: nothing waits in the spool.
        oldest_ns: time of the oldest record that waits, 0 while nothing does.
    """

    def __init__(self, settings: InfluxSettings) -> None:
        assert settings.url
        self._settings = settings
        self._path = Path(settings.spool)
        self._token = settings.token.get_secret_value() if settings.token else ""
        self._client: Any = InfluxDBClient(
            url=settings.url,
            token=self._token,
            org=settings.org or "-",
            timeout=int(settings.timeout * 1000),
            retries=False,
            enable_gzip=True,
        )
        self._writes = self._client.write_api(write_options=SYNCHRONOUS)
        self.counters = Counters()
        self.trouble = ""
        self.caught_up = True
        self.oldest_ns = 0

    async def run(self) -> None:
        """Until cancelled; what was not written by then stays in the spool."""
        reader = Reader(self._path, await trio.to_thread.run_sync(self._load_cursor))
        with reader:
            while True:
                records = await trio.to_thread.run_sync(reader.read, RECORDS_MAX)
                if not records:
                    self.caught_up, self.oldest_ns = True, 0
                    await trio.sleep(IDLE_S)
                    continue
                self.caught_up, self.oldest_ns = False, records[0].at_ns
                for batch in self._batches(records):
                    await self._deliver(batch)
                await trio.to_thread.run_sync(self._advance, reader.cursor)

    async def _deliver(self, batch: list[bytes]) -> None:
        """Until each point is taken or refused for good. What is done is not written again when the rest has to wait."""
        pending = deque([batch])
        pause_s = PAUSE_FIRST_S
        while pending:
            refusal = await trio.to_thread.run_sync(self._write, pending[0], abandon_on_cancel=True)
            if refusal is None:
                self._taken(len(pending.popleft()))
                pause_s = PAUSE_FIRST_S
            elif not refusal.for_good:
                self._failed(refusal.text)
                await trio.sleep(max(pause_s, min(refusal.after_s, RETRY_AFTER_MAX_S)))
                pause_s = min(pause_s * 2, PAUSE_MAX_S)
            else:
                lines = pending.popleft()
                middle = len(lines) // 2
                if middle:
                    pending.extendleft((lines[middle:], lines[:middle]))
                else:
                    await trio.to_thread.run_sync(self._quarantine, lines[0], refusal.text)

    def _batches(self, records: list[Record]) -> Iterator[list[bytes]]:
        batch: list[bytes] = []
        size = 0
        for record in records:
            for line in self._lines(record):
                if batch and (
                    len(batch) >= self._settings.batch_points_max or size + len(line) > BATCH_BYTES_MAX
                ):
                    yield batch
                    batch, size = [], 0
                batch.append(line)
                size += len(line) + 1
        if batch:
            yield batch

    def _lines(self, record: Record) -> list[bytes]:
        if record.kind is RecordKind.LINES:
            try:
                return unpacked(record.data)
            except ValueError as error:
                self.counters.lost_records += 1
                log.error("a record of the spool is damaged", sequence=record.sequence, error=str(error))
        elif record.kind is RecordKind.GAP:
            gap = msgspec.json.decode(record.data, type=dict[str, Any])
            if gap.get("reason") != "unclean_start":  # after a kill; the watch finds those points again
                self.counters.lost_records += int(gap.get("records", 0))
                log.error("points were lost before they reached InfluxDB", **gap)
        return []

    # --- in a worker thread --------------------------------------------------------------------------------------------

    def _load_cursor(self) -> Cursor:
        file = self._path / CURSOR_FILE
        try:
            return load_cursor(file)
        except JournalError as error:
            # Reading all of the spool again writes what is there already, and that changes nothing.
            log.error("the spool's cursor cannot be used; writing all of the spool again", error=str(error))
            return Cursor()

    def _advance(self, cursor: Cursor) -> None:
        try:
            save_cursor(self._path / CURSOR_FILE, cursor)
            delete_below(self._path, cursor)
        except OSError as error:
            self.counters.cursor_errors += 1
            log.error("the spool's cursor cannot be saved", error=error.strerror or str(error))

    def _write(self, lines: list[bytes]) -> Refusal | None:
        """None where the server has taken them all."""
        try:
            self._writes.write(bucket=self._settings.bucket, record=b"\n".join(lines))
        except ApiException as error:
            return self._refusal(error)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Refusal(f"InfluxDB at {self._settings.url} does not answer: {_short(error)}")
        return None

    def _refusal(self, error: ApiException) -> Refusal:
        status, words = error.status or 0, _short(error)
        if status == 404 and "database not found" in words and self._create_database():
            return Refusal("InfluxDB had no such database; nocwatch has made it")
        if status in _HINTS:
            where = "influx.url, influx.token, influx.org, influx.bucket"
            return Refusal(f"InfluxDB answers {status}: {_HINTS[status]} ({where})")
        if "retention policy not found" in words:
            return Refusal(
                f"InfluxDB answers {status}: the retention policy of influx.bucket (database/policy) is not there"
            )
        if status in _REFUSED:
            return Refusal(words, for_good=True)
        return Refusal(f"InfluxDB answers {status}: {words}", after_s=_after_s(error))

    def _create_database(self) -> bool:
        """InfluxDB 1.8 makes a database when it is asked; only that version answers a write with "database not found"."""
        database = self._settings.bucket.partition("/")[0].replace('"', "")
        try:
            answer = self._client.api_client.request(
                "POST",
                f"{(self._settings.url or '').rstrip('/')}/query",
                query_params=[("q", f'CREATE DATABASE "{database}"')],
                headers={"Authorization": f"Token {self._token}"},
            )
        except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            log.error(
                "the InfluxDB database is not there and cannot be made",
                database=database,
                error=_short(error),
            )
            return False
        if b'"error"' in (answer.data if isinstance(answer.data, bytes) else str(answer.data).encode()):
            return False
        log.info("made the InfluxDB database", database=database)
        return True

    def _quarantine(self, line: bytes, words: str) -> None:
        self.counters.points_refused += 1
        file = self._path / REFUSED_FILE
        try:
            if not file.exists() or file.stat().st_size < QUARANTINE_BYTES_MAX:
                with file.open("ab") as out:
                    out.write(b"# " + words.encode("utf-8", "replace") + b"\n" + line + b"\n")
        except OSError as problem:
            log.error("a refused point could not be kept", error=str(problem))
        log.error("InfluxDB refuses a point; it is kept beside the spool", file=str(file), error=words)

    # --- telling -------------------------------------------------------------------------------------------------------

    def _taken(self, points: int) -> None:
        self.counters.writes += 1
        self.counters.points_written += points
        if self.trouble:
            log.info("InfluxDB takes points again")
            self.trouble = ""

    def _failed(self, trouble: str) -> None:
        """Told once, however often it is tried."""
        self.counters.failures += 1
        if self.trouble != trouble:
            log.error("points wait in the spool", trouble=trouble)
        self.trouble = trouble


def _after_s(error: ApiException) -> float:
    headers: Any = error.headers or {}
    wish = str(headers.get("Retry-After", ""))
    return float(wish) if wish.isdigit() else 0.0


def _short(error: Exception) -> str:
    text = error.body if isinstance(error, ApiException) and error.body else str(error)
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return " ".join(str(text).split())[:300]
