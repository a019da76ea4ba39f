"""The drain against a server that refuses, hangs, comes back; a full spool; a kill in the middle of a batch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.support.deployment import free_port, until
from tests.support.influx import TOKEN, InfluxServer
from tests.support.influx_double import TAKEN, InfluxDouble, says

from nocwatch.sinks import influx as module
from nocwatch.sinks.influx import CURSOR_FILE, REFUSED_FILE, InfluxSink
from nocwatch.sinks.settings import InfluxSettings
from nocwatch.sinks.spool import Spool

LINES = [f"m,station=CP{index % 7} value={index} {index}" for index in range(1000)]


@pytest.fixture
def double() -> Iterator[InfluxDouble]:
    server = InfluxDouble()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses are right for a server that is down for hours; a test has less time."""
    monkeypatch.setattr(module, "PAUSE_FIRST_S", 0.02)
    monkeypatch.setattr(module, "PAUSE_MAX_S", 0.05)
    monkeypatch.setattr(module, "IDLE_S", 0.02)


def settings(tmp_path: Path, url: str, **more: object) -> InfluxSettings:
    return InfluxSettings.model_validate(
        {"url": url, "token": "t", "org": "noc", "spool": str(tmp_path / "spool"), **more}
    )


def spooled(options: InfluxSettings, lines: list[str]) -> None:
    spool = Spool(options)
    spool.add(lines, 1_790_000_000_000_000_000)
    assert spool.flush(durable=True)
    spool.close()


@asynccontextmanager
async def draining(options: InfluxSettings) -> AsyncIterator[InfluxSink]:
    sink = InfluxSink(options)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sink.run)
        yield sink
        nursery.cancel_scope.cancel()


def drained(sink: InfluxSink, points: int) -> object:
    def look() -> bool:
        counters = sink.counters
        return sink.caught_up and counters.points_written + counters.points_refused == points

    return until(look, lambda: f"all is drained: {sink.counters}, {sink.trouble}", 15)


async def test_every_point_arrives_once(tmp_path: Path, double: InfluxDouble) -> None:
    options = settings(tmp_path, double.url, batch_points_max=64)
    spooled(options, LINES)
    async with draining(options) as sink:
        await drained(sink, len(LINES))
    assert double.points == dict.fromkeys(LINES, 1)
    assert sink.counters.writes == len(double.statuses) == -(-len(LINES) // 64)
    assert (sink.counters.failures, sink.counters.points_refused, sink.trouble) == (0, 0, "")


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 302])
async def test_points_wait_while_the_server_refuses_to_take_any(
    tmp_path: Path, double: InfluxDouble, status: int
) -> None:
    options = settings(tmp_path, double.url, batch_points_max=300)
    spooled(options, LINES)
    double.policy = lambda _: says(status)
    async with draining(options) as sink:
        await until(lambda: sink.counters.failures >= 3, "it tries again")
        assert str(status) in sink.trouble
        assert not sink.caught_up
        assert sink.oldest_ns == 1_790_000_000_000_000_000
        assert not double.points
        double.policy = lambda _: TAKEN
        await drained(sink, len(LINES))
        assert sink.trouble == ""
    assert double.points == dict.fromkeys(LINES, 1)
    assert not (tmp_path / "spool" / REFUSED_FILE).exists()


