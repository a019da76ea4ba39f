"""A session as its page shows it: banner, cards, milestones with their durations, verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from nocwatch.console.views import words
from nocwatch.console.views.looks import OUTCOMES
from nocwatch.kpis.counting import CountsAs
from nocwatch.moments import HOUR_NS
from nocwatch.sessions import Milestone, Outcome, Reason, Session, SessionStep, StartSource
from nocwatch.store.values import StoredSample

REASONS: dict[Reason, str] = {
    Reason.ZERO_ENERGY: "ended without energy",
    Reason.AUTH_TIMEOUT: "the authorisation was not answered in time",
    Reason.AUTH_REJECTED: "the authorisation was refused",
    Reason.AUTH_UNUSED: "authorised, and not used",
    Reason.NO_PLUG_TIMEOUT: "nothing was plugged in in time",
    Reason.ENDED_BY_DRIVER: "ended by the driver within two minutes",
    Reason.REMOTE_START_REJECTED: "the station refused the remote start",
    Reason.REMOTE_START_NO_TX: "the remote start was accepted, and no transaction came",
    Reason.EV_COMM: "station and vehicle did not understand each other",
    Reason.CONNECTOR_LOCK: "the connector did not lock",
    Reason.ELECTRICAL_SAFETY: "an electrical protection spoke",
    Reason.METER: "the meter failed",
    Reason.THERMAL: "too hot",
    Reason.EMERGENCY_STOP: "the emergency stop was pressed",
    Reason.POWER_LOSS: "the station lost its supply",
    Reason.REBOOT: "the station restarted",
    Reason.DEAUTHORISED: "stopped because the token lost its authorisation",
    Reason.CONNECTIVITY: "the link was lost",
    Reason.CSMS_ERROR: "the CSMS answered with an error",
    Reason.LOST_STOP: "no stop ever came",
    Reason.UNKNOWN: "and nothing seen explains why",
}
"""What a person reads for each reason."""

SOURCES_SHORT: dict[StartSource, str] = {
    StartSource.RFID: "RFID",
    StartSource.REMOTE: "Remote",
    StartSource.PLUG_AND_CHARGE: "Plug and charge",
    StartSource.AUTOCHARGE: "Autocharge",
    StartSource.TERMINAL: "Terminal",
    StartSource.FREE: "Free",
    StartSource.UNKNOWN: "",
}
"""For a column of a list."""

SOURCES: dict[StartSource, str] = {
    StartSource.RFID: "RFID card",
    StartSource.REMOTE: "Remote (app, API or operator)",
    StartSource.PLUG_AND_CHARGE: "Plug and charge",
    StartSource.AUTOCHARGE: "Autocharge",
    StartSource.TERMINAL: "Payment terminal",
    StartSource.FREE: "Free, no authorisation",
    StartSource.UNKNOWN: "Not known",
}


BEHIND: dict[CountsAs | None, str] = {
    CountsAs.ATTEMPTS: "attempts that are over",
    CountsAs.DELIVERED: "power flowed",
    CountsAs.NOT_DELIVERED: "no power flowed",
    CountsAs.VALID_STOPS: "power flowed, and stopped as it should",
    CountsAs.NOT_STOPPED: "power flowed, and not stopped as it should",
    CountsAs.NOT_SUCCESSFUL: "no power, or not stopped as it should",
    CountsAs.ALLOWED: "attempts that are over, but those refused before power flowed",
    CountsAs.ALLOWED_NOT_DELIVERED: "not refused, and no power flowed",
    CountsAs.START_TIME: "charge start time known",
}
"""What the sessions behind a key figure are, in words."""


class Banner(NamedTuple):
    """Across the page: ``css`` the state's colour, ``live`` whether the clock runs."""

    css: str
    icon: str
    word: str
    detail: str
    live: bool


class Card(NamedTuple):
    """One figure. ``tick_from_ns``: the figure is a clock that runs since then."""

    label: str
    figure: str
    unit: str
    note: str
    tick_from_ns: int | None = None


