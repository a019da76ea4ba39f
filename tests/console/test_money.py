"""A session's page and the API say what it would cost, and that it is an estimate."""

from __future__ import annotations

from decimal import Decimal

import httpx2
from tests.support.console_data import Network

from nocwatch.console.views.money import plain
from nocwatch.console.views.words import kwh
from nocwatch.registry.imported import Imported, Imports
from nocwatch.registry.model import Driver, Factors, Links, Tariff
from nocwatch.registry.people import People, TokenFacts
from nocwatch.registry.places import House, Place, Places
from nocwatch.sessions import Outcome, Session
from nocwatch.store.values import SessionFilter

TARIFF = Tariff.model_validate({
    "id": "standard", "currency": "CHF", "vat_percent": 8.1, "connection_fee": 0.5, "per_kwh": 0.49, "price_cap": 1, "cost_per_kwh": 0.21,
})  # fmt: skip


def done(network: Network) -> Session:
    return network.store.sessions(SessionFilter(outcomes=(Outcome.SUCCESS,))).items[0]


def priced(network: Network, session: Session, *, imports: Imports | None = None) -> None:
    network.places = Places(
        {
            session.station: Place(
                station=session.station, known=True, tariff="standard", charge_point_id="47"
            )
        },
        house=House(
            tariffs={"standard": TARIFF},
            factors=Factors.model_validate({"co2_grid_g_per_kwh": 380}),
            links=Links.model_validate({"station": "https://csms.example/{charge_point_id}"}),
        ),
        imports=imports,
    )


async def test_a_session_with_a_tariff_shows_lines_shares_and_what_they_rest_on(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session = done(network)
    priced(network, session)
    page = (await client.get(f"/sessions/{session.id}")).text
    for word in (
        "Start fee",
        "Team share",
        "at most 1",
        "Driver share",
        "Margin",
        "CO₂ emitted",
        "estimate",
        "tariff standard",
    ):
        assert word in page
    assert 'href="https://csms.example/47"' in page


async def test_the_api_has_the_same_amounts_as_text_and_they_add_up(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session = done(network)
    priced(network, session)
    found = (await client.get(f"/api/sessions/{session.id}/estimate")).json()
    assert found["estimate"] is True
    price = found["price"]
    assert sum(Decimal(line["amount"]) for line in price["lines"]) == Decimal(price["net"])
    assert Decimal(price["net"]) + Decimal(price["vat"]) == Decimal(price["total"])
    assert plain(Decimal(price["total"])) in (await client.get(f"/sessions/{session.id}")).text
    assert (await client.get("/api/sessions/none/estimate")).status_code == 404


async def test_an_unknown_station_has_no_price_and_the_api_says_why(
    client: httpx2.AsyncClient, network: Network
) -> None:
    network.places = Places()
    session = done(network)
    found = (await client.get(f"/api/sessions/{session.id}/estimate")).json()
    assert found["price"] is None
    assert "no tariff" in found["missing"][0]
    assert "Price" not in (await client.get(f"/sessions/{session.id}")).text


async def test_what_other_systems_say_of_a_session_is_text_and_says_where_it_came_from(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session = done(network)
    rating = Imported(
        kind="ratings",
        session=session.id,
        source="app export",
        file="r.csv",
        line=2,
        facts={"comment": "<b>slow</b>"},
    )
    priced(network, session, imports=Imports([rating]))
    page = (await client.get(f"/sessions/{session.id}")).text
    assert "from app export" in page
    assert "&lt;b&gt;slow" in page
    assert "<b>slow" not in page


async def test_stations_that_the_registry_lacks_are_listed_once_there_is_one(
    client: httpx2.AsyncClient, network: Network
) -> None:
    known, *others = sorted(network.stations)
    assert "registry lacks" not in (await client.get("/system")).text
    network.places = Places({known: Place(station=known, known=True)})
    page = (await client.get("/system")).text
    listed = page.split("registry lacks")[1].split('id="figures"')[0]
    assert f"/stations/{others[0]}" in listed
    assert f'/stations/{known}"' not in listed
    network.places = Places()
    assert "registry lacks" not in (await client.get("/system")).text


async def test_a_session_tells_who_the_driver_is_and_what_they_charged_in_all(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session = next(
        each
        for each in network.store.sessions(SessionFilter(outcomes=(Outcome.SUCCESS,)), None, 200).items
        if each.token
    )
    assert session.token is not None
    people = People(
        tokens={session.token: TokenFacts(driver="jo")},
        drivers={"jo": Driver(id="jo", name="Jo Smith", contact="jo@example.com")},
    )
    network.places = Places({session.station: Place(station=session.station, known=True)}, people=people)
    own = network.store.sessions(SessionFilter(token=session.token), None, 200).items
    page = (await client.get(f"/sessions/{session.id}")).text
    assert "Jo Smith" in page
    assert "jo@example.com" in page
    assert (
        f"{len(own)} session{'' if len(own) == 1 else 's'}, {kwh(sum(each.energy_wh or 0 for each in own))}"
        in page
    )
