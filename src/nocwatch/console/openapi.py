"""The API's description (OpenAPI 3.1), and from the same table which query parameters exist where. Pure."""

from __future__ import annotations

from typing import Any

from nocwatch import __version__
from nocwatch.alerts.alert import AlertState
from nocwatch.flags import Category, FlagState, Severity
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome, Reason, StartSource

Schema = dict[str, Any]


def _words(kind: Any, text: str, many: bool = True) -> tuple[str, Schema]:
    note = f"{text}; several by commas" if many else text
    return note, {
        "type": "string",
        "examples": [next(iter(kind)).value],
        "description": "One of " + ", ".join(kind),
    }


_TEXT: Schema = {"type": "string", "maxLength": 200}
_TIME = ("RFC 3339, or whole seconds since 1970", {"type": "string", "format": "date-time"})
_PAGE: dict[str, tuple[str, Schema]] = {
    "after": ("The `next` of the page before", _TEXT),
    "limit": (
        "Items of a page, 1 to 1000",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    ),
}
_SPAN: dict[str, tuple[str, Schema]] = {
    "from": _TIME,
    "until": _TIME,
    "range": (
        "A time range that ends now, in place of `from`",
        {"type": "string", "enum": ["1h", "24h", "7d", "30d", "all"]},
    ),
}
_BOOL: Schema = {"type": "boolean"}

PARAMETERS: dict[str, dict[str, tuple[str, Schema]]] = {
    "/api/stations": {
        "q": ("Words that all must stand in identity, name, site, vendor, model, firmware or address", _TEXT),
        "state": _words(ConnectorStatus, "The station's worst state", many=False),
        "site": ("Site", _TEXT),
        "vendor": ("Vendor", _TEXT),
        "flagged": ("`any`, or the worst severity of its raised flags", _TEXT),
        "online": ("With a live link or without", _BOOL),
        **_PAGE,
    },
    "/api/stations/{id}": {},
    "/api/sessions": {
        "station": ("Station", _TEXT),
        "outcome": _words(Outcome, "Outcome"),
        "reason": _words(Reason, "Reason"),
        "start_source": _words(StartSource, "How it was started", many=False),
        "token": ("Key-hash of the token", _TEXT),
        "upstream": ("CSMS", _TEXT),
        "ended": ("Over, or under way", _BOOL),
        "late": ("Replayed offline data", _BOOL),
        "text": ("A part of the station, or the beginning of session id, transaction or token", _TEXT),
        **_SPAN,
        **_PAGE,
    },
    "/api/sessions/{id}": {},
    "/api/sessions/{id}/curve": {},
    "/api/flags": {
        "station": ("Station", _TEXT),
        "session": ("Session id", _TEXT),
        "rule": ("Rule", _TEXT),
        "category": _words(Category, "Group"),
        "severity": _words(Severity, "Severity"),
        "state": _words(FlagState, "State", many=False),
        "late": ("Replayed offline data", _BOOL),
        "text": ("A part of summary, station or subject", _TEXT),
        **_SPAN,
        **_PAGE,
    },
    "/api/flags/{id}": {},
    "/api/flags/{id}/clear": {},
    "/api/alerts": {
        "station": ("Station", _TEXT),
        "site": ("Site", _TEXT),
        "rule": ("Rule", _TEXT),
        "severity": _words(Severity, "Severity"),
        "state": _words(AlertState, "State"),
        "receiver": ("Receiver", _TEXT),
        "flag": ("Id of a flag that it holds", _TEXT),
        "text": ("A part of summary, station, site or group", _TEXT),
        **_SPAN,
        **_PAGE,
    },
    "/api/alerts/{id}": {},
    "/api/alerts/{id}/acknowledge": {},
    "/api/alerts/{id}/resolve": {},
    "/api/alerts/{id}/silence": {},
    "/api/frames": {
        "station": ("Station", _TEXT),
        "session": ("Session id: from a minute before it to a minute after", _TEXT),
        "action": ("OCPP action", _TEXT),
        "direction": ("`cp-to-csms` or `csms-to-cp`", _TEXT),
        "message_id": ("OCPP message id", _TEXT),
        "troubled": ("Only errors, calls without answer, and what is no OCPP", _BOOL),
        "text": ("A part of the payload", _TEXT),
        "from": _TIME,
        "until": _TIME,
        **_PAGE,
    },
    "/api/frames/{id}": {},
    "/api/kpis": {
        "days": (
            "How many days, today the last",
            {"type": "integer", "minimum": 1, "maximum": 400, "default": 7},
        ),
        "station": ("Station", _TEXT),
        "site": ("Site", _TEXT),
    },
    "/api/status": {},
    "/api/events": {
        "kind": (
            "station, session, flag, alert, frame; several by commas; frames only with `station`",
            _TEXT,
        ),
        "station": ("Only what concerns this station", _TEXT),
    },
    "/api/openapi.json": {},
}

