"""How many records a second the watch takes in, and where its time goes.

``follow`` is the watch's own loop (``watch.follow.Follower``) over a journal that is there already: reader, tap,
pipeline with all shipped rules, store, batch by batch; once as it is, and once with the InfluxDB spool. ``stages`` is the
same work in one thread with a watch on each part. All of it runs on one core, and what counts is CPU time: another
process on that core costs wall time, and is none of the watch's doing. The wall's figure stands beside it.
"""

from __future__ import annotations

import cProfile
import gc
import os
import pstats
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import trio
from machine import tell

from nocwatch import garbage
from nocwatch.alerts.settings import AlertSettings
from nocwatch.console.live import Hub
from nocwatch.detectors.rules import load_rules, shipped_rules
from nocwatch.frames import Frame
from nocwatch.journal.reader import Reader
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.pipeline import Pipeline
from nocwatch.registry.places import Places
from nocwatch.sinks.lines import LineMaker
from nocwatch.sinks.settings import InfluxSettings
from nocwatch.sinks.spool import Spool
from nocwatch.sinks.usage import Usage
from nocwatch.store.batch import Batch
from nocwatch.store.settings import StoreSettings
from nocwatch.store.store import Store
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap
from nocwatch.watch.follow import RECORDS_MAX, Follower
from watching.workload import write_journal

POLL_BATCH = 64
"""Chunks that the relay's pump hands to the journal at once, under load."""
PROFILE_LINES = 30
_WAITING = frozenset({"<method 'acquire' of '_thread.lock' objects>"})
"""For the store's thread, whose own time is counted."""

Figures = dict[str, Any]


def run(fleet: int, records: int, seed: int, *, rounds: int, profile: bool) -> Figures:
    """All figures of the watch; the medians of ``rounds``."""
    os.sched_setaffinity(0, machine.PROXY_CORES)
    folder = Path(tempfile.mkdtemp(prefix="nocwatch-bench-"))
    try:
        tell(f"  watch: making a journal of {records} records of {fleet} stations")
        journal = folder / "journal"
        write_journal(journal, fleet, records, seed)
        figures: Figures = {"fleet": fleet, "records": records, "seed": seed, **_content(journal)}
        garbage.tune()  # as the watch does
        parts: dict[str, Callable[[], Figures]] = {
            "append": lambda: _append(journal, folder),
            "read": lambda: _read(journal),
            "follow": lambda: _follow(journal, folder, spooling=False),
            "follow_spool": lambda: _follow(journal, folder, spooling=True),
            "stages": lambda: _stages(journal, folder),
        }
        taken: dict[str, list[Figures]] = {name: [] for name in parts}
        for number in range(rounds):
            for name, part in parts.items():
                gc.collect()
                taken[name].append(part())
                tell(
                    f"  watch, round {number + 1}: {name:12} "
                    + "  ".join(f"{k} {v:.1f}" for k, v in taken[name][-1].items())
                )
        for name, values in taken.items():
            figures[name] = {key: statistics.median(value[key] for value in values) for key in values[0]}
        if profile:
            figures["profile"] = _profiled(journal, folder)
        return figures
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.sched_setaffinity(0, machine.LOAD_CORES)