class Step(NamedTuple):
    """One line of the session's timeline; ``lasted`` the time to the next milestone, None at the last one."""

    at_ns: int
    name: str
    css: str
    milestone: bool
    text: str
    lasted: str | None
    frames: tuple[str, ...]
    current: bool


def duration_ns(session: Session, now_ns: int) -> int:
    """From start to stop; to now while it goes on; to the last that was heard where it ended without a stop."""
    until = session.stopped_at_ns or (session.changed_at_ns if session.over else now_ns)
    return max(0, until - session.started_at_ns)


_PHASES = {
    Milestone.CREATED: (
        "preparing",
        "preparing",
        "Pending",
        "waiting for the authorisation, the plug or the station",
    ),
    Milestone.STARTING: (
        "preparing",
        "preparing",
        "Starting",
        "the station has not confirmed the flow of energy yet",
    ),
    Milestone.STOPPING: ("finishing", "preparing", "Stopping", "the station has not confirmed the stop yet"),
}


def banner(session: Session) -> Banner:
    why = REASONS[session.reason] if session.reason else ""
    if session.outcome is Outcome.ONGOING:
        if session.suspended_by:
            by = {"ev": "the vehicle takes no energy", "evse": "the station gives no energy"}.get(
                session.suspended_by.lower().removeprefix("suspended"), session.suspended_by
            )
            css = "suspendedevse" if session.suspended_by.lower().endswith("evse") else "suspendedev"
            return Banner(css, "suspended", "Suspended", by, live=True)
        if session.phase in _PHASES:
            return Banner(*_PHASES[session.phase], live=True)
        return Banner("charging", "charging", "Charging", "", live=True)
    css, icon = OUTCOMES[session.outcome]
    if session.outcome is Outcome.SUCCESS:
        word = "Completed" if session.phase in (Milestone.COMPLETED, Milestone.RELEASED) else "Stopped"
        return Banner("available", icon, word, "energy was delivered and the stop is valid", live=False)
    return Banner(css, icon, session.outcome.value.capitalize(), why, live=False)


def doubtful(samples: Iterable[StoredSample]) -> bool:
    """Whether the register ran backwards on the way: then no sum of it is to be billed from."""
    return any(each.implausible == "fell" for each in samples)


def cards(session: Session, now_ns: int, price: str = "", doubt: bool = False) -> list[Card]:
    """What is known, and nothing else. ``doubt``: the register is not to be believed."""
    length_ns = duration_ns(session, now_ns)
    found = [
        _energy_card(session, doubt),
        Card(
            "Duration",
            words.clock(length_ns),
            "",
            "" if session.over else "running",
            None if session.over else session.started_at_ns,
        ),
    ]
    if session.energy_wh is not None and length_ns > 0:
        average_w = session.energy_wh / (length_ns / HOUR_NS)
        note = f"at most {words.kw(session.power_w_max)}" if session.power_w_max is not None else ""
        if not session.over and session.power_w is not None:
            found.append(
                Card(
                    "Power now",
                    words.number(session.power_w / 1000, 1),
                    "kW",
                    f"{words.kw(average_w)} on average",
                )
            )
        else:
            found.append(Card("Average power", words.number(average_w / 1000, 1), "kW", note))
    if session.soc_percent is not None:
        found.append(
            Card("State of charge", words.number(session.soc_percent), "%", "as the vehicle said last")
        )
    if price:
        found.append(Card("Price", price, "", "estimate"))
    return found


def _energy_card(session: Session, doubt: bool) -> Card:
    if session.energy_wh is None:
        return Card("Energy", words.UNKNOWN, "", "no meter reading was seen")
    note = "register doubtful: it ran backwards" if doubt else ""
    if session.meter_start_wh is not None and not doubt:
        note = f"register {words.number(session.meter_start_wh / 1000, 2)}"
        note += (
            f" → {words.number(session.meter_stop_wh / 1000, 2)} kWh"
            if session.meter_stop_wh is not None
            else " kWh at the start"
        )
    return Card("Energy", words.number(session.energy_wh / 1000, 2), "kWh", note)


