"""The console in a real browser: rows that change in place, a page that says when it no longer receives, keys, zoom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import trio
from tests.conftest import program
from tests.support.console_data import Network, many_stations

from nocwatch.alerts.alert import AlertState
from nocwatch.console.app import serve
from nocwatch.console.settings import ConsoleSettings
from nocwatch.moments import MINUTE_NS, SECOND_NS
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.sessions import Milestone, Outcome, Session
from nocwatch.state.changes import SessionMetered
from nocwatch.store.values import AlertFilter, SessionFilter

pytestmark = pytest.mark.server("chromium")
WAIT_MS = 15_000


@contextmanager
def browser_page(**context: object) -> Iterator[tuple[object, list[str]]]:
    """A page, and what its console complained of."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"],
        )
        page = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **context}).new_page()
        page.set_default_timeout(WAIT_MS)
        complaints: list[str] = []
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, complaints
        browser.close()


async def in_browser(network: Network, look: Callable[[str, Callable[[], None]], None]) -> None:
    """Runs ``look(address, stop)`` in a thread while the console serves; ``stop()`` ends the server."""
    settings = ConsoleSettings(listen="127.0.0.1:0", timezone="Europe/Berlin")
    stopped = trio.Event()

    async def run(*, task_status: trio.TaskStatus[tuple[str, trio.CancelScope]]) -> None:
        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(
                lambda task_status: serve(network, settings, task_status=task_status)
            )
            task_status.started((addresses[0], nursery.cancel_scope))
        stopped.set()

    async def wait() -> None:
        scope.cancel()
        await stopped.wait()

    async with trio.open_nursery() as nursery:
        address, scope = await nursery.start(run)
        await trio.to_thread.run_sync(look, address, lambda: trio.from_thread.run(wait))
        nursery.cancel_scope.cancel()


def soon(act: Callable[..., object], *arguments: object) -> None:
    """From the browser's thread into trio's."""
    trio.from_thread.run_sync(act, *arguments)


async def test_a_fleet_row_changes_in_place_and_the_page_says_when_it_is_cut_off(network: Network) -> None:
    def change() -> None:
        held = network.stations["CP-HAF-001"]
        sockets = tuple(
            msgspec.structs.replace(
                socket, status=ConnectorStatus.FAULTED, since_ns=network.now, error_code="GroundFailure"
            )
            for socket in held.connectors
        )
        network.stations[held.id] = msgspec.structs.replace(held, connectors=sockets)
        network.hub.publish(network.stations[held.id])

    def look(address: str, stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/fleet")
            assert page.locator("tr[data-key]").count() == 40
            page.wait_for_selector('[data-light][data-state="live"]')
            row = page.locator('tr[data-key="station-CP-HAF-001"]')
            assert row.locator(".cell.s-faulted").count() == 0
            page.evaluate("window.mark = 'same page'")
            soon(change)
            row.locator(".cell.s-faulted").first.wait_for()
            assert page.evaluate("window.mark") == "same page"
            assert "GroundFailure" in row.locator(".cell").first.get_attribute("title")
            assert complaints == []
            assert page.locator(".band-stale").is_hidden()
            stop()
            page.locator(".band-stale").wait_for(state="visible")
            assert "no longer receives" in page.locator(".band-stale").inner_text()
            assert page.locator("[data-light]").get_attribute("data-state") == "stale"

    await in_browser(network, look)


async def test_a_verdict_does_not_outlive_the_feed_and_the_band_says_what_that_means(
    network: Network,
) -> None:
    def look(address: str, stop: Callable[[], None]) -> None:
        with browser_page() as (page, _):
            page.goto(address)
            page.wait_for_selector('[data-light][data-state="live"]')
            assert page.locator(".verdict").is_visible()
            stop()
            page.locator(".band-stale").wait_for(state="visible")
            assert "chargers go on without it" in page.locator(".band-stale").inner_text()
            assert page.locator(".verdict").is_hidden()

    await in_browser(network, look)


async def test_keys_move_and_open_rows_and_the_filter_narrows_while_typing(network: Network) -> None:
    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page(color_scheme="dark") as (page, complaints):
            page.goto(f"{address}/fleet")
            page.keyboard.press("j")
            page.keyboard.press("j")
            page.keyboard.press("k")
            chosen = page.locator('tr[aria-selected="true"]')
            assert chosen.count() == 1
            first = page.locator("tr[data-key]").first.get_attribute("data-id")
            assert chosen.get_attribute("data-id") == first
            page.keyboard.press("Enter")
            page.wait_for_url(f"**/stations/{first}")
            page.go_back()
            page.keyboard.press("/")
            page.keyboard.type("klinikum")
            page.wait_for_function("() => document.querySelectorAll('tr[data-key]').length < 8")
            assert page.url.endswith("/fleet?q=klinikum")
            assert page.evaluate("document.activeElement.value") == "klinikum"
            page.keyboard.press("Escape")
            page.locator("[data-theme-toggle]").click()
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            page.locator("[data-wall-toggle]").click()
            assert page.evaluate("getComputedStyle(document.body).fontSize") == "21px"
            page.reload()
            assert page.evaluate("getComputedStyle(document.body).fontSize") == "21px"
            assert complaints == []

    await in_browser(network, look)


async def test_the_timeline_moves_by_keys_and_zooms_by_dragging(network: Network) -> None:
    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/stations/CP-MAR-018")
            timeline = page.locator("[data-timeline]")
            until = int(timeline.get_attribute("data-until"))
            page.keyboard.press("ArrowLeft")
            page.wait_for_function(f"() => document.querySelector('[data-timeline]').dataset.until < {until}")
            assert "until=" in page.url
            box = page.locator("[data-timeline]").bounding_box()
            page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 30)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30, steps=5)
            page.mouse.up()
            page.wait_for_function(
                "() => (t => t.until - t.from < 7 * 3600 * 1000)(document.querySelector('[data-timeline]').dataset)"
            )
            assert complaints == []

    await in_browser(network, look)


