"""A simulated charging station: boots, reports, meters, obeys; its drivers are in ``visit``, what breaks in ``steps``.

One object per identity. Version-neutral: a dialect writes the messages, ``commands`` does what the CSMS wants. Each finished session
is told to ``on_truth``.
"""

# Tokens here are charging cards; seeded on purpose: the same seed plays the same life.

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio

from nocwatch.flags import Blame
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim import registers
from nocwatch.sim.clockwork import StationClock
from nocwatch.sim.commands import Commands
from nocwatch.sim.dialect16 import Dialect16
from nocwatch.sim.dialect21 import Dialect21
from nocwatch.sim.dialect201 import Dialect201
from nocwatch.sim.dialling import Dialer
from nocwatch.sim.hardware import Profile
from nocwatch.sim.pace import Pace
from nocwatch.sim.parts import Connector, Interrupt, Message, RemoteStart, Transaction
from nocwatch.sim.truth import Truth
from nocwatch.sim.uplink import Uplink
from nocwatch.sim.wire import Answer, CallFailed, CallTimeout, LinkLost, Payload, Peer, Saw

ACTIONS_MAX = 2000
"""Remembered actions of a station, for tests and for a person who asks what it did: hours of life."""
UNASKED, UNHEARD, ERRED = "(unasked)", "(unheard)", "(error)"
"""In the place of a status: no link to ask over, none to hear the answer by, an error for an answer."""
GOES_ON = frozenset({"Accepted", UNASKED, UNHEARD})
"""Without a link the station lets its drivers charge (AllowOfflineTxForUnknownId)."""
DIALECTS: dict[str, type[Dialect16 | Dialect201]] = {"1.6": Dialect16, "2.0.1": Dialect201, "2.1": Dialect21}
BOOT_RETRY_S = 10.0
"""Wait before the next boot where the CSMS gave no interval."""


