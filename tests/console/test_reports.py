"""Key figures and uptime as pages: every number leads to exactly the sessions behind it, and few tries are called few."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from html import unescape
from zoneinfo import ZoneInfo

import httpx2
import msgspec
import pytest
from tests.console.test_browser import browser_page, in_browser
from tests.support.console_data import Network

from nocwatch.console import archive
from nocwatch.console.addresses import Address, BadQuery
from nocwatch.console.questions import socket_of, window_of
from nocwatch.console.views.figures import change, line
from nocwatch.console.views.groups import table
from nocwatch.kpis.figures import Figure, of_sums
from nocwatch.kpis.telling import FIGURE_COLUMNS, figure_document, figure_rows
from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, rfc3339
from nocwatch.network import ConnectorStatus, Station
from nocwatch.registry.place import Scope, Window
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import Milestone, Outcome, Reason, Session, SessionStep
from nocwatch.store.batch import Batch

BERLIN = ZoneInfo("Europe/Berlin")
NOW_NS = 1_795_255_453 * SECOND_NS


def tries(success: int, number: int) -> list[Figure]:
    return of_sums({"attempts": number, "delivered": success, "valid_stops": success})


def links(page: str) -> list[tuple[str, str]]:
    """(address, words) of every link to the list of sessions."""
    found = re.findall(r'<a href="(/sessions\?[^"]*)"[^>]*>([^<]*)</a>', page)
    return [(unescape(address), words) for address, words in found]


async def listed(client: httpx2.AsyncClient, address: str) -> int:
    number, after = 0, ""
    while True:
        body = (await client.get(f"/api{address}&limit=1000{after}")).json()
        number += len(body["items"])
        if not body["next"]:
            return number
        after = f"&after={body['next']}"


BYS = (
    "fleet",
    "station",
    "connector",
    "site",
    "team",
    "operator",
    "vendor",
    "model",
    "firmware",
    "current",
    "access",
    "upstream",
)


@pytest.mark.parametrize("by", BYS)
async def test_every_number_of_tries_leads_to_as_many_sessions(
    client: httpx2.AsyncClient, network: Network, by: str
) -> None:
    busy = next(iter(network.stations.values()))
    update_ns = network.now - 9 * HOUR_NS
    updated = msgspec.structs.replace(busy, firmware="9.9.9")
    network.store.apply(Batch(at_ns=network.now, stations={busy.id: (update_ns, updated)}))
    stranger = Session(  # no registry knows its station, and nobody said the connector
        id="stranger",
        station="DE*AAA*1/2",
        started_at_ns=network.now - HOUR_NS,
        changed_at_ns=network.now - HOUR_NS,
        stopped_at_ns=network.now - HOUR_NS,
        outcome=Outcome.FAILED,
        reason=Reason.UNKNOWN,
    )
    network.store.apply(Batch(at_ns=network.now, sessions={stranger.id: stranger}))
    checked = 0
    for figure in ("session_success", "charger_start_success", "success_rate"):
        page = (await client.get(f"/reports?range=24h&by={by}&figure={figure}")).text
        for address, words in links(page):
            if " of " in words and "visits" not in page.split(address)[0][-400:]:
                wanted = int(words.split(" of ")[1].replace("\u202f", ""))
            elif words.endswith(" not"):
                wanted = int(words.removesuffix(" not").replace("\u202f", ""))
            else:
                continue
            if by == "fleet" and "outcome=failed" in address and " of " in words:
                continue
            if " of " in words and _of_visits(page, address, words):
                continue
            assert await listed(client, address) == wanted, address
            checked += 1
        if by == "fleet":
            break
    assert checked >= 3


def _of_visits(page: str, address: str, words: str) -> bool:
    """Visits are made of attempts: their number is not that of the sessions, which the link lists all the same."""
    at = page.index(f">{words}</a>")
    row = page[page.rindex("<tr", 0, at) : at]
    return bool(re.search(r'id="\w*(visits|first_attempt)', row))


def test_what_is_surely_bad_stands_above_one_failure_of_one() -> None:
    groups = [
        ("new", tries(0, 1)),
        ("broken", tries(40, 100)),
        ("well", tries(99, 100)),
        ("idle", tries(0, 0)),
    ]
    made = table(groups, [], "session_success", 0, 10)
    assert [row.name for row in made.rows] == ["broken", "new", "well", "idle"]
    assert made.rows[1].chosen.few
    assert not made.rows[0].chosen.few
    assert made.rows[3].chosen.value == "\u2013"
    assert [row.name for row in table(groups, [], "session_success", 2, 1).rows] == ["well"]


def test_a_sample_is_told_in_tries_or_in_hours_that_are_rounded_alike() -> None:
    figures = of_sums({"known_ns": HOUR_NS // 3, "charging_ns": HOUR_NS // 12})
    told = {each.name: line(each, None).sample.replace("\u00a0", " ") for each in figures}
    assert told["session_success"] == "0 of 0"
    assert told["utilisation_charging"] == "0.1 h in 0.3 h"
    repaired = Figure(name="mttr", title="Mean time to repair", unit="h", value=1.0, number=1)
    assert line(repaired, None).sample == "1 repair"


@pytest.mark.parametrize(
    ("success", "number", "small"), [(3, 3, True), (16, 16, False), (50, 100, False), (20, 40, True)]
)
def test_a_small_sample_is_called_few(success: int, number: int, small: bool) -> None:
    figure = next(each for each in tries(success, number) if each.name == "session_success")
    assert figure.few is small
    assert line(figure, None).few is small
    assert figure_document(figure)["few"] is small


@pytest.mark.parametrize(
    ("figure", "small"),
    [
        (Figure(name="charge_start_time_p50", title="", unit="s", value=9.0, number=19), True),
        (Figure(name="charge_start_time_p50", title="", unit="s", value=9.0, number=20), False),
        (Figure(name="mttr", title="", unit="h", value=1.0, numerator=4.0, denominator=4, number=4), True),
        (Figure(name="mttr", title="", unit="h", value=1.0, numerator=5.0, denominator=5, number=5), False),
        (
            Figure(
                name="utilisation_occupied", title="", unit="%", value=0.5, numerator=11.5, denominator=23
            ),
            True,
        ),
        (
            Figure(name="utilisation_occupied", title="", unit="%", value=0.5, numerator=12, denominator=24),
            False,
        ),
        (
            Figure(
                name="energy_per_connector_day",
                title="",
                unit="kWh",
                value=50.0,
                numerator=1,
                denominator=0.5,
            ),
            True,
        ),
        (Figure(name="availability", title="", unit="%", value=None, denominator=0), False),
    ],
)
def test_few_is_said_of_medians_and_of_shares_of_time_too(figure: Figure, small: bool) -> None:
    """On pages, in downloads, in the API and on the command line: whoever reads the number reads that with it."""
    assert line(figure, None).few is small
    (row,) = figure_rows("fleet", [figure])
    assert dict(zip(FIGURE_COLUMNS, row, strict=True))["few"] is small


@pytest.mark.parametrize(
    ("before", "now", "css", "text"),
    [
        ((95, 100), (60, 100), "preparing", "\u2193 35.0"),
        ((60, 100), (95, 100), "muted", "\u2191 35.0"),
        ((3, 3), (1, 3), "muted", "\u2193 66.7"),  # it may be chance
        ((95, 100), (95, 100), "muted", "as before"),
    ],
)
def test_worse_is_said_only_where_chance_does_not_explain_it(
    before: tuple[int, int], now: tuple[int, int], css: str, text: str
) -> None:
    made = change(tries(*now)[2], tries(*before)[2])
    assert (made.css, made.text) == (css, text)


def test_more_failed_visits_are_worse_and_more_use_is_neither() -> None:
    def share(name: str, part: int) -> Figure:
        low, high = part / 100 - 0.05, part / 100 + 0.05
        return Figure(name=name, title="", unit="%", value=part / 100, low=low, high=high)

    assert change(share("failed_visits", 40), share("failed_visits", 10)).css == "preparing"
    assert change(share("failed_visits", 10), share("failed_visits", 40)).css == "muted"
    assert change(share("utilisation_occupied", 10), share("utilisation_occupied", 40)).css == "muted"


def test_a_window_of_days_is_of_the_consoles_own_days_and_whole() -> None:
    window = window_of(Address("/reports", {"from": "2026-11-02", "until": "2026-11-03"}), NOW_NS, BERLIN)
    assert rfc3339(window.from_ns).startswith("2026-11-01T23:00:00")
    assert rfc3339(window.until_ns).startswith("2026-11-03T23:00:00")
    assert (window.name, window.first, window.last) == ("", "2026-11-02", "2026-11-03")


def test_thirteen_months_are_a_window_and_the_same_question_within_the_hour_is_the_same_window() -> None:
    asked = Address("/reports", {"range": "13mo"})
    one, two = (window_of(asked, NOW_NS + late, BERLIN) for late in (0, 5 * MINUTE_NS))
    assert one.until_ns - one.from_ns == 396 * DAY_NS
    assert one == two


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-03", "until": "2026-11-01"},
        {"from": "2020-01-01"},
        {"range": "2y"},
        {"from": "2026-02-30"},
        {"from": "2026-11-29", "until": "2026-11-30"},
    ],
)
def test_a_window_that_cannot_be_is_refused_with_a_sentence(query: dict[str, str]) -> None:
    with pytest.raises(BadQuery):
        window_of(Address("/reports", query), NOW_NS, BERLIN)


def test_connectors_are_told_from_slashes_in_identities() -> None:
    assert socket_of("CP1/2") == ("CP1", None, "2")
    assert socket_of("site/CP1/-1") == ("site/CP1", None, "-1")
    assert socket_of("CP1/1/0") == ("CP1", "1", "0")
    assert socket_of("site/1/2", {"site/1"}) == ("site/1", None, "2")


async def test_firmware_and_csms_at_once_are_refused_on_the_page_and_in_the_api(
    client: httpx2.AsyncClient,
) -> None:
    for at in ("/reports", "/api/kpis/figures"):
        answer = await client.get(f"{at}?by=firmware&upstream=main")
        assert answer.status_code == 400
        assert "by firmware or by CSMS, not by both" in answer.text


async def test_a_group_opens_into_all_its_figures_and_the_download_is_of_the_same(
    client: httpx2.AsyncClient,
) -> None:
    page = (await client.get("/reports?range=24h&by=site")).text
    inside = unescape(re.findall(r'<a class="name" href="(/reports\?[^"]*site=hafen[^"]*)"', page)[0])
    page = (await client.get(inside)).text
    assert "Site hafen" in page
    assert "/reports/uptime?site=hafen" in page  # what stands behind availability and repairs
    assert re.search(r"Charge start time, median.*?>p10 [\d.]+.s, p25 ", page, re.DOTALL)
    (sample,) = re.findall(r'id="session_success".*?>(\d+) of (\d+)</a>', page, re.DOTALL)
    saved = await client.get(unescape(re.findall(r'href="(/reports/figures\.csv[^"]*)"', page)[0]))
    assert saved.headers["content-disposition"] == 'attachment; filename="nocwatch-figures.csv"'
    rows = {row["figure"]: row for row in csv.DictReader(io.StringIO(saved.text))}
    assert (rows["session_success"]["numerator"], rows["session_success"]["denominator"]) == sample
    address = unescape(re.findall(r'href="(/api/kpis/figures[^"]*)"', page)[0])
    figures = (await client.get(address)).json()["items"][0]["figures"]
    told = next(each for each in figures if each["figure"] == "session_success")
    assert (str(told["numerator"]), str(told["denominator"])) == sample


async def test_figures_of_months_are_reckoned_once_a_minute(
    client: httpx2.AsyncClient, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempts() -> str:
        page = (await client.get("/reports?range=30d")).text
        return re.findall(r'id="session_success".*?of ([\d\u202f]+)</a>', page, re.DOTALL)[0]

    before = await attempts()
    fresh = Session(
        id="fresh",
        station="CP-HAF-001",
        connector=1,
        started_at_ns=network.now - HOUR_NS,
        changed_at_ns=network.now,
        stopped_at_ns=network.now,
        outcome=Outcome.FAILED,
    )
    network.store.apply(Batch(at_ns=network.now, sessions={fresh.id: fresh}))
    assert await attempts() == before
    monkeypatch.setattr(archive, "KEPT_S", 0.0)  # the minute is over
    assert int(await attempts()) == int(before) + 1


def _an_outage(network: Network) -> str:
    """A port that was down for two hours, half of them excluded, and then served nobody though it said Available."""
    start_ns = network.now - 12 * HOUR_NS
    station = "CP-NEVI"
    network.station(
        Station(
            id=station,
            online=True,
            since_ns=start_ns,
            last_seen_ns=network.now,
        )
    )
    network.state(station, 1, ConnectorStatus.AVAILABLE, start_ns)
    network.state(station, 1, ConnectorStatus.FAULTED, start_ns + 2 * HOUR_NS)
    network.state(station, 1, ConnectorStatus.AVAILABLE, start_ns + 4 * HOUR_NS)
    for number in range(2):
        at_ns = start_ns + (6 + number) * HOUR_NS
        network.session(
            Session(
                id=f"nevi-{number}",
                station=station,
                connector=1,
                started_at_ns=at_ns,
                stopped_at_ns=at_ns + MINUTE_NS,
                changed_at_ns=at_ns + MINUTE_NS,
                outcome=Outcome.FAILED,
                blame="charger",
                steps=(SessionStep(at_ns=at_ns, name=Milestone.CREATED, milestone=True),),
            )
        )
    network.keep()
    off = Window(
        scope=Scope(station=station),
        from_ns=start_ns + 2 * HOUR_NS,
        until_ns=start_ns + 3 * HOUR_NS,
        cause="utility_outage",
        note="substation",
    )
    network.places = Places(
        {station: Place(station=station, known=True, regulations=("nevi",))}, exclusions=(off,)
    )
    return station


async def test_uptime_is_stated_twice_with_the_outages_behind_it_and_what_was_taken_off(
    client: httpx2.AsyncClient, network: Network
) -> None:
    station = _an_outage(network)
    page = (await client.get(f"/reports/uptime?month=2026-11&station={station}")).text
    assert "23 CFR 680.116(b)" in page
    # Twelve hours, two of them down, one of these excluded; by service also from the first failure to now.
    assert "91.66\u00a0%" in page
    assert "41.66\u00a0%" in page
    assert "taken off: 1\u00a0h\u00a000\u00a0min, utility outage (substation)" in page
    assert "2 sessions in a row failed by the charger" in page
    behind = [address for address, words in re.findall(r'<a class="ref" href="(/sessions[^"]*)">(\w+)', page)]
    assert await listed(client, unescape(behind[0])) == 2
    assert "falls short" in page
    outages = (await client.get(f"/reports/outages.csv?month=2026-11&station={station}")).text
    assert [row["excluded_min"] for row in csv.DictReader(io.StringIO(outages))] == ["60.0", "0.0"]
    ports = (await client.get(f"/reports/uptime.csv?month=2026-11&station={station}")).text
    (row,) = csv.DictReader(io.StringIO(ports))
    assert row["uptime_percent"].startswith("91.66")


@pytest.mark.parametrize(
    ("text", "words"),
    [("nevi", "ports fall short"), ("uk", "The network as one"), ("california", "AB 2061")],
)
async def test_each_regulators_text_can_be_asked_for(
    client: httpx2.AsyncClient, text: str, words: str
) -> None:
    page = (await client.get(f"/reports/uptime?month=2026-11&regulation={text}")).text
    assert words in page


async def test_a_month_without_ports_says_how_they_appear(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/reports/uptime?month=2026-01")).text
    assert "No port of that month falls under a text." in page
    assert "a port is known from the first state that its station reports" in page
    assert '<a class="button" href="/reports/uptime?month=2026-11">' in page
    page = (await client.get("/reports/uptime?month=2026-01&regulation=nevi")).text
    assert "No port was known in that month." in page
    assert '<a class="button" href="/reports/uptime?month=2026-11&amp;regulation=nevi">' in page


async def test_the_choice_of_months_names_the_one_that_is_shown_however_old(
    client: httpx2.AsyncClient,
) -> None:
    page = (await client.get("/reports/uptime?month=1999-12")).text
    assert "<option selected>1999-12</option>" in page


@pytest.mark.parametrize("address", ["/reports/uptime?month=2031-01", "/api/kpis/uptime?month=2031-01"])
async def test_a_month_that_is_still_to_come_is_refused(client: httpx2.AsyncClient, address: str) -> None:
    answer = await client.get(address)
    assert answer.status_code == 400
    assert "2031-01 is still to come" in answer.text


@pytest.mark.server("chromium")
async def test_choosing_a_grouping_and_following_a_number_in_a_browser(network: Network) -> None:
    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/reports?range=24h", wait_until="load")
            page.select_option('select[name="by"]', "site")
            page.wait_for_url("**by=site**")
            assert "range=24h" in page.url
            first = page.locator("tbody tr").first
            missing = first.locator("a", has_text=" not")
            number = int(missing.inner_text().split()[0])
            assert first.locator("svg.range").bounding_box()["width"] > 100
            missing.click()
            page.wait_for_url("**/sessions**")
            assert page.locator('tr[data-key^="session-"]').count() == number
            assert complaints == []
        with browser_page(viewport={"width": 390, "height": 844}, color_scheme="dark") as (page, complaints):
            for at in (
                "/reports?range=24h",
                "/reports?range=24h&by=station",
                "/reports/uptime?month=2026-11",
            ):
                page.goto(f"{address}{at}", wait_until="load")
                assert page.evaluate("document.documentElement.scrollWidth") <= 390, at
            assert complaints == []

    await in_browser(network, look)
