"""Hostile neighbours: foreign pages in the operator's browser, stations with names made to break pages, oversized bodies."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
import trio
from tests.support.console_data import Network, served

from nocwatch.alerts.alert import AlertState
from nocwatch.console.app import ConsoleError, serve
from nocwatch.console.settings import ConsoleSettings
from nocwatch.flags import Category, Evidence, Flag, Severity
from nocwatch.moments import HOUR_NS
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import Session
from nocwatch.store.values import AlertFilter

EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{7*7}}</title>&#x27;javascript:"""


def fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


@pytest.fixture
def alert(network: Network) -> str:
    return network.store.alerts(AlertFilter(states=(AlertState.FIRING,))).items[0].id


async def test_every_answer_carries_the_headers_that_keep_pages_tame(client: httpx2.AsyncClient) -> None:
    for address in ("/", "/fleet", "/api/stations", "/static/console.css", "/nowhere", "/healthz"):
        headers = (await client.get(address)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], address
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_pages_need_no_inline_script_or_style(client: httpx2.AsyncClient, alert: str) -> None:
    for address in (
        "/",
        "/fleet",
        "/sessions",
        "/flags",
        f"/alerts/{alert}",
        "/stations/CP-A7-010",
        "/system",
    ):
        page = (await client.get(address)).text
        assert not re.search(r"<script(?![^>]*src=)", page), address
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page), address