class SimStation:
    """See the module's text.

    Attributes:
        actions: what it decided to do, oldest first: ``(agent, what)``.
        silent_until_s: on ``pace.now()``: no StatusNotification before that (a fault).
        heartbeat_s: as the last boot's answer set it.
        twists: what is done to the answers of the next calls (a fault), one each.
    """

    def __init__(
        self,
        profile: Profile,
        dial: Dialer,
        *,
        seed: int = 0,
        pace: Pace | None = None,
        on_truth: Callable[[Truth], None] | None = None,
        saw: Saw | None = None,
        call_timeout_s: float = 30.0,
    ) -> None:
        self.profile = profile
        self.pace = pace or Pace()
        self.seed = seed
        self.rng = random.Random(f"{seed}/{profile.identity}")
        self.clock = StationClock(self.pace, profile.quirks)
        self.dialect: Dialect16 | Dialect201 = DIALECTS.get(profile.version, Dialect201)(self)
        self.connectors = [self._connector(n) for n in range(len(profile.hardware.sockets))]
        self.says_local = self.rng.random() < 0.6
        self.sends_transaction_data = self.rng.random() < 0.3
        self.silent_until_s = 0.0
        self.heartbeat_s = 300.0
        self.boot_reason: str | None = "PowerUp"
        self.wants_boot = True
        self.truths: deque[Truth] = deque(maxlen=ACTIONS_MAX)
        self.actions: deque[tuple[str, str]] = deque(maxlen=ACTIONS_MAX)
        self.twists: deque[Callable[[Answer], Answer]] = deque(maxlen=100)
        self.on_start_answered: Callable[[Transaction], None] | None = None
        self.on_early_call: Callable[[], None] | None = None
        self.no_show: Callable[[SimStation, Connector], Awaitable[None]] | None = None
        self.uplink = Uplink(
            profile,
            dial,
            rng=random.Random(f"{seed}/{profile.identity}/ids"),
            pace=self.pace,
            handle=self._called,
            greet=self._greet,
            saw=saw,
            call_timeout_s=call_timeout_s,
        )
        self._on_truth = on_truth
        self.commands = Commands(self)
        self._nursery: trio.Nursery | None = None

    def _connector(self, index: int) -> Connector:
        socket = self.profile.hardware.sockets[index]
        rng = random.Random(f"{self.seed}/{self.profile.identity}/meter {socket.number}")
        return Connector(socket, registers.meter(rng, socket.current, self.profile.quirks))

    @property
    def identity(self) -> str:
        return self.profile.identity

    @property
    def online(self) -> bool:
        return bool(self.uplink.online)

    @property
    def queue_length(self) -> int:
        return self.uplink.queue_length

    async def run(self, *, task_status: trio.TaskStatus[SimStation] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started(self)
            nursery.start_soon(self._heartbeats)
            try:
                await self.uplink.run()
            finally:
                self._nursery = None

    def spawn(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Runs something beside the station's own life, for as long as the station lives; nothing once that is over."""
        if self._nursery is not None:
            self._nursery.start_soon(task, *args)

    def acted(self, agent: str, what: str) -> None:
        self.actions.append((agent, what))

    def tell_attempt(self, connector: Connector, **known: Any) -> None:
        """It came to no transaction."""
        first = self.dialect.version == "1.6"
        self.tell(
            Truth(
                station=self.identity,
                evse=None if first else connector.socket.evse,
                connector=connector.socket.number if first else connector.socket.connector,
                transaction=None,
                began=False,
                stopped_at_ns=self.clock.now_ns(),
                **known,
            )
        )

    def no_transaction(self, connector: Connector, request: RemoteStart) -> None:
        """A remote start was accepted, and nothing came of it: the driver's doing where no vehicle was plugged in."""
        self.tell_attempt(
            connector,
            outcome=Outcome.FAILED,
            reason=Reason.REMOTE_START_NO_TX,
            blame=Blame.CHARGER if connector.plugged else Blame.DRIVER,
            token=request.token,
            start_source=StartSource.REMOTE,
            started_at_ns=request.at_ns,
        )

    def tell(self, truth: Truth) -> None:
        """A session or attempt is over."""
        self.truths.append(truth)
        if self._on_truth:
            self._on_truth(truth)

    # Messages

    def enqueue(self, messages: Sequence[Message]) -> None:
        self.uplink.enqueue(messages)

    def set_status(self, connector: Connector, status: str) -> None:
        """Changes the connector's state, and tells the CSMS where that shows in this version."""
        connector.status = status
        text = self.dialect.announced_as(connector)
        if text != connector.announced and self.online and self.pace.now() >= self.silent_until_s:
            connector.announced = text
            self.enqueue([self.dialect.status(connector)])

    def set_fault(
        self,
        connector: Connector,
        code: str,
        *,
        info: str = "",
        vendor_error: str = "",
        status: str = "Faulted",
    ) -> None:
        """The connector is in trouble; what is charging there ends. ``NoError`` with status Available ends the trouble."""
        cleared = code == "NoError" and status != "Faulted"
        if isinstance(self.dialect, Dialect201) and (not cleared or connector.error_code != "NoError"):
            if not cleared:
                connector.error_code, connector.vendor_error = code, vendor_error
            self.enqueue(self.dialect.fault_event(connector, cleared=cleared))
        connector.error_code, connector.error_info, connector.vendor_error = code, info, vendor_error
        if status == "Faulted" and connector.transaction:
            connector.interrupt(Interrupt("fault", code))
        self.set_status(connector, status)

    async def authorize(
        self, token: str, token_type: str = "ISO14443", *, sent: Callable[[], None] | None = None
    ) -> str | None:
        """The CSMS's word on a token; None where it gave no answer, ``ERRED``, or ``UNASKED`` and ``UNHEARD`` where the link is lost.

        ``sent`` is called when the question goes out, which is after the messages that were before it.
        """
        if not self.online:
            await trio.lowlevel.checkpoint()
            return UNASKED
        out = False

        def went() -> None:
            nonlocal out
            out = True
            if sent is not None:
                sent()

        try:
            answer = await self.uplink.call(*self.dialect.authorize(token, token_type), sent=went)
        except LinkLost:
            return UNHEARD if out else UNASKED
        except CallTimeout:
            return None
        except CallFailed:
            return ERRED
        return self.dialect.authorize_status(answer)

    def tx_answered(self, tx: Transaction, status: str) -> None:
        """The CSMS has answered the start (or the token) of a transaction."""
        if status != "Accepted":
            tx.refused = True
            if tx.connector.transaction is tx:  # else it is over, and another's is none of its business
                tx.connector.interrupt(Interrupt("denied", status))
        if self.on_start_answered:
            self.on_start_answered(tx)

    def make_transaction_id(self) -> str:
        bits = self.rng.getrandbits(128)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _called(self, action: str, payload: Payload) -> Answer:
        if self.on_early_call and self.wants_boot:
            self.on_early_call()
            return Answer(silent=True)
        answer = self.dialect.handle(action, payload)
        return self.twists.popleft()(answer) if self.twists else answer

    @property
    def meter_interval_s(self) -> float:
        """0 where samples are switched off."""
        return float(self.commands.settings["MeterValueSampleInterval"])

    @property
    def connection_timeout_s(self) -> float:
        return float(self.commands.settings["ConnectionTimeOut"])

    async def reboot(
        self,
        stop_reason: str = "Reboot",
        boot_reason: str = "LocalReset",
        off_s: float = 5.0,
        *,
        ordered: bool = False,
        resume: bool = False,
    ) -> None:
        """Ends what is charging (not where it is to ``resume``), goes away, comes back with a boot."""
        for connector in self.connectors:
            if connector.transaction and not resume:
                connector.interrupt(Interrupt("ordered_reset" if ordered else "reset", stop_reason))
        await self.pace.sleep(1.0)
        self.restarts()
        self.wants_boot, self.boot_reason = "no_boot_on_reconnect" not in self.profile.quirks, boot_reason
        await self.go_offline(off_s)
        for connector in self.connectors:
            if resume and connector.transaction and not connector.transaction.ended:
                state = connector.transaction.charging_state
                self.enqueue(self.dialect.tx_state(connector.transaction, state, "TxResumed"))

    async def go_offline(self, seconds: float, *, abruptly: bool = False, reboot: bool = False) -> None:
        """No network for that long; charging goes on, and is told later."""
        self.acted("link", f"offline for {seconds:g} s")
        self.uplink.wanted.turn(on=False)
        if abruptly:
            self.uplink.cut(lost=True)
        else:
            await self.uplink.hang_up()
        if reboot:
            self.restarts()
            self.wants_boot = True
        await self.pace.sleep(seconds)
        self.uplink.wanted.turn(on=True)

    def restarts(self) -> None:
        """Its computer begins anew; what charges goes on."""
        if "register_per_boot" in self.profile.quirks:
            registers.station_boots(self.connectors, self.pace.now())

    # The life of a connection

    async def _greet(self, peer: Peer) -> bool:
        for connector in self.connectors:
            if connector.transaction is not None:
                connector.transaction.offline_from_start = False
        if self.wants_boot and not await self._boot(peer):
            return False
        if self.pace.now() < self.silent_until_s:
            return True
        for connector in self.connectors:
            connector.announced = self.dialect.announced_as(connector)
        for message in self.dialect.announcements():
            await peer.call(message.action, message.build())
        for connector in self.connectors:
            while self.dialect.announced_as(connector) != connector.announced:  # meanwhile
                connector.announced = self.dialect.announced_as(connector)
                message = self.dialect.status(connector)
                await peer.call(message.action, message.build())
        return True

    async def _boot(self, peer: Peer) -> bool:
        while True:
            try:
                answer = await peer.call(*self.dialect.boot(self.boot_reason or "PowerUp"))
            except LinkLost:
                return False
            except CallFailed:
                answer = {"status": "Pending"}
            interval_s = float(answer.get("interval") or 0)
            if answer.get("status") == "Accepted":
                self.heartbeat_s = interval_s or self.heartbeat_s
                self.commands.settings["HeartbeatInterval"] = str(int(self.heartbeat_s))
                self.wants_boot = False
                if self.clock.wrong == "local":
                    self.clock.wrong = ""  # the answer's currentTime sets the clock
                self.acted("link", "booted")
                return True
            await self.pace.sleep(interval_s or BOOT_RETRY_S)

    async def _heartbeats(self) -> None:
        while True:
            await self.uplink.online.wait()
            await self.pace.sleep(self.heartbeat_s)
            try:
                await self.uplink.call(*self.dialect.heartbeat())
            except CallFailed:
                continue  # a lost link is the uplink's business; an unanswered heartbeat is followed by the next
