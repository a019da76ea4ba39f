"""Times of work out of an iCalendar file [RFC 5545]: what teams keep in a shared calendar anyway. Pure: text in, times out.

What always holds: what is not understood is told with its line and not left out in silence, for a wrong window would keep detectors quiet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nocwatch.moments import SECOND_NS

OCCURRENCES_MAX = 20_000
"""Of one event: fifty years of every day. What comes later is of no use to anybody yet."""
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_STEPS = {"DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}
_KNOWN = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"})
_DURATION = re.compile(r"P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?")


class Event(NamedTuple):
    """One occurrence."""

    from_ns: int
    until_ns: int
    summary: str


class CalendarError(Exception):
    """What cannot be read, with its line."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


class _Property(NamedTuple):
    line: int
    parameters: dict[str, str]
    value: str


def events(text: str, timezone: str) -> list[Event]:
    """All occurrences, in order.

    Args:
        text: of the file.
        timezone: of what has none: whole days, and times without a zone.

    Raises:
        CalendarError: at the first thing that is not understood.
    """
    found: list[Event] = []
    for line, event in _blocks(text):
        if event.get("STATUS", [_Property(line, {}, "")])[0].value.upper() != "CANCELLED":
            try:
                found += _occurrences(line, event, timezone)
            except OverflowError:
                raise CalendarError(line, "an event beyond the year 9999") from None
    return sorted(found)


def _blocks(text: str) -> Iterator[tuple[int, dict[str, list[_Property]]]]:
    """Each VEVENT's properties; what is nested in it (alarms) is passed over."""
    inside: list[str] = []
    event: dict[str, list[_Property]] = {}
    begun = seen = 0
    for line, name, parameters, value in _unfolded(text):
        if name == "BEGIN":
            inside.append(value.upper())
            if inside[-1] == "VCALENDAR":
                seen += 1
            if inside[-1] == "VEVENT":
                event, begun = {}, line
        elif name == "END":
            if not inside or inside.pop() != value.upper():
                raise CalendarError(line, f"END:{value} ends nothing that was begun")
            if value.upper() == "VEVENT":
                yield begun, event
        elif inside and inside[-1] == "VEVENT":
            event.setdefault(name, []).append(_Property(line, parameters, value))
    if not seen or inside:
        raise CalendarError(1, "this is no whole iCalendar file")


