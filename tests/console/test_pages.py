"""Every page over a real server: it answers, it says what matters, and every link on it leads somewhere."""

from __future__ import annotations

import re

import httpx2
import msgspec
import pytest
from tests.support.console_data import Network

from nocwatch.console.views import words
from nocwatch.flags import Evidence, FlagState
from nocwatch.frames import Kind
from nocwatch.moments import DAY_NS, SECOND_NS
from nocwatch.network import ConnectorStatus as S
from nocwatch.network import Station
from nocwatch.sessions import Outcome, Session
from nocwatch.store.batch import Batch
from nocwatch.store.values import AlertFilter, FlagFilter, SessionFilter

PAGES = ("/", "/fleet", "/sessions", "/flags", "/alerts", "/reports", "/rules", "/system")


@pytest.mark.parametrize("page", PAGES)
async def test_every_rail_page_opens(client: httpx2.AsyncClient, page: str) -> None:
    answer = await client.get(page)
    assert answer.status_code == 200
    assert 'aria-current="page"' in answer.text
    assert "Europe/Berlin" in answer.text


async def test_every_link_of_every_page_leads_somewhere(client: httpx2.AsyncClient, network: Network) -> None:
    session = network.store.sessions(SessionFilter(outcomes=(Outcome.FAILED,))).items[0]
    flag = network.store.flags(FlagFilter()).items[0]
    alert = network.store.alerts(AlertFilter()).items[0]
    starts = [
        *PAGES,
        "/reports?by=site&range=24h",
        "/reports/uptime?month=2026-11",
        f"/stations/{session.station}",
        f"/sessions/{session.id}",
        f"/flags/{flag.id}",
        f"/alerts/{alert.id}",
    ]
    targets: set[str] = set()
    for start in starts:
        answer = await client.get(start)
        assert answer.status_code == 200, start
        targets |= {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]*)', answer.text)}
    shapes: dict[str, str] = {}
    for target in sorted(targets):
        kept = re.sub(r"[0-9a-f]{16}|CP-[A-Z0-9-]+|\d+-\d+-\d+|=[^&]*", "*", target)
        shapes.setdefault(kept, target)
    assert len(shapes) > 25
    for target in shapes.values():
        answer = await client.get(target)
        assert answer.status_code == 200, target


