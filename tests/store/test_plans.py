"""What was planned and paid is kept, found again, and comes back as it was put in; an older file learns it."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest
from tests.support.alerts import MINUTE, NOON
from tests.support.history import a_session, batch_of, session_changed

from nocwatch.plans import Booking, BookingState, CostNote, Costs, Limit, Limited, Plan, ProfileNote
from nocwatch.store import SessionFilter, Store
from nocwatch.store import schema as schemas


def limited(*limits: float | None) -> Plan:
    steps = tuple(
        Limit(from_ns=NOON + at * MINUTE, limit=limit, unit="A", frame="0-1")
        for at, limit in enumerate(limits)
    )
    return Plan(limits=steps, profiles=(ProfileNote(id=1, at_ns=NOON, frames=("0-1",)),))


def cost(amount: str | None, currency: str = "EUR") -> Costs:
    return Costs(
        notes=(
            CostNote(
                at_ns=NOON, by="csms", amount=None if amount is None else Decimal(amount), currency=currency
            ),
        )
    )


@pytest.fixture
def kept(store):
    sessions = [
        a_session("free"),
        a_session("less", plan=limited(16), costs=cost("4.25"), reservation=Booking(id=4711, made_at_ns=NOON, state=BookingState.USED)),
        a_session("none", plan=limited(16, 0, 16), costs=cost("0")),
        a_session("lifted", plan=limited(None), costs=cost(None)),
        a_session("absurd", costs=cost("1e18")),
    ]  # fmt: skip
    store.apply(batch_of(*map(session_changed, sessions)))
    return store


def ids(store: Store, **wanted: object) -> set[str]:
    return {each.id for each in store.sessions(SessionFilter(**wanted)).items}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"limited": Limited.SOME}, {"less", "none"}),
        ({"limited": Limited.NOTHING}, {"none"}),
        ({"limited": Limited.NOT}, {"free", "lifted", "absurd"}),
        ({"costed": True}, {"less", "none"}),
        ({"costed": False}, {"free", "lifted", "absurd"}),
        ({"reservation": 4711}, {"less"}),
        ({"text": "4711"}, {"less"}),
        ({"text": "47110"}, set()),
        ({"text": "9" * 40}, set()),
    ],
)
def test_sessions_are_found_by_plan_cost_and_reservation(
    kept: Store, wanted: dict[str, object], found: set[str]
) -> None:
    assert ids(kept, **wanted) == found


def test_they_come_back_as_they_were_and_a_later_revision_holds(kept: Store) -> None:
    less = kept.session("less")
    assert less is not None
    assert (less.plan, less.costs) == (limited(16), cost("4.25"))
    kept.apply(batch_of(session_changed(a_session("less", revision=2, costs=cost("5", "CHF")))))
    assert ids(kept, limited=Limited.SOME) == {"none"}
    with kept.database.reading() as reader:
        row = reader.execute("SELECT cost, currency, reservation FROM sessions WHERE id = 'less'").fetchone()
    assert tuple(row) == (5_000_000, "CHF", None)


def test_a_file_from_before_learns_it(tmp_path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        for script in schemas.MIGRATIONS[:2]:
            old.executescript(script)
        old.execute(f"PRAGMA application_id = {schemas.APPLICATION_ID}")
        old.execute("PRAGMA user_version = 2")
    store = Store.open(f"sqlite:///{path}")
    store.apply(batch_of(session_changed(a_session("less", plan=limited(16)))))
    assert ids(store, limited=Limited.SOME) == {"less"}
    store.close()
