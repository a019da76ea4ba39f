"""Work that teams keep in a calendar quiets detectors as if it stood in the registry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.errors import ConfigurationError
from nocwatch.registry.calendars import CalendarError, events
from nocwatch.registry.load import load_registry


def calendar(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""])


def told(*lines: str, timezone: str = "Europe/Berlin") -> list[tuple[str, float]]:
    """Begin in UTC, and hours."""
    return [
        (
            datetime.fromtimestamp(each.from_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M"),
            (each.until_ns - each.from_ns) / 3.6e12,
        )
        for each in events(calendar(*lines), timezone)
    ]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["DTSTART:20260601T060000Z", "DTEND:20260601T100000Z"], [("2026-06-01 06:00", 4)]),
        (["DTSTART;TZID=America/New_York:20260601T060000", "DURATION:PT1H30M"], [("2026-06-01 10:00", 1.5)]),
        (["DTSTART:20260601T060000", "DURATION:P1D"], [("2026-06-01 04:00", 24)]),
        (["DTSTART;VALUE=DATE:20261025"], [("2026-10-24 22:00", 25)]),
        (["DTSTART;VALUE=DATE:20260329", "DTEND;VALUE=DATE:20260331"], [("2026-03-28 23:00", 47)]),
        (["DTSTART:20260601T060000Z", "DURATION:PT1H", "STATUS:CANCELLED"], []),
        (
            ["DTSTART;TZID=Europe/Berlin:20261024T080000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3"],
            [("2026-10-24 06:00", 1), ("2026-10-25 07:00", 1), ("2026-10-26 07:00", 1)],
        ),
        (
            ["DTSTART:20260602T080000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU;UNTIL=20260616T080000Z"],
            [("2026-06-02 08:00", 1), ("2026-06-15 08:00", 1), ("2026-06-16 08:00", 1)],
        ),
        (
            ["DTSTART:20260601T080000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260603", "EXDATE:20260602T080000Z"],
            [("2026-06-01 08:00", 1), ("2026-06-03 08:00", 1)],
        ),
    ],
)  # fmt: skip
def test_events_are_at_the_times_that_the_calendar_shows(
    lines: list[str], wanted: list[tuple[str, float]]
) -> None:
    assert told(*lines) == wanted


def test_folded_lines_alarms_and_quoted_zones_are_read() -> None:
    (event,) = events(
        calendar(
            'DTSTART;TZID="Europe/Berlin":20260601T080000',
            "DURATION:PT1H",
            "SUMMARY:New cable\\, and",
            "  new plug",
            "BEGIN:VALARM",
            "DURATION:PT5M",
            "END:VALARM",
        ),
        "UTC",
    )
    assert event.summary == "New cable, and new plug"
    assert event.until_ns - event.from_ns == 3600 * 10**9


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (["DTSTART:20260601T060000Z", "DURATION:PT1H", "RRULE:FREQ=MONTHLY"], 5, "DAILY and WEEKLY are understood"),
        (["DTSTART:20260601T060000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;BYDAY=1MO"], 5, "DAILY and WEEKLY"),
        (["DTSTART:20260601T060000Z", "DTEND:20260601T060000Z"], 2, "does not end after it begins"),
        (["DTSTART;TZID=W. Europe Standard Time:20260601T060000", "DURATION:PT1H"], 3, "is no time zone"),
        (["DTSTART:tomorrow"], 3, "'tomorrow' is no time"),
        (["SUMMARY:x"], 2, "without DTSTART"),
        (["DTSTART:20260601T060000Z", "RDATE:20260602T060000Z"], 4, "RDATE is not understood"),
        (["DTSTART;VALUE=DATE:99991231"], 2, "beyond the year 9999"),
        (["DTSTART:20260601T060000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;INTERVAL=99999999999"], 2, "beyond the year"),
        (["DTSTART:20260601T060000Z", f"DURATION:PT{'9' * 5000}S"], 4, "no duration"),
        (["nonsense"], 3, "without a colon"),
        (["END:VALARM"], 3, "ends nothing"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_told_with_its_line(lines: list[str], line: int, words: str) -> None:
    with pytest.raises(CalendarError, match=words) as caught:
        told(*lines)
    assert caught.value.line == line


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(
                ["DTSTART:20260601T060000Z", "DTEND:20260601T070000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;BYDAY=MO", "RRULE:COUNT=x", "BEGIN:VEVENT", "END:VEVENT"]
            ),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_no_calendar_does_worse_than_be_told(lines: list[str]) -> None:
    try:
        found = events(calendar(*lines), "UTC")
    except CalendarError as error:
        assert error.line >= 1  # noqa: PT017
    else:
        assert all(each.from_ns < each.until_ns for each in found)


def test_a_calendar_beside_the_registry_quiets_its_scope(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "stations: [{id: CP1}, {id: CP2}]\nmaintenance: [{scope: {station: CP1}, calendar: work.ics}]\n"
    )
    weekly = ("DTSTART:20260601T060000Z", "DURATION:PT2H", "RRULE:FREQ=WEEKLY", "SUMMARY:inspection")
    (tmp_path / "work.ics").write_text(calendar(*weekly))
    places = load_registry(tmp_path, str).places
    monday = int(datetime(2027, 11, 15, 7, tzinfo=UTC).timestamp()) * 10**9
    window = places.in_maintenance(places.place("CP1"), monday)
    assert window
    assert window.note == "inspection"
    assert not places.in_maintenance(places.place("CP2"), monday)
    assert not places.in_maintenance(places.place("CP1"), monday + 3600 * 10**9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("maintenance: [{calendar: none.ics}]\n", r"a\.yaml:1:maintenance\.0\.calendar: .*none\.ics cannot be read"),
        ('maintenance: [{calendar: "a\\0b"}]\n', r"a\.yaml:1:maintenance\.0\.calendar: .* cannot be read"),
        ("maintenance: [{calendar: bad.ics}]\n", r"bad\.ics:1: this is no whole iCalendar file"),
        ("maintenance: [{note: x}]\n", r"maintenance\.0: this needs 'from' and 'until', or a calendar"),
        ("maintenance: [{calendar: bad.ics, until: 2026-05-02T00:00:00Z}]\n", r"either a calendar, or"),
    ],
)  # fmt: skip
def test_a_calendar_that_cannot_be_read_is_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "bad.ics").write_text("hello:world")
    with pytest.raises(ConfigurationError, match=words):
        load_registry(tmp_path, str)
