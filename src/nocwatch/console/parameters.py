"""Which query parameters each address of the API takes, what they mean and what they may be: described, and held to. Pure."""

from __future__ import annotations

from typing import Any

from nocwatch.alerts.alert import AlertState
from nocwatch.console.schemas import Schema
from nocwatch.flags import Category, FlagState, Severity
from nocwatch.kpis.counting import CountsAs
from nocwatch.kpis.grouping import By
from nocwatch.kpis.regulations import Text
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Outcome, Reason, StartSource


def _words(kind: Any, text: str, many: bool = True) -> tuple[str, Schema]:
    note = f"{text}; several by commas" if many else text
    return note, {
        "type": "string",
        "examples": [next(iter(kind)).value],
        "description": "One of " + ", ".join(kind),
    }


TEXT: Schema = {"type": "string", "maxLength": 200}
_TIME = ("RFC 3339, or whole seconds since 1970", {"type": "string", "format": "date-time"})
_PAGE: dict[str, tuple[str, Schema]] = {
    "after": ("The `next` of the page before", TEXT),
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
_SCOPE: dict[str, tuple[str, Schema]] = {
    name: (f"{name.capitalize()}; a glob such as `depot-*`", TEXT)
    for name in ("station", "site", "team", "operator", "vendor", "model", "current", "access")
}
_MONTH: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}$", "examples": ["2026-10"]}
_BOOL: Schema = {"type": "boolean"}

PARAMETERS: dict[str, dict[str, tuple[str, Schema]]] = {
    "/api/stations": {
        "q": ("Words that all must stand in identity, name, site, vendor, model, firmware or address", TEXT),
        "state": _words(ConnectorStatus, "The station's worst state", many=False),
        "site": ("Site", TEXT),
        "vendor": ("Vendor", TEXT),
        "flagged": ("`any`, or the worst severity of its raised flags", TEXT),
        "online": ("With a live link or without", _BOOL),
        **_PAGE,
    },
    "/api/stations/{id}": {},
    "/api/sessions": {
        "station": ("Station", TEXT),
        "outcome": _words(Outcome, "Outcome"),
        "reason": _words(Reason, "Reason"),
        "start_source": _words(StartSource, "How it was started", many=False),
        "token": ("Key-hash of the token", TEXT),
        "upstream": ("CSMS", TEXT),
        "ended": ("Over, or under way", _BOOL),
        "evse": ("EVSE; `none` where none was said", TEXT),
        "connector": ("Connector; `none` where none was said", TEXT),
        "counts_as": _words(CountsAs, "Those behind a key figure", many=False),
        **{name: text for name, text in _SCOPE.items() if name != "station"},
        "firmware": ("Started in an hour in which the station ran it", TEXT),
        "late": ("Replayed offline data", _BOOL),
        "limited": (
            "`limited`: by a charging profile at all; `nothing`: one allowed nothing at some time",
            {"type": "string", "enum": ["limited", "nothing"]},
        ),
        "costed": ("With a cost that was reported, or without", _BOOL),
        "reservation": ("Number of the reservation that led to it", {"type": "integer"}),
        "text": (
            "A part of the station, the beginning of session id, transaction or token, or a reservation's number",
            TEXT,
        ),
        **_SPAN,
        **_PAGE,
    },
    "/api/sessions/{id}": {},
    "/api/sessions/{id}/curve": {},
    "/api/sessions/{id}/estimate": {},
    "/api/flags": {
        "station": ("Station", TEXT),
        "session": ("Session id", TEXT),
        "rule": ("Rule", TEXT),
        "category": _words(Category, "Group"),
        "severity": _words(Severity, "Severity"),
        "state": _words(FlagState, "State", many=False),
        "late": ("Replayed offline data", _BOOL),
        "text": ("A part of summary, station or subject", TEXT),
        **_SPAN,
        **_PAGE,
    },
    "/api/flags/{id}": {},
    "/api/flags/{id}/clear": {},
    "/api/alerts": {
        "station": ("Station", TEXT),
        "site": ("Site", TEXT),
        "rule": ("Rule", TEXT),
        "severity": _words(Severity, "Severity"),
        "state": _words(AlertState, "State"),
        "receiver": ("Receiver", TEXT),
        "flag": ("Id of a flag that it holds", TEXT),
        "text": ("A part of summary, station, site or group", TEXT),
        **_SPAN,
        **_PAGE,
    },
    "/api/alerts/{id}": {},
    "/api/alerts/{id}/acknowledge": {},
    "/api/alerts/{id}/resolve": {},
    "/api/alerts/{id}/silence": {},
    "/api/silences": {},
    "/api/silences/{id}": {
        "by": ("Who ends it; required", {"type": "string", "maxLength": 80}),
        "note": ("Why", {"type": "string", "maxLength": 200}),
    },
    "/api/frames": {
        "station": ("Station", TEXT),
        "session": ("Session id: from a minute before it to a minute after", TEXT),
        "action": ("OCPP action", TEXT),
        "direction": ("`cp-to-csms` or `csms-to-cp`", TEXT),
        "message_id": ("OCPP message id", TEXT),
        "troubled": ("Only errors, calls without answer, and what is no OCPP", _BOOL),
        "text": ("A part of the payload", TEXT),
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
        "station": ("Station", TEXT),
        "site": ("Site", TEXT),
    },
    "/api/kpis/figures": {
        "from": _TIME,
        "until": _TIME,
        "by": _words(By, "What to tell the figures apart by", many=False),
        **_SCOPE,
        "firmware": ("Firmware of that time; a glob", TEXT),
        "upstream": ("Only what went to this CSMS", TEXT),
    },
    "/api/kpis/uptime": {
        "month": ("A month; the last whole one of the console's time zone without it", _MONTH),
        "regulation": _words(Text, "By whose text, for every port; by what the registry says without it"),
        **_SCOPE,
    },
    "/api/status": {},
    "/api/events": {
        "kind": (
            "station, session, flag, alert, frame; several by commas; frames only with `station`",
            TEXT,
        ),
        "station": ("Only what concerns this station", TEXT),
    },
    "/api/openapi.json": {},
}


def parameters_of(at: str) -> frozenset[str]:
    return frozenset(PARAMETERS[at])
