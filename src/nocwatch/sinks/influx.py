"""InfluxDB 1.8, 2.x and 3.x, fed from a spool on disk, so that an outage of hours loses nothing and nothing waits for it.

The watch appends the lines of each batch to the spool (the journal's own machinery, records of kind LINES); a task drains
it by a durable cursor. A batch is written again when it is not known to have arrived, which changes nothing: equal series
and equal time overwrite. What a server refuses for good (400, 422) is halved until the bad points stand alone, and those go
to a file beside the spool, with the server's words. Never a lost point without a counter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from nocwatch.journal.reader import Reader
from nocwatch.journal.record import Record, RecordKind
from nocwatch.journal.retention import delete_below
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.sinks.settings import InfluxSettings

PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 30.0
IDLE_S = 0.2
"""How long the drain rests when the spool is empty: the most that a point is later than it need be."""
RECORD_BYTES_MAX = 256 * 1024
"""Lines are gathered into records of about this size: small enough for any batch, large enough to cost nothing each."""
QUARANTINE_BYTES_MAX = 16 * 1024 * 1024
"""Refused points are kept for a person to look at; beyond this they are only counted, or a broken schema fills the disk."""
SPOOL_KEPT_FOR = "366d"
"""An outage that is longer than a year is none."""

_REFUSED = frozenset({400, 413, 422})
_MISCONFIGURED = frozenset({401, 403, 404})

log = structlog.get_logger("nocwatch.influx")


class Spool:
    """What has been found and is not yet in InfluxDB. One writer: the watch."""

    def __init__(self, settings: InfluxSettings) -> None:
        path = Path(settings.spool)
        bounds = {
            "keep_for": SPOOL_KEPT_FOR,
            "size_max": f"{settings.spool_size_max}B",
            "segment_size": "16MiB",
        }
        self._kept = JournalSettings.model_validate({"path": path, **bounds})
        self._writer = Writer(path, 0, self._kept)

    @property
    def counters(self) -> dict[str, int]:
        return self._writer.counters

    def add(self, lines: Sequence[str], at_ns: int) -> None:
        """In memory, until ``flush``."""
        gathered: list[str] = []
        size = 0
        for line in lines:
            gathered.append(line)
            size += len(line)
            if size >= RECORD_BYTES_MAX:
                self._put(gathered, at_ns)
                gathered, size = [], 0
        if gathered:
            self._put(gathered, at_ns)

    def _put(self, lines: list[str], at_ns: int) -> None:
        self._writer.add(at_ns, RecordKind.LINES, 0, 0, "\n".join(lines).encode("utf-8", "replace"))

    def flush(self, *, durable: bool = False) -> bool:
        """To disk; called in a worker thread. False where the disk refuses: the lines stay in memory and are tried again."""
        return self._writer.flush_sync(durable=durable)

    def retain(self) -> None:
        self._writer.retain()

    def close(self) -> None:
        self._writer.close()


class Counters(msgspec.Struct):
    """What became of the points, since the start."""

    points_written: int = 0
    points_refused: int = 0
    writes: int = 0
    failures: int = 0
    gaps: int = 0


class InfluxSink:
    """Drains the spool into InfluxDB.

    Attributes:
        trouble: a sentence while it does not work, empty while it does.
        caught_up: nothing waits in the spool.
    """

    def __init__(self, settings: InfluxSettings, now_ns: Callable[[], int]) -> None:
        assert settings.url
        self._settings = settings
        self._now_ns = now_ns
        self._path = Path(settings.spool)
        self._cursor_file = self._path / "cursor.json"
        self._client: Any = InfluxDBClient(
            url=settings.url,
            token=settings.token.get_secret_value() if settings.token else "",
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
        self._asked_for_database = False

    async def run(self) -> None:
        """Until cancelled; what was not written by then stays in the spool."""
        reader = Reader(self._path, load_cursor(self._cursor_file))
        pause_s = PAUSE_FIRST_S
        while True:
            records = await trio.to_thread.run_sync(reader.read, 64)
            if not records:
                self.caught_up, self.oldest_ns = True, 0
                await trio.sleep(IDLE_S)
                continue
            self.caught_up, self.oldest_ns = False, records[0].at_ns
            for lines in self._batches(records):
                while not await trio.to_thread.run_sync(self._write, lines, abandon_on_cancel=True):
                    await trio.sleep(pause_s)
                    pause_s = min(pause_s * 2, PAUSE_MAX_S)
                pause_s = PAUSE_FIRST_S
            await trio.to_thread.run_sync(self._advance, reader.cursor)

    def _advance(self, cursor: Cursor) -> None:
        save_cursor(self._cursor_file, cursor)
        delete_below(self._path, cursor)

    def _batches(self, records: list[Record]) -> Iterator[list[bytes]]:
        lines: list[bytes] = []
        for record in records:
            if record.kind is RecordKind.LINES:
                lines += record.data.split(b"\n")
            elif record.kind is RecordKind.GAP:
                self.counters.gaps += 1
                log.error(
                    "points were lost before they reached InfluxDB",
                    gap=record.data.decode("utf-8", "replace"),
                )
        size = self._settings.batch_points_max
        for start in range(0, len(lines), size):
            yield lines[start : start + size]

    def _write(self, lines: list[bytes]) -> bool:
        """True: done with these lines. False: try again later."""
        try:
            self._writes.write(bucket=self._settings.bucket, record=b"\n".join(lines))
        except ApiException as error:
            return self._refused(lines, error)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return self._failed(f"InfluxDB at {self._settings.url} does not answer: {_short(error)}")
        self.counters.writes += 1
        self.counters.points_written += len(lines)
        if self.trouble:
            log.info("InfluxDB takes points again")
            self.trouble = ""
        return True

    def _refused(self, lines: list[bytes], error: ApiException) -> bool:
        status = error.status or 0
        if status == 404 and not self._asked_for_database and self._create_database():
            return self._write(lines)
        if status in _MISCONFIGURED:
            hint = {
                401: "the token is wrong",
                403: "the token may not write there",
                404: "there is no such bucket",
            }[status]
            return self._failed(
                f"InfluxDB answers {status}: {hint} (influx.url, influx.token, influx.org, influx.bucket)"
            )
        if status not in _REFUSED:
            return self._failed(f"InfluxDB answers {status}: {_short(error)}")
        if len(lines) == 1:
            self._quarantine(lines[0], error)
            return True
        middle = len(lines) // 2
        return self._write(lines[:middle]) and self._write(lines[middle:])

    def _create_database(self) -> bool:
        """InfluxDB 1.8 can be asked to make the database; a newer one cannot, and says so."""
        self._asked_for_database = True  # once: a retention policy that is missing answers 404 too
        database = self._settings.bucket.partition("/")[0].replace('"', "")
        try:
            self._client.api_client.call_api(
                "/query",
                "POST",
                query_params=[("q", f'CREATE DATABASE "{database}"')],
                auth_settings=["TokenAuthentication"],
            )
        except (ApiException, urllib3.exceptions.HTTPError, OSError):
            return False
        version = self._client.version() or ""
        if not version.startswith("1"):
            return False
        log.info("made the InfluxDB database", database=database)
        return True

    def _failed(self, trouble: str) -> bool:
        self.counters.failures += 1
        if self.trouble != trouble:
            log.error("points wait in the spool", trouble=trouble)
        self.trouble = trouble
        return False

    def _quarantine(self, line: bytes, error: ApiException) -> None:
        self.counters.points_refused += 1
        file = self._path / "refused.lp"
        try:
            if not file.exists() or file.stat().st_size < QUARANTINE_BYTES_MAX:
                with file.open("ab") as out:
                    out.write(b"# " + _short(error).encode("utf-8", "replace") + b"\n" + line + b"\n")
        except OSError as problem:
            log.error("a refused point could not be kept", error=str(problem))
        log.error(
            "InfluxDB refuses a point; it is kept beside the spool", file=str(file), error=_short(error)
        )


def _short(error: Exception) -> str:
    text = error.body if isinstance(error, ApiException) and error.body else str(error)
    return " ".join(str(text).split())[:300]
