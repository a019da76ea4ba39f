"""How far back a page looks where nobody says: what is drawn fills its box, and its scale is said."""

from __future__ import annotations

import httpx2
import pytest
from tests.support.console_data import Network, served

from nocwatch.console.views import windows
from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS
from nocwatch.network import Connector, Station
from nocwatch.network import ConnectorStatus as S


@pytest.mark.parametrize(
    ("age_ns", "called"),
    [
        (None, "24 h"),
        (0, "5 min"),
        (5 * MINUTE_NS, "5 min"),
        (5 * MINUTE_NS + 1, "15 min"),
        (40 * MINUTE_NS, "1 h"),
        (5 * HOUR_NS, "6 h"),
        (7 * HOUR_NS, "24 h"),
        (400 * DAY_NS, "24 h"),
    ],
)
def test_the_usual_window_holds_all_there_is_and_a_day_at_most(age_ns: int | None, called: str) -> None:
    now_ns = 1_790_000_000 * 10**9
    assert windows.called(windows.usual(None if age_ns is None else now_ns - age_ns, now_ns)) == called


async def test_a_network_of_two_minutes_fills_its_strips_and_says_how_long_they_are(network: Network) -> None:
    """The first look of a new user: a day's strip over it would be an empty box."""
    fresh = network.folder / "fresh"
    fresh.mkdir()
    new = Network(fresh)
    since_ns = new.now - 2 * MINUTE_NS
    socket = Connector(evse=None, connector=1, status=S.CHARGING, reported=S.CHARGING, since_ns=since_ns)
    new.station(Station(id="CP1", online=True, since_ns=since_ns, last_seen_ns=new.now, connectors=(socket,)))
    new.state("CP1", 1, S.CHARGING, since_ns)
    new.keep()
    async with served(new) as address, httpx2.AsyncClient(base_url=address, timeout=20) as client:
        fleet = (await client.get("/fleet")).text
        assert ">Last 5 min<" in fleet
        assert 'data-rows-url="/fleet/rows?span=300"' in fleet
        assert "M172.8 0h115.2" in fleet, "two of five minutes are two fifths of the strip"
        row = (await client.get("/fleet/rows?span=300&id=CP1")).text
        assert "M172.8 0h115.2" in row, "a row that is told anew keeps the scale of its page"
        assert "States of the last 5 min" in row
        station = (await client.get("/stations/CP1")).text
        assert ">5 min</a>" in station
        assert "left:60.000%" in station.replace(" ", "") or 'x="60.000%"' in station
    new.store.close()


async def test_a_network_of_a_day_has_strips_of_a_day(client: httpx2.AsyncClient) -> None:
    assert ">Last 24 h<" in (await client.get("/fleet")).text
    page = (await client.get("/stations/CP-HAF-001")).text
    assert ">15 min</a>" not in page
    assert ">1 h</a>" in page


async def test_the_first_page_shows_who_charges_though_nothing_is_wrong(
    client: httpx2.AsyncClient, network: Network
) -> None:
    page = (await client.get("/")).text
    assert "Under way" in page
    assert 'href="/sessions?outcome=ongoing&amp;range=all"' in page
