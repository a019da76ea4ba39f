"""What goes in comes out: bytes, ends, and the journal's copy, on real sockets."""

# ruff: noqa: S311, ARG002 - test data has to be repeatable, not secret

from __future__ import annotations

import hashlib
import random
import socket
import struct

import pytest
import trio
from tests.support.relaying import (
    ANSWER,
    PATIENCE_S,
    REQUEST,
    MemoryJournal,
    connect,
    is_reset,
    listening_csms,
    paired,
    read_all,
    read_exactly,
    read_head,
    running,
    send_reset,
    settings_for,
)

from nocwatch.proxy import sockets
from nocwatch.proxy.pump import SIZE_MIN


def random_frame(chance: random.Random) -> bytes:
    """One WebSocket frame, good or not: any opcode, reserved bits, mask, size, fragment."""
    opcode = chance.choice([0, 1, 1, 1, 2, 8, 9, 10, *range(16)])
    first = chance.choice([0x80, 0x80, 0x00, 0xC0, 0xF0]) | opcode
    size = chance.choice([0, 1, 125, 126, 127, 880, 4096, 16384, 65535, 65536, chance.randrange(70_000)])
    mask = chance.choice([0, 0x80])
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 65536:
        head = bytes([first, mask | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, mask | 127]) + struct.pack(">Q", size)
    return head + (chance.randbytes(4) if mask else b"") + chance.randbytes(size)


async def send_in_pieces(stream: trio.SocketStream, frames: list[bytes], chance: random.Random) -> None:
    data = b"".join(frames)
    at = 0
    while at < len(data):
        size = chance.choice([1, 2, 7, 500, 1460, 16384, 40_000, 200_000])
        await stream.send_all(data[at : at + size])
        at += size
    await stream.send_eof()


@pytest.mark.parametrize("seed", range(6))
async def test_random_frames_arrive_whole_on_both_sides_and_in_the_journal(seed: int) -> None:
    chance = random.Random(seed)
    up = [random_frame(chance) for _ in range(chance.randrange(1, 120))]
    down = [random_frame(chance) for _ in range(chance.randrange(1, 120))]
    got: dict[str, bytes] = {}

    async def read(name: str, stream: trio.SocketStream) -> None:
        got[name] = await read_all(stream)

    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_in_pieces, station, up, random.Random(seed + 1))
            nursery.start_soon(send_in_pieces, far, down, random.Random(seed + 2))
            nursery.start_soon(read, "csms", far)
            nursery.start_soon(read, "station", station)
        await journal.event("closed")
    (connection, _), *_ = journal.links
    for name, direction, frames in (("csms", 0, up), ("station", 1, down)):
        sent = hashlib.sha256(b"".join(frames)).hexdigest()
        assert hashlib.sha256(got[name]).hexdigest() == sent
        assert hashlib.sha256(journal.data[connection, direction]).hexdigest() == sent
    assert relay.counters.bytes_from_station == len(got["csms"])
    assert relay.counters.bytes_from_csms == len(got["station"])


async def test_bytes_glued_to_either_head_are_neither_lost_nor_reordered() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station = await connect(relay)
        await station.send_all(REQUEST + b"early bird")
        far, head = await csms.welcome(ANSWER + b"early call")
        assert b"early" not in head
        assert await read_head(station) == ANSWER
        await station.send_all(b", then more")
        await far.send_all(b", then more")
        assert await read_exactly(far, 21) == b"early bird, then more"
        assert await read_exactly(station, 21) == b"early call, then more"
    connection = journal.links[0][0]
    assert journal.data[connection, 0] == b"early bird, then more"
    assert journal.data[connection, 1] == b"early call, then more"
    assert journal.order[0] == ("open", connection)


@pytest.mark.parametrize("who", ["station", "csms"])
async def test_a_half_close_passes_and_the_other_direction_goes_on(who: str) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms)
        one, other = (station, far) if who == "station" else (far, station)
        await one.send_all(b"last words")
        await one.send_eof()
        assert await read_all(other) == b"last words"
        await other.send_all(b"and one more thing")
        assert await read_exactly(one, 18) == b"and one more thing"
        assert relay.counters.links_open == 1
        await other.send_eof()
        assert await read_all(one) == b""
        closed = await journal.event("closed")
    assert (closed["by"], closed["reason"]) == (who, "fin")
    assert journal.order[-1][0] == "closed"


