"""The journal's writer in the shape in which the pump knows a recorder. A layer between two rooms that do not know each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import trio

from nocwatch.records import RecordKind


class JournalWriter(Protocol):
    """What the relay needs of a journal: ``journal.writer.Writer``, or a test's own."""

    counters: dict[str, int]
    newest_begin: int

    def add(self, at_ns: int, kind: RecordKind, connection: int, direction: int, data: bytes) -> None: ...

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None: ...

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None: ...


WriterFactory = Callable[[Callable[[], Iterable[tuple[int, bytes]]]], JournalWriter]


class JournalRecorder:
    """The journal's writer as the pump's recorder."""

    __slots__ = ("_add", "add_chunks")

    def __init__(self, writer: JournalWriter) -> None:
        self._add = writer.add
        self.add_chunks = writer.add_chunks

    def add_link(self, at_ns: int, connection: int, event: bytes) -> None:
        self._add(at_ns, RecordKind.LINK, connection, 0, event)

    def add_tick(self, at_ns: int, counters: bytes) -> None:
        self._add(at_ns, RecordKind.TICK, 0, 0, counters)
