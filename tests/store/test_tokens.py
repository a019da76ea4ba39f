"""Prefixes of tokens are kept with their batch, and as long as a session has the token."""

from __future__ import annotations

from tests.support.alerts import HOUR, NOON
from tests.support.history import a_session, batch_of, session_changed

from nocwatch.moments import DAY_NS
from nocwatch.store import Store
from nocwatch.store.retention import forget
from nocwatch.store.values import TokenTotals


def test_the_latest_word_holds_and_the_latest_noted_come_first(tmp_path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    for at_ns, pairs in ((NOON, [("h:1", "nl"), ("h:2", "de")]), (NOON + 5, [("h:1", "nl-tnm")])):
        batch = batch_of(at_ns=at_ns)
        batch.token_prefixes = pairs
        store.apply(batch)
        store.apply(batch)
    assert store.prefixed_tokens(9) == [("h:1", "nl-tnm"), ("h:2", "de")]
    assert store.prefixed_tokens(1) == [("h:1", "nl-tnm")]
    store.close()


def test_a_prefix_stays_while_a_session_has_its_token(tmp_path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    late = NOON + 2000 * DAY_NS
    batch = batch_of(session_changed(a_session("s", started=late - DAY_NS, token="h:1")))
    batch.token_prefixes = [("h:1", "nl"), ("h:2", "nl")]
    store.apply(batch)
    forget(store, late)
    assert store.prefixed_tokens(9) == [("h:1", "nl")]
    store.close()


def test_what_a_token_did_in_all_is_of_its_sessions_alone(tmp_path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    store.apply(
        batch_of(
            *(
                session_changed(
                    a_session(
                        f"{number:016x}",
                        station=station,
                        token=token,
                        energy_wh=energy_wh,
                        started=NOON + number * HOUR,
                    )
                )
                for number, (station, token, energy_wh) in enumerate(
                    [
                        ("CP1", "h:1", 1000.0),
                        ("CP2", "h:1", 2500.0),
                        ("CP1", "h:1", None),
                        ("CP1", "h:2", 9000.0),
                        ("CP1", None, 7.0),
                    ]
                )
            )
        )
    )
    found = store.totals("h:1")
    assert found == TokenTotals(sessions=3, stations=2, energy_wh=3500.0, since_ns=NOON)
    assert store.totals("h:9") is store.totals(None) is None
    store.close()