class _Clock:
    """Wall and CPU time (all threads) since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def rates(self, records: int) -> Figures:
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        return {
            "records_s": records / cpu,
            "records_s_wall": records / wall,
            "us_record": cpu / records * 1e6,
        }


def _content(journal: Path) -> Figures:
    """What the journal holds, so that whoever reads the figures knows what they are of."""
    kinds: Counter[str] = Counter()
    size = 0
    reader = Reader(journal)
    while records := reader.read(RECORDS_MAX):
        kinds.update(record.kind.name.lower() for record in records)
        size += sum(len(record.data) for record in records)
    reader.close()
    return {"kinds": dict(kinds), "bytes_record": size / max(1, kinds.total())}


# --- the journal -----------------------------------------------------------------------------------------------------


def _append(journal: Path, folder: Path) -> Figures:
    """What a record costs the relay: ``add_chunks`` alone (the pump's own time), and with encoding and write."""
    reader = Reader(journal)
    chunks = []
    while records := reader.read(RECORDS_MAX):
        chunks += [(record.connection << 1 | record.direction, record.data) for record in records]
    reader.close()
    batches = [
        ([key for key, _ in part], [data for _, data in part])
        for part in (chunks[at : at + POLL_BATCH] for at in range(0, len(chunks), POLL_BATCH))
    ]
    target = folder / "appended"
    hot = 0.0
    since = time.process_time()
    with Writer(target, 0, JournalSettings.model_validate({"path": target})) as writer:
        for number, (keys, data) in enumerate(batches):
            begun = time.perf_counter()
            writer.add_chunks(1_790_000_000_000_000_000 + number, keys, data)
            hot += time.perf_counter() - begun
            if number % 16 == 15:
                writer.flush_sync()
        writer.flush_sync()
    cpu = time.process_time() - since
    shutil.rmtree(target)
    return {"us_record_pump": hot / len(chunks) * 1e6, "us_record": cpu / len(chunks) * 1e6}


def _read(journal: Path) -> Figures:
    clock, count, reader = _Clock(), 0, Reader(journal)
    while records := reader.read(RECORDS_MAX):
        count += len(records)
    reader.close()
    return clock.rates(count)


# --- the watch -------------------------------------------------------------------------------------------------------


class _Parts:
    """A watch's parts, fresh, as ``watch.process`` puts them together, without console and dispatcher."""

    def __init__(self, folder: Path, *, spooling: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.tap = Tap(Gate(bytes(range(32))))
        self.pipeline = Pipeline(load_rules(shipped_rules()), Places(), AlertSettings())
        self.store = Store.open(StoreSettings(url=f"sqlite:///{self.folder}/nocwatch.db"))
        influx = InfluxSettings.model_validate(
            {"url": "http://127.0.0.1:1", "spool": str(self.folder / "influx")}
        )
        self.spool = Spool(influx) if spooling else None

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()
        self.store.close()
        shutil.rmtree(self.folder)


def _follow(journal: Path, folder: Path, *, spooling: bool) -> Figures:
    parts = _Parts(folder, spooling=spooling)
    try:
        return trio.run(_followed, journal, parts)
    finally:
        parts.close()


async def _followed(journal: Path, parts: _Parts) -> Figures:
    follower = Follower(
        journal,
        parts.folder / "watch.snapshot",
        parts.tap,
        parts.pipeline,
        parts.store,
        parts.spool,
        Hub(),
        lambda: None,
    )
    clock = _Clock()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        while not follower.caught_up:  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(0.02)
        figures = clock.rates(follower.counters["records_total"])
        nursery.cancel_scope.cancel()
    figures["flags"] = sum(1 for _ in parts.pipeline.engine.raised)
    figures["alerts"] = follower.counters["alerts_total"]
    if parts.spool is not None:
        figures["points"] = follower.counters["points_total"]
    return figures


class _Stopwatch:
    """Adds up how long calls take, by name."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    def on(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        spent, clock = self.spent, time.perf_counter_ns

        def timed(*args: Any, **named: Any) -> Any:
            begun = clock()
            try:
                return call(*args, **named)
            finally:
                spent[name] += clock() - begun

        return timed


def _stages(journal: Path, folder: Path) -> Figures:
    """µs a record of each part. The wall's shares of the whole CPU time: a visitor on the core is spread over all."""
    parts = _Parts(folder, spooling=True)
    watch = _Stopwatch()
    pipeline: Any = parts.pipeline
    parts.tap.feed = watch.on("tap", parts.tap.feed)  # type: ignore[method-assign]
    pipeline.fleet.feed = watch.on("ocpp_state", pipeline.fleet.feed)
    pipeline.engine.feed = watch.on("detectors", pipeline.engine.feed)
    pipeline.book.advance = watch.on("alerts", pipeline.book.advance)
    pipeline.book.feed = watch.on("alerts", pipeline.book.feed)
    try:
        clock = _Clock()
        begun = time.perf_counter_ns()
        count, frames, lines = _straight(journal, parts, watch)
        wall_ns = time.perf_counter_ns() - begun
        cpu_us = clock.rates(count)["us_record"]
    finally:
        parts.close()
    figures = {f"us_{name}": spent / wall_ns * cpu_us for name, spent in watch.spent.items()}
    figures["us_rest"] = cpu_us - sum(figures.values())
    figures["us_all"] = cpu_us
    figures["lines_records_s"] = 1e6 / (figures["us_lines"] + figures["us_spool"])
    figures["lines_s"] = figures["lines_records_s"] * lines / count
    figures["frames"] = frames
    return figures


def _straight(journal: Path, parts: _Parts, watch: _Stopwatch) -> tuple[int, int, int]:
    """The watch's loop without trio, one thread. (records, frames, lines)"""
    reader, maker = Reader(journal), LineMaker(parts.pipeline.place)
    usage = Usage(maker.tags)
    read, apply = watch.on("read", reader.read), watch.on("store", parts.store.apply)
    make, use = watch.on("lines", maker.lines), watch.on("lines", usage.lines)
    assert parts.spool is not None
    add, flush = watch.on("spool", parts.spool.add), watch.on("spool", parts.spool.flush)
    count = frames = points = 0
    while records := read(RECORDS_MAX):
        batch, lines = Batch(), []
        gather = watch.on("batch", batch.add_step)
        for record in records:
            for sighting in parts.tap.feed(record):
                step = parts.pipeline.feed(sighting)
                gather(sighting, step.events, step.changes, step.flags, step.alerts)
                lines += make(step)
                lines += use(step)
                frames += isinstance(sighting, Frame)
        apply(batch)
        add(lines, records[-1].at_ns)
        flush()
        count += len(records)
        points += len(lines)
    reader.close()
    return count, frames, points


def _profiled(journal: Path, folder: Path) -> list[Figures]:
    """The functions in which the time goes, by their own time; the store's thread with the rest."""
    parts, profiler, stores = _Parts(folder, spooling=True), cProfile.Profile(), cProfile.Profile()
    database: Any = parts.store.database
    write, plain = database.write, _Stopwatch()
    database.write = lambda work: write(lambda writer: stores.runcall(work, writer))
    plain.on = lambda _, call: call  # type: ignore[method-assign]
    try:
        profiler.enable()
        _straight(journal, parts, plain)
        profiler.disable()
    finally:
        parts.close()
    stats: Any = pstats.Stats(profiler, stores)
    spent = {at: row for at, row in stats.stats.items() if at[2] not in _WAITING}
    total = sum(own for _, _, own, _, _ in spent.values())
    rows = sorted(spent.items(), key=lambda item: -item[1][2])[:PROFILE_LINES]
    return [
        {
            "function": f"{_short(file)}:{line} {name}" if line else name,
            "calls": calls,
            "own_s": own,
            "with_callees_s": full,
            "share": own / total,
        }
        for (file, line, name), (_, calls, own, full, _) in rows
    ]


def _short(file: str) -> str:
    path = Path(file)
    return "/".join(path.parts[-2:])
