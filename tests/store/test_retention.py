"""What was kept long enough goes; what still counts stays."""

from __future__ import annotations

import msgspec
import pytest
from tests.support.alerts import HOUR, NOON, PLACES, a_flag, alert_settings, cleared
from tests.support.history import a_frame, a_session, batch_of, metered, session_changed, status

from nocwatch.alerts.alert import AlertState
from nocwatch.alerts.lifecycle import AlertBook
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome
from nocwatch.store import Batch, FlagFilter, Store, StoreSettings, retention

DAY = 24 * HOUR


@pytest.fixture
def short(tmp_path):
    settings = StoreSettings(
        url=f"sqlite:///{tmp_path}/x.db",
        frames_for="2d",
        samples_for="3d",
        states_for="4d",
        sessions_for="5d",
    )
    store = Store.open(settings)
    yield store
    store.close()


def test_each_kind_goes_in_its_own_time(short):
    batch = Batch()
    for day in range(8):
        at = NOON - day * DAY
        batch.add_step(
            a_frame(8 - day, at_ns=at),
            [],
            [
                metered(f"s{day}", at),
                status(ConnectorStatus.CHARGING if day % 2 else ConnectorStatus.AVAILABLE, at),
                session_changed(a_session(f"s{day}", started=at)),
            ],
            [cleared(a_flag(f"f{day}", at_ns=at), at + HOUR)],
        )
    short.apply(batch)
    days = short.kpi_days(None, 9, NOON)
    gone = retention.forget(short, NOON)
    counts = short.counts()
    assert counts["frames"] == 3
    assert counts["samples"] == 4
    assert counts["sessions"] == 6
    assert counts["flags"] == 6
    assert (gone["frames"], gone["samples"], gone["sessions"]) == (5, 4, 2)
    assert [band.from_ns for band in short.states("CP1", 0, NOON + 1)] == [
        NOON - day * DAY for day in (5, 4, 3, 2, 1, 0)
    ]
    assert short.kpi_days(None, 9, NOON) == days, "sums outlive what they were made from"
    assert not any(retention.forget(short, NOON).values())


def test_what_still_lasts_stays_however_old(short):
    old = NOON - 300 * DAY
    batch = batch_of(
        status(ConnectorStatus.FAULTED, old),
        session_changed(a_session(outcome=Outcome.ONGOING, started=old)),
        at_ns=old,
    )
    batch.add_step(None, flags=[a_flag(at_ns=old)])
    short.apply(batch)
    retention.forget(short, NOON)
    assert short.session("s1") is not None
    assert len(short.flags(FlagFilter()).items) == 1
    assert len(short.states("CP1", NOON, NOON + 1)) == 1


def test_thousands_go_in_small_transactions_and_the_disk_gets_its_space_back(short):
    batch = Batch()
    for number in range(5000):
        batch.add_step(a_frame(number, at_ns=NOON - 10 * DAY, payload=b"x" * 1000, lane=number % 3))
    short.apply(batch)
    full = short.counts()["bytes"]
    pauses = []
    assert retention.forget(short, NOON, lambda: pauses.append(1))["frames"] == 5000
    assert len(pauses) >= 3
    assert short.counts()["bytes"] < full / 2


def test_which_alerts_told_of_a_flag_goes_with_the_flag(short):
    """A group of a thousand names two hundred in its document: the others' rows would stay for ever."""
    flag = a_flag("f1", at_ns=NOON - 9 * DAY)
    alert = AlertBook(alert_settings(file=None), PLACES).feed(flag)[0]
    named = msgspec.structs.replace(alert, flags=("f2",), revision=2, state=AlertState.RESOLVED)
    batch = Batch()
    batch.add_step(None, flags=[cleared(flag, NOON - 8 * DAY)], alerts=[alert, named])
    short.apply(batch)
    retention.forget(short, NOON)
    with short.database.reading() as reader:
        assert reader.execute("SELECT count(*) FROM alert_flags").fetchone() == (0,)
