"""Replaying: sightings through the same pipeline as the live watch, at full speed, and nothing is sent to anyone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nocwatch.alerts.settings import AlertSettings
from nocwatch.detectors.rules import Rule
from nocwatch.frames import Sighting, Tick
from nocwatch.journal.reader import Reader
from nocwatch.moments import SECOND_NS
from nocwatch.pipeline import Pipeline, Step
from nocwatch.registry.places import Places
from nocwatch.sessions import Session
from nocwatch.state.changes import SessionChanged
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap
from nocwatch.trace.results import Json, Told, result_json, session_json

REPLAY_KEY = b"nocwatch replay: not a secret   "
"""Tokens of a trace are hashed with this where no installation's key is at hand: the same trace gives the same results.
It hides nothing from whoever has the trace, who has the tokens too."""


def replay(
    sightings: Iterable[Sighting],
    rules: Sequence[Rule],
    places: Places,
    alerts: AlertSettings | None = None,
    from_ns: int | None = None,
    until_ns: int | None = None,
) -> Iterator[Json]:
    """Result lines, as docs/trace.md has them, of what ``told`` tells."""
    return map(result_json, told(sightings, rules, places, alerts, from_ns, until_ns))


def told(
    sightings: Iterable[Sighting],
    rules: Sequence[Rule],
    places: Places,
    alerts: AlertSettings | None = None,
    from_ns: int | None = None,
    until_ns: int | None = None,
) -> Iterator[Told]:
    """Results, ordered by their time: each session when it ends or is judged anew, each flag and alert as it changes.

    Sightings before ``from_ns`` are passed over, and those after ``until_ns``; sessions that are still under way at the end
    come last, as ``ongoing``.
    """
    pipeline = Pipeline(rules, places, alerts or AlertSettings())
    for sighting in sightings:
        if from_ns is not None and sighting.received_at_ns < from_ns:
            continue
        if until_ns is not None and sighting.received_at_ns > until_ns:
            break
        yield from _told_by(pipeline.feed(sighting))
    yield from _ongoing(pipeline)


def _told_by(step: Step) -> Iterator[Told]:
    for change in step.changes:
        if isinstance(change, SessionChanged) and _is_told(change):
            yield change.now
    yield from step.flags
    yield from step.alerts


def _is_told(change: SessionChanged) -> bool:
    if change.ended or change.reopened or change.revised:
        return True
    before, now = change.before, change.now
    if not now.over:
        return False
    # A session can be over at first sight (a rejected authorisation, an end that comes before its beginning), be released
    # after its end, and learn of its meter or its token then: whatever a line would say anew is said, the last line counts.
    return before is None or not before.over or _but_when(before) != _but_when(now)


def _but_when(session: Session) -> Json:
    return {name: value for name, value in session_json(session).items() if name != "at"}


def _ongoing(pipeline: Pipeline) -> list[Session]:
    """Sessions still under way, the oldest first."""
    sessions: list[Session] = []
    for station in pipeline.stations:
        sessions += pipeline.sessions(station)
    return sorted(sessions, key=lambda each: (each.changed_at_ns, each.id))


def journal_sightings(path: Path, gate: Gate, until_ns: int | None = None) -> Iterator[Sighting]:
    """The sightings of a journal folder, from its oldest record to its newest; then ticks on to ``until_ns``."""
    reader, tap = Reader(path), Tap(gate)
    last: Sighting | None = None
    while records := reader.read():
        for record in records:
            for sighting in tap.feed(record):
                last = sighting
                yield sighting
    if last is not None and until_ns is not None:
        first_ns = (last.received_at_ns // SECOND_NS + 1) * SECOND_NS
        for number, at_ns in enumerate(range(first_ns, until_ns + 1, SECOND_NS), 1):
            yield Tick(lane=last.lane, sequence=last.sequence + (number << 16), received_at_ns=at_ns)
