"""Reading beside a watch: nothing is written, nothing is held open, and what cannot be read is told in a line."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.support.alerts import HOUR, NOON
from tests.support.history import a_session, a_station, batch_of, session_changed

from nocwatch.store import Store
from nocwatch.store.errors import StoreError
from nocwatch.store.reading import every_session, reading, stations
from nocwatch.store.settings import StoreSettings
from nocwatch.store.values import SessionFilter


def settings_of(store: Store) -> StoreSettings:
    return StoreSettings(url=f"sqlite:///{store.database.path}")


def test_all_pages_come_while_the_watch_writes_on(store: Store) -> None:
    """More than one page; what is written meanwhile shifts and doubles nothing."""
    store.apply(batch_of(*(session_changed(a_session(f"s{n:04d}", started=NOON + n)) for n in range(1500))))
    with reading(settings_of(store)) as reader:
        found = every_session(reader, SessionFilter(order="oldest"))
        names = [next(found).id]
        store.apply(batch_of(session_changed(a_session("new", started=NOON + HOUR))))
        names += [each.id for each in found]
    assert names == [f"s{n:04d}" for n in range(1500)] + ["new"]


def test_a_report_that_is_being_read_keeps_no_transaction_open(store: Store) -> None:
    """Else the write-ahead log would grow for as long as somebody looks at the first page."""
    store.apply(batch_of(*(session_changed(a_session(f"s{n:04d}", started=NOON + n)) for n in range(1500))))
    with reading(settings_of(store)) as reader:
        found = every_session(reader, SessionFilter())
        next(found)
        store.apply(batch_of(a_station("CP7")))
        with sqlite3.connect(store.database.path) as other:
            busy, frames, moved = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        other.close()
        assert (busy, frames, moved) == (0, 0, 0)
        assert "CP7" in stations(reader)


def test_it_cannot_write(store: Store) -> None:
    with reading(settings_of(store)) as reader, pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM sessions")


def test_a_store_that_nobody_has_open_can_be_read(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nocwatch.db")
    store.apply(batch_of(a_station()))
    settings = settings_of(store)
    store.close()
    with reading(settings) as reader:
        assert list(stations(reader)) == ["CP1"]


def test_what_is_no_store_of_ours_is_told_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as made:
        made.execute("CREATE TABLE theirs (a)")
    made.close()
    text = tmp_path / "text.db"
    text.write_text("this is no database, only a file that is long enough to be asked " * 20)
    for path, said in (
        (tmp_path / "none.db", "no store yet"),
        (other, "another program"),
        (text, "no SQLite"),
    ):
        with (
            pytest.raises(StoreError, match=said),
            reading(StoreSettings(url=f"sqlite:///{path}")),
        ):
            pass
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(("form", "said"), [(1, "older nocwatch"), (99, "newer nocwatch")])
def test_a_store_of_another_form_is_told(store: Store, form: int, said: str) -> None:
    store.database.write(lambda writer: writer.execute(f"PRAGMA user_version = {form}").fetchall())
    with pytest.raises(StoreError, match=said), reading(settings_of(store)):
        pass
