"""The socket timeline: bands of state over time as geometry, for the 24 h strip of a row and for the station page.

Pure. What always holds: time of which nothing is known stays empty and is never drawn as a state, and a band that is too
short to be seen is widened to the least visible width rather than lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from nocwatch.console.views import words
from nocwatch.console.views.looks import LOOKS
from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Session
from nocwatch.store.values import Band

STRIP_UNITS = 288
"""Width of a row's strip in its own units: 24 h in steps of 5 min."""
STRIP_BAND = 6
STRIP_GAP = 2
LABEL_SHARE_MIN = 0.035
"""Share of the width from which on a session's energy fits above it."""
LANE_NAME_SHARE = 0.1
"""Share of the width that the connector's name takes at the left."""
STRIP_BANDS_MAX = 4
"""Bands that a row's strip shows; a station with more sockets shows its first ones, its page shows all."""


class Span(NamedTuple):
    """One band as drawn: percent of the window's width."""

    css: str
    left: str
    width: str
    title: str
    word: str


class Lane(NamedTuple):
    """One connector's bands with its sessions above."""

    name: str
    bands: list[Span]
    sessions: list[SessionBar]


class SessionBar(NamedTuple):
    """A session above the band, with its energy where there is room for it."""

    id: str
    css: str
    left: str
    width: str
    middle: str
    text: str
    title: str


class Tick(NamedTuple):
    """A line of the time axis; ``text`` is empty between labels. A phone has no room for those that are ``between``."""

    left: str
    text: str
    day: bool
    between: bool = False


class Timeline(NamedTuple):
    """All of it."""

    lanes: list[Lane]
    ticks: list[Tick]
    from_ns: int
    until_ns: int
    now_left: str | None


class Strip(NamedTuple):
    """A row's strip: one SVG path a state, in ``STRIP_UNITS`` by ``height``."""

    paths: list[tuple[str, str]]
    height: int


def key(evse: int | None, connector: int) -> tuple[int, int]:
    return (evse or 0, connector)


def name(evse: int | None, connector: int | None) -> str:
    """``Connector 1``; in 2.x ``EVSE 2 · 1``."""
    if not evse and not connector:
        return "Station"  # connector 0 of 1.6 and EVSE 0 of 2.x are the station itself
    if evse is None:
        return f"Connector {connector}"
    return f"EVSE {evse} · {connector}" if connector is not None else f"EVSE {evse}"


def strip(bands: Iterable[Band], sockets: Sequence[tuple[int, int]], from_ns: int, until_ns: int) -> Strip:
    """A station's last hours, a day at most, in a row of a table."""
    shown = {socket: row for row, socket in enumerate(sorted(sockets)[:STRIP_BANDS_MAX])}
    height = max(1, len(shown)) * (STRIP_BAND + STRIP_GAP) - STRIP_GAP
    scale = STRIP_UNITS / (until_ns - from_ns)
    paths: dict[str, list[str]] = {}
    for band in bands:
        row = shown.get(key(band.evse, band.connector))
        if row is None or band.status is ConnectorStatus.NO_DATA:
            continue
        left = max(0.0, (band.from_ns - from_ns) * scale)
        right = min(float(STRIP_UNITS), ((band.until_ns or until_ns) - from_ns) * scale)
        if right <= left:
            continue
        right = max(right, left + 0.8)
        top = row * (STRIP_BAND + STRIP_GAP)
        path = f"M{left:.1f} {top}h{right - left:.1f}v{STRIP_BAND}h{left - right:.1f}z"
        paths.setdefault(LOOKS[band.status].css, []).append(path)
    return Strip([(css, "".join(parts)) for css, parts in paths.items()], height)


def timeline(
    bands: Sequence[Band],
    sessions: Sequence[Session],
    sockets: Iterable[tuple[int, int]],
    from_ns: int,
    until_ns: int,
    now_ns: int,
    zone: tzinfo,
) -> Timeline:
    """The station page's timeline from ``from_ns`` to ``until_ns``; what lies after ``now_ns`` stays empty."""
    known = sorted({*sockets, *(key(band.evse, band.connector) for band in bands)} - _quiet_station(bands))
    lanes = []
    for socket in known:
        spans = [
            _span(band, from_ns, until_ns, now_ns, zone)
            for band in bands
            if key(band.evse, band.connector) == socket
            and band.from_ns < until_ns
            and (band.until_ns or now_ns) > from_ns
        ]
        bars = [_bar(session, from_ns, until_ns, now_ns) for session in sessions if _on(session, socket)]
        lanes.append(
            Lane(
                name(socket[0] or None, socket[1]),
                [span for span in spans if span],
                [bar for bar in bars if bar],
            )
        )
    width = until_ns - from_ns
    now_left = _percent((now_ns - from_ns) / width) if from_ns < now_ns < until_ns else None
    return Timeline(lanes, ticks(from_ns, until_ns, zone), from_ns, until_ns, now_left)


def _quiet_station(bands: Sequence[Band]) -> set[tuple[int, int]]:
    """The station itself, where it said nothing but Available: a lane that tells nothing is not drawn."""
    own = [band.status for band in bands if key(band.evse, band.connector) == (0, 0)]
    return {(0, 0)} if all(status is ConnectorStatus.AVAILABLE for status in own) else set()


