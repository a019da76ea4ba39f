"""The shapes of what the API answers and takes, as JSON Schema: what ``views/shapes.py`` makes, described. Pure."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_EVIDENCE: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "at": {"type": ["string", "null"]},
            "frames": {"type": "array"},
            "session": {"type": ["string", "null"]},
            "stations": {"type": "array", "items": {"type": "string"}},
        },
    },
}


def _object(**fields: str) -> Schema:
    """Fields by type; a ``?`` behind it: may be null. Only ever grows: clients ignore what they do not know."""
    properties: Schema = {}
    for name, kind in fields.items():
        base = kind.removesuffix("?")
        properties[name] = {"type": [base, "null"] if kind.endswith("?") else base}
    return {
        "type": "object",
        "required": list(fields),
        "properties": properties,
        "additionalProperties": True,
    }


SCHEMAS: Schema = {
    "Error": _object(error="string", status="integer"),
    "Act": {
        "type": "object",
        "required": ["by"],
        "properties": {
            "by": {"type": "string", "maxLength": 80},
            "note": {"type": "string", "maxLength": 500},
            "length": {"type": "string", "examples": ["4h"]},
            "clear_flags": {"type": "boolean", "default": False},
        },
    },
    "Station": _object(
        id="string",
        online="boolean",
        since="string",
        site="string?",
        vendor="string?",
        model="string?",
        firmware="string?",
        connectors="array",
        flags="object",
        name="string?",
        last_seen="string",
        unknown_since="string?",
        version="string?",
        upstream="string?",
        reservations="array",
        grid_alarm="string?",
        access="object?",
    ),
    "Session": {
        **_object(
            at="string",
            id="string",
            station="string",
            evse="integer?",
            connector="integer?",
            started_at="string",
            stopped_at="string?",
            energy_wh="number?",
            meter_start_wh="number?",
            meter_stop_wh="number?",
            outcome="string",
            reason="string?",
            blame="string?",
            start_source="string",
            start_confidence="number",
            milestones="object",
            late="boolean",
            cost="object?",
            limited="string?",
            reservation="integer?",
            resumed="boolean",
        ),
    },
    "Flag": _object(
        at="string",
        id="string",
        rule="string",
        detector="string",
        category="string",
        severity="string",
        station="string?",
        evse="integer?",
        connector="integer?",
        session="string?",
        subject="string?",
        state="string",
        summary="string",
        evidence="array",
    ),
    "Alert": _object(
        at="string",
        id="string",
        state="string",
        group="string",
        receivers="array",
        flags="array",
        severity="string",
        station="string?",
        site="string?",
        summary="string",
        started_at="string",
        acknowledged_by="string?",
    ),
    "Silence": _object(
        id="string",
        by="string",
        note="string?",
        covers="string",
        matchers="object",
        alert="string?",
        until="string",
    ),
    "Frame": _object(
        ref="string",
        at="string",
        station="string",
        connection="integer",
        direction="string",
        kind="string",
        type="integer?",
        action="string?",
        message_id="string?",
        payload="string",
        answer_time_s="number?",
        call="string?",
        answer="string?",
        unanswered="boolean",
        error_code="string?",
        oddity="string?",
    ),
}
SCHEMAS["Session"]["properties"]["transaction"] = {"type": ["integer", "string", "null"]}
SCHEMAS["Session"]["required"].append("transaction")
SCHEMAS["Flag"]["properties"]["evidence"] = _EVIDENCE
