"""What was planned and paid, on the pages and in the API: made of real frames."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from tests.console.test_browser import browser_page, in_browser
from tests.support.console_data import Network, served
from tests.support.planned import charges_with_plans

from nocwatch.console.views import limits, misfits, plans
from nocwatch.moments import SECOND_NS
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.plans import CostNote, Costs, Limit, Plan
from nocwatch.registry.places import Place
from nocwatch.sessions import Outcome, Session


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    network = Network(tmp_path)
    charges_with_plans(network)
    yield network
    network.store.close()


@pytest.fixture
async def client(network: Network) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(network) as address, httpx2.AsyncClient(base_url=address, timeout=20) as found:
        yield found


def of(network: Network, station: str) -> Session:
    return next(each for each in network.store.sessions().items if each.station == station)


async def text(client: httpx2.AsyncClient, address: str) -> str:
    answer = await client.get(address)
    assert answer.status_code == 200
    return answer.text.replace("\u00a0", " ")


# --- the session page ----------------------------------------------------------------------------------------------------


async def test_a_charge_that_was_limited_paid_and_reserved(
    client: httpx2.AsyncClient, network: Network
) -> None:
    page = await text(client, f"/sessions/{of(network, 'CP-AC').id}")
    for words in (
        "16 A at last",
        "TxProfile, level 0",
        "nothing (0 A)",
        "15 min of 2 h 00 min",
        "Reservation 31",
        "used",
        "7 min 00 s after it was made",
    ):
        assert words in page, words
    for words in (
        "Cost as reported",
        "8.13",
        "in all, by the CSMS",
        "Estimate",
        "7.46 EUR",
        "+0.67 EUR, 9.0 %",
        "no currency was named",
    ):
        assert words in page, words
    assert 'class="limit"' in page, "the sketch without JavaScript has the limit, too"


async def test_a_charge_under_way_with_needs_and_priority(
    client: httpx2.AsyncClient, network: Network
) -> None:
    page = await text(client, f"/sessions/{of(network, 'CP-DC').id}")
    for words in (
        "60.0 kW now", "From then on", "46.0 kWh, at most 150.0 kW", "Leaves at", "18 → 80 %", "of 77.0 kWh", "55.0 kW at first, 30.0 kW at last",
        "a cost of 40", "set by the CSMS", "charges with priority", "so far, by the CSMS", "Rejected",
    ):  # fmt: skip
        assert words in page, words


async def test_the_verdict_names_the_profile_that_allowed_nothing(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session = of(network, "CP-SHUT")
    page = await text(client, f"/sessions/{session.id}")
    assert "allowed no current for 15 min of the 15 min" in page
    assert f'href="#f-{session.blame_evidence[-1].frames[0]}"' in page


async def test_the_curve_of_the_api_has_the_limit_in_kilowatts(
    client: httpx2.AsyncClient, network: Network
) -> None:
    curve = (await client.get(f"/api/sessions/{of(network, 'CP-AC').id}/curve")).json()
    (line,) = curve["limits"]
    assert (line["name"], line["unit"]) == ("Limit", "kW")
    assert line["values"] == [13.8, 6.9, 0, 11.04, 11.04]
    assert line["at_s"] == sorted(line["at_s"])
    assert line["at_s"][0] >= curve["at_s"][0]
    names = [
        each["name"]
        for each in (await client.get(f"/api/sessions/{of(network, 'CP-DC').id}/curve")).json()["limits"]
    ]
    assert names == ["Limit", "Vehicle's plan"]


async def test_the_api_tells_plan_costs_and_booking(client: httpx2.AsyncClient, network: Network) -> None:
    found = (await client.get(f"/api/sessions/{of(network, 'CP-AC').id}")).json()
    assert [each["limit"] for each in found["plan"]["limits"]] == [20, 10, 0, 16]
    assert found["plan"]["limits"][0]["from"].endswith("Z")
    assert (found["cost"]["amount"], found["cost"]["final"]) == ("8.13", True)
    assert (found["limited"], found["reservation"], found["booking"]["state"]) == ("nothing", 31, "used")
    listed = (await client.get("/api/sessions?limited=nothing&range=all")).json()["items"]
    assert {each["station"] for each in listed} == {"CP-AC", "CP-SHUT"}
    assert [
        each["station"]
        for each in (await client.get("/api/sessions?reservation=31&range=all")).json()["items"]
    ] == ["CP-AC"]
    assert (await client.get("/api/sessions?limited=bogus")).status_code == 400


async def test_the_list_is_narrowed_by_what_was_planned(client: httpx2.AsyncClient, network: Network) -> None:
    page = await text(client, "/sessions?range=all&costed=true")
    assert of(network, "CP-AC").id in page
    assert of(network, "CP-SHUT").id not in page
    assert "Costed true ✕" in page


@pytest.mark.server("chromium")
async def test_the_limit_is_drawn_beside_the_power_and_nothing_goes_sideways_on_a_phone(
    network: Network,
) -> None:
    ids = {station: of(network, station).id for station in ("CP-AC", "CP-DC", "CP-SHUT")}

    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/sessions/{ids['CP-AC']}", wait_until="load")
            page.locator(".u-legend .u-label", has_text="Limit").wait_for()
            box = page.locator(".u-over").bounding_box()
            page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
            limit = page.locator(".u-series", has_text="Limit").locator(".u-value")
            limit.filter(has_text="13.8").wait_for()
            page.goto(f"{address}/sessions/{ids['CP-DC']}", wait_until="load")
            page.locator(".u-legend .u-label", has_text="Vehicle's plan").wait_for()
            assert complaints == []
        with browser_page(viewport={"width": 390, "height": 844}, color_scheme="dark") as (page, complaints):
            for at in (*(f"/sessions/{each}" for each in ids.values()), "/stations/CP-AC", "/stations/CP-DC"):
                page.goto(f"{address}{at}", wait_until="load")
                assert page.evaluate("document.documentElement.scrollWidth") <= 390, at
            assert complaints == []

    await in_browser(network, look)


# --- the station page ----------------------------------------------------------------------------------------------------


async def test_what_stands_at_a_station(client: httpx2.AsyncClient, network: Network) -> None:
    page = await text(client, "/stations/CP-AC")
    assert "Reservation 32" in page
    assert "Reservation 31" not in page, "it was used"
    assert "allowed: 20 A" in page
    assert "ACME <span" in page
    assert "says the station, Keba the registry" in page
    found = (await client.get("/api/stations/CP-AC")).json()
    assert [each["id"] for each in found["reservations"]] == [32]
    assert found["connectors"][0]["limits"][0]["limit"] == 20
    assert {each["what"] for each in found["disagreements"]} == {"Vendor", "Model"}


async def test_messages_that_do_not_fit_and_an_alarm_of_the_grid(
    client: httpx2.AsyncClient, network: Network
) -> None:
    network.misfitting["CP-DC"] = {
        "StatusNotification enum errorCode": 12,
        "BootNotification.conf required interval": 1,
    }
    page = await text(client, "/stations/CP-DC")
    assert "errorCode: a word that OCPP does not know" in page
    assert "BootNotification (answer)" in page
    assert "12 times" in page
    assert "OverFrequency" in page
    assert (await client.get("/api/stations/CP-DC")).json()["misfits"][
        "StatusNotification enum errorCode"
    ] == 12


# --- by themselves ---------------------------------------------------------------------------------------------------------


def session(**more: object) -> Session:
    return Session(
        id="s",
        station="CP1",
        started_at_ns=0,
        stopped_at_ns=100 * SECOND_NS,
        changed_at_ns=100 * SECOND_NS,
        outcome=Outcome.SUCCESS,
        **more,
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "volts", "current", "expected"),
    [
        (Limit(from_ns=0, limit=16, unit="A"), None, "", 11.04),
        (Limit(from_ns=0, limit=16, unit="A", phases=1), 240.0, "ac", 3.84),
        (Limit(from_ns=0, limit=100, unit="A"), 400.0, "dc", 40.0),
        (Limit(from_ns=0, limit=16, unit="A"), 400.0, "ac", 11.04),
        (Limit(from_ns=0, limit=11000, unit="W"), 400.0, "dc", 11.0),
        (Limit(from_ns=0), 400.0, "dc", None),
    ],
)  # fmt: skip
def test_amperes_as_kilowatts(
    limit: Limit, volts: float | None, current: str, expected: float | None
) -> None:
    assert limits.kilowatts(limit, volts, current) == expected


def test_a_limit_from_before_the_start_begins_with_the_session() -> None:
    steps = (Limit(from_ns=-50 * SECOND_NS, limit=5000, unit="W"), Limit(from_ns=40 * SECOND_NS))
    drawn = limits.line(steps, session(), [], 100 * SECOND_NS, "")
    assert drawn == limits.Columns([0, 40, 100], [5.0, None, None])
    assert limits.line(steps[1:], session(), [], 100 * SECOND_NS, "") is None


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(from_ns=0), "no limit"),
        (Limit(from_ns=0, limit=0, unit="W"), "nothing (0 W)"),
        (Limit(from_ns=0, limit=4, unit="A"), "4 A: too little to charge"),
        (Limit(from_ns=0, limit=10.5, unit="A"), "10.5 A"),
        (Limit(from_ns=0, limit=22_000, unit="W"), "22.0 kW"),
    ],
)
def test_limits_in_words(limit: Limit, words: str) -> None:
    assert plans.limit_words(limit).replace("\u00a0", " ") == words


def cost(amount: str, currency: str) -> Costs:
    return Costs(notes=(CostNote(at_ns=1, by="csms", amount=Decimal(amount), currency=currency, final=True),))


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        (cost("5", "EUR"), "none"),
        (cost("6", "EUR"), "+1 EUR, 20.0 %"),
        (cost("4", "EUR"), "\u22121 EUR, \u221220.0 %"),
        (cost("4", "SEK"), "\u2013"),
    ],
)
def test_how_far_the_reported_cost_is_from_the_estimate(costs: Costs, told: str) -> None:
    rows = {
        row.label: row.text.replace("\u00a0", " ")
        for row in plans.costs(session(costs=costs), Decimal(5), "EUR")
    }
    assert rows["Difference"] == told


def test_what_a_charge_cost_a_while_ago_is_not_held_against_what_it_has_cost_by_now() -> None:
    """A CSMS that tells the cost each half a minute is not 80 % cheaper than its tariff."""
    note = CostNote(at_ns=1, by="csms", amount=Decimal("0.32"), currency="EUR")
    labels = [row.label for row in plans.costs(session(costs=Costs(notes=(note,))), Decimal("1.74"), "EUR")]
    assert labels == ["Reported", "Estimate"]


def test_a_session_that_nobody_planned_has_no_panel() -> None:
    assert plans.panel(session(), 0) is None
    assert plans.panel(session(plan=Plan(), resumed=True), 0) is not None


def sockets(*numbers: int, evse: bool = False) -> Station:
    known = ConnectorStatus.AVAILABLE
    found = tuple(
        Connector(
            evse=number if evse else None,
            connector=1 if evse else number,
            status=known,
            reported=known,
            since_ns=0,
        )
        for number in numbers
    )
    return Station(
        id="CP1",
        online=True,
        since_ns=0,
        last_seen_ns=0,
        vendor="ABB E-mobility",
        model="terra-184",
        connectors=found,
    )


def test_what_registry_and_station_disagree_on() -> None:
    place = Place(
        station="CP1",
        known=True,
        vendor="ABB",
        model="Terra 184",
        kinds={"1/1": "ccs2", "1/2": "chademo", "2/1": "type2"},
    )
    assert misfits.disagreements(place, sockets(1, 2)) == [], (
        "names are written as people like, and connector n is EVSE n"
    )
    assert misfits.disagreements(place, sockets(1, 2, 3)) == [("Connectors", "1, 2", "1, 2, 3")]
    assert misfits.disagreements(place, sockets(1, evse=True)) == [("EVSEs", "1, 2", "1")]
    assert misfits.disagreements(Place(station="CP1", vendor="Keba"), sockets(1)) == [], (
        "the registry lacks it"
    )