@pytest.mark.parametrize("who", ["station", "csms"])
async def test_a_reset_passes_as_a_reset(who: str) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms)
        one, other = (station, far) if who == "station" else (far, station)
        send_reset(one)
        assert await is_reset(other)
        closed = await journal.event("closed")
        assert (closed["by"], closed["reason"]) == (who, "reset")
        assert relay.counters.links_open == 0
        assert relay.counters.closed == {f"{who}_reset": 1}


async def test_a_fin_passes_as_a_fin() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        station, far = await paired(relay, csms)
        await station.aclose()
        assert not await is_reset(far)


@pytest.mark.parametrize("who", ["station", "csms"])
async def test_a_reset_while_the_other_side_is_stalled_ends_the_link_at_once(who: str) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms, receive_buffer=4096)
        one = station if who == "station" else far
        await fill(one, relay)
        send_reset(one)
        closed = await journal.event("closed")
        assert (closed["by"], closed["reason"]) == (who, "reset")


async def test_a_reset_after_a_half_close_is_still_handed_on() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms)
        await station.send_eof()
        assert await read_all(far) == b""
        send_reset(station)
        await journal.event("closed")
        with trio.fail_after(PATIENCE_S):
            with pytest.raises(trio.BrokenResourceError):  # noqa: PT012 - the first send may still be taken
                while True:
                    await far.send_all(b"hello?")
                    await trio.sleep(0.001)


async def test_a_csms_that_says_close_and_leaves_with_bytes_unread_is_still_heard() -> None:
    """Its RST comes right behind its Close frame; the station must see the frame."""
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms)
        await station.send_all(b"x" * 1000)
        await far.wait_send_all_might_not_block()
        with trio.fail_after(PATIENCE_S):
            while relay.counters.bytes_from_station < 1000:
                await trio.sleep(0.001)
        await far.send_all(b"\x88\x02\x03\xe8")
        send_reset(far)
        assert await read_exactly(station, 4) == b"\x88\x02\x03\xe8"
        assert (await journal.event("closed"))["reason"] == "reset"
        assert journal.data[journal.links[0][0], 1] == b"\x88\x02\x03\xe8"


async def fill(stream: trio.SocketStream, relay: object) -> int:
    """Sends until the way to the other side is full; how many bytes that took."""
    sent = 0
    chance = random.Random(1)
    while True:
        block = chance.randbytes(1 << 16)
        with trio.move_on_after(0.3) as scope:
            while block:
                await stream.wait_send_all_might_not_block()
                count = await stream.socket.send(block)
                sent += count
                block = block[count:]
        if scope.cancelled_caught:
            return sent


