"""Stations' time stamps: read in whatever form they come, and believed only where they can be true.

Receive time is the main clock; an event's own time counts where it is plausible. Nothing is older than its report: a clock
that is ahead is put right from its first message on, and one that goes by local time is recognised (``StationClock``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec

from nocwatch.moments import HOUR_NS, SECOND_NS

EARLIEST_NS = 1_262_304_000 * SECOND_NS
"""2010: no OCPP-J station is older; 1970 and year 1 are clocks that were never set."""
AHEAD_NS_MAX = 24 * HOUR_NS
"""More than a time zone's worth ahead of receive time is a wrong clock."""
NEAR_NS = 60 * SECOND_NS
"""A clock that is set by OCPP's own messages is off by seconds; more than a minute off is another matter than a zone."""
QUARTER_S = 900
"""Zones differ from UTC by whole quarter hours."""
QUARTER_NS = QUARTER_S * SECOND_NS
ZONE_S_MAX = 14 * 3600
"""The zone farthest from UTC."""
_BEHIND_BY_HALVES_S = frozenset({-9000, -12_600, -16_200, -34_200})
"""Zones west of Greenwich that are no whole hours: Newfoundland with and without daylight saving, Venezuela's until 2016, the Marquesas."""
LEADS = 3
"""Messages from the future that make a zone: one may be a slip."""
LAGS = 6
"""Messages from the past that make one; a backlog has none of its own at one and the same lag for long."""
LAG_SPAN_NS = 600 * SECOND_NS
"""Of receive time, that they take at least: a backlog is sent in seconds."""
STALE_NS = 2 * HOUR_NS
"""A lead not seen for so long counts no more."""
DAYLIGHT_S = (1800, 3600)
"""What daylight saving takes off when it ends (half an hour on Lord Howe): a clock that falls back by this much is believed soon."""
FALLBACK_SPAN_NS = 600 * SECOND_NS
"""Of receive time, that messages at the new lag take at least: a backlog of an hour ago is sent in seconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_MAX = 64
_LOOSE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[Tt ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([Zz]|UTC|[+-]\d{1,2}(?::?\d{2})?)?"
)


def parse(text: str) -> int | None:
    """Nanoseconds since 1970, UTC; None where it is no date with a time (RFC 3339, 5.6, read generously).

    A missing offset is taken for UTC, as OCPP recommends it [J16, 201 part 2]; the fraction counts to the microsecond.
    """
    if len(text) > _TEXT_MAX:
        return None
    try:
        moment = _strictly(text) or _loosely(text)
        if moment is None:
            return None
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def plausible(event_ns: int, received_ns: int) -> bool:
    """Whether a station can have meant it, given when it was heard."""
    return EARLIEST_NS <= event_ns <= received_ns + AHEAD_NS_MAX


def _strictly(text: str) -> datetime | None:
    # The library takes dates alone and week dates too, which nobody means here.
    if text[10:11] != "T" or text[13:14] != ":":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _loosely(text: str) -> datetime | None:
    """Single digits, a blank for T, small z, a decimal comma, no seconds, second 60, many digits of a fraction."""
    match = _LOOSE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    moment = datetime(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        59 if leap else int(second or 0),
        int((fraction or "0")[:6].ljust(6, "0")),
        UTC,
    )
    if leap:
        moment += timedelta(seconds=1)
    if offset and offset[0] in "+-":
        digits = offset[1:].replace(":", "")
        hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
        shift = timedelta(hours=hours, minutes=minutes)
        moment = moment - shift if offset[0] == "+" else moment + shift
    return moment


class StationClock(msgspec.Struct):
    """A station's clock that is ahead, or wrong by whole quarter hours: local time labelled Z [steve#136], until the first boot or for ever.

    A station cannot know the future, so its largest lead over receive time is that of its live messages; what lies behind it
    is older data. That lead is taken off at once. Several leads near the same quarter hour, and none near zero, make a clock
    that goes by another zone: only that is told.

    Attributes:
        ahead_s: what its time stamps are ahead of the truth (west of Greenwich less than 0); 0 as long as nothing is certain.
        seen_s: the largest lead of late, rounded; ``count`` how often, from ``first_ns`` to ``last_ns``.
        lead_s: the largest lead beyond ``ahead_s`` of late, last seen at ``lead_ns``: it holds until there is certainty.
        fell_s: a lead that daylight saving may have left behind; ``fell_count`` how often, since ``fell_ns``.
        news: it has just been found out, or has changed.
    """

    ahead_s: int = 0
    seen_s: int = 0
    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    lead_s: int = 0
    lead_ns: int = 0
    fell_s: int = 0
    fell_count: int = 0
    fell_ns: int = 0
    fell_last_ns: int = 0
    news: bool = False

    def shift_s(self, event_ns: int, received_ns: int) -> int:
        """Seconds to take off this time stamp."""
        lead_ns = event_ns - received_ns
        if -NEAR_NS <= lead_ns <= NEAR_NS:
            self.ahead_s = self.count = self.lead_s = self.fell_count = 0  # it is right, or was set meanwhile
            return 0
        quarter_s = round(lead_ns / QUARTER_NS) * QUARTER_S
        if abs(lead_ns - quarter_s * SECOND_NS) <= NEAR_NS and quarter_s and abs(quarter_s) <= ZONE_S_MAX:
            self._seen(quarter_s, received_ns)
        return self._known_s(lead_ns, received_ns)

    def _known_s(self, lead_ns: int, received_ns: int) -> int:
        ahead_s = self.ahead_s
        if lead_ns - ahead_s * SECOND_NS > NEAR_NS:
            lead_s = -(-lead_ns // SECOND_NS)
            stale = received_ns - self.lead_ns > STALE_NS
            self.lead_s = lead_s if stale else max(lead_s, self.lead_s)
            self.lead_ns = received_ns
            return self.lead_s
        if not ahead_s and self.lead_s and received_ns - self.lead_ns <= STALE_NS:
            return self.lead_s
        return ahead_s

    def _seen(self, quarter_s: int, at_ns: int) -> None:
        if not self.count or quarter_s > self.seen_s or at_ns - self.last_ns > STALE_NS:
            self.seen_s, self.count, self.first_ns, self.last_ns = quarter_s, 1, at_ns, at_ns
            self.fell_count = 0
            return
        if quarter_s < self.seen_s:
            self._fell(quarter_s, at_ns)
            return
        if at_ns - self.last_ns < SECOND_NS:
            return  # another time stamp of the same message
        self.count += 1
        self.last_ns = at_ns
        self.fell_count = 0
        if quarter_s > 0:
            certain = self.count >= LEADS
        else:
            # Behind may also be a backlog that drains as slowly as it grows: it takes longer to be sure, and there has to be such a zone.
            lasted = self.count >= LAGS and at_ns - self.first_ns >= LAG_SPAN_NS
            certain = lasted and (quarter_s % 3600 == 0 or quarter_s in _BEHIND_BY_HALVES_S)
        if certain:
            self._settle(quarter_s)

    def _fell(self, quarter_s: int, at_ns: int) -> None:
        """A smaller lead than before: older data, or daylight saving has ended."""
        if not self.ahead_s or self.ahead_s - quarter_s not in DAYLIGHT_S:
            return
        if quarter_s != self.fell_s or not self.fell_count or at_ns - self.fell_last_ns > STALE_NS:
            self.fell_s, self.fell_count, self.fell_ns, self.fell_last_ns = quarter_s, 1, at_ns, at_ns
            return
        if at_ns - self.fell_last_ns < SECOND_NS:
            return
        self.fell_count += 1
        self.fell_last_ns = at_ns
        if self.fell_count >= LEADS and at_ns - self.fell_ns >= FALLBACK_SPAN_NS:
            self.seen_s, self.count, self.first_ns, self.last_ns = quarter_s, LEADS, self.fell_ns, at_ns
            self.fell_count = 0
            self._settle(quarter_s)

    def _settle(self, quarter_s: int) -> None:
        self.lead_s = 0
        if self.ahead_s != quarter_s:
            self.ahead_s, self.news = quarter_s, True

    def words(self) -> str:
        """What is wrong with it, for people."""
        hours, minutes = divmod(abs(self.ahead_s) // 60, 60)
        way = "ahead of" if self.ahead_s > 0 else "behind"
        return f"the clock is {hours}:{minutes:02} h {way} UTC: local time labelled Z; taken off"