async def test_trouble_is_told_once_and_not_at_each_try(
    tmp_path: Path, double: InfluxDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    options = settings(tmp_path, double.url)
    spooled(options, LINES[:3])
    double.policy = lambda _: says(500, "retention policy not found: none")
    async with draining(options) as sink:
        await until(lambda: sink.counters.failures >= 5, "it tries again")
        assert "retention policy" in sink.trouble
    said = capsys.readouterr()
    assert (said.out + said.err).count("points wait in the spool") == 1


async def test_a_server_that_hangs_is_given_up_and_asked_again(tmp_path: Path, double: InfluxDouble) -> None:
    options = settings(tmp_path, double.url, timeout="1s")
    spooled(options, LINES[:10])
    double.hang = True
    async with draining(options) as sink:
        await until(lambda: sink.counters.failures >= 2, "it gives up")
        assert "does not answer" in sink.trouble
        double.hang = False
        await drained(sink, 10)
    assert set(double.points) == set(LINES[:10])


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    options = settings(tmp_path, f"http://127.0.0.1:{free_port()}")
    spooled(options, LINES[:10])
    async with draining(options) as sink:
        await until(lambda: sink.counters.failures >= 2, "it tries again")
        assert "does not answer" in sink.trouble


async def test_the_end_of_the_watch_does_not_wait_for_a_server_that_hangs(
    tmp_path: Path, double: InfluxDouble
) -> None:
    options = settings(tmp_path, double.url, timeout="20s")
    spooled(options, LINES[:10])
    double.hang = True
    with trio.fail_after(5):
        async with draining(options) as sink:
            await until(lambda: not sink.caught_up, "it begins to write")


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_the_bad_points_alone_are_put_aside_with_the_servers_words(
    tmp_path: Path, double: InfluxDouble, status: int
) -> None:
    options = settings(tmp_path, double.url, batch_points_max=500)
    spooled(options, LINES)
    bad = {LINES[0], LINES[499], LINES[777]}
    double.policy = lambda lines: says(status, "not this one") if bad & set(lines) else TAKEN
    async with draining(options) as sink:
        await drained(sink, len(LINES))
    assert double.points == dict.fromkeys(set(LINES) - bad, 1)
    assert (sink.counters.points_refused, sink.counters.points_written) == (3, len(LINES) - 3)
    assert (sink.counters.failures, sink.trouble) == (0, "")
    kept = (tmp_path / "spool" / REFUSED_FILE).read_text().splitlines()
    assert {line for line in kept if not line.startswith("#")} == bad
    assert all("not this one" in line for line in kept if line.startswith("#"))


async def test_a_bad_point_and_an_outage_at_once_double_nothing(tmp_path: Path, double: InfluxDouble) -> None:
    options = settings(tmp_path, double.url, batch_points_max=500)
    spooled(options, LINES)
    bad = LINES[123]
    asked = 0

    def policy(lines: list[str]) -> tuple[int, str, dict[str, str]]:
        nonlocal asked
        asked += 1
        if asked % 3 == 0:
            return says(503)
        return says(400) if bad in lines else TAKEN

    double.policy = policy
    async with draining(options) as sink:
        await drained(sink, len(LINES))
    assert double.points == dict.fromkeys(set(LINES) - {bad}, 1)
    assert sink.counters.failures == double.statuses.count(503)
    assert (tmp_path / "spool" / REFUSED_FILE).read_text().count(bad) == 1


async def test_the_servers_own_wish_to_wait_is_followed(tmp_path: Path, double: InfluxDouble) -> None:
    options = settings(tmp_path, double.url)
    spooled(options, LINES[:5])
    double.policy = lambda _: TAKEN if double.statuses else says(429, "slowly", **{"Retry-After": "1"})
    began = trio.current_time()
    async with draining(options) as sink:
        await drained(sink, 5)
    assert trio.current_time() - began >= 1


async def test_a_restart_in_the_middle_writes_again_and_changes_nothing(
    tmp_path: Path, double: InfluxDouble
) -> None:
    options = settings(tmp_path, double.url, batch_points_max=100)
    spooled(options, LINES)
    double.policy = lambda _: TAKEN if len(double.statuses) < 4 else says(503)
    async with draining(options) as sink:
        await until(lambda: sink.counters.failures >= 1, "it is stopped in the middle")
    double.policy = lambda _: TAKEN
    async with draining(options) as sink:
        await drained(sink, len(LINES))
    assert set(double.points) == set(LINES)
    async with draining(options) as sink:  # a third one finds nothing to do
        with trio.move_on_after(0.3):
            await until(lambda: sink.counters.writes, "it writes")
        assert sink.counters.writes == 0


async def test_a_cursor_that_is_damaged_means_all_again(tmp_path: Path, double: InfluxDouble) -> None:
    options = settings(tmp_path, double.url)
    spooled(options, LINES)
    (tmp_path / "spool" / CURSOR_FILE).write_bytes(b"\x00garbage{")
    async with draining(options) as sink:
        await drained(sink, len(LINES))
    assert set(double.points) == set(LINES)


async def test_a_cursor_that_cannot_be_saved_does_not_end_the_watch(
    tmp_path: Path, double: InfluxDouble
) -> None:
    options = settings(tmp_path, double.url)
    spooled(options, LINES[:5])
    (tmp_path / "spool" / (CURSOR_FILE + ".tmp")).mkdir()
    async with draining(options) as sink:
        await until(lambda: sink.counters.cursor_errors, "it is counted")
    assert set(double.points) == set(LINES[:5])


async def test_line_feeds_and_quotes_in_payloads_survive_the_spool(
    tmp_path: Path, double: InfluxDouble
) -> None:
    options = settings(tmp_path, double.url, batch_points_max=1)
    lines = ['m text="one\ntwo" 1', 'm text="\x00\x1e" 2', 'm text="\ud800" 3']
    spooled(options, lines)
    taken: list[str] = []

    def policy(each: list[str]) -> tuple[int, str, dict[str, str]]:
        taken.append("\n".join(each))
        return TAKEN

    double.policy = policy
    async with draining(options) as sink:
        await drained(sink, 3)
    assert taken == [lines[0], lines[1], 'm text="?" 3']


async def test_a_spool_that_is_full_drops_its_oldest_and_counts_it(
    tmp_path: Path, double: InfluxDouble
) -> None:
    options = settings(tmp_path, double.url, spool_size_max="1MiB")
    spool = Spool(options)
    lines = [f'm text="{index:06d}{"x" * 2000}" {index}' for index in range(3000)]
    for start in range(0, len(lines), 100):
        spool.add(lines[start : start + 100], 1_790_000_000_000_000_000 + start)
        assert spool.flush()
    spool.retain()
    spool.close()
    kept = sum(file.stat().st_size for file in (tmp_path / "spool").rglob("*.seg"))
    assert kept < 2 * 2**20
    # It had begun to read before the outage, so it knows what is missing.
    (tmp_path / "spool" / CURSOR_FILE).write_text('{"lanes": {"0": 0}}')
    async with draining(options) as sink:
        await until(lambda: sink.caught_up and sink.counters.points_written, "the rest arrives")
    assert sink.counters.lost_records > 0
    assert lines[-1] in double.points
    assert lines[0] not in double.points
    assert len(double.points) == sink.counters.points_written


async def test_what_was_written_is_deleted_from_the_spool(tmp_path: Path, double: InfluxDouble) -> None:
    options = settings(tmp_path, double.url, spool_size_max="1MiB")
    spool = Spool(options)
    for index in range(20):
        spool.add([f'm text="{"x" * 30_000}" {index * 10 + each}' for each in range(10)], index)
        assert spool.flush()
    async with draining(options) as sink:
        await drained(sink, 200)
    spool.close()
    assert len(list((tmp_path / "spool").rglob("*.seg"))) <= 2


# --- real servers ---------------------------------------------------------------------------------------------------------


def real(tmp_path: Path, server: InfluxServer, bucket: str, **more: object) -> InfluxSettings:
    return settings(tmp_path, server.url, token=TOKEN, bucket=bucket, **more)


async def test_both_versions_take_all_points_once(
    tmp_path: Path, influx: InfluxServer, database: str
) -> None:
    options = real(tmp_path, influx, database, batch_points_max=128)
    spooled(options, LINES)
    for _ in range(2):  # the second time all is written again
        async with draining(options) as sink:
            await drained(sink, len(LINES))
        assert influx.count("m", "value", database) == len(LINES)
        (tmp_path / "spool" / CURSOR_FILE).unlink()


async def test_a_field_of_another_type_is_put_aside_with_the_real_servers_words(
    tmp_path: Path, influx: InfluxServer, database: str
) -> None:
    assert influx.write(b"m value=1 1", database)[0] == 204
    options = real(tmp_path, influx, database)
    spooled(options, [*LINES, 'm value="text" 5000', "m value= 5001"])
    async with draining(options) as sink:
        await drained(sink, len(LINES) + 2)
    assert sink.counters.points_refused == 2
    kept = (tmp_path / "spool" / REFUSED_FILE).read_text()
    assert "field type conflict" in kept
    assert "missing field value" in kept
    assert influx.count("m", "value", database) == len(LINES) + 1


async def test_a_bucket_that_is_not_there(tmp_path: Path, influx: InfluxServer) -> None:
    """InfluxDB 1.8 makes the database; 2.7 cannot be asked to with a token for writing, so the points wait."""
    options = real(tmp_path, influx, "quite_new")
    spooled(options, LINES)
    async with draining(options) as sink:
        if influx.version == 1:
            await drained(sink, len(LINES))
            assert influx.count("m", "value", "quite_new") == len(LINES)
        else:
            await until(lambda: sink.counters.failures >= 2, "it tries again")
            assert "no such bucket" in sink.trouble
            influx.make("quite_new")
            await drained(sink, len(LINES))


async def test_a_retention_policy_that_is_not_there(
    tmp_path: Path, influx: InfluxServer, database: str
) -> None:
    options = real(tmp_path, influx, f"{database}/nowhere")
    spooled(options, LINES[:10])
    async with draining(options) as sink:
        await until(lambda: sink.counters.failures >= 3, "it tries again")
        assert ("retention policy" if influx.version == 1 else "no such bucket") in sink.trouble


async def test_a_wrong_token(tmp_path: Path, influx: InfluxServer, database: str) -> None:
    """InfluxDB 1.8 asks for none until authorisation is switched on."""
    options = settings(tmp_path, influx.url, bucket=database, token="wrong")
    spooled(options, LINES[:10])
    async with draining(options) as sink:
        if influx.version == 1:
            await drained(sink, 10)
        else:
            await until(lambda: sink.counters.failures >= 2, "it tries again")
            assert "the token is wrong" in sink.trouble
