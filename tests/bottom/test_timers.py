"""Timers come due by the records' time, in one order whatever happened in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nocwatch.timers import Timers

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 5), st.integers(0, 50)),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("advance"), st.just(0), st.integers(0, 60)),
    ),
    max_size=200,
)


@given(OPERATIONS, st.booleans())
def test_timers_agree_with_a_plain_table_also_across_a_snapshot(
    operations: list[tuple[str, int, int]], restart: bool
) -> None:
    timers: Timers[int] = Timers()
    table: dict[int, tuple[int, int]] = {}
    for order, (what, key, moment) in enumerate(operations):
        if restart:
            moments, timers = timers.dump(), Timers()
            timers.load(moments)
        if what == "set":
            timers.set(key, moment)
            table[key] = (moment, order)
        elif what == "cancel":
            timers.cancel(key)
            table.pop(key, None)
        else:
            expected = sorted((due, at, k) for k, (due, at) in table.items() if due <= moment)
            assert list(timers.pop_due(moment)) == [(k, due) for due, _, k in expected]
            for _, _, k in expected:
                del table[k]
    assert len(timers) == len(table)


def test_a_timer_set_while_others_come_due_is_not_missed() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 1)
    seen = []
    for key, _ in timers.pop_due(10):
        seen.append(key)
        if key == "a":
            timers.set("b", 5)
    assert seen == ["a", "b"]


def test_a_timer_that_is_renewed_a_million_times_does_not_grow() -> None:
    timers: Timers[str] = Timers()
    for moment in range(10_000):
        timers.set("heartbeat", moment)
    assert len(timers._heap) < 1000


def test_a_moment_beyond_all_calendars_never_comes_and_is_kept() -> None:
    timers: Timers[str] = Timers()
    timers.set("never", 10**40)
    assert timers.dump() == [("never", 2**63 - 1)]
    assert not list(timers.pop_due(2**62))