def _unfolded(text: str) -> Iterator[tuple[int, str, dict[str, str], str]]:
    lines: list[tuple[int, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        if raw[:1] in (" ", "\t") and lines:
            lines[-1] = (lines[-1][0], lines[-1][1] + raw[1:])
        elif raw.strip():
            lines.append((number, raw))
    for number, content in lines:
        head, colon, value = _parted(content)
        if not colon:
            raise CalendarError(number, "a line without a colon")
        name, *rest = head.split(";")
        parameters = dict(each.partition("=")[::2] for each in rest)
        yield number, name.upper(), {key.upper(): each.strip('"') for key, each in parameters.items()}, value


def _parted(content: str) -> tuple[str, str, str]:
    """At the first colon that stands in no quotes."""
    match = re.match(r'((?:[^":]|"[^"]*")*):(.*)', content, re.DOTALL)
    return (match[1], ":", match[2]) if match else (content, "", "")


def _occurrences(line: int, event: dict[str, list[_Property]], timezone: str) -> Iterator[Event]:
    if "DTSTART" not in event:
        raise CalendarError(line, "an event without DTSTART")
    for name in ("RDATE", "EXRULE", "RECURRENCE-ID"):
        if name in event:
            raise CalendarError(
                event[name][0].line, f"{name} is not understood; write such events one by one"
            )
    begin, zone, whole_day = _moment(event["DTSTART"][0], timezone)
    length = _length(line, event, begin, zone, timezone, whole_day=whole_day)
    left_out = {
        _moment(each._replace(value=value), timezone)[0]
        for each in event.get("EXDATE", [])
        for value in each.value.split(",")
    }
    summary = event.get("SUMMARY", [_Property(line, {}, "")])[0].value
    words = re.sub(r"\\([,;\\])", r"\1", summary.replace("\\n", " "))
    for at in islice(_repeated(begin, zone, event), OCCURRENCES_MAX):
        if at not in left_out:
            from_ns = _ns(at, zone)
            # A whole day ends with the next one's midnight, however many hours it has; a time of work takes its hours.
            until_ns = (
                _ns(at + length, zone) if whole_day else from_ns + round(length.total_seconds()) * SECOND_NS
            )
            yield Event(from_ns, until_ns, words)


def _length(
    line: int,
    event: dict[str, list[_Property]],
    begin: datetime,
    zone: ZoneInfo,
    timezone: str,
    *,
    whole_day: bool,
) -> timedelta:
    if "DTEND" in event:
        end, end_zone, _ = _moment(event["DTEND"][0], timezone)
        spent = _ns(end, end_zone) - _ns(begin, zone)
        length = end - begin if whole_day else timedelta(seconds=spent // SECOND_NS)
    elif "DURATION" in event:
        match = _DURATION.fullmatch(event["DURATION"][0].value)
        if not match:
            raise CalendarError(event["DURATION"][0].line, "no duration that is understood")
        weeks, days, hours, minutes, seconds = (int(each or 0) for each in match.groups())
        length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    else:
        length = timedelta(days=1) if whole_day else timedelta()
    if length <= timedelta():
        raise CalendarError(line, "an event that does not end after it begins")
    return length


def _moment(written: _Property, timezone: str) -> tuple[datetime, ZoneInfo, bool]:
    """Wall clock, zone, and whether it is a whole day."""
    try:
        if re.fullmatch(r"\d{8}", written.value):
            day = datetime.strptime(written.value, "%Y%m%d").replace(tzinfo=None)  # noqa: DTZ007 - a wall clock
            return day, ZoneInfo(timezone), True
        wall = datetime.strptime(written.value.removesuffix("Z"), "%Y%m%dT%H%M%S").replace(tzinfo=None)  # noqa: DTZ007
    except ValueError:
        raise CalendarError(written.line, f"{written.value!r} is no time") from None
    if written.value.endswith("Z"):
        return wall, ZoneInfo("UTC"), False
    try:
        return wall, ZoneInfo(written.parameters.get("TZID", timezone)), False
    except (ZoneInfoNotFoundError, ValueError, OSError):
        name = written.parameters["TZID"]
        raise CalendarError(
            written.line, f"{name!r} is no time zone; IANA names are, such as Europe/Berlin"
        ) from None


def _ns(wall: datetime, zone: ZoneInfo) -> int:
    return int(wall.replace(tzinfo=zone).timestamp()) * SECOND_NS


def _repeated(begin: datetime, zone: ZoneInfo, event: dict[str, list[_Property]]) -> Iterator[datetime]:
    """The beginnings, by the wall clock: eight in the morning stays eight in the morning."""
    if "RRULE" not in event:
        yield begin
        return
    written = event["RRULE"][0]
    rule = dict(each.upper().partition("=")[::2] for each in written.value.split(";"))
    unknown = sorted(rule.keys() - _KNOWN)
    days = [day for day in rule.get("BYDAY", "").split(",") if day]
    step = _STEPS.get(rule.get("FREQ", ""))
    weekly = rule.get("FREQ") == "WEEKLY"
    if unknown or step is None or (days and not weekly) or any(day not in _WEEKDAYS for day in days):
        raise CalendarError(
            written.line,
            "of repetitions DAILY and WEEKLY are understood, with INTERVAL, COUNT, UNTIL and BYDAY",
        )
    try:
        every, count = int(rule.get("INTERVAL", "1")), int(rule.get("COUNT", OCCURRENCES_MAX))
    except ValueError:
        raise CalendarError(written.line, "INTERVAL and COUNT are whole numbers") from None
    last_ns = _last(written, rule.get("UNTIL"), zone)
    offsets = sorted(_WEEKDAYS.index(day) for day in days) if days else [begin.weekday() if weekly else 0]
    monday = begin - timedelta(days=begin.weekday()) if weekly else begin
    told = 0
    for number in range(OCCURRENCES_MAX):
        for offset in offsets:
            at = monday + step * (number * max(1, every)) + timedelta(days=offset)
            if at < begin:
                continue
            if told >= count or _ns(at, zone) > last_ns:
                return
            told += 1
            yield at


def _last(written: _Property, until: str | None, zone: ZoneInfo) -> int:
    if until is None:
        return _ns(datetime.combine(date(9000, 1, 1), datetime.min.time()), ZoneInfo("UTC"))
    wall, of, whole_day = _moment(written._replace(value=until, parameters={}), str(zone))
    return _ns(wall + timedelta(days=1), of) - 1 if whole_day else _ns(wall, of)
