"""Reservations: asked for, standing, and what became of them: used by a session, cancelled, expired, missed.

Which connector *reports* Reserved is ``statuses.py``'s. What always holds: a reservation ends once; one that the station says was
used counts as used whatever was thought before; and what is remembered is bounded (``bookings_max``; those that have ended give way
first).
"""

from __future__ import annotations

import msgspec

from nocwatch.ocpp.events import (
    CallRefused,
    CallUnanswered,
    CommandAnswered,
    Commanded,
    ReservationUpdated,
    TransactionBegan,
)
from nocwatch.plans import Booking, BookingState
from nocwatch.state.changes import ReservationChanged
from nocwatch.state.limits import ACCEPTED, MOMENT_NS_MAX
from nocwatch.state.session import SessionState, step
from nocwatch.state.tracker import Tracker

TIMER = "booking"
FRAMES_MAX = 6
"""That show what became of one: asked, answered, cancelled, updated, used."""
WORD_MAX = 20
NONE_MEANT = frozenset({0, -1})
"""What stations send in a start that no reservation led to, where the field should be left out."""
_WORDS = {
    "Expired": BookingState.EXPIRED,
    "Removed": BookingState.REMOVED,
    "NoTransaction": BookingState.MISSED,
}


def on_asked(tracker: Tracker, event: Commanded) -> None:
    """ReserveNow. The same id again takes the place of the former one [OCPP 1.6 §5.13]."""
    asked = event.reservation
    if asked is None or asked.id is None:
        return
    known = _find(tracker, asked.id)
    if known is not None and event.frame in known.frames:
        return
    expires_ns = asked.expires_at_ns
    booking = Booking(
        id=asked.id,
        made_at_ns=event.at_ns,
        evse=event.evse,
        connector=event.connector,
        connector_type=asked.connector_type[:WORD_MAX],
        token=event.token,
        expires_at_ns=expires_ns if expires_ns is not None and 0 <= expires_ns < MOMENT_NS_MAX else None,
        frames=(event.frame,),
    )
    if known is not None and known.state is BookingState.STANDING:
        # Until the station has said yes to the new one, the former stands.
        booking = msgspec.structs.replace(known, frames=(*known.frames, event.frame)[-FRAMES_MAX:])
    _put(tracker, booking)


def on_answered(tracker: Tracker, event: CommandAnswered) -> None:
    """The station's word on it."""
    asked = event.reservation
    known = None if asked is None or asked.id is None else _find(tracker, asked.id)
    if asked is None or known is None or event.frame in known.frames:
        return
    if event.status == ACCEPTED:
        expires_ns = asked.expires_at_ns
        until_ns = expires_ns if expires_ns is not None and 0 <= expires_ns < MOMENT_NS_MAX else None
        stands = msgspec.structs.replace(
            known, evse=event.evse, connector=event.connector, token=event.token, made_at_ns=event.asked_at_ns, expires_at_ns=until_ns,
        )  # fmt: skip
        _become(tracker, stands, BookingState.STANDING, event.at_ns, event.frame)
        if until_ns is not None:
            tracker.wait(TIMER, str(known.id), max(until_ns, event.at_ns))
    elif known.state is BookingState.ASKED:
        _become(tracker, known, BookingState.REFUSED, event.at_ns, event.frame)


def on_cancelled(tracker: Tracker, event: CommandAnswered) -> None:
    asked = event.reservation
    known = None if asked is None or asked.id is None else _find(tracker, asked.id)
    if known is not None and event.status == ACCEPTED and known.state is BookingState.STANDING:
        _become(tracker, known, BookingState.CANCELLED, event.at_ns, event.frame)


def on_updated(tracker: Tracker, event: ReservationUpdated) -> None:
    """2.x: the station says itself how it ended."""
    known = None if event.reservation is None else _find(tracker, event.reservation)
    ended = _WORDS.get(event.status)
    if known is None or ended is None or event.frame in known.frames:
        return
    if known.state in (BookingState.STANDING, BookingState.EXPIRED, BookingState.ASKED):
        _become(tracker, known, ended, event.at_ns, event.frame)


def on_failed(tracker: Tracker, event: CallRefused | CallUnanswered) -> None:
    """The station answered ReserveNow with an error, or not at all."""
    call = event.call_frame if isinstance(event, CallRefused) else event.frame
    for known in tracker.state.bookings:
        if known.state is BookingState.ASKED and call in known.frames:
            _become(tracker, known, BookingState.REFUSED, event.at_ns, event.frame)
            return


def used(tracker: Tracker, session: SessionState, event: TransactionBegan) -> None:
    """A transaction began that names its reservation."""
    if event.reservation is None or (session.reservation and session.reservation.id == event.reservation):
        return
    known = _find(tracker, event.reservation)
    if known is None and event.reservation in NONE_MEANT:
        return
    if known is None:
        # Made before the watch looked, or forgotten: that there was one is known from the start.
        known = Booking(id=event.reservation, made_at_ns=0, evse=event.evse, connector=event.connector)
    if known.session in (None, session.id):
        known = msgspec.structs.replace(known, session=session.id)
        _become(tracker, known, BookingState.USED, event.when_ns, event.frame)
        session.reservation = _find(tracker, event.reservation)
        step(
            session, tracker.settings, event.when_ns, "reservation", f"By reservation {event.reservation}", (event.frame,)
        )  # fmt: skip


def on_expired(tracker: Tracker, subject: str) -> None:
    """Its time has passed."""
    for known in tracker.state.bookings:
        if str(known.id) == subject and known.state is BookingState.STANDING:
            _become(tracker, known, BookingState.EXPIRED, tracker.now_ns, "")
            return


def _become(tracker: Tracker, known: Booking, state: BookingState, at_ns: int, frame: str) -> None:
    before = _find(tracker, known.id)
    frames = known.frames if not frame or frame in known.frames else (*known.frames, frame)[-FRAMES_MAX:]
    stands = state is BookingState.STANDING
    now = msgspec.structs.replace(known, state=state, ended_at_ns=None if stands else at_ns, frames=frames)
    if not stands:
        tracker.calm(TIMER, str(known.id))
    _put(tracker, now)
    tracker.touch_station()
    tracker.out.append(
        ReservationChanged(
            station=tracker.state.id,
            at_ns=tracker.now_ns,
            frames=(frame,) if frame else (),
            late=tracker.late,
            before=before.state if before is not None else None,
            now=now,
        )
    )


def _put(tracker: Tracker, booking: Booking) -> None:
    known = tracker.state.bookings
    for index, each in enumerate(known):
        if each.id == booking.id:
            known[index] = booking
            return
    known.append(booking)
    if len(known) > tracker.settings.bookings_max:
        ended = [each for each in known[:-1] if each.state is not BookingState.STANDING]
        gone = (ended or known)[0]
        known.remove(gone)
        tracker.calm(TIMER, str(gone.id))
        if not ended:
            tracker.count("state_bookings_dropped")


def _find(tracker: Tracker, number: int) -> Booking | None:
    return next((each for each in tracker.state.bookings if each.id == number), None)
