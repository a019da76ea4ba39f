"""Time stamps as stations write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.talking import START_NS

from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS
from nocwatch.ocpp import clocks


@pytest.mark.parametrize(
    ("text", "offset_ns"),
    [
        ("2026-11-21T10:00:00Z", 0),
        ("2026-11-21T10:00:00.000Z", 0),
        ("2026-11-21T10:00:00.5Z", SECOND_NS // 2),
        ("2026-11-21T10:00:00.123456789Z", 123_456_000),
        ("2026-11-21T12:00:00+02:00", 0),
        ("2026-11-21T12:00:00+0200", 0),
        ("2026-11-21T12:00:00+02", 0),
        ("2026-11-21T04:30:00-05:30", 0),
        ("2026-11-21T10:00:00", 0),
        ("2026-11-21 10:00:00Z", 0),
        ("2026-11-21t10:00:00z", 0),
        ("2026-11-21T10:00:00,25Z", SECOND_NS // 4),
        ("2026-11-21T10:00Z", 0),
        ("2026-11-21T09:59:60Z", 0),
        (" 2026-11-21T10:00:00 UTC", 0),
        ("2026-11-21T9:05:00Z", -55 * 60 * SECOND_NS),
    ],
)
def test_the_same_moment_in_every_form_that_was_seen(text, offset_ns):
    assert clocks.parse(text) == START_NS + offset_ns


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-21", "1795255200", "2026-13-01T00:00:00Z", "2026-11-21T25:00:00Z", "21.11.2026 10:00", "2026-W47-6", "9" * 100, "2026-11-21T10:00:00+99:00x"],
)  # fmt: skip
def test_what_is_no_time_stamp(text):
    assert clocks.parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:12Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+02:00",
        "2036-02-07T06:28:16Z",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_clocks_that_were_never_set_are_read_and_not_believed(text):
    event_ns = clocks.parse(text)
    assert event_ns is None or not clocks.plausible(event_ns, START_NS)


def test_what_is_plausible():
    assert clocks.plausible(START_NS - 400 * DAY_NS, START_NS), "a queue may be old"
    assert clocks.plausible(START_NS + 23 * HOUR_NS, START_NS), "local time labelled Z"
    assert not clocks.plausible(START_NS + 25 * HOUR_NS, START_NS)
    assert clocks.plausible(clocks.parse("2010-01-01T00:00:00Z"), START_NS)
    assert not clocks.plausible(clocks.parse("2009-12-31T23:59:59Z"), START_NS), "no OCPP-J station is as old"


@given(st.text(max_size=70))
def test_no_text_makes_it_raise(text):
    clocks.parse(text)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.sampled_from(["Z", "", "+00:00"]))  # noqa: DTZ001
def test_it_agrees_with_the_library(moment, zone):
    seconds = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    assert clocks.parse(moment.isoformat() + zone) == pytest.approx(seconds * 1e9, abs=1000)
