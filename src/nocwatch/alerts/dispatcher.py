"""Sends what waits in the store's outbox: one trio task a receiver, so that a slow one holds up nobody else.

What always holds: what is due is in the store, so a kill at any moment loses nothing; what was sent is recorded before the
same receiver gets anything else. A crash between the two sends once more (at least once). Retries follow a fixed schedule
without chance in it. After ``give_up_after`` a notification is given up, counted, and told to the log. While the watch reads a
backlog nothing is said: what began in it may end in it (``HOLD_S_MAX``).

Not here: what is told to whom (``lifecycle.py``), and how it is worded (``rendering.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import structlog
import trio

from nocwatch import clock
from nocwatch.alerts.alert import Notice
from nocwatch.alerts.channels.base import Channel
from nocwatch.alerts.notification import Delivered, Failed, Notification, Outbox, OutboxRow, Retry, Sent
from nocwatch.alerts.rendering import Renderer, samples
from nocwatch.errors import NocwatchError
from nocwatch.moments import SECOND_NS

ResultT = TypeVar("ResultT")

FIRST_RETRY_S = 5.0
RETRY_FACTOR = 2.0
RETRY_S_MAX = 600.0
"""5, 10, 20 … 600 s: a chat service that hiccups is tried again soon, one that is gone for a night not a thousand times."""
THREADS_PER_RECEIVER = 2
"""One that sends, and one that hangs beyond its time: while both hang, further attempts end as retries without a thread."""
FLAGS_TOLD_MAX = 20
"""Flags of an alert that a message is made from; a group of more is for the console."""
STORE_RETRY_S = 2.0
"""How long to wait where the store cannot be reached (disk full, locked)."""
OLD_S = 60.0
"""News older than this comes from a backlog (a watch that was down, a store made anew from the journal) or has waited behind
others: of an alert that went on meanwhile only the newest word is said, and nothing of one that came and went."""
HOLD_S_MAX = 600.0
"""How long news may be held back while the watch reads a backlog. A watch that is behind for longer than this may never catch up, and
saying what is old is better than saying nothing."""
HELD_LOOK_S = 0.5
"""How often to look whether the backlog is read."""
IDLE_S_MAX = 60.0
"""How often to look without having been woken: for rows that another process made."""

_log = structlog.get_logger()


def retry_delay_s(attempts: int, first_s: float = FIRST_RETRY_S) -> float:
    """How long to wait after so many attempts (1 after the first)."""
    return min(first_s * RETRY_FACTOR ** min(attempts - 1, 30), RETRY_S_MAX)


class Dispatcher:
    """Sends due rows of the outbox.

    Attributes:
        counters: receiver → name → number: ``sent``, ``retried``, ``given_up``, ``superseded``.
        troubles: receiver → why its last attempt failed; gone once one succeeds.
    """

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        renderer: Renderer,
        *,
        settled: Callable[[], bool] = lambda: True,
        now_ns: Callable[[], int] = clock.now_ns,
        first_retry_s: float = FIRST_RETRY_S,
        hold_s_max: float = HOLD_S_MAX,
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._renderer = renderer
        self._settled, self._hold_s_max = settled, hold_s_max
        self._held_since_s: float | None = None
        self._now_ns = now_ns
        self._first_retry_s = first_retry_s
        self._woken = {name: trio.Event() for name in channels}
        self._limiters = {name: trio.CapacityLimiter(THREADS_PER_RECEIVER) for name in channels}
        self.counters = {
            name: dict.fromkeys(("sent", "retried", "given_up", "superseded"), 0) for name in channels
        }
        self.troubles: dict[str, str] = {}

    def wake(self) -> None:
        """Something may have come into the outbox: call it after each batch with alerts, in trio's thread."""
        for name, event in self._woken.items():
            event.set()
            self._woken[name] = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sends until cancelled."""
        dropped = await self._stored(
            partial(self._outbox.outbox_abandon, list(self._channels), self._now_ns())
        )
        if dropped:
            _log.error("notifications_without_receiver", number=dropped, category="ourselves")
        async with trio.open_nursery() as nursery:
            for name, channel in self._channels.items():
                nursery.start_soon(self._serve, name, channel, name=f"alerts to {name}")
            task_status.started()

    async def try_out(self, receiver: str) -> Sent:
        """Sends a made-up alert to one receiver now, past the outbox.

        Raises:
            KeyError: there is no such receiver.
        """
        alert, flags = samples()[0]
        return await self._attempt(
            receiver, self._channels[receiver], partial(self._renderer.render, alert, flags)
        )

    async def _serve(self, name: str, channel: Channel) -> None:
        while True:
            woken = self._woken[name]
            if self._held():
                with trio.move_on_after(HELD_LOOK_S):
                    await woken.wait()
                continue
            rows = await self._stored(partial(self._outbox.outbox_due, name, self._now_ns()))
            for row in rows:
                if self._held():
                    break
                await self._tell(name, channel, row)
            if rows:
                continue
            next_ns = await self._stored(partial(self._outbox.outbox_next_ns, name))
            wait_s = IDLE_S_MAX if next_ns is None else (next_ns - self._now_ns()) / SECOND_NS
            with trio.move_on_after(max(0.0, min(wait_s, IDLE_S_MAX))):
                await woken.wait()

    def _held(self) -> bool:
        """Whether the outbox is not to be believed yet, since a backlog is being read."""
        if self._settled():
            self._held_since_s = None
            return False
        now_s = trio.current_time()
        if self._held_since_s is None:
            self._held_since_s = now_s
        return now_s - self._held_since_s < self._hold_s_max

    async def _tell(self, name: str, channel: Channel, row: OutboxRow) -> None:
        counters = self.counters[name]
        if row.alert.notice is Notice.RESOLVED and not channel.tells_resolved:
            await self._stored(partial(self._outbox.outbox_delivered, row.number, self._now_ns()))
            return
        old = self._now_ns() - row.at_ns > OLD_S * SECOND_NS
        if (row.attempts or old) and await self._stored(
            partial(self._outbox.outbox_supersede, row.number, self._now_ns())
        ):
            counters["superseded"] += 1
            return
        flags = await self._stored(partial(self._outbox.flags_by_id, row.alert.flags[:FLAGS_TOLD_MAX]))
        sent = await self._attempt(name, channel, partial(self._renderer.render, row.alert, flags))
        now_ns = self._now_ns()
        if isinstance(sent, Delivered):
            counters["sent"] += 1
            self.troubles.pop(name, None)
            await self._stored(partial(self._outbox.outbox_delivered, row.number, now_ns))
            return
        self.troubles[name] = sent.reason
        next_ns = now_ns + math.ceil(retry_delay_s(row.attempts + 1, self._first_retry_s) * SECOND_NS)
        if isinstance(sent, Failed) or next_ns > row.at_ns + channel.give_up_after_s * SECOND_NS:
            counters["given_up"] += 1
            _log.error(
                "notification_given_up",
                receiver=name,
                alert=row.alert_id,
                revision=row.revision,
                attempts=row.attempts + 1,
                reason=sent.reason,
                category="ourselves",
            )
            await self._stored(partial(self._outbox.outbox_given_up, row.number, now_ns, sent.reason))
            return
        counters["retried"] += 1
        _log.warning(
            "notification_retry",
            receiver=name,
            alert=row.alert_id,
            attempts=row.attempts + 1,
            reason=sent.reason,
        )
        await self._stored(partial(self._outbox.outbox_retry, row.number, next_ns, sent.reason))

    async def _attempt(self, name: str, channel: Channel, render: Callable[[], Notification]) -> Sent:
        with trio.move_on_after(channel.timeout_s):
            notification = await trio.to_thread.run_sync(render)
            # Abandoned when its time is over: a receiver that hangs keeps its thread until its own sockets time out, and
            # the limiter keeps these threads to a few.
            return await trio.to_thread.run_sync(
                channel.send, notification, abandon_on_cancel=True, limiter=self._limiters[name]
            )
        return Retry(f"There was no answer within {channel.timeout_s:g} s.")

    async def _stored(self, call: Callable[[], ResultT]) -> ResultT:
        """A call of the store, again and again while it cannot be reached: going on without it would send twice."""
        while True:
            try:
                # What was sent is recorded even if the watch is being stopped meanwhile: a write takes milliseconds.
                with trio.CancelScope(shield=True):
                    return await trio.to_thread.run_sync(call)
            except NocwatchError as error:
                _log.error("outbox_unavailable", error=str(error), category="ourselves")
                await trio.sleep(STORE_RETRY_S)
