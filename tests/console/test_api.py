"""The API over a real server: documented fields, cursors that give everything once, errors that say what would be right."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx2
import pytest
from tests.support.console_data import Network

from nocwatch.alerts.alert import AlertState
from nocwatch.console import parameters
from nocwatch.flags import FlagState
from nocwatch.store.values import AlertFilter, FlagFilter

STATION = {"id", "online", "since", "site", "vendor", "model", "firmware", "connectors", "flags"}
CONNECTOR = {"evse", "connector", "status", "since", "session"}
SESSION = {
    "at",
    "id",
    "station",
    "evse",
    "connector",
    "transaction",
    "started_at",
    "stopped_at",
    "energy_wh",
    "meter_start_wh",
    "meter_stop_wh",
    "outcome",
    "reason",
    "blame",
    "start_source",
    "start_confidence",
    "milestones",
    "late",
}
FLAG = {
    "at",
    "id",
    "rule",
    "detector",
    "category",
    "severity",
    "station",
    "evse",
    "connector",
    "session",
    "subject",
    "state",
    "summary",
    "evidence",
}
ALERT = {"at", "id", "state", "group", "receivers", "flags"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.mark.parametrize(
    ("list_of", "fields"), [("stations", STATION), ("sessions", SESSION), ("flags", FLAG), ("alerts", ALERT)]
)
async def test_lists_have_the_documented_fields(
    client: httpx2.AsyncClient, list_of: str, fields: set[str]
) -> None:
    answer = await client.get(f"/api/{list_of}")
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"items", "next"}
    assert body["items"]
    for item in body["items"]:
        assert fields <= set(item)
        one = (await client.get(f"/api/{list_of}/{item['id']}")).json() if item is body["items"][0] else item
        assert one["id"] == item["id"]
    assert RFC3339.fullmatch(body["items"][0].get("at") or body["items"][0]["since"])


async def test_connectors_have_the_documented_fields(client: httpx2.AsyncClient) -> None:
    items = (await client.get("/api/stations?state=Faulted")).json()["items"]
    assert [item["id"] for item in items] == ["CP-A7-010", "CP-KLI-023"]
    assert set(items[0]["connectors"][0]) >= CONNECTOR
    assert items[0]["connectors"][0]["status"] == "Faulted"
    assert items[0]["flags"]["critical"] == 1


@pytest.mark.parametrize("list_of", ["stations", "sessions", "flags", "alerts", "frames"])
async def test_following_next_gives_every_item_once(client: httpx2.AsyncClient, list_of: str) -> None:
    key = "ref" if list_of == "frames" else "id"
    narrow = "&station=CP-DEP-020" if list_of == "frames" else ""
    whole = [item[key] for item in (await client.get(f"/api/{list_of}?limit=1000{narrow}")).json()["items"]]
    found: list[str] = []
    after = ""
    for _ in range(200):
        body = (await client.get(f"/api/{list_of}?limit=7{narrow}{after}")).json()
        found += [item[key] for item in body["items"]]
        if body["next"] is None:
            break
        after = f"&after={body['next']}"
    assert len(whole) > 7
    assert found == whole
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("list_of", ["sessions", "frames", "flags", "alerts"])
@pytest.mark.parametrize("moment", ["0001-01-01", "9999-12-31T23:59:59Z", "99999999999"])
async def test_a_time_that_the_store_has_no_room_for_is_no_fault(
    client: httpx2.AsyncClient, list_of: str, moment: str
) -> None:
    for name in ("from", "until"):
        answer = await client.get(f"/api/{list_of}?{name}={moment}")
        assert answer.status_code in {200, 400}, answer.text


@pytest.mark.parametrize(
    "question", ["from=0001-01-01", "until=9999-12-31", "from=9999-12-31", "until=0001-01-01"]
)
async def test_key_figures_of_no_century_are_no_fault(client: httpx2.AsyncClient, question: str) -> None:
    for page in ("/reports", "/api/kpis/figures", "/api/uptime", "/reports/figures.csv"):
        assert (await client.get(f"{page}?{question}")).status_code in {200, 400, 404}


async def test_sessions_filter_by_outcome_station_and_time(
    client: httpx2.AsyncClient, network: Network
) -> None:
    failed = (await client.get("/api/sessions?outcome=failed,rejected&limit=1000")).json()["items"]
    assert {item["outcome"] for item in failed} == {"failed"}
    station = failed[0]["station"]
    of_station = (await client.get(f"/api/sessions?station={station}&limit=1000")).json()["items"]
    assert {item["station"] for item in of_station} == {station}
    since = of_station[0]["started_at"]
    assert [
        item["id"]
        for item in (await client.get(f"/api/sessions?station={station}&from={since}")).json()["items"]
    ] == [of_station[0]["id"]]


async def test_curve_has_columns_of_equal_length(client: httpx2.AsyncClient) -> None:
    session = (await client.get("/api/sessions?outcome=success&limit=1")).json()["items"][0]
    curve = (await client.get(f"/api/sessions/{session['id']}/curve")).json()
    assert curve["at_s"] == sorted(curve["at_s"])
    assert {len(each["values"]) for each in curve["series"]} == {len(curve["at_s"])}
    assert curve["series"][0]["name"] == "Power"


async def test_kpis_pool_their_sums(client: httpx2.AsyncClient) -> None:
    body = (await client.get("/api/kpis?days=2")).json()
    total, days = body["total"], body["items"]
    assert total["success"] == sum(day["success"] for day in days)
    assert total["success_rate"] == pytest.approx(total["success"] / (total["success"] + total["failed"]))


async def test_key_figures_by_station_add_up_to_the_fleet(client: httpx2.AsyncClient) -> None:
    whole = (await client.get("/api/kpis/figures")).json()
    parts = (await client.get("/api/kpis/figures?by=station")).json()
    named = {figure["figure"]: figure for figure in whole["items"][0]["figures"]}
    for name in ("charge_start_success", "success_rate"):
        shares = [
            figure for group in parts["items"] for figure in group["figures"] if figure["figure"] == name
        ]
        assert sum(each["numerator"] for each in shares) == named[name]["numerator"]
        assert sum(each["number"] for each in shares) == named[name]["number"] > 0
        assert named[name]["low"] <= named[name]["value"] <= named[name]["high"]
    station = parts["items"][0]["group"]
    one = (await client.get(f"/api/kpis/figures?station={station}")).json()
    # Visits are not compared: one may lead over several stations of a site.
    alone, among = ({each["figure"]: each for each in found["items"][0]["figures"]} for found in (one, parts))
    assert all(alone[name] == among[name] for name in among if "visit" not in name and "attempt" not in name)


async def test_uptime_of_a_month_has_its_outages(client: httpx2.AsyncClient, network: Network) -> None:
    month = datetime.fromtimestamp(network.now_ns() / 1e9, UTC).strftime("%Y-%m")
    rows = (await client.get(f"/api/kpis/uptime?month={month}&regulation=nevi")).json()["items"]
    assert rows
    for row in rows:
        minutes = sum(each["minutes"] for each in row["outages"] if not each["by_evidence"])
        assert minutes == pytest.approx(row["outage_min"], abs=0.05)


@pytest.mark.parametrize(
    ("address", "status", "sentence"),
    [
        ("/api/sessions?outcom=failed", 400, "There is no parameter 'outcom' here"),
        ("/api/sessions?outcome=perfect", 400, "outcome: one or more of ongoing, success"),
        ("/api/sessions?limit=0", 400, "limit: a whole number from 1 to 1000"),
        ("/api/sessions?after=nonsense", 400, ""),
        ("/api/frames?direction=up", 400, "cp-to-csms or csms-to-cp"),
        ("/api/kpis/figures?by=colour", 400, "by: one or more of fleet, station"),
        ("/api/kpis/figures?from=2020-01-01T00:00:00Z", 400, "at most 400 days"),
        ("/api/kpis/uptime?month=May", 400, "a month such as 2026-10"),
        ("/api/flags?from=yesterday", 400, "2026-11-21T09:45:00Z"),
        ("/api/stations/nobody", 404, "There is no station 'nobody'."),
        ("/api/nothing", 404, "Nothing is at this address."),
        ("/api/events?kind=gossip", 400, "'gossip' is not"),
        ("/api/events?kind=frame", 400, "name it with station="),
    ],
)
async def test_errors_are_json_with_a_clear_sentence(
    client: httpx2.AsyncClient, address: str, status: int, sentence: str
) -> None:
    answer = await client.get(address)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert sentence in answer.json()["error"]


async def test_description_names_every_route_and_every_parameter(client: httpx2.AsyncClient) -> None:
    described = (await client.get("/api/openapi.json")).json()
    assert set(described["paths"]) == set(parameters.PARAMETERS)
    for at, operations in described["paths"].items():
        for operation in operations.values():
            named = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
            assert named == parameters.parameters_of(at)
    for thing, fields in (("Station", STATION), ("Session", SESSION), ("Flag", FLAG), ("Alert", ALERT)):
        assert fields <= set(described["components"]["schemas"][thing]["properties"])


async def test_an_alert_is_acknowledged_and_resolved_by_a_document(
    client: httpx2.AsyncClient, network: Network
) -> None:
    alert = network.store.alerts(AlertFilter(states=(AlertState.FIRING,))).items[0]
    answer = await client.post(f"/api/alerts/{alert.id}/acknowledge", json={"by": "Ana", "note": "on it"})
    assert answer.status_code == 200
    assert answer.json()["state"] == "acknowledged"
    assert network.done[-1] == ("acknowledge", alert.id, "Ana", "on it")
    assert (
        await client.post(f"/api/alerts/{alert.id}/silence", json={"by": "Ana", "length": "4h"})
    ).status_code == 200
    assert network.done[-1] == ("silence", alert.id, "Ana", str(network.now + 4 * 3600 * 10**9))
    assert (await client.post(f"/api/alerts/{alert.id}/resolve", json={"by": "Ana"})).json()[
        "state"
    ] == "resolved"
    again = await client.post(f"/api/alerts/{alert.id}/resolve", json={"by": "Ana"})
    assert again.status_code == 409
    assert again.json()["error"] == "It is resolved already."


async def test_a_silence_is_listed_and_ended_with_a_name(
    client: httpx2.AsyncClient, network: Network
) -> None:
    alert = network.store.alerts(AlertFilter(states=(AlertState.FIRING,))).items[0]
    await client.post(f"/api/alerts/{alert.id}/silence", json={"by": "jo", "length": "4h", "note": "fitter"})
    (silence,) = (await client.get("/api/silences")).json()["items"]
    assert (silence["by"], silence["note"], silence["alert"]) == ("jo", "fitter", alert.id)
    assert silence["covers"] == f"{alert.rule.replace('_', ' ')} at {alert.station}"
    assert (await client.delete(f"/api/silences/{silence['id']}")).status_code == 400
    elsewhere = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    refused = await client.delete(f"/api/silences/{silence['id']}?by=kim", headers=elsewhere)
    assert refused.status_code == 403
    assert len(network.quiet) == 1
    ended = await client.delete(f"/api/silences/{silence['id']}?by=kim&note=he+left")
    assert (ended.status_code, ended.json()["id"]) == (200, silence["id"])
    assert network.done[-1] == ("end_silence", silence["id"], "kim", "he left")
    assert (await client.get("/api/silences")).json()["items"] == []
    assert (await client.delete(f"/api/silences/{silence['id']}?by=kim")).status_code == 404


async def test_resolving_can_clear_the_flags_and_says_so_where_it_does_not(
    client: httpx2.AsyncClient, network: Network
) -> None:
    first, second = network.store.alerts(AlertFilter(states=(AlertState.FIRING,))).items[:2]
    left = (await client.post(f"/api/alerts/{first.id}/resolve", json={"by": "jo"})).json()
    assert (left["open_count"], left["raised_count"]) == (0, 1)
    gone = {"by": "jo", "note": "new cable", "clear_flags": True}
    assert (await client.post(f"/api/alerts/{second.id}/resolve", json=gone)).json()["raised_count"] == 0
    assert network.store.flag(first.flags[0]).state is FlagState.RAISED
    assert network.store.flag(second.flags[0]).state is FlagState.CLEARED


async def test_a_flag_is_cleared_only_with_a_reason(client: httpx2.AsyncClient, network: Network) -> None:
    flag = network.store.flags(FlagFilter(state=FlagState.RAISED)).items[0]
    refused = await client.post(f"/api/flags/{flag.id}/clear", json={"by": "Ana"})
    assert refused.status_code == 400
    assert network.done == []
    assert (
        await client.post(f"/api/flags/{flag.id}/clear", json={"by": "Ana", "note": "electrician was there"})
    ).json()["state"] == "cleared"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Your name is wanted"),
        ({"by": "A", "notes": "x"}, "There is no field 'notes'"),
        ({"by": "x" * 81}, "at most 80"),
    ],
)
async def test_a_wrong_document_does_nothing(
    client: httpx2.AsyncClient, network: Network, body: dict[str, str], sentence: str
) -> None:
    alert = network.store.alerts(AlertFilter()).items[0]
    answer = await client.post(f"/api/alerts/{alert.id}/resolve", json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert network.done == []