def _on(session: Session, socket: tuple[int, int]) -> bool:
    if session.evse is not None:
        return session.evse == socket[0] and session.connector in (None, socket[1])
    return session.connector == socket[1] and socket[0] == 0


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.3f}%"


def _span(band: Band, from_ns: int, until_ns: int, now_ns: int, zone: tzinfo) -> Span | None:
    end_ns = min(band.until_ns if band.until_ns is not None else now_ns, until_ns)
    start_ns = max(band.from_ns, from_ns)
    if end_ns <= start_ns or band.status is ConnectorStatus.NO_DATA:
        return None
    width = until_ns - from_ns
    until = (
        words.absolute(band.until_ns, zone) if band.until_ns is not None and band.until_ns < now_ns else "now"
    )
    lasted = words.span((band.until_ns or now_ns) - band.from_ns)
    why = (
        "\nThe link was down: what the socket did meanwhile is not known."
        if band.status is ConnectorStatus.OFFLINE
        else ""
    )
    title = f"{band.status.value} for {lasted}\n{words.absolute(band.from_ns, zone)} to {until}{why}"
    share = max((end_ns - start_ns) / width, 0.001)
    return Span(
        LOOKS[band.status].css,
        _percent((start_ns - from_ns) / width),
        _percent(share),
        title,
        band.status.value,
    )


def _bar(session: Session, from_ns: int, until_ns: int, now_ns: int) -> SessionBar | None:
    end_ns = min(session.stopped_at_ns or (now_ns if not session.over else session.changed_at_ns), until_ns)
    start_ns = max(session.started_at_ns, from_ns)
    if end_ns < from_ns or start_ns >= until_ns:
        return None
    width = until_ns - from_ns
    share = max((max(end_ns, start_ns) - start_ns) / width, 0.0015)
    energy = words.kwh(session.energy_wh)
    left = (start_ns - from_ns) / width
    text = (
        energy
        if share > LABEL_SHARE_MIN and left + share / 2 > LANE_NAME_SHARE and session.energy_wh is not None
        else ""
    )
    verdict = session.outcome.value + (f", {session.reason.value}" if session.reason else "")
    lasted = words.span((session.stopped_at_ns or now_ns) - session.started_at_ns)
    return SessionBar(
        session.id,
        session.outcome.value,
        _percent(left),
        _percent(share),
        _percent(left + share / 2),
        text,
        f"Session: {verdict}\n{energy} in {lasted}",
    )


_STEPS = (
    (MINUTE_NS, 12 * MINUTE_NS),
    (5 * MINUTE_NS, HOUR_NS),
    (15 * MINUTE_NS, 3 * HOUR_NS),
    (30 * MINUTE_NS, 6 * HOUR_NS),
    (HOUR_NS, 26 * HOUR_NS),
    (6 * HOUR_NS, 4 * DAY_NS),
    (DAY_NS, 60 * DAY_NS),
)
"""Distance of two ticks, for windows up to that length."""
PHONE_LABELS = 7
"""So many find room on 330 pixels, a day's name taking 40 of them."""


def ticks(from_ns: int, until_ns: int, zone: tzinfo) -> list[Tick]:
    """Round moments of the time zone: hours in a window of a day. Each second or so has a label."""
    step_ns = next((step for step, longest in _STEPS if until_ns - from_ns <= longest), 7 * DAY_NS)
    step = timedelta(seconds=step_ns // SECOND_NS)
    at = datetime.fromtimestamp(from_ns // SECOND_NS, zone).replace(hour=0, minute=0, second=0)
    end = until_ns // SECOND_NS
    count = (until_ns - from_ns) // step_ns
    every = 1 if count <= 13 else 2 if count <= 26 else 4
    found = []
    index = 0
    while (moment := at.timestamp()) < end:
        if moment * SECOND_NS >= from_ns:
            left = (moment * SECOND_NS - from_ns) / (until_ns - from_ns)
            midnight = at.hour == 0 and at.minute == 0
            labelled = (
                index % every == 0
                if step_ns >= DAY_NS
                else (at.hour * 60 + at.minute) * MINUTE_NS % (step_ns * every) == 0
            )
            text = at.strftime("%a %d" if midnight else "%H:%M") if labelled and 0.01 < left < 0.985 else ""
            found.append(Tick(_percent(left), text, midnight))
        at = _after(at, step, zone)
        index += 1
    return _roomy(found)


def _roomy(found: list[Tick]) -> list[Tick]:
    """Where there are many labels some are between, and never the first midnight's: it says which day it is."""
    labelled = [tick for tick in found if tick.text]
    every = -(-len(labelled) // PHONE_LABELS) or 1
    anchor = next((index for index, tick in enumerate(labelled) if tick.day), 0)
    place = {tick.left: index for index, tick in enumerate(labelled)}
    return [
        tick._replace(between=bool(tick.text) and (place[tick.left] - anchor) % every != 0) for tick in found
    ]


def _after(at: datetime, step: timedelta, zone: tzinfo) -> datetime:
    """The next round moment; long steps by the calendar, so that they stay round across a change of summer time."""
    if step > timedelta(hours=1):
        return at + step
    return datetime.fromtimestamp(at.timestamp() + step.total_seconds(), zone)
