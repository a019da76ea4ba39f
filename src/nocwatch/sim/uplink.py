"""A station's connection: dials, dials again, keeps what must not be lost in a queue and delivers it in order.

What it says on connecting (boot, statuses) is the station's business (``Greeter``). A queued transaction message survives
lost links and reboots; a status is dropped with its link, because the next greeting tells the state anew.
"""

# Seeded on purpose: the same seed plays the same life.

from __future__ import annotations

import base64
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from urllib.parse import quote

import structlog
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError

from nocwatch.flags import Blame
from nocwatch.sim.dialling import Dialer, Offer, Rejected
from nocwatch.sim.hardware import Profile
from nocwatch.sim.pace import Lamp, Pace
from nocwatch.sim.parts import Message
from nocwatch.sim.wire import CallFailed, Handler, LinkLost, Payload, Peer, Saw, Socket

QUEUE_MAX = 5000
"""Messages kept while offline: a day of samples of one transaction at 20 s; beyond it the oldest samples go first."""
BACKOFF_S_MAX = 60.0
"""Longest wait between two dials, before jitter."""

log = structlog.get_logger(__name__)

Greeter: TypeAlias = Callable[[Peer], Awaitable[bool]]
"""Says what a fresh connection needs; False ends the connection and dials again."""


class Uplink:
    """See the module's text.

    Attributes:
        peer: the live, greeted connection, or None.
        online: on while there is one.
        connected: a socket is open, greeted or not; ``ended_by``: whose doing the end of the last one was.
        wanted: off keeps the station from dialling (no network, no power).
        counters: ``dials``, ``connections``, ``rejected`` by HTTP status, ``dropped`` messages, ``given_up`` messages.
    """

    def __init__(
        self,
        profile: Profile,
        dial: Dialer,
        *,
        rng: random.Random,
        pace: Pace,
        handle: Handler,
        greet: Greeter,
        saw: Saw | None = None,
        call_timeout_s: float = 30.0,
    ) -> None:
        self.profile = profile
        self.peer: Peer | None = None
        self.online = Lamp()
        self.connected = False
        self.ended_by = Blame.NETWORK
        self.wanted = Lamp(on=True)
        self.counters = {"dials": 0, "connections": 0, "rejected": 0, "dropped": 0, "given_up": 0}
        self._rng, self._pace, self._handle, self._greet, self._saw = rng, pace, handle, greet, saw
        self._call_timeout_s = call_timeout_s
        self._dial = dial
        self._path = profile.path or "/" + quote(profile.identity, safe="")
        self._offer: Offer | None = None
        self._queue: deque[Message] = deque()
        self._filled = Lamp()
        self._jitter = random.Random(f"jitter {profile.identity}")
        self._nursery: trio.Nursery | None = None
        self._scope: trio.CancelScope | None = None
        self._takers, self._taken_over = 0, Lamp()

    # Calls

    async def call(
        self,
        action: str,
        payload: Payload,
        *,
        message_id: str | None = None,
        sent: Callable[[], None] | None = None,
    ) -> Payload:
        """A call outside the queue.

        Raises:
            LinkLost, CallTimeout, CallRefused: see ``wire``; LinkLost also where the station is offline.
        """
        if self.peer is None:
            raise LinkLost("offline")
        return await self.peer.call(action, payload, message_id=message_id, sent=sent)

    def enqueue(self, messages: Sequence[Message]) -> None:
        """Adds to the queue; statuses only while online."""
        for message in messages:
            if not message.durable and not self.online:
                continue
            if len(self._queue) >= QUEUE_MAX:
                self._make_room()
            self._queue.append(message)
        self._filled.turn(on=bool(self._queue))

    @property
    def queue_length(self) -> int:
        return len(self._queue)

    def _make_room(self) -> None:
        victim = next((m for m in self._queue if m.attempts_max == 1), self._queue[0])
        self._queue.remove(victim)
        self.counters["dropped"] += 1

    # Life

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._deliver)
            failures = 0
            self._nursery = nursery
            if "probes_16_first" in self.profile.quirks:
                await self._connection(probe=True)
            while True:
                await self.wanted.wait()
                failures = 0 if await self._connection() else failures + 1
                # One socket after the other: each that took over has its own life.
                await self._taken_over.wait(on=False)
                wait_s = min(BACKOFF_S_MAX, 2.0**failures) * self._jitter.uniform(0.5, 1.0)
                await self._pace.sleep(wait_s)

    def cut(self, *, lost: bool = False) -> None:
        """Ends the connection without a word: the station drops it, or the network is ``lost``."""
        if self._offer is not None:
            self._offer.lost = lost
            self.ended_by = Blame.NETWORK if lost else Blame.CHARGER
        if self._scope:
            self._scope.cancel()

    def take_over(self, hold_s: float, unheard: Callable[[str], None]) -> None:
        """Opens a new socket while the old one stays open and deaf for ``hold_s`` more (unscaled): half open to its peer.

        What still comes over the old one is given to ``unheard``.
        """
        if self.peer is None or self._nursery is None:
            return
        self.peer.unheard = unheard
        self._nursery.start_soon(self._hold, self._scope, hold_s)
        self._lost()
        self._takers += 1
        self._taken_over.turn(on=True)
        self._nursery.start_soon(self._take_over)

    async def _take_over(self) -> None:
        await self._connection()
        self._takers -= 1
        self._taken_over.turn(on=self._takers > 0)

    async def _hold(self, scope: trio.CancelScope | None, hold_s: float) -> None:
        await self._pace.sleep(hold_s)
        if scope:
            scope.cancel()

    async def hang_up(self, code: int = 1000, reason: str | None = None) -> None:
        """Ends the connection with a Close frame."""
        if self.peer:
            self.ended_by = Blame.CHARGER
            await self.peer.close(code, reason)

    async def _connection(self, *, probe: bool = False) -> bool:
        """One connection from dial to end; False where it never got to its greeting's end."""
        mine: list[Peer] = []
        self.counters["dials"] += 1
        subprotocols = ("ocpp1.6",) if probe else self.profile.offered
        offer = Offer(self.profile.identity, self._path, tuple(subprotocols), self.headers())
        try:
            with trio.CancelScope() as self._scope:
                self._offer = offer
                async with self._dial(offer) as websocket:
                    await self._converse(websocket, mine, probe=probe)
        except* (Rejected, ConnectionRejected) as rejected:
            self.counters["rejected"] += 1
            status = [getattr(each, "status_code", None) for each in rejected.exceptions]
            log.info("refused", station=self.profile.identity, status=status[0])
        except* (
            OSError,
            HandshakeError,
            ConnectionClosed,
            CallFailed,
            trio.BrokenResourceError,
            trio.TooSlowError,
        ) as group:
            log.info("connection failed", station=self.profile.identity, error=repr(group.exceptions[0]))
        if offer is self._offer:
            self.connected = False
        if mine and self.peer is mine[0]:
            self._lost()
        return bool(mine)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Basic authentication where the station has a password (security profile 1 and 2)."""
        if self.profile.password is None:
            return []
        secret = base64.b64encode(f"{self.profile.identity}:{self.profile.password}".encode())
        return [(b"Authorization", b"Basic " + secret)]

    async def _converse(self, websocket: Socket, greeted: list[Peer], *, probe: bool) -> None:
        self.counters["connections"] += 1
        self.connected, self.ended_by = True, Blame.CSMS  # unless this side ends it
        peer = Peer(
            websocket, self._handle, make_id=self.make_id, timeout_s=self._call_timeout_s, saw=self._saw
        )
        async with trio.open_nursery() as nursery:

            async def receive() -> None:
                await peer.run()
                nursery.cancel_scope.cancel()

            nursery.start_soon(receive)
            if probe or not await self._greet(peer):
                await peer.close()
                nursery.cancel_scope.cancel()
                return
            greeted.append(peer)
            self.peer = peer
            self.online.turn(on=True)
            await trio.sleep_forever()

    def _lost(self) -> None:
        self.peer = None
        self.online.turn(on=False)
        kept = [message for message in self._queue if message.durable]
        self._queue.clear()
        self._queue.extend(kept)
        self._filled.turn(on=bool(self._queue))

    def make_id(self) -> str:
        """A message id, the same with the same seed."""
        return f"{self._rng.getrandbits(64):016x}"

    async def _deliver(self) -> None:
        while True:
            await self._filled.wait()
            await self.online.wait()
            if self._queue:
                await self._deliver_one(self._queue[0])

    async def _deliver_one(self, message: Message) -> None:
        answer, peer = None, self.peer
        try:
            answer = await self.call(message.action, message.build())
        except LinkLost:
            if self.peer is peer:  # else another socket has taken over already
                await self.online.wait(on=False)
            return
        except CallFailed as error:
            message.attempts += 1
            if message.durable and (message.attempts_max is None or message.attempts < message.attempts_max):
                await self._pace.sleep(min(60.0, 5.0 * message.attempts))
                return
            if message.durable:
                self.counters["given_up"] += 1
                log.info(
                    "message given up", station=self.profile.identity, action=message.action, error=str(error)
                )
        if self._queue and self._queue[0] is message:
            self._queue.popleft()
            self._filled.turn(on=bool(self._queue))
        if message.answered:
            message.answered(answer)
