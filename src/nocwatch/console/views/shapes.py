"""The API's documents: sessions, flags and alerts with the fields of docs/trace.md, stations with those of the surface. Pure.

Times are RFC 3339, UTC; what is not known is null. Fields beyond the documented ones are additions and only ever grow.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nocwatch.access import Access
from nocwatch.alerts.acts import Silence
from nocwatch.alerts.alert import Alert
from nocwatch.alerts.quiet import covered
from nocwatch.flags import Evidence, Flag
from nocwatch.frames import Direction, Frame
from nocwatch.moments import SECOND_NS, rfc3339
from nocwatch.network import Station
from nocwatch.plans import Booking, CostNote, Limit, in_a_word
from nocwatch.registry.places import Place
from nocwatch.sessions import Session
from nocwatch.store.values import StationFlags, StoredFrame

Document = dict[str, Any]


def time(at_ns: int | None) -> str | None:
    return None if at_ns is None else rfc3339(at_ns)


def evidence(found: tuple[Evidence, ...]) -> list[Document]:
    return [
        {
            "text": each.text,
            "at": time(each.at_ns or None),
            "frames": list(each.frames),
            "session": each.session,
            "stations": list(each.stations),
        }
        for each in found
    ]


def station(each: Station, place: Place, flags: StationFlags | None) -> Document:
    return {
        "id": each.id,
        "online": each.there,
        "since": time(each.since_ns if each.unknown_since_ns is None else each.unknown_since_ns),
        "unknown_since": time(each.unknown_since_ns),
        "last_seen": time(each.last_seen_ns),
        "name": place.name or None,
        "site": place.site or None,
        "vendor": place.vendor or each.vendor or None,
        "model": place.model or each.model or None,
        "firmware": each.firmware or place.firmware or None,
        "serial": each.serial or None,
        "version": each.version or None,
        "upstream": each.upstream or None,
        "access": _access(each.access),
        "boots": each.boots,
        "booted_at": time(each.booted_at_ns),
        "connectors": [
            {
                "evse": socket.evse,
                "connector": socket.connector,
                "status": socket.status.value,
                "reported": socket.reported.value,
                "since": time(socket.since_ns),
                "error_code": socket.error_code or None,
                "power_w": socket.power_w,
                "session": socket.session,
                "limits": [limit(step) for step in socket.limits],
            }
            for socket in each.connectors
        ],
        "reservations": [booking(each) for each in each.reservations],
        "grid_alarm": each.grid_alarm or None,
        "flags": {
            "info": flags.info,
            "warning": flags.warning,
            "critical": flags.critical,
            "worst": flags.flag,
        }
        if flags is not None
        else {"info": 0, "warning": 0, "critical": 0, "worst": None},
    }


def _access(each: Access | None) -> Document | None:
    if each is None:
        return None
    shown = each.certificate
    return {
        "tls": each.tls,
        "security_profile": each.security_profile,
        "authorization": each.authorization or None,
        "user": each.user or None,
        "own_name": each.own_name,
        "certificate": None
        if shown is None
        else {
            "name": shown.name or None,
            "names": list(shown.names),
            "issuer": shown.issuer or None,
            "serial": shown.serial or None,
            "sha256": shown.sha256,
            "ends_at": time(None if shown.not_after_s is None else shown.not_after_s * SECOND_NS),
        },
    }


def session(each: Session) -> Document:
    return {
        "at": time(each.changed_at_ns),
        "id": each.id,
        "station": each.station,
        "evse": each.evse,
        "connector": each.connector,
        "transaction": each.transaction,
        "started_at": time(each.started_at_ns),
        "stopped_at": time(each.stopped_at_ns),
        "energy_wh": each.energy_wh,
        "meter_start_wh": each.meter_start_wh,
        "meter_stop_wh": each.meter_stop_wh,
        "outcome": each.outcome.value,
        "reason": each.reason.value if each.reason else None,
        "blame": each.blame.value if each.blame else None,
        "start_source": each.start_source.value,
        "start_confidence": each.start_confidence,
        "milestones": {name: time(at_ns) for name, at_ns in each.milestones.items()},
        "late": each.late,
        "blame_evidence": evidence(each.blame_evidence),
        "issues": evidence(each.issues),
        "stop_reason": each.stop_reason,
        "token": each.token,
        "power_w": each.power_w,
        "power_w_max": each.power_w_max,
        "soc_percent": each.soc_percent,
        "phase": each.phase.value,
        "version": each.version or None,
        "upstream": each.upstream or None,
        "cost": _cost(each.costs.reported if each.costs is not None else None),
        "limited": in_a_word(each.plan.limits).value or None if each.plan is not None else None,
        "reservation": None if each.reservation is None else each.reservation.id,
        "resumed": each.resumed,
        "revision": each.revision,
    }


def planned(each: Session) -> Document:
    """What one session has beyond the list's: limits over time, profiles, needs, costs as they were said, the reservation."""
    plan = each.plan
    return {
        "plan": None
        if plan is None
        else {
            "limits": [limit(step) for step in plan.limits],
            "vehicle": [limit(step) for step in plan.vehicle],
            "profiles": [_timed(profile) for profile in plan.profiles],
            "needs": None if plan.needs is None else _timed(plan.needs),
            "ends_at": None if plan.ends_at is None else msgspec.structs.asdict(plan.ends_at),
            "priority": plan.priority,
        },
        "costs": [_cost(note) for note in each.costs.notes] if each.costs is not None else [],
        "settlement": None
        if each.costs is None or each.costs.settled is None
        else _timed(each.costs.settled),
        "booking": None if each.reservation is None else booking(each.reservation),
    }


