"""The API's description (OpenAPI 3.1): operations, from the tables of parameters and of shapes. Pure."""

from __future__ import annotations

from typing import Any

from nocwatch import __version__
from nocwatch.console.parameters import PARAMETERS, TEXT
from nocwatch.console.schemas import SCHEMAS, Schema

_TITLES = {
    "/api/stations": "Stations, the worst first",
    "/api/stations/{id}": "One station",
    "/api/sessions": "Sessions, the newest first",
    "/api/sessions/{id}": "One session with its steps",
    "/api/sessions/{id}/curve": "A session's charge curve, as columns",
    "/api/sessions/{id}/estimate": "What a session would cost and save, estimated from the registry",
    "/api/flags": "Flags: raised first, then the worst",
    "/api/flags/{id}": "One flag",
    "/api/flags/{id}/clear": "Clear a flag with a reason",
    "/api/alerts": "Alerts: firing first, then the worst",
    "/api/alerts/{id}": "One alert",
    "/api/alerts/{id}/acknowledge": "Take an alert",
    "/api/alerts/{id}/resolve": "Say that it is over",
    "/api/alerts/{id}/silence": "Tell nobody of alerts like this one for a while",
    "/api/silences": "Silences in force: who tells nobody of what, and until when",
    "/api/silences/{id}": "End a silence before its time",
    "/api/frames": "Frames and link events, the newest first",
    "/api/frames/{id}": "One frame by its reference",
    "/api/kpis": "Sums by day, and pooled over all days",
    "/api/kpis/figures": "Key figures of a window with sample size and interval, by group",
    "/api/kpis/uptime": "Uptime of each port in a month, with its outages",
    "/api/status": "How nocwatch itself is",
    "/api/events": "Live changes as server-sent events: each event's name is its kind, its data the whole thing as it stands",
    "/api/openapi.json": "This description",
}
_LISTS = (
    "/api/stations",
    "/api/sessions",
    "/api/flags",
    "/api/alerts",
    "/api/silences",
    "/api/frames",
    "/api/kpis",
)


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
            at: {_METHODS.get(at, "post" if at.rpartition("/")[2] in _ACTS else "get"): _operation(at)}
            for at in PARAMETERS
        },
        "components": {"schemas": SCHEMAS},
    }


_METHODS = {"/api/silences/{id}": "delete"}
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
                "schema": TEXT,
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
    if at in _METHODS or "requestBody" in operation:
        operation["responses"]["409"] = error
    return operation


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


_THINGS = {
    "stations": "Station",
    "sessions": "Session",
    "flags": "Flag",
    "alerts": "Alert",
    "silences": "Silence",
    "frames": "Frame",
}


def _content(at: str) -> Schema:
    if at == "/api/events":
        return {"text/event-stream": {"schema": {"type": "string"}}}
    thing = _THINGS.get(at.split("/")[2])
    if thing is None or at.endswith(("/curve", "/estimate")):
        return _json({"type": "object"})
    schema: Schema = {"$ref": f"#/components/schemas/{thing}"}
    if at in _LISTS:
        schema = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {"items": {"type": "array", "items": schema}, "next": {"type": ["string", "null"]}},
        }
    return _json(schema)