async def test_overview_says_first_what_needs_a_person(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/")).text
    assert "3 critical alerts need a person" in page
    assert page.index("CP-A7-010 connector 1 is faulted") < page.index("has had no link for 4 min")
    assert re.search(r"Stations online.*?37.*?of 40", page, re.DOTALL)


async def test_overview_of_an_empty_network_says_how_stations_appear(
    client: httpx2.AsyncClient, network: Network
) -> None:
    network.stations.clear()
    assert "Point a charging station at the relay" in (await client.get("/fleet")).text
    assert (await client.get("/")).status_code == 200


async def test_trouble_of_nocwatch_itself_stands_on_every_page(
    client: httpx2.AsyncClient, network: Network
) -> None:
    network.reasons.append("The relay has written nothing for 41 s.")
    for page in PAGES:
        text = (await client.get(page)).text
        assert re.search(r'data-trouble[^>]*role="status">', text), page
        assert "The relay has written nothing for 41 s." in text
    assert "nocwatch itself needs a look" in (await client.get("/")).text


async def test_fleet_is_worst_first_and_filters_by_address(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/fleet")).text
    names = re.findall(r'<tr data-key="station-([^"]+)"', page)
    assert len(names) == 40
    assert {"CP-A7-010", "CP-KLI-023", "CP-MAR-006", "CP-MAR-018"} == set(names[:4])
    offline = (await client.get("/fleet?state=Offline")).text
    assert re.findall(r'data-key="station-([^"]+)"', offline) == ["CP-MAR-006", "CP-MAR-018", "CP-KLI-029"]
    typed = (await client.get("/fleet", params={"q": "klinikum hyc300"})).text
    assert 0 < len(re.findall(r'data-key="station-', typed)) < 7


async def test_a_station_that_never_reported_is_no_data_and_never_available(
    client: httpx2.AsyncClient,
) -> None:
    page = (await client.get("/fleet", params={"state": "No data"})).text
    (row,) = re.findall(r'<tr data-key="station-.*?</tr>', page, re.DOTALL)
    assert "s-nodata" in row
    assert "s-available" not in row
    assert "t-available" not in row


async def test_station_page_draws_offline_striped_and_leaves_unknown_time_empty(
    client: httpx2.AsyncClient,
) -> None:
    page = (await client.get("/stations/CP-MAR-018")).text
    assert "t-offline" in page
    assert "what the socket did meanwhile is not known" in page
    assert "No data: nothing is known of this time" in page
    month = (await client.get("/stations/CP-MAR-018?span=2592000")).text
    bands = [float(left) for left in re.findall(r'class="t-[a-z]+" x="([\d.]+)%"', month)]
    assert min(bands) > 90  # the network is known for a day and a half: nothing is drawn before


async def test_a_free_socket_shows_no_power_though_its_transaction_was_never_stopped(
    client: httpx2.AsyncClient, network: Network
) -> None:
    """The cable is gone and the stop was lost: what the meter said last flows no more."""
    busy = network.stations["CP-HAF-001"]
    (charging,) = (each for each in busy.connectors[:1])
    told = msgspec.structs.replace(charging, status=S.CHARGING, session="abc", power_w=43_210.0)
    for status, power in ((S.CHARGING, True), (S.AVAILABLE, False), (S.OFFLINE, False)):
        now = msgspec.structs.replace(told, status=status)
        station = msgspec.structs.replace(busy, connectors=(now, *busy.connectors[1:]))
        network.store.apply(Batch(at_ns=network.now, stations={busy.id: (network.now, station)}))
        network.stations[busy.id] = station
        page = (await client.get(f"/stations/{busy.id}")).text
        assert ("43.2" in page) is power, status


async def test_timeline_window_is_in_the_address(client: httpx2.AsyncClient, network: Network) -> None:
    until = network.now // 10**9 - 3600
    page = (await client.get(f"/stations/CP-HAF-001?from={until - 7200}&until={until}")).text
    assert f'data-from="{(until - 7200) * 1000}"' in page
    assert "data-earlier" in page
    assert "data-later" in page
    refused = await client.get(f"/stations/CP-HAF-001?from={until}&until={until - 10}")
    assert refused.status_code == 400
    assert "a window of 5 minutes to 31 days is wanted" in refused.text


def under_way(network: Network) -> tuple[Session, Station]:
    """A session on a socket that says Charging, and its station."""
    for session in network.store.sessions(SessionFilter(outcomes=(Outcome.ONGOING,))).items:
        station = network.stations[session.station]
        if any(each.session == session.id for each in station.connectors):
            return session, station
    raise AssertionError("nobody charges")


def spaced(text: str) -> str:
    """With the spaces that one types."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def with_socket(network: Network, session: Session, status: S, seconds: int) -> None:
    """Its socket has another status, since so many seconds."""
    station = network.stations[session.station]
    since_ns = network.now - seconds * SECOND_NS
    network.stations[station.id] = msgspec.structs.replace(
        station,
        last_seen_ns=since_ns,
        connectors=tuple(
            msgspec.structs.replace(each, status=status, reported=status, since_ns=since_ns)
            if each.session == session.id
            else each
            for each in station.connectors
        ),
    )


async def test_a_session_whose_socket_is_free_says_so_at_once_and_charges_no_more(
    client: httpx2.AsyncClient, network: Network
) -> None:
    """The stop waits in the station's queue, or will never come: the session's own record still says Charging."""
    session, _ = under_way(network)
    with_socket(network, session, S.AVAILABLE, 3)
    page = spaced((await client.get(f"/sessions/{session.id}")).text)
    assert ">Socket free<" in page
    assert "for 3.0 s, and no stop was heard yet" in page
    assert "LIVE" not in page
    assert "Power now" not in page
    row = (await client.get(f"/sessions?text={session.id}&range=all")).text
    assert "socket free" in row
    with_socket(network, session, S.FINISHING, 3)
    page = spaced((await client.get(f"/sessions/{session.id}")).text)
    assert ">Finishing<" in page
    assert "Power now" not in page


async def test_a_session_of_a_station_without_a_link_or_a_word_is_not_live(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session, station = under_way(network)
    gone = msgspec.structs.replace(station, online=False, since_ns=network.now - 70 * SECOND_NS)
    network.stations[station.id] = gone
    page = spaced((await client.get(f"/sessions/{session.id}")).text)
    assert ">Offline<" in page
    assert "no link for 1 min 10 s" in page
    assert "LIVE" not in page
    unknown = msgspec.structs.replace(
        station,
        last_seen_ns=network.now - 7200 * SECOND_NS,
        unknown_since_ns=network.now - 3600 * SECOND_NS,
    )
    network.stations[station.id] = unknown
    page = spaced((await client.get(f"/sessions/{session.id}")).text)
    assert ">No data<" in page
    assert "last heard 2 h 00 min before now" in page
    assert "LIVE" not in page
    network.stations[station.id] = msgspec.structs.replace(station, last_seen_ns=unknown.last_seen_ns)
    page = spaced((await client.get(f"/sessions/{session.id}")).text)
    assert "LIVE" in page
    assert "the station was last heard 2 h ago" in page


async def test_the_energy_of_a_session_under_way_is_the_same_on_every_page(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session, station = under_way(network)
    network.under_way[session.id] = msgspec.structs.replace(session, energy_wh=7_650.0)
    for address in (
        f"/sessions/{session.id}",
        f"/sessions?text={session.id}&range=all",
        f"/stations/{station.id}",
    ):
        assert "7.65" in (await client.get(address)).text, address
    totals = network.store.totals(session.token)
    assert totals is not None
    in_all = words.kwh(totals.energy_wh + 7_650.0 - (session.energy_wh or 0))
    assert f"{in_all} at" in (await client.get(f"/sessions/{session.id}")).text
    listed = (await client.get(f"/api/sessions?text={session.id}")).json()["items"]
    (one,) = [each for each in listed if each["id"] == session.id]
    assert one["energy_wh"] == 7_650.0
    assert (await client.get(f"/api/sessions/{session.id}")).json()["energy_wh"] == 7_650.0


async def test_session_under_way_has_a_running_clock_and_no_verdict(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session, _ = under_way(network)
    page = (await client.get(f"/sessions/{session.id}")).text
    assert "LIVE" in page
    assert f'data-clock="{session.started_at_ns // 1_000_000}"' in page
    assert "Power now" in page
    assert "The verdict is given when the session ends." in page
    assert "Price" not in page  # no tariff is known: no card that says so


async def test_failed_session_names_blame_and_links_its_evidence_to_frames_on_the_page(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session = network.store.sessions(SessionFilter(outcomes=(Outcome.FAILED,))).items[0]
    page = (await client.get(f"/sessions/{session.id}")).text
    evidence = session.blame_evidence[0]
    assert evidence.text.replace("'", "&#39;") in page
    for ref in evidence.frames:
        assert f'href="#f-{ref}"' in page
        assert f'id="f-{ref}"' in page


async def test_unanswered_calls_and_errors_stand_out_among_the_frames(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/stations/CP-DEP-020/frames?troubled=1")).text
    rows = re.findall(r'<li id="f-[^"]+" class="([^"]*)">.*?</li>', page, re.DOTALL)
    assert rows
    assert all("bad" in row for row in rows)
    assert "no answer in time" in page
    assert "InternalError" in page


async def test_pings_are_shown_only_to_who_asks_for_them(
    client: httpx2.AsyncClient, network: Network
) -> None:
    network.frame("CP-HAF-001", network.now, True, "abcd", kind=Kind.PING)
    network.keep()
    assert '<span class="what" title="Ping' not in (await client.get("/stations/CP-HAF-001/frames")).text
    assert '<span class="what" title="Ping' in (await client.get("/stations/CP-HAF-001/frames?pings=1")).text


async def test_flag_page_proves_itself_with_both_halves_of_the_exchange(
    client: httpx2.AsyncClient, network: Network
) -> None:
    flag = next(flag for flag in network.store.flags(FlagFilter()).items if flag.rule == "faulted")
    narrow = msgspec.structs.replace(
        flag, evidence=(msgspec.structs.replace(flag.evidence[0], frames=flag.evidence[0].frames[:1]),)
    )
    network.flag(narrow)
    network.keep()
    page = (await client.get(f"/flags/{flag.id}")).text
    assert flag.summary in page
    assert flag.advice in page
    call, answer = flag.evidence[0].frames
    assert page.count(f'id="f-{call}"') == 1
    assert page.count(f'id="f-{answer}"') == 1  # the answer, though the evidence names the call alone
    assert '<span class="jk">&#34;errorCode&#34;</span>' in page


@pytest.mark.parametrize(
    "address",
    [
        "/stations/nobody",
        "/sessions/0000000000000000",
        "/flags/x",
        "/alerts/x",
        "/frames/9-9-9",
        "/frames/none",
        "/nowhere",
    ],
)
async def test_what_is_not_there_says_so_with_the_rail_around_it(
    client: httpx2.AsyncClient, address: str
) -> None:
    answer = await client.get(address)
    assert answer.status_code == 404
    assert 'aria-label="Pages"' in answer.text


async def test_search_leads_straight_to_what_has_that_name(
    client: httpx2.AsyncClient, network: Network
) -> None:
    session = network.store.sessions(SessionFilter()).items[0]
    flag = network.store.flags(FlagFilter()).items[0]
    for text, target in (
        ("CP-A7-010", "/stations/CP-A7-010"),
        (session.id, f"/sessions/{session.id}"),
        (flag.id, f"/flags/{flag.id}"),
    ):
        answer = await client.get("/search", params={"q": text})
        assert answer.status_code in (303, 307)
        assert answer.headers["location"] == target
    several = await client.get("/search", params={"q": "Klinikum"})
    assert several.status_code == 200
    assert several.text.count("<tr data-href=") > 3
    assert "Nothing found." in (await client.get("/search", params={"q": "zzz"})).text


async def test_identity_with_a_slash_and_a_space_has_a_page(
    client: httpx2.AsyncClient, network: Network
) -> None:
    odd = "DE*ABC/7 äx?#%"
    network.station(Station(id=odd, online=True, since_ns=network.now - DAY_NS, last_seen_ns=network.now))
    page = (await client.get("/fleet")).text
    (href,) = re.findall(r'data-href="(/stations/DE[^"]*)"', page)
    answer = await client.get(href)
    assert answer.status_code == 200
    assert odd in answer.text


async def test_an_address_cut_off_behind_stations_leads_to_the_fleet(client: httpx2.AsyncClient) -> None:
    for address in ("/stations", "/stations/"):
        answer = await client.get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/fleet")


async def test_looks_asked_for_in_the_address_stay(client: httpx2.AsyncClient) -> None:
    page = await client.get("/fleet?wall=1&theme=light")
    assert 'data-theme="light" data-wall="1"' in page.text
    later = await client.get("/")
    assert 'data-theme="light" data-wall="1"' in later.text


async def test_bad_query_is_a_sentence_and_not_a_traceback(client: httpx2.AsyncClient) -> None:
    for address in (
        "/sessions?range=aeon",
        "/sessions?outcome=perfect",
        "/fleet?page=x",
        "/sessions?after=%00",
        "/flags?from=soon",
    ):
        answer = await client.get(address)
        assert answer.status_code == 400, address
        assert "Traceback" not in answer.text


async def test_health_and_readiness_tell_the_reasons(client: httpx2.AsyncClient, network: Network) -> None:
    assert (await client.get("/healthz")).text == "alive\n"
    assert (await client.get("/readyz")).json() == {"ready": True, "reasons": [], "remarks": []}
    network.reasons.append("The store cannot be written to.")
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "reasons": ["The store cannot be written to."],
        "remarks": [],
    }
    assert (await client.get("/healthz")).status_code == 200


async def test_a_console_whose_influxdb_is_away_stays_in_service_and_says_so(
    client: httpx2.AsyncClient, network: Network
) -> None:
    """Whoever takes a console out of service on a 503 would take it away when it is needed."""
    network.remarks.append("InfluxDB does not answer; 40 s of points wait in the spool.")
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"ready": True, "reasons": [], "remarks": network.remarks},
    )
    for page in PAGES:
        text = (await client.get(page)).text
        assert re.search(r'data-remark[^>]*role="status">', text), page
        assert re.search(r'data-trouble[^>]*role="status" hidden>', text), page
    assert "nocwatch itself needs a look" not in (await client.get("/")).text
    assert "nocwatch works, and needs a look" in (await client.get("/system")).text


async def test_an_alert_below_another_is_marked_and_leaves_the_overview(
    client: httpx2.AsyncClient, network: Network
) -> None:
    first = network.store.alerts(AlertFilter()).items[0]
    assert first.summary in (await client.get("/")).text
    batch = Batch()
    batch.add_step(
        None, alerts=[msgspec.structs.replace(first, inhibited_by="other", revision=first.revision + 1)]
    )
    network.store.apply(batch)
    panel = (await client.get("/")).text.partition("Open alerts")[2].partition("</section>")[0]
    assert panel
    assert f"/alerts/{first.id}" not in panel
    assert "below another" in (await client.get("/alerts")).text


async def test_a_silenced_alert_says_until_when_by_whom_and_what_and_is_ended_by_a_button(
    client: httpx2.AsyncClient, network: Network
) -> None:
    alert = network.store.alerts(AlertFilter()).items[0]
    page = (await client.get(f"/alerts/{alert.id}")).text
    name = network.places.place(alert.station).name
    assert f"Like this: Connector faulted at {name}." in page
    token = re.search(r'name="token" value="([^"]+)"', page)
    form = {"token": token[1], "by": "jo", "note": "fitter", "length": "4h"}
    assert (await client.post(f"/alerts/{alert.id}/silence", data=form)).status_code == 303
    page = (await client.get(f"/alerts/{alert.id}")).text
    banner = re.search(r'data-key="banner".*?</div>', page, re.DOTALL)
    assert re.search(r"silenced by jo until 2026-11-\d\d \d\d:\d\d:\d\d CET, nobody is told", banner[0])
    assert re.search(r"Silenced by jo until 2026-11-\d\d \d\d:\d\d:\d\d CET: faulted at", page)
    assert f"Connector faulted at {name}" in (await client.get("/silences")).text
    assert "silenced by jo" in (await client.get("/alerts")).text
    (silence,) = network.quiet
    ended = await client.post(
        f"/silences/{silence}/end", data={"token": token[1], "by": "kim", "alert": alert.id}
    )
    assert (ended.status_code, ended.headers["location"]) == (303, f"/alerts/{alert.id}")
    page = (await client.get(f"/alerts/{alert.id}")).text
    assert "Silence ended by kim." in page
    assert "silenced by jo" not in page
    assert "Nothing is silenced." in (await client.get("/silences")).text


async def test_a_flag_that_outlives_its_resolved_alert_is_quiet_and_says_why(
    client: httpx2.AsyncClient, network: Network
) -> None:
    alert = network.store.alerts(AlertFilter()).items[0]
    assert alert.station is not None
    await network.resolve(alert.id, "jo", "")
    assert "1 of 1 still raised, quiet: resolved by jo" in (await client.get(f"/alerts/{alert.id}")).text
    flag = (await client.get(f"/flags/{alert.flags[0]}")).text
    assert "quiet: resolved by jo" in re.search(r'data-key="banner".*?</div>', flag, re.DOTALL)[0]
    assert "quiet: resolved by jo" in (await client.get(f"/flags?station={alert.station}")).text
    fleet = (await client.get("/fleet", params={"q": alert.station})).text
    (row,) = re.findall(r'<tr data-key="station-.*?</tr>', fleet, re.DOTALL)
    assert "quiet" in row
    assert "critical" not in row


async def test_where_nobody_gets_through_the_empty_fleet_says_who_tried_and_why(
    client: httpx2.AsyncClient, network: Network
) -> None:
    network.stations.clear()
    for number in range(18):
        at_ns = network.now - (20 - number) * SECOND_NS
        network.refuse("SIM0001" if number % 2 else "SIM0002", "upstream_refused", 502, at_ns)
    network.keep()
    network.relay["upstream_up_main"] = 0
    for address in ("/", "/fleet"):
        page = (await client.get(address)).text
        assert "18 attempts refused" in page
        assert re.search(r"the last .*?, SIM0001: nothing listens at the CSMS&#39;s address", page)
        assert "SIM0002" in page
    assert "The CSMS main cannot be reached: stations get 502" in (await client.get("/")).text


async def test_system_says_what_to_do_and_folds_its_figures(
    client: httpx2.AsyncClient, network: Network
) -> None:
    network.remarks.append("The relay cannot reach the CSMS main.")
    network.remedies[network.remarks[0]] = "Call the team that runs it."
    page = (await client.get("/system")).text
    assert re.search(
        r"cannot reach the CSMS main\.</p><div class=\"advice\"><b>What to do:</b> Call the team", page
    )
    figures = page.partition("<summary>Figures</summary>")[2]
    assert "Pipeline" in figures
    assert "meanings" not in page.lower()


async def test_a_flag_as_text_holds_what_a_vendor_needs(client: httpx2.AsyncClient, network: Network) -> None:
    flag = next(each for each in network.store.flags(FlagFilter()).items if each.rule == "faulted")
    assert f'href="/flags/{flag.id}/text"' in (await client.get(f"/flags/{flag.id}")).text
    answer = await client.get(f"/flags/{flag.id}/text")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith(flag.summary)
    for said in (
        f"Station: {flag.station}",
        flag.evidence[0].text,
        "station -> CSMS",
        '"StatusNotification"',
    ):
        assert said in answer.text
    assert (await client.get("/flags/nothing/text")).status_code == 404


async def test_a_flag_of_two_stations_says_of_each_frame_whose_it_is_and_opens_calls_with_their_answers(
    client: httpx2.AsyncClient, network: Network
) -> None:
    first, second = "CP-HAF-001", "CP-DEP-002"
    start = {"connectorId": 1, "idTag": "h:1", "meterStart": 10}
    calls = [
        network.frame(each, network.now, True, [2, each, "StartTransaction", start])
        for each in (first, second)
    ]
    answers = [
        network.frame(each, network.now, False, [3, each, {"transactionId": 7}], answers=call)
        for each, call in zip((first, second), calls, strict=True)
    ]
    flag = next(flag for flag in network.store.flags(FlagFilter()).items if flag.rule == "faulted")
    evidence = tuple(
        Evidence(text=f"Transaction at {each}.", frames=(answer,), stations=(each,))
        for each, answer in zip((first, second), answers, strict=True)
    )
    network.flag(
        msgspec.structs.replace(flag, id="two", rule="cloned", key="h:1", station=None, evidence=evidence)
    )
    network.keep()
    page = (await client.get("/flags/two")).text
    for each, call in zip((first, second), calls, strict=True):
        assert f'<a class="ref" href="/stations/{each}">{network.places.place(each).name}</a>' in page
        row = page.partition(f'id="f-{call}"')[2].partition("</li>")[0]
        assert "<details open>" in row
        assert f'<a href="/stations/{each}">' in row
        assert f"{each} station -> CSMS [{call}]" in (await client.get("/flags/two/text")).text


async def test_the_same_before_is_of_the_same_subject_and_earlier(
    client: httpx2.AsyncClient, network: Network
) -> None:
    flag = next(flag for flag in network.store.flags(FlagFilter()).items if flag.rule == "faulted")
    hour = 3600 * 10**9
    for name, more in (
        ("earlier", {"onset_at_ns": flag.onset_at_ns - 5 * hour}),
        ("newer", {"onset_at_ns": flag.onset_at_ns + hour}),
        ("elsewhere", {"onset_at_ns": flag.onset_at_ns - 5 * hour, "connector": 7}),
    ):
        network.flag(msgspec.structs.replace(flag, id=name, summary=f"The {name} one.", **more))
    network.keep()
    before = (await client.get(f"/flags/{flag.id}")).text.partition("The same before")[2]
    assert "The earlier one." in before
    assert "The newer one." not in before
    assert "The elsewhere one." not in before


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("/reports?to=2026-11-01", "There is no parameter &#39;to&#39; here; known: access, by, current,"),
        ("/sessions?outcom=failed", "There is no parameter &#39;outcom&#39; here"),
        ("/fleet?status=Faulted", "There is no parameter &#39;status&#39; here"),
        ("/?range=7d", "There is no parameter &#39;range&#39; here; known: none."),
        ("/stations/CP-HAF-001?to=1", "There is no parameter &#39;to&#39; here; known: from, span, until."),
        ("/reports/uptime?months=2026-10", "There is no parameter &#39;months&#39; here"),
    ],
)
async def test_a_parameter_that_a_page_does_not_know_is_told_and_not_passed_over(
    client: httpx2.AsyncClient, address: str, named: str
) -> None:
    answer = await client.get(address)
    assert answer.status_code == 400
    assert "This address cannot be read." in answer.text
    assert named in answer.text


async def test_the_feed_and_downloads_know_their_parameters_too(client: httpx2.AsyncClient) -> None:
    feed = await client.get("/api/events?kinds=flag")
    assert (feed.status_code, feed.json()["error"]) == (
        400,
        "There is no parameter 'kinds' here; known: kind, station.",
    )
    assert (await client.get("/reports/figures.csv?days=7")).status_code == 400


@pytest.mark.parametrize("page", PAGES)
async def test_every_page_takes_the_looks_of_a_wall(client: httpx2.AsyncClient, page: str) -> None:
    assert (await client.get(f"{page}?wall=1&theme=dark")).status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/fleet?q=%00", "/search?q=%00", "/sessions?text=%00", "/sessions?station=%00*", "/reports?site=%00"],
)
async def test_a_zero_byte_in_an_address_finds_nothing_and_breaks_nothing(
    client: httpx2.AsyncClient, address: str
) -> None:
    assert (await client.get(address)).status_code in (200, 400)


async def test_a_sentence_with_figures_says_as_of_when_it_is(
    client: httpx2.AsyncClient, network: Network
) -> None:
    """ "No socket for 3 min" beside a clock that shows an hour."""
    flag = next(
        each for each in network.store.flags(FlagFilter(state=FlagState.RAISED)).items if each.summary
    )
    page = (await client.get(f"/flags/{flag.id}")).text
    assert "as of <time" in page
    alert = next(iter(network.store.alerts(AlertFilter(flag=flag.id)).items), None)
    assert alert is not None
    assert ("as of <time" in (await client.get(f"/alerts/{alert.id}")).text) is (
        alert.summary == flag.summary
    )
    cleared = next(iter(network.store.flags(FlagFilter(state=FlagState.CLEARED)).items))
    assert "as of <time" not in (await client.get(f"/flags/{cleared.id}")).text
