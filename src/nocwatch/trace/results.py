"""What a replay tells: a line for each session, flag and alert, as docs/trace.md lists their fields. Pure.

The same shapes serve the console's API, so that what a script learnt from one it knows of the other.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from nocwatch.alerts.alert import Alert
from nocwatch.flags import Evidence, Flag, FlagState
from nocwatch.moments import rfc3339
from nocwatch.sessions import Session

Json = dict[str, Any]
Told: TypeAlias = Session | Flag | Alert


def _time(at_ns: int | None) -> str | None:
    return None if at_ns is None else rfc3339(at_ns)


def evidence_json(evidence: Evidence) -> Json:
    return {
        "text": evidence.text,
        "at": _time(evidence.at_ns or None),
        "frames": list(evidence.frames),
        "session": evidence.session,
        "stations": list(evidence.stations),
    }


def session_json(session: Session) -> Json:
    """Fields of a session result."""
    return {
        "kind": "session",
        "at": rfc3339(session.changed_at_ns),
        "id": session.id,
        "station": session.station,
        "evse": session.evse,
        "connector": session.connector,
        "transaction": session.transaction,
        "started_at": rfc3339(session.started_at_ns),
        "stopped_at": _time(session.stopped_at_ns),
        "energy_wh": session.energy_wh,
        "meter_start_wh": session.meter_start_wh,
        "meter_stop_wh": session.meter_stop_wh,
        "outcome": session.outcome.value,
        "reason": session.reason.value if session.reason else None,
        "blame": session.blame.value if session.blame else None,
        "start_source": session.start_source.value,
        "start_confidence": session.start_confidence,
        "milestones": {name: rfc3339(at_ns) for name, at_ns in session.milestones.items()},
        "late": session.late,
    }


def flag_json(flag: Flag) -> Json:
    """Fields of a flag result."""
    return {
        "kind": "flag",
        "at": rfc3339(flag.at_ns),
        "id": flag.id,
        "rule": flag.rule,
        "detector": flag.detector,
        "category": flag.category.value,
        "severity": flag.severity.value,
        "station": flag.station,
        "evse": flag.evse,
        "connector": flag.connector,
        "session": flag.session,
        "subject": flag.subject or None,
        "state": flag.state.value,
        "summary": flag.summary,
        "evidence": [evidence_json(each) for each in flag.evidence],
    }


def alert_json(alert: Alert) -> Json:
    """Fields of an alert result."""
    return {
        "kind": "alert",
        "at": rfc3339(alert.at_ns),
        "id": alert.id,
        "state": alert.state.value,
        "group": alert.group,
        "receivers": list(alert.receivers),
        "flags": list(alert.flags),
    }


def result_json(told: Told) -> Json:
    """A result line."""
    if isinstance(told, Session):
        return session_json(told)
    return flag_json(told) if isinstance(told, Flag) else alert_json(told)


def text_line(told: Told) -> str:
    """A result for a terminal."""
    at_ns = told.changed_at_ns if isinstance(told, Session) else told.at_ns
    return f"{rfc3339(at_ns)[:19].replace('T', ' ')}  {text_words(told)}"


def text_words(told: Told) -> str:
    """What the line says, without its time."""
    if isinstance(told, Session):
        return _session_words(told)
    if isinstance(told, Flag):
        ended = f" cleared: {told.cleared_because}" if told.state is FlagState.CLEARED else ""
        return f"flag     {told.severity:<8}  {told.state:<7}  {told.rule}: {told.summary}{ended}"
    return f"alert    {told.state:<12}  {told.group}  → {_hears(told)}: {told.summary}"


def _session_words(session: Session) -> str:
    energy = "" if session.energy_wh is None else f"{session.energy_wh / 1000:.2f} kWh"
    where = ".".join(str(part) for part in (session.evse, session.connector) if part is not None)
    verdict = " ".join(str(part) for part in (session.outcome, session.reason, session.blame) if part)
    transaction = "-" if session.transaction in (None, "") else session.transaction
    return f"session  {session.station}/{where or '?'}  {transaction}  {energy:>10}  {verdict}"


def _hears(alert: Alert) -> str:
    """Who is told of it."""
    if alert.inhibited_by:
        return "nobody, it is below another alert"
    if alert.silenced_by:
        return "nobody, it is silenced"
    return ", ".join(alert.receivers) or "nobody"
