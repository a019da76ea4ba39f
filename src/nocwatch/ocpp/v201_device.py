"""The device model of 2.x: settings read, set and reported, and events of monitored components [201 part 1 §4].

A setting's name is ``Component.Variable``; an instance stands in brackets, an EVSE and connector after ``#``:
``Connector#1.2.AvailabilityState``, ``OCPPCommCtrlr.HeartbeatInterval``, ``SampledDataCtrlr[Ended].Interval``.
"""

from __future__ import annotations

from nocwatch.ocpp.events import ComponentReported, ConfigurationSeen, StatusReported
from nocwatch.ocpp.fields import Hearing, Payload
from nocwatch.ocpp.table import Events, connector_status

ITEMS_MAX = 5000
"""Of one message; a full report of a large station has some thousand, split over messages."""

_ACTUAL = (None, "Actual")  # a tuple: what stands there may be unhashable
_PLACES = frozenset({"ChargingStation", "EVSE", "Connector"})


def events_notified(hearing: Hearing, payload: Payload) -> Events:
    """NotifyEvent: availability is a status like any other, all else is reported by its name."""
    events: Events = []
    for item in hearing.objects(payload, "eventData", required=True)[:ITEMS_MAX]:
        component = hearing.object(item, "component", required=True)
        variable = hearing.object(item, "variable", required=True)
        place = hearing.object(component, "evse")
        name = hearing.text(component, "name", required=True)
        about = hearing.text(variable, "name", required=True)
        evse = hearing.integer(place, "id")
        connector = hearing.integer(place, "connectorId")
        stamp = hearing.timed(item)
        if about == "AvailabilityState" and name in _PLACES:
            status = connector_status(hearing, item, "actualValue")
            if status is not None:
                events.append(
                    StatusReported(evse=evse or 0, connector=connector or 0, status=status, **stamp)
                )
            continue
        events.append(
            ComponentReported(
                evse=evse,
                connector=connector,
                component=name,
                variable=about,
                value=hearing.text(item, "actualValue"),
                tech_code=hearing.text(item, "techCode"),
                tech_info=hearing.text(item, "techInfo"),
                cleared=hearing.truth(item, "cleared"),
                trigger=hearing.text(item, "trigger"),
                **stamp,
            )
        )
    return events


def report(hearing: Hearing, payload: Payload) -> Events:
    """NotifyReport: the actual value of each variable that has one."""
    return [
        ConfigurationSeen(name=_name(hearing, item), value=hearing.text(attribute, "value"), **hearing.stamp)
        for item in hearing.objects(payload, "reportData")[:ITEMS_MAX]
        for attribute in hearing.objects(item, "variableAttribute")
        if attribute.get("type") in _ACTUAL and attribute.get("value") is not None
    ]


def variables_read(hearing: Hearing, _: Payload, answer: Payload) -> Events:
    """GetVariables was answered."""
    return [
        ConfigurationSeen(
            name=_name(hearing, item), value=hearing.text(item, "attributeValue"), **hearing.stamp
        )
        for item in hearing.objects(answer, "getVariableResult", required=True)[:ITEMS_MAX]
        if item.get("attributeStatus") == "Accepted" and item.get("attributeType") in _ACTUAL
    ]


def variables_set(hearing: Hearing, call: Payload, answer: Payload) -> Events:
    """SetVariables was answered: what was accepted, with the value that the call gave."""
    quiet = Hearing(hearing.stamp, hearing.message_id, hearing.version)
    asked = {
        _name(quiet, item): quiet.text(item, "attributeValue")
        for item in quiet.objects(call, "setVariableData")[:ITEMS_MAX]
        if item.get("attributeType") in _ACTUAL
    }
    return [
        ConfigurationSeen(name=name, value=asked[name], changed=True, **hearing.stamp)
        for item in hearing.objects(answer, "setVariableResult", required=True)[:ITEMS_MAX]
        if item.get("attributeStatus") in ("Accepted", "RebootRequired")
        and item.get("attributeType") in _ACTUAL
        if (name := _name(hearing, item)) in asked
    ]


def _name(hearing: Hearing, item: Payload) -> str:
    component = hearing.object(item, "component", required=True)
    variable = hearing.object(item, "variable", required=True)
    return f"{_part(hearing, component)}.{_part(hearing, variable)}"


def _part(hearing: Hearing, part: Payload) -> str:
    name = hearing.text(part, "name", required=True)
    if part.get("evse") is not None:
        place = hearing.object(part, "evse")
        connector = hearing.integer(place, "connectorId")
        name += f"#{hearing.integer(place, 'id')}" + ("" if connector is None else f".{connector}")
    instance = hearing.text(part, "instance") if "instance" in part else ""
    return f"{name}[{instance}]" if instance else name