@pytest.mark.parametrize("slow", ["station", "csms"])
async def test_a_slow_reader_holds_its_sender_back_and_loses_nothing(slow: str) -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms, receive_buffer=8192)
        sender, reader = (far, station) if slow == "station" else (station, far)
        sent = await fill(sender, relay)
        assert relay.counters.stalls >= 1
        held = sum(len(end.out or b"") for end in relay._pump.links.ends.values())
        assert 0 < held <= relay.settings.limits.chunk_size
        assert relay.counters.held_bytes == held
        assert journal.chunk_longest <= relay.settings.limits.chunk_size
        # The other direction is not held up meanwhile.
        await reader.send_all(b"still here")
        assert await read_exactly(sender, 10) == b"still here"
        await sender.send_eof()
        received = await read_all(reader)
        assert relay.counters.held_bytes == 0
    assert len(received) == sent
    chance = random.Random(1)
    expected = b"".join(chance.randbytes(1 << 16) for _ in range(sent // (1 << 16) + 1))[:sent]
    assert hashlib.sha256(received).digest() == hashlib.sha256(expected).digest()
    direction = 1 if slow == "station" else 0
    assert journal.data[journal.links[0][0], direction] == expected


async def test_when_all_links_together_hold_too_much_one_more_holds_a_kibibyte_and_goes_on() -> None:
    full = {"held_max": "0KiB"}
    async with listening_csms() as csms, running(settings_for(csms.port, limits=full)) as (relay, _):
        station, far = await paired(relay, csms, receive_buffer=8192)
        sent = await fill(station, relay)
        assert 0 < relay.counters.held_bytes <= SIZE_MIN
        await station.send_eof()
        assert len(await read_all(far)) == sent
        assert relay.counters.held_bytes == 0


async def test_what_a_broken_link_held_is_held_no_longer() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, far = await paired(relay, csms, receive_buffer=8192)
        await fill(station, relay)
        assert relay.counters.held_bytes > 0
        send_reset(far)
        await journal.event("closed")
        assert relay.counters.held_bytes == 0


async def test_a_csms_that_takes_nothing_for_too_long_is_dead_and_the_station_hears_of_it() -> None:
    impatient = {"user_timeout": "1s"}
    async with (
        listening_csms() as csms,
        running(settings_for(csms.port, limits=impatient)) as (relay, journal),
    ):
        station, _ = await paired(relay, csms, receive_buffer=8192)
        await fill(station, relay)
        with trio.fail_after(PATIENCE_S):
            closed = await journal.event("closed")
        assert (closed["by"], closed["reason"]) == ("csms", "timeout")
        with pytest.raises(trio.BrokenResourceError):
            await read_all(station)


async def test_both_legs_are_probed_by_tcp_when_they_are_silent() -> None:
    limits = {"keepalive": "40s", "user_timeout": "90s"}
    async with listening_csms() as csms, running(settings_for(csms.port, limits=limits)) as (relay, _):
        await paired(relay, csms)
        legs = [end.sock for end in relay._pump.links.ends.values()]
        assert len(legs) == 2
        for leg in legs:
            assert leg.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert leg.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            seconds = [
                leg.getsockopt(socket.IPPROTO_TCP, each)
                for each in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)
            ]
            assert seconds == [40, 10]
            assert leg.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 90_000


async def test_a_flood_on_one_link_leaves_another_its_turn() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        flooder, sink = await paired(relay, csms)
        quiet, far = await paired(relay, csms, request=REQUEST.replace(b"CP1", b"CP2"))
        async with trio.open_nursery() as nursery:

            async def flood() -> None:
                while True:
                    await flooder.send_all(b"f" * 100_000)

            async def drain() -> None:
                while await sink.receive_some(1 << 20):
                    pass

            nursery.start_soon(flood)
            nursery.start_soon(drain)
            with trio.fail_after(PATIENCE_S):
                for _ in range(100):
                    await quiet.send_all(b"ping")
                    assert await read_exactly(far, 4) == b"ping"
                    await far.send_all(b"pong")
                    assert await read_exactly(quiet, 4) == b"pong"
            nursery.cancel_scope.cancel()


class BrokenJournal(MemoryJournal):
    """Raises at every chunk and event."""

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None:
        raise MemoryError("no room")

    def add(self, *_: object) -> None:
        raise OSError("no disk")

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        raise RuntimeError("the disk has gone")


async def test_a_recorder_that_fails_at_everything_never_hurts_a_link() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port), BrokenJournal()) as (relay, _):
        station, far = await paired(relay, csms)
        for index in range(50):
            message = b"%d" % index
            await station.send_all(message)
            assert await read_exactly(far, len(message)) == message
            await far.send_all(message)
            assert await read_exactly(station, len(message)) == message
        assert relay.counters.recorder_errors > 50
        assert relay.counters.pump_errors == 0
        reasons, remarks = relay.ready()
        assert not reasons
        assert any("journal" in remark for remark in remarks)


