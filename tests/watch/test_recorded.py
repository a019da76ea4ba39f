"""A watch over a folder that was imported: nobody waits for a relay, and the pages show the time that was recorded."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx2
import msgspec
import pytest
import trio
from tests.support.deployment import REPOSITORY, until

from nocwatch import clock
from nocwatch.config import Configuration
from nocwatch.journal.recorded import noted
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.moments import DAY_NS, MINUTE_NS
from nocwatch.records import RecordKind
from nocwatch.registry.places import Places
from nocwatch.store import FrameFilter, SessionFilter, retention
from nocwatch.trace.writing import import_traces
from nocwatch.watch.once import read_through
from nocwatch.watch.process import Watch
from nocwatch.watch.services import WatchServices

TRACE = REPOSITORY / "tests" / "trace" / "foreign" / "csms_log_16_raw.jsonl"


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """Of a folder with a trace of March 2025 in it."""
    made = Configuration.model_validate(
        {
            "data": str(tmp_path),
            "privacy": {"key_file": str(tmp_path / "privacy.key")},
            "journal": {"path": str(tmp_path / "journal")},
            "store": {"url": f"sqlite:///{tmp_path}/nocwatch.db"},
            "console": {"listen": "127.0.0.1:0"},
            "metrics": {"listen": None},
        }
    )
    import_traces([TRACE], made.journal.path)
    return made


async def test_a_recorded_folder_is_told_as_that_and_misses_no_relay(
    configuration: Configuration,
) -> None:
    await read_through(
        configuration
    )  # as the import does: the watch finds nothing more to read, no tick either
    async with trio.open_nursery() as nursery:
        watch = await nursery.start(Watch(configuration).run)
        await until(lambda: watch.follower.caught_up, "all is read")
        watch.status._started_ns -= 2 * MINUTE_NS  # it has waited for a relay long enough
        reasons, remarks = watch.status.ready()
        assert reasons == []
        assert remarks == [
            "Recorded data from trace import, and no relay: it reaches to 2025-03-03T08:43:20Z, and all pages take that moment for now."
        ]
        nursery.cancel_scope.cancel()


async def test_pages_of_the_last_day_are_of_the_last_day_that_was_recorded(
    configuration: Configuration,
) -> None:
    async with trio.open_nursery() as nursery:
        watch = await nursery.start(Watch(configuration).run)
        await until(lambda: watch.follower.settled, "all is read")
        assert watch.status.ready()[0] == []
        assert watch.status.relay_silent_s() == 0.0
        async with httpx2.AsyncClient(base_url=f"http://{watch.console_address}", timeout=20) as client:
            listed = (await client.get("/sessions?range=24h")).text
            assert listed.count('href="/sessions/') >= 2
            assert "data-still" in listed
            figures = (await client.get("/api/kpis/figures?by=fleet")).json()
            assert figures["until"].startswith("2025-03-03T08:43")
            assert (await client.get("/api/frames")).json()["items"], "a watch forgot by today's calendar"
        nursery.cancel_scope.cancel()


async def test_of_traces_that_lie_years_apart_none_is_forgotten_until_a_relay_writes(
    configuration: Configuration,
) -> None:
    shutil.rmtree(configuration.journal.path)
    newer = TRACE.parent / "database_21_newest_first.json"
    import_traces([TRACE, newer], configuration.journal.path)
    async with trio.open_nursery() as nursery:
        watch = await nursery.start(Watch(configuration).run)
        await until(lambda: watch.follower.settled, "all is read")
        services = WatchServices(watch.follower, watch.store, watch.hub, watch.status, [], Places())
        all_of_them = watch.store.counts()["frames"]
        oldest_ns = min(each.at_ns for each in watch.store.frames(FrameFilter(), limit=500).items)
        assert services.now_ns() - oldest_ns > 30 * DAY_NS, "else these traces do not tell"
        await retention.look(watch.store, services.forgetting_ns)
        assert watch.store.counts()["frames"] == all_of_them
        with Writer(configuration.journal.path, 0, JournalSettings()) as relay:
            relay.add(clock.now_ns(), RecordKind.TICK, 0, 0, msgspec.json.encode({"links_open": 0}))
            assert relay.flush_sync()
            await until(lambda: not services.stands_still(), "its tick is read")
        await retention.look(watch.store, services.forgetting_ns)
        assert watch.store.counts()["frames"] < all_of_them
        nursery.cancel_scope.cancel()


async def test_a_relay_that_is_started_over_a_recording_is_a_relay_from_its_first_word_on(
    configuration: Configuration,
) -> None:
    async with trio.open_nursery() as nursery:
        watch = await nursery.start(Watch(configuration).run)
        await until(lambda: watch.follower.caught_up, "all is read")
        assert watch.status.recorded_until_ns is not None
        with Writer(configuration.journal.path, 0, JournalSettings()) as relay:
            relay.add(clock.now_ns(), RecordKind.TICK, 0, 0, msgspec.json.encode({"links_open": 0}))
            assert relay.flush_sync()
            await until(lambda: watch.status.recorded_until_ns is None, "its tick is read")
        assert watch.status.ready() == ([], [])
        assert watch.status.over_since_ns(clock.now_ns()) is None
        nursery.cancel_scope.cancel()


async def test_where_a_relay_has_long_been_silent_pages_look_back_from_its_last_word_and_say_so(
    configuration: Configuration,
) -> None:
    """A data folder that was brought home from a site: its relay is elsewhere, and nobody can know that it is well."""
    (configuration.journal.path / "recorded.json").unlink()
    async with trio.open_nursery() as nursery:
        watch = await nursery.start(Watch(configuration).run)
        await until(lambda: watch.follower.settled, "all is read")
        (reason,), _ = watch.status.ready()
        assert reason.startswith("The relay has been silent for ")
        assert " d, since 2025-03-03T08:43:19Z: chargers may be cut off" in reason
        assert reason.endswith("Pages look back from 2025-03-03T08:43:20Z, the end of what was read.")
        async with httpx2.AsyncClient(base_url=f"http://{watch.console_address}", timeout=20) as client:
            assert (await client.get("/sessions?range=24h")).text.count('href="/sessions/') >= 2
        assert clock.now_ns() - watch.follower.pipeline.now_ns > DAY_NS
        nursery.cancel_scope.cancel()


def test_a_note_that_cannot_be_read_is_no_note(configuration: Configuration) -> None:
    assert noted(configuration.journal.path) is not None
    (configuration.journal.path / "recorded.json").write_text("{")
    assert noted(configuration.journal.path) is None


async def test_the_energy_of_a_session_under_way_is_that_of_its_newest_reading_on_every_page(
    configuration: Configuration, tmp_path: Path
) -> None:
    """Its record comes into the store once a minute; the last reading was half a minute after the last record."""
    start = {"connectorId": 1, "idTag": "A1", "meterStart": 1000, "timestamp": "2026-01-01T12:00:00Z"}
    lines: list[dict[str, object]] = [
        {
            "action": "StartTransaction",
            "messageId": "s",
            "payload": start,
            "timestamp": "2026-01-01T12:00:00Z",
        },
        {
            "messageType": "CALLRESULT",
            "direction": "csms-to-cp",
            "messageId": "s",
            "payload": {"transactionId": 7, "idTagInfo": {"status": "Accepted"}},
            "timestamp": "2026-01-01T12:00:00.100Z",
        },
    ]
    for second, register in ((20, 1100), (40, 1200), (55, 1300)):
        at = f"2026-01-01T12:00:{second}Z"
        value = {"timestamp": at, "sampledValue": [{"value": str(register)}]}
        payload = {"connectorId": 1, "transactionId": 7, "meterValue": [value]}
        lines.append({"action": "MeterValues", "messageId": at, "payload": payload, "timestamp": at})
    said = {"messageType": "CALL", "direction": "cp-to-csms", "chargePointId": "CP1", "transport": "json"}
    trace = tmp_path / "charging.jsonl"
    trace.write_bytes(b"".join(msgspec.json.encode({**said, **line}) + b"\n" for line in lines))
    shutil.rmtree(configuration.journal.path)
    import_traces([trace], configuration.journal.path)
    async with trio.open_nursery() as nursery:
        watch = await nursery.start(Watch(configuration).run)
        await until(lambda: watch.follower.settled, "all is read")
        (kept,) = watch.store.sessions(SessionFilter()).items
        assert (kept.energy_wh or 0) < 300
        async with httpx2.AsyncClient(base_url=f"http://{watch.console_address}", timeout=20) as client:
            (told,) = (await client.get("/api/sessions")).json()["items"]
            assert told["energy_wh"] == 300
            for address in (f"/sessions/{kept.id}", "/sessions?range=all", "/stations/CP1"):
                assert "0.30" in (await client.get(address)).text, address
        nursery.cancel_scope.cancel()
