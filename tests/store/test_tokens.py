"""Prefixes of tokens are kept with their batch, and as long as a session has the token."""

from __future__ import annotations

from tests.support.alerts import NOON
from tests.support.history import a_session, batch_of, session_changed

from nocwatch.moments import DAY_NS
from nocwatch.store import Store
from nocwatch.store.retention import forget


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