async def test_two_sockets_of_one_station_live_side_by_side() -> None:
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        old, old_far = await paired(relay, csms)
        new, new_far = await paired(relay, csms)
        for station, far, words in ((old, old_far, b"old"), (new, new_far, b"new"), (old, old_far, b"old")):
            await station.send_all(words)
            assert await read_exactly(far, 3) == words
        send_reset(old)
        await journal.event("closed")
        await new.send_all(b"alive")
        assert await read_exactly(new_far, 5) == b"alive"
    (first, one), (second, two) = journal.links[:2]
    assert one["station"] == two["station"] == "CP1"
    assert first != second
    assert journal.data[first, 0] == b"oldold"
    assert journal.data[second, 0] == b"newalive"


async def test_a_link_that_one_side_left_is_ended_after_its_time() -> None:
    limits = {"half_closed_max": "1s"}
    async with listening_csms() as csms, running(settings_for(csms.port, limits=limits)) as (relay, journal):
        station, far = await paired(relay, csms)
        await station.send_eof()
        assert await read_all(far) == b""
        closed = await journal.event("closed")
        assert (closed["by"], closed["reason"]) == ("station", "fin")
        assert await read_all(station) == b""


@pytest.mark.parametrize("leaves", ["station", "csms"])
async def test_a_long_upload_behind_the_other_sides_end_is_not_cut_off(leaves: str) -> None:
    """Silence is what ends a half-closed link, however long ago the one side has ended."""
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        gone, stays = await paired(relay, csms)
        if leaves == "csms":
            gone, stays = stays, gone
        await gone.send_eof()
        assert await stays.receive_some(1) == b""
        ((link, _),) = relay._pump.links._half_closed.items()
        for _ in range(3):
            assert link.half_closed_at is not None
            link.half_closed_at -= 2 * relay.settings.limits.half_closed_max
            await stays.send_all(b"more")
            assert await read_exactly(gone, 4) == b"more"
            relay._pump.sweep()
        assert relay.counters.links_open == 1
        await stays.send_eof()
        assert await read_all(gone) == b""
        closed = await journal.event("closed")
        assert (closed["by"], closed["reason"]) == (leaves, "fin")


@pytest.mark.parametrize("leaves", ["station", "csms"])
async def test_only_what_still_flows_keeps_a_half_closed_link_alive(leaves: str) -> None:
    """From the side that stays to the side that left: asked the other way round, the kernel would tell of the time before."""
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, _):
        gone, stays = await paired(relay, csms)
        if leaves == "csms":
            gone, stays = stays, gone
        await gone.send_eof()
        assert await stays.receive_some(1) == b""
        links = relay._pump.links
        ((link, end),) = links._half_closed.items()
        assert end.peer is not None
        left, stayed = end.sock, end.peer.sock
        with trio.fail_after(PATIENCE_S):
            while sockets.quiet_s(heard=stayed, told=left) < 0.5:
                await trio.sleep(0.01)
        await stays.send_all(b"more")
        assert await read_exactly(gone, 4) == b"more"
        links._half_closed_max_s = sockets.quiet_s(heard=left, told=stayed)
        link.half_closed_at = trio.current_time() - links._half_closed_max_s
        links.sweep()
        assert relay.counters.links_open == 1


async def test_the_open_event_says_who_and_how_and_nothing_secret() -> None:
    request = REQUEST.replace(b"Upgrade: w", b"Authorization: Basic Q1AxOnNlY3JldA==\r\nUpgrade: w", 1)
    answer = ANSWER.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    async with listening_csms() as csms, running(settings_for(csms.port)) as (relay, journal):
        station, _ = await paired(relay, csms, request, answer)
        event = await journal.event("open")
        address = station.socket.getsockname()
        assert event == {
            "event": "open",
            "station": "CP1",
            "upstream": "main",
            "remote_address": f"127.0.0.1:{address[1]}",
            "subprotocol": "ocpp1.6",
            "extensions": "permessage-deflate",
            "tls": None,
            "security_profile": 1,
            "authorization": "basic",
            "user": "",
            "certificate": None,
            "http_status": 101,
            "by": "",
            "reason": "",
        }
        live = list(journal.live())
        assert [connection for connection, _ in live] == [journal.links[0][0]]
    assert "Q1AxOnNlY3JldA" not in repr(journal.links)