async def test_a_session_draws_its_curve_and_its_clock_runs(network: Network) -> None:
    done = network.store.sessions(SessionFilter(outcomes=(Outcome.SUCCESS,))).items[0]
    ongoing = next(
        each
        for each in network.store.sessions(SessionFilter(outcomes=(Outcome.ONGOING,))).items
        if network.now - each.started_at_ns > 5 * MINUTE_NS
    )

    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/sessions/{done.id}")
            page.wait_for_selector(".uplot canvas")
            assert "Power" in page.locator(".u-legend").inner_text()
            page.goto(f"{address}/sessions/{ongoing.id}")
            clock = page.locator(".status .clock")
            before = clock.inner_text()
            page.wait_for_function(
                "before => document.querySelector('.status .clock').textContent !== before", arg=before
            )
            assert complaints == []

    await in_browser(network, look)


async def test_a_curve_appears_when_the_first_readings_come(network: Network) -> None:
    made = Session(
        id="fresh",
        station="CP-HAF-001",
        connector=1,
        started_at_ns=network.now - MINUTE_NS,
        changed_at_ns=network.now,
        phase=Milestone.CHARGING,
    )
    network.session(made)
    network.keep()

    def measure() -> None:
        for second in (30, 40, 50):
            at_ns = made.started_at_ns + second * SECOND_NS
            sample = SessionMetered(
                station=made.station,
                at_ns=at_ns,
                session=made.id,
                evse=None,
                connector=1,
                measured_at_ns=at_ns,
                power_w=50_000.0 + second,
                energy_wh=10.0 * second,
            )
            network._note(at_ns, [sample])
        metered = msgspec.structs.replace(made, energy_wh=500.0, revision=1)
        network.session(metered)
        network.keep()
        network.hub.publish(metered)

    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/sessions/{made.id}")
            page.wait_for_selector('[data-light][data-state="live"]')
            assert "No meter reading was seen." in page.inner_text("main")
            soon(measure)
            page.wait_for_selector(".uplot canvas")
            page.wait_for_selector("text=3 readings")
            assert "0.50" in page.locator(".card .figure").first.inner_text()
            assert complaints == []

    await in_browser(network, look)


async def test_a_person_takes_an_alert_with_two_clicks(network: Network) -> None:
    alert = network.store.alerts(AlertFilter(states=(AlertState.FIRING,))).items[0]

    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/alerts/{alert.id}")
            page.fill("#by", "Ana")
            page.click("button.primary")
            page.wait_for_selector("text=taken by Ana")
            assert complaints == []

    await in_browser(network, look)
    assert network.done == [("acknowledge", alert.id, "Ana", "")]


async def test_on_a_phone_nothing_goes_sideways_and_the_sentence_comes_first(network: Network) -> None:
    """Whoever is woken reads it on a phone: cards in place of rows, forms in one column, words and badges at the bottom."""
    session = network.store.sessions(SessionFilter(outcomes=(Outcome.FAILED,))).items[0]
    alert = network.store.alerts(AlertFilter()).items[0]
    lists = ("/", "/fleet", "/sessions", "/flags", "/alerts", "/silences", "/rules", "/system")
    of_one = (
        f"/stations/{alert.station}",
        f"/sessions/{session.id}",
        f"/flags/{alert.flags[0]}",
        f"/alerts/{alert.id}",
    )

    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page(viewport={"width": 390, "height": 844}) as (page, complaints):
            for each in (*lists, *of_one):
                page.goto(f"{address}{each}", wait_until="load")
                widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                assert widths[0] <= widths[1], (each, widths)
                assert page.locator(".rail a span").first.is_visible()
            assert page.locator(".acts button").first.bounding_box()["width"] > 250
            page.goto(f"{address}/flags/{alert.flags[0]}", wait_until="load")
            clear = page.locator(".acts button", has_text="Clear").bounding_box()
            assert clear["x"] + clear["width"] <= 390
            page.goto(f"{address}/sessions/{session.id}", wait_until="load")
            verdict, frames = (
                page.locator(f'[data-key="{name}"]').bounding_box() for name in ("verdict", "frames")
            )
            assert verdict["y"] < frames["y"]
            page.goto(f"{address}/alerts", wait_until="load")
            card = page.locator(f'tr[data-key="alert-{alert.id}"]')
            sentence, told = card.locator("a.name").bounding_box(), card.locator("td").first.bounding_box()
            assert sentence["y"] < told["y"]
            assert page.locator(".rail .badge").nth(1).is_visible()
            assert complaints == []

    await in_browser(network, look)