def limit(each: Limit) -> Document:
    return _timed(each)


def booking(each: Booking) -> Document:
    return {**_timed(each), "made_at": time(each.made_at_ns or None)}


def _cost(each: CostNote | None) -> Document | None:
    """Amounts are text, so that no client makes binary numbers of them."""
    return None if each is None else _timed(each)


def _timed(each: msgspec.Struct) -> Document:
    """Its fields, with moments as RFC 3339 and ``_ns`` off their names."""
    return {
        name.removesuffix("_ns"): time(value) if name.endswith("_ns") else value
        for name, value in msgspec.structs.asdict(each).items()
    }


def flag(each: Flag) -> Document:
    return {
        "at": time(each.at_ns),
        "id": each.id,
        "rule": each.rule,
        "detector": each.detector,
        "category": each.category.value,
        "severity": each.severity.value,
        "station": each.station,
        "evse": each.evse,
        "connector": each.connector,
        "session": each.session,
        "subject": each.subject or None,
        "state": each.state.value,
        "summary": each.summary,
        "evidence": evidence(each.evidence),
        "onset_at": time(each.onset_at_ns),
        "advice": each.advice or None,
        "blame": each.blame.value,
        "runbook": each.runbook or None,
        "labels": dict(each.labels),
        "late": each.late,
        "cleared_because": each.cleared_because or None,
    }


def alert(each: Alert) -> Document:
    return {
        "at": time(each.at_ns),
        "id": each.id,
        "state": each.state.value,
        "group": each.group,
        "receivers": list(each.receivers),
        "flags": list(each.flags),
        "flag_count": each.flag_count,
        "open_count": each.open_count,
        "raised_count": each.raised_count,
        "severity": each.severity.value,
        "station": each.station,
        "site": each.site or None,
        "summary": each.summary,
        "advice": each.advice or None,
        "blame": each.blame.value,
        "rule": each.rule,
        "category": each.category or None,
        "runbook": each.runbook or None,
        "started_at": time(each.started_at_ns),
        "acknowledged_by": each.acknowledged_by or None,
        "acknowledged_at": time(each.acknowledged_at_ns),
        "note": each.note or None,
        "silenced_by": each.silenced_by or None,
        "inhibited_by": each.inhibited_by or None,
        "resolved_because": each.resolved_because or None,
        "resolved_by": each.resolved_by or None,
        "labels": dict(each.labels),
        "revision": each.revision,
    }


def silence(each: Silence) -> Document:
    return {
        "id": each.id,
        "by": each.by,
        "note": each.note or None,
        "from": time(each.from_ns),
        "until": time(each.until_ns),
        "covers": covered(each.matchers),
        "matchers": dict(each.matchers),
        "alert": each.alert or None,
    }


def stored_frame(each: StoredFrame) -> Document:
    return {
        "ref": each.ref,
        "at": time(each.at_ns),
        "station": each.station,
        "connection": each.connection,
        "direction": _DIRECTIONS[each.direction],
        "kind": each.kind,
        "type": each.type,
        "action": each.action or None,
        "message_id": each.message_id or None,
        "version": each.version or None,
        "payload": each.payload,
        "answer_time_s": None if each.answer_time_ns is None else each.answer_time_ns / 1e9,
        "call": each.call,
        "answer": each.answer,
        "unanswered": each.unanswered,
        "error_code": each.error_code or None,
        "oddity": each.oddity or None,
        "code": each.code,
        "reason": each.reason or None,
    }


def live_frame(each: Frame) -> Document:
    return {
        "ref": each.ref,
        "at": time(each.received_at_ns),
        "station": each.station,
        "connection": each.connection,
        "direction": _DIRECTIONS[each.direction],
        "kind": each.kind.value,
        "payload": each.payload.decode("utf-8", "replace"),
        "code": each.code,
        "reason": each.reason or None,
    }


_DIRECTIONS = {Direction.FROM_STATION: "cp-to-csms", Direction.FROM_CSMS: "csms-to-cp"}
"""The words of Open OCPP Trace."""
