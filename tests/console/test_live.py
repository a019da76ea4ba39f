"""The live feed: the latest of each thing, slow followers let go, a heartbeat that says that the page still receives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Self

import h11
import httpx2
import msgspec
import pytest
import trio
import trio.testing
from tests.support.console_data import Network, served

from nocwatch.console import events
from nocwatch.console.live import PENDING_MAX, Behind, Closing, Full, Hub, Interest
from nocwatch.flags import Category, Flag, Severity
from nocwatch.frames import Direction, Frame, Kind
from nocwatch.network import Station

ALL = Interest(frozenset({"station", "session", "flag", "alert"}))


def station(name: str, **more: object) -> Station:
    return Station(id=name, online=True, since_ns=1, last_seen_ns=1, **more)


def frame(name: str) -> Frame:
    return Frame(
        lane=0,
        sequence=65536,
        received_at_ns=1,
        connection=1,
        station=name,
        direction=Direction.FROM_STATION,
        kind=Kind.TEXT,
        payload=b"[]",
    )


async def test_a_station_that_changes_ten_times_arrives_once_as_it_stands() -> None:
    hub = Hub()
    with hub.follow(ALL) as follower:
        for number in range(10):
            hub.publish(station("CP1", boots=number))
        taken = await follower.take(1)
    assert [(kind, key) for kind, key, _ in taken] == [("station", "CP1")]
    assert taken[0][2].boots == 9


async def test_changes_come_in_the_order_of_their_last_change() -> None:
    hub = Hub()
    with hub.follow(ALL) as follower:
        for name in ("A", "B", "A"):
            hub.publish(station(name))
        assert [key for _, key, _ in await follower.take(1)] == ["B", "A"]


async def test_nothing_costs_where_nobody_follows() -> None:
    hub = Hub()
    hub.publish(station("CP1"))
    assert hub.counters["published"] == 0
    assert not hub.wants_frames("CP1")


async def test_one_who_follows_a_station_hears_of_no_other_and_frames_come_only_on_demand() -> None:
    hub = Hub()
    mine = Interest(frozenset({"station", "frame"}), "CP1")
    with hub.follow(mine) as follower, hub.follow(ALL) as other:
        assert hub.wants_frames("CP1")
        assert not hub.wants_frames("CP2")
        for name in ("CP1", "CP2"):
            hub.publish(frame(name))
            hub.publish(station(name))
        assert [
            (kind, thing.station if kind == "frame" else key) for kind, key, thing in await follower.take(1)
        ] == [("frame", "CP1"), ("station", "CP1")]
        assert {kind for kind, _, _ in await other.take(1)} == {"station"}


async def test_a_follower_that_falls_behind_is_let_go_and_others_go_on() -> None:
    hub = Hub()
    with hub.follow(ALL) as slow:
        for number in range(PENDING_MAX // 2):
            hub.publish(station(f"A{number}"))
        with hub.follow(ALL) as quick:
            for number in range(PENDING_MAX // 2 + 1):
                hub.publish(station(f"B{number}"))
            with pytest.raises(Behind):
                await slow.take(0)
            assert len(await quick.take(0)) == PENDING_MAX // 2 + 1
            assert hub.counters["followers_dropped"] == 1
            assert len(hub) == 1
    assert len(hub) == 0


async def test_waiting_ends_with_nothing_at_its_time(autojump_clock: trio.testing.MockClock) -> None:
    hub = Hub()
    with hub.follow(ALL) as follower:
        started = trio.current_time()
        assert await follower.take(10) == []
        assert trio.current_time() - started == pytest.approx(10)


async def test_a_closing_hub_lets_everyone_go_and_a_full_one_lets_nobody_in() -> None:
    hub = Hub(followers_max=1)
    with hub.follow(ALL) as follower:
        with pytest.raises(Full), hub.follow(ALL):
            pass
        hub.close()
        with pytest.raises(Closing):
            await follower.take(5)
    assert hub.counters["followers_refused"] == 1


class Feed:
    """One who follows over a real socket; ``next`` gives name and document of the next event."""

    def __init__(self, address: str, query: str) -> None:
        self.address, self.query = address, query

    async def __aenter__(self) -> Self:
        host, _, port = self.address.removeprefix("http://").partition(":")
        self.socket = await trio.open_tcp_stream(host, int(port))
        self.http = h11.Connection(h11.CLIENT)
        self.text = ""
        request = h11.Request(
            method="GET", target=f"/api/events{self.query}", headers=[("host", f"{host}:{port}")]
        )
        await self.socket.send_all(self.http.send(request) + self.http.send(h11.EndOfMessage()))
        answer = await self._event()
        assert answer.status_code == 200
        assert dict(answer.headers)[b"content-type"].startswith(b"text/event-stream")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.aclose()

    async def _event(self) -> h11.Event:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(await self.socket.receive_some())
        return event

    async def next(self) -> tuple[str, dict[str, object]] | None:
        with trio.fail_after(10):
            while "\n\n" not in self.text:
                event = await self._event()
                if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                    return None
                self.text += bytes(event.data).decode()
        block, _, self.text = self.text.partition("\n\n")
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        return fields["event"], json.loads(fields["data"])


@pytest.fixture
async def address(network: Network) -> AsyncIterator[str]:
    async with served(network) as found:
        yield found


async def test_changes_arrive_over_the_wire_as_whole_documents(address: str, network: Network) -> None:
    async with Feed(address, "?kind=station,flag") as feed:
        name, hello = await feed.next()
        assert (name, hello["reasons"], hello["remarks"]) == ("hello", [], [])
        network.hub.publish(msgspec.structs.replace(network.stations["CP-HAF-001"], online=False))
        name, document = await feed.next()
        assert (name, document["id"], document["online"], document["site"]) == (
            "station",
            "CP-HAF-001",
            False,
            "hafen",
        )
        network.hub.publish(
            Flag(
                id="f",
                rule="r",
                detector="d",
                category=Category.KPI,
                severity=Severity.INFO,
                key="k",
                station=None,
                onset_at_ns=1,
                at_ns=1,
                summary="\n\ndata: x\n",
            )
        )
        name, document = await feed.next()
        assert (name, document["summary"]) == ("flag", "\n\ndata: x\n")


async def test_heartbeat_tells_that_nocwatch_is_in_trouble(
    address: str, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    async with Feed(address, "?kind=heartbeat") as feed:
        assert (await feed.next())[0] == "hello"
        network.reasons.append("The journal lags by 90 s.")
        network.remarks.append("InfluxDB does not answer.")
        seen = [await feed.next() for _ in range(3)]
        assert seen[-1] == (
            "heartbeat",
            {
                "now": seen[-1][1]["now"],
                "reasons": ["The journal lags by 90 s."],
                "remarks": ["InfluxDB does not answer."],
            },
        )


async def test_frames_of_a_station_come_to_who_asked_for_them(address: str, network: Network) -> None:
    async with Feed(address, "?kind=frame&station=CP1") as feed:
        await feed.next()
        network.hub.publish(frame("CP2"))
        network.hub.publish(frame("CP1"))
        name, document = await feed.next()
        assert (name, document["station"], document["direction"], document["payload"]) == (
            "frame",
            "CP1",
            "cp-to-csms",
            "[]",
        )


async def test_a_page_that_goes_leaves_no_follower_behind(address: str, network: Network) -> None:
    async with Feed(address, "") as feed:
        await feed.next()
        assert len(network.hub) == 1
    with trio.fail_after(5):
        while len(network.hub):
            network.hub.publish(station("CP-HAF-001"))
            await trio.lowlevel.checkpoint()


async def test_more_pages_than_allowed_are_told_so(address: str, network: Network) -> None:
    network.hub.followers_max = 1
    async with Feed(address, "") as feed, httpx2.AsyncClient(base_url=address) as client:
        await feed.next()
        refused = await client.get("/api/events")
        assert refused.status_code == 503
        assert "live_clients_max" in refused.json()["error"]


async def test_a_slow_client_is_told_to_come_back(address: str, network: Network) -> None:
    async with Feed(address, "?kind=station") as feed:
        await feed.next()
        for number in range(PENDING_MAX + 1):
            network.hub.publish(station(f"X{number}"))
        name, document = await feed.next()
        assert name == "behind"
        assert "come back" in str(document["error"])
        assert await feed.next() is None


async def test_a_closing_watch_says_goodbye(address: str, network: Network) -> None:
    async with Feed(address, "") as feed:
        await feed.next()
        network.hub.close()
        assert await feed.next() == ("closing", {})