async def test_everything_can_be_read_without_javascript(network: Network) -> None:
    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page(java_script_enabled=False) as (page, _):
            page.goto(f"{address}/fleet")
            assert page.locator("tr[data-key]").count() == 40
            page.goto(f"{address}/stations/CP-A7-010")
            assert page.locator("[data-timeline] rect").count() > 10
            assert page.locator("[data-theme-toggle]").is_hidden()
            page.locator(".frames summary").first.click()
            assert page.locator(".frames details[open] pre").count() == 1

    await in_browser(network, look)


async def test_a_large_fleet_is_shown_and_changes_soon(tmp_path: Path) -> None:
    network = many_stations(tmp_path, 10_000)

    def change() -> None:
        for index in range(500):
            held = network.stations[f"CP{index:05d}"]
            network.stations[held.id] = msgspec.structs.replace(held, online=False, since_ns=network.now)
            network.hub.publish(network.stations[held.id])

    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/fleet?q=CP0000")
            page.wait_for_selector('[data-light][data-state="live"]')
            soon(change)
            page.wait_for_function(
                "() => document.querySelectorAll('.cell.s-offline, tr .s-offline').length > 8"
            )
            assert complaints == []

    await in_browser(network, look)
    network.store.close()


async def test_on_a_phone_a_group_has_all_its_figures(network: Network) -> None:
    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page(viewport={"width": 390, "height": 844}) as (page, complaints):
            page.goto(f"{address}/reports?by=site&range=24h", wait_until="load")
            row = page.locator("table.groups tbody tr").first
            shown = [
                each.get_attribute("data-label")
                for each in row.locator("td.other").all()
                if each.is_visible()
            ]
            assert {"starts", "occupied", "available"} <= set(shown)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert complaints == []

    await in_browser(network, look)


async def test_a_session_follows_its_socket_at_once_though_no_stop_is_heard(network: Network) -> None:
    """The vehicle is gone, the stop waits in the station's queue: nothing of the session changes, and LIVE would be a lie."""
    session, station = next(
        (each, network.stations[each.station])
        for each in network.store.sessions(SessionFilter(outcomes=(Outcome.ONGOING,))).items
        if any(socket.session == each.id for socket in network.stations[each.station].connectors)
    )

    def leave() -> None:
        left = msgspec.structs.replace(
            station,
            last_seen_ns=network.now,
            connectors=tuple(
                msgspec.structs.replace(
                    each,
                    status=ConnectorStatus.AVAILABLE,
                    reported=ConnectorStatus.AVAILABLE,
                    since_ns=network.now,
                )
                for each in station.connectors
            ),
        )
        network.stations[station.id] = left
        network.hub.publish(left)

    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/sessions/{session.id}")
            page.wait_for_selector(".livebadge")
            page.wait_for_function(
                "() => document.querySelector('[data-light]').textContent.startsWith('live')"
            )
            trio.from_thread.run_sync(leave)
            page.wait_for_function(
                "() => document.querySelector('.status .word').textContent === 'Socket free'"
            )
            assert page.locator(".livebadge").count() == 0
            assert complaints == []

    await in_browser(network, look)


async def test_a_row_that_changes_keeps_the_scale_of_its_page_and_is_no_news_by_its_strip(
    network: Network, tmp_path: Path
) -> None:
    (tmp_path / "fresh").mkdir()
    fresh = Network(tmp_path / "fresh")
    since_ns = fresh.now - 2 * MINUTE_NS
    socket = Connector(
        evse=None,
        connector=1,
        status=ConnectorStatus.AVAILABLE,
        reported=ConnectorStatus.AVAILABLE,
        since_ns=since_ns,
    )
    station = Station(id="CP1", online=True, since_ns=since_ns, last_seen_ns=fresh.now, connectors=(socket,))
    fresh.station(station)
    fresh.state("CP1", 1, ConnectorStatus.AVAILABLE, since_ns)
    fresh.keep()

    def later() -> None:
        fresh.now += 30 * SECOND_NS
        fresh.hub.publish(station)

    def look(address: str, _stop: Callable[[], None]) -> None:
        with browser_page() as (page, complaints):
            page.goto(f"{address}/fleet")
            assert page.locator("th.strip-head").inner_text() == "Last 5 min"
            drawn = "document.querySelector('svg.strip path').getAttribute('d')"
            assert page.evaluate(drawn) == "M172.8 0h115.2v6h-115.2z"
            page.wait_for_function(
                "() => document.querySelector('[data-light]').textContent.startsWith('live')"
            )
            trio.from_thread.run_sync(later)
            page.wait_for_function(f"() => {drawn} === 'M144.0 0h144.0v6h-144.0z'")
            assert page.locator("tr.changed").count() == 0
            assert complaints == []

    await in_browser(fresh, look)
    fresh.store.close()