_STEP_LOOKS = {
    "created": "preparing",
    "starting": "preparing",
    "charging": "charging",
    "stopping": "finishing",
    "stopped": "available",
    "completed": "available",
    "failed": "faulted",
    "released": "available",
    "suspended_ev": "suspendedev",
    "suspended_evse": "suspendedevse",
    "interrupted": "faulted",
    "resumed": "charging",
}


def steps(session: Session) -> list[Step]:
    """Milestones with the time spent in each, and what happened between them."""
    ordered: Sequence[SessionStep] = sorted(session.steps, key=lambda step: step.at_ns)
    marks = [step for step in ordered if step.milestone]
    after = {id(step): following for step, following in pairwise(marks)}
    found = []
    for step in ordered:
        following = after.get(id(step))
        last = bool(marks) and step is marks[-1]
        found.append(
            Step(
                step.at_ns,
                words.sentence(step.name),
                _STEP_LOOKS.get(step.name, "muted"),
                step.milestone,
                step.text,
                words.span(following.at_ns - step.at_ns) if following is not None else None,
                step.frames,
                current=last and not session.over,
            )
        )
    return found


def socket(session: Session) -> str:
    """``1``, or ``2 · 1`` for an EVSE's connector; empty where none was named."""
    if session.evse is not None:
        return f"{session.evse} · {session.connector}" if session.connector is not None else str(session.evse)
    return "" if session.connector is None else str(session.connector)


class Curve(NamedTuple):
    """Columns for a chart; a column that has no value at all is left out. ``at_s`` in seconds since 1970."""

    at_s: list[float]
    series: list[tuple[str, str, list[float | None]]]
    """(name, unit, values): power kW, energy kWh, current A, voltage V, state of charge %."""
    approximated: bool


_SERIES = (
    ("Power", "kW", "power_w", 1000.0),
    ("Energy", "kWh", "energy_wh", 1000.0),
    ("State of charge", "%", "soc_percent", 1.0),
    ("Current", "A", "current_a", 1.0),
    ("Voltage", "V", "voltage_v", 1.0),
)


def curve(session: Session, samples: Sequence[StoredSample]) -> Curve | None:
    """The charge curve; a straight line from start to end where no reading came between; None where nothing is known."""
    ordered = sorted(
        (sample for sample in samples if not sample.implausible), key=lambda sample: sample.at_ns
    )
    if len(ordered) < 2:
        if not session.energy_wh:
            return None
        until_ns = session.stopped_at_ns or session.changed_at_ns
        return Curve(
            [session.started_at_ns / 1e9, until_ns / 1e9],
            [("Energy", "kWh", [0.0, session.energy_wh / 1000])],
            approximated=True,
        )
    series = []
    for name, unit, field, factor in _SERIES:
        raw = [getattr(sample, field, None) for sample in ordered]
        if any(value is not None for value in raw):
            series.append(
                (name, unit, [None if value is None else round(value / factor, 3) for value in raw])
            )
    return Curve([sample.at_ns / 1e9 for sample in ordered], series, approximated=False) if series else None


def sketch(drawn: Curve, width: int = 600, height: int = 160) -> str:
    """The curve's first series as an SVG path, for pages without JavaScript and for print."""
    values = drawn.series[0][2]
    first, last = drawn.at_s[0], drawn.at_s[-1]
    top = max((value for value in values if value is not None), default=0.0) or 1.0
    parts, pen = [], "M"
    for at_s, value in zip(drawn.at_s, values, strict=True):
        if value is None:
            pen = "M"
            continue
        x = (at_s - first) / ((last - first) or 1.0) * width
        parts.append(f"{pen}{x:.1f} {height - max(0.0, value) / top * (height - 4):.1f}")
        pen = "L"
    return "".join(parts)