_TITLES = {
    "/api/stations": "Stations, the worst first",
    "/api/stations/{id}": "One station",
    "/api/sessions": "Sessions, the newest first",
    "/api/sessions/{id}": "One session with its steps",
    "/api/sessions/{id}/curve": "A session's charge curve, as columns",
    "/api/flags": "Flags: raised first, then the worst",
    "/api/flags/{id}": "One flag",
    "/api/flags/{id}/clear": "Clear a flag with a reason",
    "/api/alerts": "Alerts: firing first, then the worst",
    "/api/alerts/{id}": "One alert",
    "/api/alerts/{id}/acknowledge": "Take an alert",
    "/api/alerts/{id}/resolve": "Say that it is over",
    "/api/alerts/{id}/silence": "Tell nobody of alerts like this one for a while",
    "/api/frames": "Frames and link events, the newest first",
    "/api/frames/{id}": "One frame by its reference",
    "/api/kpis": "Sums by day, and pooled over all days",
    "/api/status": "How nocwatch itself is",
    "/api/events": "Live changes as server-sent events: each event's name is its kind, its data the whole thing as it stands",
    "/api/openapi.json": "This description",
}
_LISTS = ("/api/stations", "/api/sessions", "/api/flags", "/api/alerts", "/api/frames", "/api/kpis")

_EVIDENCE: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "text": _TEXT,
            "at": {"type": ["string", "null"]},
            "frames": {"type": "array"},
            "session": {"type": ["string", "null"]},
        },
    },
}


def parameters_of(at: str) -> frozenset[str]:
    return frozenset(PARAMETERS[at])


def document() -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nocwatch",
            "version": __version__,
            "description": "What the console shows, as JSON. Times are RFC 3339 in UTC, energies watt-hours; what is not known is null.",
        },
        "paths": {
            at: {("post" if at.rpartition("/")[2] in _ACTS else "get"): _operation(at)} for at in PARAMETERS
        },
        "components": {"schemas": _SCHEMAS},
    }


_ACTS = ("acknowledge", "resolve", "silence", "clear")


def _operation(at: str) -> Schema:
    parameters = [
        {"name": name, "in": "query", "required": False, "description": note, "schema": schema}
        for name, (note, schema) in PARAMETERS[at].items()
    ]
    if "{id}" in at:
        parameters.insert(
            0,
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "Its id, percent-encoded",
                "schema": _TEXT,
            },
        )
    error = {
        "description": "What is wrong, as a sentence",
        "content": _json({"$ref": "#/components/schemas/Error"}),
    }
    operation: Schema = {
        "summary": _TITLES[at],
        "parameters": parameters,
        "responses": {
            "200": {"description": "Found", "content": _content(at)},
            "400": error,
            **({"404": error} if "{id}" in at else {}),
        },
    }
    if at.rpartition("/")[2] in _ACTS:
        operation["requestBody"] = {"required": True, "content": _json({"$ref": "#/components/schemas/Act"})}
        operation["responses"]["409"] = error
    return operation


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


_THINGS = {
    "stations": "Station",
    "sessions": "Session",
    "flags": "Flag",
    "alerts": "Alert",
    "frames": "Frame",
}


def _content(at: str) -> Schema:
    if at == "/api/events":
        return {"text/event-stream": {"schema": {"type": "string"}}}
    thing = _THINGS.get(at.split("/")[2])
    if thing is None or at.endswith("/curve"):
        return _json({"type": "object"})
    schema: Schema = {"$ref": f"#/components/schemas/{thing}"}
    if at in _LISTS:
        schema = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {"items": {"type": "array", "items": schema}, "next": {"type": ["string", "null"]}},
        }
    return _json(schema)


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


_SCHEMAS: Schema = {
    "Error": _object(error="string", status="integer"),
    "Act": {
        "type": "object",
        "required": ["by"],
        "properties": {
            "by": {"type": "string", "maxLength": 80},
            "note": {"type": "string", "maxLength": 500},
            "length": {"type": "string", "examples": ["4h"]},
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
        version="string?",
        upstream="string?",
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
_SCHEMAS["Session"]["properties"]["transaction"] = {"type": ["integer", "string", "null"]}
_SCHEMAS["Session"]["required"].append("transaction")
_SCHEMAS["Flag"]["properties"]["evidence"] = _EVIDENCE
