"""What was planned for a charge and what became of it, as pages show it: limits beside the curve, needs, reservation, cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from nocwatch.console.views import words
from nocwatch.console.views.money import money, plain
from nocwatch.console.views.sessions import Card
from nocwatch.console.views.words import NOBREAK
from nocwatch.moments import SECOND_NS
from nocwatch.plans import Booking, BookingState, EndsAt, Limit, Plan, ProfileNote, limit_at, nothing_ns
from nocwatch.sessions import Session

STEPS_SHOWN = 12
"""Of a plan, on a page; the curve has them all."""
SOURCES = {"csms": "the CSMS", "vehicle": "the vehicle", "EMS": "the energy management on site", "SO": "the grid operator", "CSO": "the operator"}  # fmt: skip
BOOKINGS = {
    BookingState.ASKED: ("preparing", "asked for"),
    BookingState.REFUSED: ("faulted", "refused"),
    BookingState.STANDING: ("reserved", "stands"),
    BookingState.USED: ("available", "used"),
    BookingState.CANCELLED: ("muted", "cancelled"),
    BookingState.EXPIRED: ("muted", "expired"),
    BookingState.MISSED: ("faulted", "missed: somebody came, and no transaction began"),
    BookingState.REMOVED: ("faulted", "given up by the station"),
}


class Row(NamedTuple):
    """A line of a panel: ``frames`` that show it, ``at_ns`` where a moment is meant, ``css`` of a word that stands out."""

    label: str
    text: str
    note: str = ""
    frames: tuple[str, ...] = ()
    css: str = ""
    at_ns: int = 0


class Step(NamedTuple):
    """A limit with the moment from which it holds; ``now``: it holds at this moment, or held last."""

    at_ns: int
    text: str
    note: str
    frames: tuple[str, ...]
    css: str
    now: bool


class Panel(NamedTuple):
    """Plans of one session. ``hidden`` steps are in the curve alone; ``profiles`` as they were asked for."""

    head: str
    rows: list[Row]
    steps: list[Step]
    hidden: int
    profiles: list[Row]


def panel(session: Session, now_ns: int) -> Panel | None:
    """None where nobody planned anything and nothing was reserved."""
    plan = session.plan or Plan()
    at_ns = min(now_ns, session.stopped_at_ns or now_ns)
    rows = [
        *_allowed(session, plan, at_ns),
        *_needs(plan),
        *_notes(plan),
        *([booking_row(session.reservation)] if session.reservation else ()),
    ]
    if session.resumed:
        rows.append(Row("Taken up again", "the transaction went on after a break"))
    if not rows and not plan.profiles:
        return None
    shown = plan.limits[-STEPS_SHOWN:]
    held = limit_at(plan.limits, at_ns)
    steps = [
        Step(each.from_ns, limit_words(each), why(each), _refs(each), "faulted" if each.nothing else "", each is held)
        for each in shown
    ]  # fmt: skip
    head = f"{limit_words(held)} {'at last' if session.over else 'now'}" if held is not None else ""
    return Panel(
        head,
        rows,
        steps if len(plan.limits) > 1 else [],
        len(plan.limits) - len(shown),
        [_profile(each) for each in plan.profiles],
    )


def costs(session: Session, estimate: Decimal | None, currency: str) -> list[Row]:
    """What was reported, beside what we would have asked for, and how far they are apart.

    That last only of what was said in all: what was said so far is of another moment than the estimate.
    """
    if session.costs is None:
        return []
    rows = []
    reported = session.costs.reported
    if reported is not None and reported.amount is not None:
        by = "the CSMS" if reported.by == "csms" else "the station"
        state = "in all" if reported.final else "so far"
        rows.append(Row("Reported", money(reported.amount, reported.currency), f"{state}, by {by}", (reported.frame,), "strong", reported.at_ns))  # fmt: skip
        if estimate is not None:
            rows.append(Row("Estimate", money(estimate, currency), "from the registry's tariff"))
            if reported.final:
                rows.append(_difference(reported.amount, reported.currency, estimate, currency))
    elif session.costs.notes:
        rows.append(Row("Reported", words.UNKNOWN))
    last = session.costs.notes[-1] if session.costs.notes else None
    if last is not None and last.failure:
        rows.append(Row("Not calculated", last.failure, "as the station says", (last.frame,), "faulted"))
    settled = session.costs.settled
    if settled is not None:
        paid = "" if settled.amount is None else plain(settled.amount)
        css = "" if settled.status == "Settled" else "faulted"
        note = f"reference {settled.reference}" if settled.reference else ""
        rows.append(Row("Payment", f"{settled.status} {paid}".strip(), note, (settled.frame,), css, settled.at_ns))  # fmt: skip
    if (said := len(session.costs.notes) + session.costs.dropped) > 1:
        rows.append(Row("Said on the way", f"{words.number(said)} times"))
    return rows


def cards(session: Session) -> list[Card]:
    """The cost as it was reported, beside the estimate."""
    reported = session.costs.reported if session.costs is not None else None
    if reported is None or reported.amount is None:
        return []
    by = "CSMS" if reported.by == "csms" else "station"
    state = "in all" if reported.final else "so far"
    return [Card("Cost", money(reported.amount, reported.currency), "", f"reported by the {by}, {state}")]


def limit_words(limit: Limit) -> str:
    """``16 A``, ``11 kW``, ``nothing``, ``4 A: too little to charge``."""
    if limit.limit is None:
        return "no limit"
    if limit.limit <= 0:
        return f"nothing ({limit.limit:g}{NOBREAK}{limit.unit})"
    if limit.unit == "A":
        said = words.unit(limit.limit, "A", 0 if limit.limit == int(limit.limit) else 1)
    else:
        said = words.kw(limit.limit) if limit.limit >= 1000 else words.unit(limit.limit, "W")
    return f"{said}: too little to charge" if limit.nothing else said


def why(limit: Limit) -> str:
    """By which profile, or by whom."""
    if limit.by != "csms":
        return f"by {SOURCES.get(limit.by, limit.by)}"
    if not limit.purpose:
        return ""
    level = "" if limit.stack_level is None else f", level {limit.stack_level}"
    return f"{limit.purpose}{level}"


def booking_row(booking: Booking) -> Row:
    """One reservation."""
    css, word = BOOKINGS[booking.state]
    ended_ns = booking.ended_at_ns
    note = "" if booking.made_at_ns else "made before anybody looked"
    if booking.made_at_ns and ended_ns is not None:
        note = f"{words.span(ended_ns - booking.made_at_ns)} after it was made"
    at_ns = booking.made_at_ns if ended_ns is None else ended_ns
    return Row(f"Reservation {booking.id}", word, note, booking.frames, css, at_ns)


def _allowed(session: Session, plan: Plan, at_ns: int) -> Iterator[Row]:
    held = limit_at(plan.limits, at_ns)
    if held is not None:
        label = "Allowed at last" if session.over else "Allowed now"
        css = "faulted" if held.nothing else ""
        yield Row(label, limit_words(held), why(held), _refs(held), css)
    following = next((each for each in plan.limits if each.from_ns > at_ns), None)
    if following is not None and not session.over:
        yield Row("From then on", limit_words(following), why(following), (), "", following.from_ns)
    barred_ns = nothing_ns(plan.limits, session.started_at_ns, at_ns)
    if barred_ns:
        whole = words.span(at_ns - session.started_at_ns)
        yield Row("Allowed nothing", f"{words.span(barred_ns)} of {whole}", "", (), "faulted")
    if plan.priority is not None:
        yield Row("Priority", "charges with priority" if plan.priority else "ended")


def _needs(plan: Plan) -> Iterator[Row]:
    needs = plan.needs
    if needs is not None:
        asked = [words.kwh(needs.energy_wh)] if needs.energy_wh is not None else []
        most = [f"at most {words.kw(needs.power_w_max)}"] if needs.power_w_max is not None else []
        if not most and needs.current_a_max is not None:
            most = [f"at most {words.unit(needs.current_a_max, 'A')}"]
        yield Row("Vehicle asked for", ", ".join([*asked, *most]) or words.UNKNOWN, needs.transfer.replace("_", " "), (needs.frame,))  # fmt: skip
        if needs.departure_at_ns is not None:
            yield Row("Leaves at", "", "", (), "", needs.departure_at_ns)
        if needs.soc_percent is not None:
            full = "" if needs.soc_percent_full is None else f" → {words.number(needs.soc_percent_full)}"
            of = f"of {words.kwh(needs.capacity_wh)}" if needs.capacity_wh is not None else ""
            yield Row("Battery", f"{words.number(needs.soc_percent)}{full}{NOBREAK}%", of)
    if plan.vehicle:
        first, last = plan.vehicle[0], plan.vehicle[-1]
        steps = f"{limit_words(first)} at first" + (
            f", {limit_words(last)} at last" if last is not first else ""
        )
        yield Row("Vehicle chose", steps, "its own schedule", _refs(first), "", first.from_ns)


def _notes(plan: Plan) -> Iterator[Row]:
    """What 2.1 says beside."""
    if plan.ends_at is not None:
        yield Row("Ends at", _ends_at(plan.ends_at), f"set by the {'CSMS' if plan.ends_at.by == 'csms' else 'station'}", (plan.ends_at.frame,))  # fmt: skip
    if plan.preconditioning:
        yield Row("Preconditioning", words.sentence(plan.preconditioning))
    if plan.evse_sleep is not None:
        yield Row("EVSE", "asleep to save energy" if plan.evse_sleep else "awake")
    if plan.operation_mode:
        yield Row("Operation mode", plan.operation_mode)
    if plan.tariff:
        yield Row("Tariff", plan.tariff, "as the transaction names it")


def _ends_at(ends: EndsAt) -> str:
    said = [
        f"a cost of {ends.cost:g}" if ends.cost is not None else "",
        words.kwh(ends.energy_wh) if ends.energy_wh is not None else "",
        words.span(int(ends.time_s * SECOND_NS)) if ends.time_s is not None else "",
        f"{ends.soc_percent:g}{NOBREAK}%" if ends.soc_percent is not None else "",
    ]
    return " or ".join(each for each in said if each) or words.UNKNOWN


def _profile(each: ProfileNote) -> Row:
    least, most = (
        None if value is None else Limit(from_ns=0, limit=value, unit=each.unit)
        for value in (each.least, each.most)
    )
    allows = "" if least is None or most is None else limit_words(least)
    if least is not None and most is not None and each.least != each.most:
        allows = f"{limit_words(least)} to {limit_words(most)}"
    level = "" if each.stack_level is None else f", level {each.stack_level}"
    who = "" if each.by == "csms" else f" by {SOURCES.get(each.by, each.by)}"
    status = each.status or "not answered yet"
    ended = ", ended since" if each.ended_at_ns is not None else ""
    css = "" if each.status in ("Accepted", "") else "faulted"
    return Row(f"{each.purpose}{level}{who}", allows, f"{status}{ended}", each.frames, css, each.at_ns)


def _difference(reported: Decimal, said_in: str, estimate: Decimal, currency: str) -> Row:
    if said_in and said_in != currency:
        return Row("Difference", words.UNKNOWN, "the two are of different currencies")
    apart = reported - estimate
    if not apart:
        return Row("Difference", "none")
    share = f", {words.percent(float(apart / estimate))}" if estimate else ""
    note = "" if said_in else "no currency was named"
    return Row(
        "Difference", f"{'+' if apart > 0 else ''}{money(apart, currency)}{share}", note, (), "preparing"
    )


def _refs(limit: Limit) -> tuple[str, ...]:
    return (limit.frame,) if limit.frame else ()
