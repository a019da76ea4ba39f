"""What a replay tells: a line for each session, flag and alert, as docs/trace.md lists their fields. Pure.

The same shapes serve the console's API, so that what a script learnt from one it knows of the other.
"""

from __future__ import annotations

from typing import Any

from nocwatch.alerts.alert import Alert
from nocwatch.flags import Evidence, Flag
from nocwatch.moments import rfc3339
from nocwatch.sessions import Session

Json = dict[str, Any]


def _time(at_ns: int | None) -> str | None:
    return None if at_ns is None else rfc3339(at_ns)


def evidence_json(evidence: Evidence) -> Json:
    return {
        "text": evidence.text,
        "at": _time(evidence.at_ns or None),
        "frames": list(evidence.frames),
        "session": evidence.session,
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


def text_line(result: Json) -> str:
    """A result for a terminal."""
    return f"{result['at'][:19].replace('T', ' ')}  {text_words(result)}"


def text_words(result: Json) -> str:
    """What the line says, without its time."""
    if result["kind"] == "session":
        energy = "" if result["energy_wh"] is None else f"{result['energy_wh'] / 1000:.2f} kWh"
        where = ".".join(str(part) for part in (result["evse"], result["connector"]) if part is not None)
        verdict = " ".join(
            str(part) for part in (result["outcome"], result["reason"], result["blame"]) if part
        )
        return f"session  {result['station']}/{where or '?'}  {result['transaction'] or '-'}  {energy:>10}  {verdict}"
    if result["kind"] == "flag":
        return (
            f"flag     {result['severity']:<8}  {result['state']:<7}  {result['rule']}: {result['summary']}"
        )
    return (
        f"alert    {result['state']:<12}  {result['group']}  → {', '.join(result['receivers']) or 'nobody'}"
    )
