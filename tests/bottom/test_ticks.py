"""Figures of several workers put together: what is added, what is not, and whose are no longer told."""

from __future__ import annotations

from nocwatch import ticks

FIRST = {
    "links": 5,
    "links_open": 2,
    "draining": 0,
    "upstream_up_main": 1,
    "reloads": 1,
    "start_time_seconds": 100,
}
SECOND = {
    "links": 7,
    "links_open": 3,
    "draining": 1,
    "upstream_up_main": 0,
    "reloads": 1,
    "start_time_seconds": 90,
}


def test_counts_are_added_and_what_is_one_for_all_is_not() -> None:
    assert ticks.total([FIRST, SECOND]) == {
        "links": 12,
        "links_open": 5,
        "draining": 1,
        "upstream_up_main": 0,
        "reloads": 1,
        "start_time_seconds": 100,
    }


def test_a_reason_that_only_one_worker_met_is_counted() -> None:
    assert ticks.total([{"refused_timeout": 1}, {"closed_csms_fin": 2}]) == {
        "refused_timeout": 1,
        "closed_csms_fin": 2,
    }


def test_a_worker_behind_one_that_crashed_counts_on_and_has_its_own_now() -> None:
    after = ticks.going_on({"links": 1, "links_open": 1, "upstream_up_main": 1, "reloads": 0}, SECOND)
    assert after == {"links": 8, "links_open": 1, "upstream_up_main": 1, "reloads": 0}


def test_what_was_refused_before_the_crash_only_stays_counted() -> None:
    assert ticks.going_on({"links": 1}, {"refused_timeout": 3}) == {"links": 1, "refused_timeout": 3}


def test_a_worker_that_the_configuration_took_away_counts_no_more() -> None:
    two, one = {"workers": 2, "links_open": 4}, {"workers": 1, "links_open": 6}
    assert ticks.current({0: (10, two), 1: (11, two)}) == {0: two, 1: two}
    assert ticks.current({0: (20, one), 1: (11, two)}) == {0: one}
    assert ticks.current({}) == {}


def test_ticks_of_another_version_count_as_they_come() -> None:
    assert ticks.current({0: (1, {}), 3: (2, {})}) == {0: {}, 3: {}}


def test_a_worker_that_ended_on_purpose_is_not_missed_while_the_others_end() -> None:
    ended, ending, running = {"ended": 1, "draining": 1}, {"ended": 0, "draining": 1}, {"ended": 0}
    assert ticks.speaking({0: ending, 1: ended}) == [0]
    assert ticks.speaking({0: ended, 1: ended}) == [0, 1]  # now it is the relay that is away
    assert ticks.speaking({0: running, 1: ended}) == [0, 1]  # its parent should have started another
    assert ticks.speaking({0: {}, 1: {}}) == [0, 1]  # ticks of another version
    assert ticks.speaking({}) == []


def test_a_relay_has_ended_when_all_its_workers_have() -> None:
    assert ticks.total([{"ended": 1}, {"ended": 0}])["ended"] == 0
    assert ticks.total([{"ended": 1}, {"ended": 1}])["ended"] == 1
    assert ticks.is_gauge("ended")
    assert ticks.is_gauge("worker_draining_1")