async def test_a_person_acknowledges_by_a_form(
    client: httpx2.AsyncClient, network: Network, alert: str
) -> None:
    page = (await client.get(f"/alerts/{alert}")).text
    answer = await client.post(
        f"/alerts/{alert}/acknowledge",
        data={**fields(page), "by": " Ana  B. ", "note": "on it", "length": "1h"},
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/alerts/{alert}"
    assert network.done == [("acknowledge", alert, "Ana B.", "on it")]
    after = (await client.get(f"/alerts/{alert}")).text
    assert "taken by Ana B." in after
    assert 'value="Ana' in after  # the name is remembered


async def test_a_person_silences_for_four_hours(
    client: httpx2.AsyncClient, network: Network, alert: str
) -> None:
    page = (await client.get(f"/alerts/{alert}")).text
    await client.post(f"/alerts/{alert}/silence", data={**fields(page), "by": "Ana", "length": "4h"})
    assert network.done == [("silence", alert, "Ana", str(network.now + 4 * HOUR_NS))]
    refused = await client.post(
        f"/alerts/{alert}/silence", data={**fields(page), "by": "Ana", "length": "1000d"}
    )
    assert refused.status_code == 409
    assert "up to 30 days" in refused.text


async def test_a_form_without_a_name_is_sent_back_with_a_sentence(
    client: httpx2.AsyncClient, network: Network, alert: str
) -> None:
    page = (await client.get(f"/alerts/{alert}")).text
    answer = await client.post(f"/alerts/{alert}/resolve", data={**fields(page), "by": "  "})
    assert answer.status_code == 409
    assert "Your name is wanted" in answer.text
    assert network.done == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_foreign_page_cannot_post(
    client: httpx2.AsyncClient, network: Network, alert: str, headers: dict[str, str]
) -> None:
    page = (await client.get(f"/alerts/{alert}")).text
    answer = await client.post(
        f"/alerts/{alert}/resolve", data={**fields(page), "by": "Eve"}, headers=headers
    )
    assert answer.status_code == 403
    document = await client.post(f"/api/alerts/{alert}/resolve", json={"by": "Eve"}, headers=headers)
    assert document.status_code == 403
    assert network.done == []


async def test_a_post_without_the_visitors_token_does_nothing(
    client: httpx2.AsyncClient, network: Network, alert: str
) -> None:
    page = (await client.get(f"/alerts/{alert}")).text
    token = fields(page)["token"]
    for wrong in ("", "0" * 64, token[:-1] + ("0" if token[-1] != "0" else "1"), "ü"):
        answer = await client.post(f"/alerts/{alert}/resolve", data={"token": wrong, "by": "Eve"})
        assert answer.status_code == 403, wrong
    client.cookies.clear()
    assert (
        await client.post(f"/alerts/{alert}/resolve", data={"token": token, "by": "Eve"})
    ).status_code == 403
    assert network.done == []


async def test_the_api_takes_no_form(client: httpx2.AsyncClient, network: Network, alert: str) -> None:
    answer = await client.post(
        f"/api/alerts/{alert}/resolve", content=b'{"by":"Eve"}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 400
    assert network.done == []


async def test_a_large_body_is_not_read(client: httpx2.AsyncClient, alert: str) -> None:
    answer = await client.post(f"/alerts/{alert}/resolve", data={"by": "x" * 20_000})
    assert answer.status_code == 413


async def test_a_foreign_name_for_this_machine_is_refused(client: httpx2.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:8480", "[::2]:80", ""):
        answer = await client.get("/", headers={"host": host})
        assert answer.status_code in (400, 421), host
    assert (await client.get("/", headers={"host": "localhost:8480"})).status_code == 200


async def test_named_hosts_are_let_in(network: Network) -> None:
    settings = ConsoleSettings(listen="127.0.0.1:0", hosts=("noc.example",))
    async with served(network, settings) as address, httpx2.AsyncClient(base_url=address) as client:
        assert (await client.get("/healthz", headers={"host": "NOC.example"})).status_code == 200
        assert (await client.get("/healthz", headers={"host": "other.example"})).status_code == 421


def test_settings_say_what_would_be_right() -> None:
    for wrong in (
        {"listen": "8480"},
        {"listen": "x:y"},
        {"timezone": "Mars/Base"},
        {"hosts": ["https://x/"]},
        {"lisen": "x"},
    ):
        with pytest.raises(ValueError, match=r"write|Extra|extra"):
            ConsoleSettings.model_validate(wrong)


async def test_a_taken_port_is_one_clear_sentence(network: Network) -> None:
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", 0))
    listener.listen()
    taken = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(
        ConsoleError, match=rf"console.listen: {taken} cannot be used: Address already in use"
    ):
        await serve(network, ConsoleSettings(listen=taken))
    listener.close()


async def test_hostile_names_frames_and_errors_are_text_everywhere(tmp_path: Path) -> None:
    network = Network(tmp_path)
    now = network.now
    network.places = Places(
        {
            EVIL: Place(
                station=EVIL, known=True, name=EVIL, site=EVIL, site_name=EVIL, operator=EVIL, team=EVIL
            )
        }
    )
    connector = Connector(
        evse=None,
        connector=1,
        status=ConnectorStatus.FAULTED,
        reported=ConnectorStatus.FAULTED,
        since_ns=now - HOUR_NS,
        error_code=EVIL,
        vendor_error=EVIL,
        session="abc",
    )
    network.station(
        Station(
            id=EVIL,
            online=True,
            since_ns=now - HOUR_NS,
            last_seen_ns=now,
            vendor=EVIL,
            model=EVIL,
            firmware=EVIL,
            serial=EVIL,
            remote_address=EVIL,
            upstream=EVIL,
            version=EVIL,
            connectors=(connector,),
        )
    )
    network.state(EVIL, 1, ConnectorStatus.FAULTED, now - HOUR_NS)
    call, _ = network.talk(EVIL, now - HOUR_NS, EVIL, {EVIL: [EVIL, {EVIL: EVIL}]}, [EVIL, EVIL])
    network.frame(EVIL, now - HOUR_NS, True, EVIL)
    network.session(
        Session(
            id="abc",
            station=EVIL,
            connector=1,
            transaction=EVIL,
            started_at_ns=now - HOUR_NS,
            changed_at_ns=now,
            token=EVIL,
            stop_reason=EVIL,
            suspended_by=EVIL,
            upstream=EVIL,
        )
    )
    network.flag(
        Flag(
            id="f1",
            rule=EVIL,
            detector=EVIL,
            category=Category.HARDWARE,
            severity=Severity.CRITICAL,
            key=EVIL,
            station=EVIL,
            onset_at_ns=now - HOUR_NS,
            at_ns=now,
            summary=EVIL,
            advice=EVIL,
            evidence=(Evidence(text=EVIL, frames=(call,)),),
            runbook="javascript:alert(3)",
            labels={EVIL: EVIL},
            subject=EVIL,
        )
    )
    network.keep()
    network.reasons.append(EVIL)
    network.remarks.append(EVIL)
    async with served(network) as address, httpx2.AsyncClient(base_url=address) as client:
        fleet = (await client.get("/fleet")).text
        (station,) = re.findall(r'data-href="(/stations/[^"]*)"', fleet)
        pages = [
            "/",
            "/fleet",
            f"/fleet?q={'%3Cscript%3E'}",
            station,
            f"{station}/frames",
            "/sessions",
            "/sessions/abc",
            "/flags",
            "/flags/f1",
            f"/frames/{call}",
            "/search?q=%3Cscript%3Ealert(1)",
        ]
        for page in pages:
            answer = await client.get(page)
            assert answer.status_code in (200, 303), page
            assert not re.search(r"<(script|img)(?! src=\"/static)(?![^>]*src=\"/static)", answer.text), page
            assert "49" not in re.findall(r"\{\{7\*7\}\}|49</title>", answer.text)
            assert 'href="javascript:' not in answer.text
        assert (await client.get(station)).status_code == 200
    network.store.close()


async def test_endless_and_deep_frames_do_not_stop_a_page(tmp_path: Path) -> None:
    network = Network(tmp_path)
    network.station(Station(id="CP1", online=True, since_ns=1, last_seen_ns=network.now))
    deep: object = 1
    for _ in range(60):
        deep = {"a": [deep]}
    network.talk("CP1", network.now, "DataTransfer", {"data": "x" * 400_000, "deep": deep}, {})
    network.frame("CP1", network.now, True, "[" * 5000)
    network.keep()
    async with served(network) as address, httpx2.AsyncClient(base_url=address, timeout=20) as client:
        answer = await client.get("/stations/CP1")
        assert answer.status_code == 200
        assert "cut here" in answer.text
        assert len(answer.text) < 200_000
    network.store.close()
