"""Traces from the field through the real pipeline into a real store: the report has each session, as the replay tells it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from nocwatch.alerts.settings import AlertSettings
from nocwatch.detectors.rules import load_rules, shipped_rules
from nocwatch.pipeline import Pipeline
from nocwatch.registry.places import Places
from nocwatch.reports.amounts import amounts
from nocwatch.reports.book import Book
from nocwatch.reports.columns import SETS, ColumnSet, Told
from nocwatch.reports.writing import Style, csv_of
from nocwatch.sessions import Session
from nocwatch.store import Batch, Store
from nocwatch.store.reading import every_session, reading
from nocwatch.store.settings import StoreSettings
from nocwatch.store.values import SessionFilter
from nocwatch.tap.gate import Gate
from nocwatch.trace.reading import read_traces
from nocwatch.trace.replay import REPLAY_KEY, told

TRACES = Path(__file__).parents[2] / "rules" / "tests"
GATE = Gate(REPLAY_KEY)


@pytest.mark.parametrize(
    "name",
    ["zero_energy_session_fires", "lost_stop_fires", "register_rollback_fires", "success_rate_drop_fires"],
)
def test_each_session_of_a_trace_is_a_row_with_what_the_replay_says_of_it(name: str, tmp_path: Path) -> None:
    rules = load_rules(shipped_rules())
    files = [TRACES / f"{name}.jsonl"]
    settings = StoreSettings(url=f"sqlite:///{tmp_path}/nocwatch.db")
    store, batch = Store.open(settings), Batch()
    pipeline = Pipeline(rules, Places(), AlertSettings())
    for sighting in read_traces(files, GATE):
        step = pipeline.feed(sighting)
        batch.add_step(step.sighting, step.events, step.changes, step.flags, step.alerts)
    store.apply(batch)
    book = Book()
    with reading(settings) as reader:
        rows = [
            Told(each, book, amounts(each, book.places, lambda _: ()))
            for each in every_session(reader, SessionFilter(order="oldest"))
        ]
    store.close()
    written = list(
        csv.DictReader(io.StringIO("".join(csv_of(rows, SETS[ColumnSet.FULL], Style())), newline=""))
    )
    replayed = {
        each.id: each for each in told(read_traces(files, GATE), rules, Places()) if isinstance(each, Session)
    }
    assert {row["Charge ID"] for row in written} == set(replayed)
    assert written
    for row in written:
        session = replayed[row["Charge ID"]]
        assert row["Transaction ID"] == ("" if session.transaction is None else str(session.transaction))
        assert row["Outcome"] == session.outcome
        assert row["Reason"] == (session.reason or "")
        assert bool(row["Stop time"]) == (session.stopped_at_ns is not None)
        if session.over:
            energy = None if session.energy_wh is None else round(session.energy_wh, 3)
            assert (float(row["Energy (Wh)"]) if row["Energy (Wh)"] else None) == energy
        assert (row["Price"], row["CPO name"]) == ("", "")
