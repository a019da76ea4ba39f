"""Limits as lines beside the charge curve, in kW. Pure; the words of a plan are in ``plans.py``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nocwatch.console.views.sessions import Curve
from nocwatch.moments import SECOND_NS
from nocwatch.plans import Limit
from nocwatch.registry.place import Place
from nocwatch.sessions import Session
from nocwatch.store.values import StoredSample

MAINS_V = 230.0
"""What a limit in amperes is taken as where no voltage was read."""
MAINS_V_RANGE = (200.0, 260.0)


class Columns(NamedTuple):
    """A stepped line for the chart, in kW; None where nothing limits."""

    at_s: list[float]
    values: list[float | None]


def lines(
    session: Session, samples: Sequence[StoredSample], now_ns: int, place: Place
) -> list[tuple[str, Columns]]:
    """What is drawn beside the curve: the limit, and what the vehicle chose for itself."""
    plan = session.plan
    if plan is None:
        return []
    until_ns = curve_end_ns(session, samples, now_ns)
    current = place.current_of(session.evse, session.connector)
    drawn = (("Limit", plan.limits), ("Vehicle's plan", plan.vehicle))
    found = [(name, line(steps, session, samples, until_ns, current)) for name, steps in drawn]
    return [(name, columns) for name, columns in found if columns is not None]


def line(
    limits: Sequence[Limit], session: Session, samples: Iterable[StoredSample], until_ns: int, current: str
) -> Columns | None:
    """Limits as a line in kW beside the curve; amperes by the voltage that was read, else by 230 V.

    Args:
        limits: by time.
        session: whose they are; the line begins with it.
        samples: for their voltage.
        until_ns: where the curve ends.
        current: ``ac`` or ``dc``, empty where it is not known.
    """
    volts = next((each.voltage_v for each in samples if each.voltage_v), None)
    at_s: list[float] = []
    values: list[float | None] = []
    for each in limits:
        if each.from_ns >= until_ns:
            break
        at = max(each.from_ns, session.started_at_ns) / SECOND_NS
        if at_s and at_s[-1] == at:
            at_s.pop()
            values.pop()
        at_s.append(at)
        values.append(kilowatts(each, volts, current))
    if not any(value is not None for value in values):
        return None
    return Columns([*at_s, until_ns / SECOND_NS], [*values, values[-1]])


def sketch(curve: Curve, drawn: Sequence[tuple[str, Columns]], width: int = 600, height: int = 160) -> str:
    """The limit as a stepped SVG path on the sketch of the power; empty where the sketch is of something else."""
    name, _, values = curve.series[0]
    if name != "Power" or drawn[0][0] != "Limit":
        return ""
    top = max((value for value in values if value is not None), default=0.0) or 1.0
    first, last = curve.at_s[0], curve.at_s[-1]
    parts, pen = [], "M"
    columns = drawn[0][1]
    for at_s, until_s, value in zip(columns.at_s, columns.at_s[1:], columns.values, strict=False):
        if value is None:
            pen = "M"
            continue
        y = height - min(max(value, 0.0), top) / top * (height - 4)
        for moment in (at_s, until_s):
            x = (min(max(moment, first), last) - first) / ((last - first) or 1.0) * width
            parts.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
    return "".join(parts)


def kilowatts(limit: Limit, volts: float | None, current: str) -> float | None:
    """A limit in kW; None where there is none. Amperes are of each phase, three where it is not said; DC has one."""
    if limit.limit is None:
        return None
    if limit.unit != "A":
        return round(limit.limit / 1000, 3)
    if current == "dc" and volts:
        return round(limit.limit * volts / 1000, 3)
    mains = volts if volts and MAINS_V_RANGE[0] <= volts <= MAINS_V_RANGE[1] else MAINS_V
    return round(limit.limit * mains * (limit.phases or 3) / 1000, 3)


def curve_end_ns(session: Session, samples: Sequence[StoredSample], now_ns: int) -> int:
    """Where the curve's time ends: the stop, the last reading after it, or now."""
    last_ns = max((each.at_ns for each in samples), default=0)
    return max(session.stopped_at_ns or (session.changed_at_ns if session.over else now_ns), last_ns)
