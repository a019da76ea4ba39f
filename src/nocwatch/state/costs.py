"""What a transaction was said to cost: running totals, the final one, and what a payment terminal settled.

Nothing is reckoned here; the estimate is ``money``'s. What always holds: an amount that is read twice is kept once, the last one
that was said always stays, and of many the course stays.
"""

from __future__ import annotations

import msgspec

from nocwatch.frames import Direction
from nocwatch.ocpp.events import CostReported, Settled
from nocwatch.plans import CostNote, Costs, Settlement
from nocwatch.state.lookup import by_transaction
from nocwatch.state.session import SessionState, step
from nocwatch.state.tracker import Tracker

NOTES_MAX = 32
"""Costs of one session that are remembered; a CSMS sends one a minute for the display."""
WORD_MAX = 80
DIGITS_MAX = 24
"""An amount that has more is no money."""


def on_cost(tracker: Tracker, event: CostReported) -> None:
    session = _of(tracker, event.transaction)
    if session is None:
        return
    amount = event.amount
    if amount is not None and (
        len(amount.as_tuple().digits) > DIGITS_MAX or abs(amount.adjusted()) > DIGITS_MAX
    ):
        tracker.count("state_costs_absurd")
        return
    costs = session.costs or Costs()
    note = CostNote(
        at_ns=event.at_ns,
        by="csms" if event.by is Direction.FROM_CSMS else "station",
        amount=amount,
        currency=event.currency[:3],
        final=event.final,
        failure=event.failure[:WORD_MAX],
        frame=event.frame,
    )
    if any(_same(each, note) for each in costs.notes) or note.at_ns < max(
        (each.at_ns for each in costs.notes), default=0
    ):
        return
    notes, dropped = [*costs.notes, note], costs.dropped
    if len(notes) > NOTES_MAX:
        # The one that stands closest between its neighbours says least about the course.
        del notes[min(range(1, len(notes) - 1), key=lambda at: (notes[at].final, _room_ns(notes, at)))]
        dropped += 1
    session.costs = msgspec.structs.replace(costs, notes=tuple(notes), dropped=dropped)
    if event.final or event.failure:
        said = (
            f"The cost could not be calculated: {note.failure}"
            if amount is None
            else f"Cost in all: {amount:f} {note.currency}".rstrip()
        )
        step(session, tracker.settings, event.at_ns, "cost", said, (event.frame,))
    tracker.touch(session)


def on_settled(tracker: Tracker, event: Settled) -> None:
    session = _of(tracker, event.transaction)
    if session is None:
        return
    settled = Settlement(
        at_ns=event.when_ns,
        status=event.status[:WORD_MAX],
        amount=event.amount,
        reference=event.reference[:WORD_MAX],
        frame=event.frame,
    )
    costs = session.costs or Costs()
    if costs.settled is not None and costs.settled.frame == settled.frame:
        return
    session.costs = msgspec.structs.replace(costs, settled=settled)
    paid = "" if event.amount is None else f" {event.amount:f}"
    step(
        session,
        tracker.settings,
        event.when_ns,
        "settled",
        f"Payment {settled.status.lower()}{paid}",
        (event.frame,),
    )
    tracker.touch(session)


def _room_ns(notes: list[CostNote], at: int) -> int:
    return notes[at + 1].at_ns - notes[at - 1].at_ns


def _same(known: CostNote, note: CostNote) -> bool:
    """Read twice, or said again unchanged: a final word after a running one of the same amount is news."""
    if known.frame == note.frame and known.by == note.by:
        return True
    return note.final and (known.final, known.by, known.amount, known.currency) == (
        True,
        note.by,
        note.amount,
        note.currency,
    )


def _of(tracker: Tracker, transaction: int | str | None) -> SessionState | None:
    found = None if transaction is None else by_transaction(tracker, transaction)
    if found is None:
        tracker.count("state_costs_unplaced")
    return found
