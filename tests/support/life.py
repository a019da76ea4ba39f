"""A station as it really is: registers that count, transactions, and a queue of messages that a bad network loses, doubles and delays.

    life = Life("1.6")
    life.begin(1, "TAG"); life.flow(600, 0.5); life.end(1, "Local")
    life.pass_on(0, "silent"); life.pass_on(0, "answered")      # sent, not answered, sent again
    life.settle()
    assert life.seen() == life.truth()

What always holds here, as in stations: a message stays in the queue until it was answered, so that each is heard at last; in 1.6 the
station knows a transaction's number only from the answer, and says -1 where it gave up waiting for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.play import Play

from nocwatch.frames import Direction
from nocwatch.sessions import Outcome, Session
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Fleet

FATES = ("answered", "silent", "answer_lost", "twice", "repeated", "refused", "late")
"""What becomes of a message that is sent. After ``silent``, ``answer_lost`` and ``refused`` it is sent again."""
CLOCKS = ("right", "local", "unset", "behind")
_AHEAD_S = {"right": 0.0, "local": 7200.0, "behind": -18_000.0}
_WINDOW = 3
"""How far messages overtake each other."""


@dataclass
class Charge:
    """One transaction as it really was. ``number``: 1.6: as the station knows it; ``given`` as the CSMS does."""

    connector: int
    name: str
    token: str
    start_wh: int
    stop_wh: int | None = None
    number: int | None = None
    given: list[int] = field(default_factory=list)
    said: int = 0
    """Messages of it so far: its next seqNo."""


@dataclass
class Message:
    """One that waits to be sent. ``payload`` is made when it is: the number may be known by then."""

    kind: str
    action: str
    payload: Callable[[], dict[str, Any]]
    charge: Charge
    answer: dict[str, Any] = field(default_factory=dict)
    sent: int = 0


class Life:
    """One station with two connectors.

    Attributes:
        charges: all that ever began; ``under_way`` those that go on, by connector.
        queue: messages that wait, the oldest first.
    """

    def __init__(self, version: str, clock: str = "right") -> None:
        self.play = Play(version=version)
        self.clock = clock
        self.registers = {1: 10_000, 2: 5_000_000}
        self.charges: list[Charge] = []
        self.under_way: dict[int, Charge] = {}
        self.queue: list[Message] = []
        self.old: int | None = None
        self._numbers = 100
        self.connect()
        self.play.boot()

    # --- what the station does --------------------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        return bool(self.play.fleet.stations["CP1"].connections)

    def begin(self, connector: int, token: str) -> None:
        self.play.wait(1)  # nobody plugs in twice within a second
        charge = Charge(connector, f"T{len(self.charges)}", token, self.registers[connector])
        self.charges.append(charge)
        self.under_way[connector] = charge
        if self.play.old:
            payload = {
                "connectorId": connector,
                "idTag": token,
                "meterStart": charge.start_wh,
                "timestamp": self._stamp(),
            }
            self._put("start", "StartTransaction", charge, lambda: payload)
        else:
            token_ = {"idToken": token, "type": "ISO14443"}
            self._event(
                "start",
                charge,
                "Started",
                "Authorized",
                evse={"id": connector, "connectorId": 1},
                idToken=token_,
            )
        self._status(connector, "Charging")

    def flow(self, seconds: float, share: float) -> None:
        """Time passes, and energy at up to 100 kW."""
        for connector in self.under_way:
            self.registers[connector] += int(seconds * share * 100_000 / 3600)
        self.play.wait(seconds)

    def sample(self, connector: int) -> None:
        charge = self.under_way[connector]
        if not self.play.old:
            self._event("sample", charge, "Updated", "MeterValuePeriodic")
            return
        value = {"timestamp": self._stamp(), "sampledValue": [{"value": str(self.registers[connector])}]}

        def payload() -> dict[str, Any]:
            number = {} if charge.number is None else {"transactionId": charge.number}
            return {"connectorId": connector, **number, "meterValue": [value]}

        self._put("sample", "MeterValues", charge, payload)

    def end(self, connector: int, reason: str) -> None:
        charge = self.under_way.pop(connector)
        charge.stop_wh = self.registers[connector]
        if self.play.old:
            said = {"meterStop": charge.stop_wh, "timestamp": self._stamp(), "reason": reason}
            self._put(
                "stop",
                "StopTransaction",
                charge,
                lambda: {"transactionId": -1 if charge.number is None else charge.number, **said},
            )
        else:
            self._event("stop", charge, "Ended", "StopAuthorized", reason)
        self._status(connector, "Available")

    def boot(self, *, ends: bool) -> None:
        """A restart; what was under way goes on after it, or ends by it."""
        self.cut("station")
        for connector in list(self.under_way):
            if ends:
                self.end(connector, "PowerLoss")
        self.play.wait(20)
        self.connect()
        self.play.boot()

    # --- what the network does to it ----------------------------------------------------------------------------------------

    def connect(self) -> None:
        self.play.open()

    def cut(self, by: str) -> None:
        for connection in self.play.fleet.stations["CP1"].connections:
            self.play.close(connection=connection, by=by)
        self.old = None

    def half_open(self) -> None:
        """A new socket while the old one is live: from now on either may be spoken on."""
        self.old = self.play.connection
        self.play.open()

    def pass_on(
        self, which: int, fate: str, *, by_old: bool = False, fresh: bool = False, first: bool = False
    ) -> None:
        """Sends one of the first messages that wait.

        Args:
            by_old: over the older of two sockets.
            fresh: 1.6: the CSMS gives a start that it knows another number.
            first: 1.6: of several numbers the station keeps the first.
        """
        message = self._next(which)
        newest = self.play.connection
        if by_old and self.old is not None:
            self.play.connection = self.old
        message.sent += 1
        message_id = self.play.call(message.action, message.payload())
        if fate == "repeated":
            self.play.call(message.action, message.payload(), message_id=message_id)
        if fate == "late":
            self.play.wait(40)
        if fate == "refused":
            self.play.error(message_id)
        elif fate != "silent":
            answer = self._answer(message, fresh=fresh)
            self.play.answer(message_id, answer)
            if fate == "twice":
                self.play.answer(message_id, answer)
        self.play.connection = newest
        if fate in ("answered", "twice", "repeated", "late"):
            self.queue.remove(message)
            if message.kind != "start":
                return
            given = message.charge.given
            message.charge.number = None if not given else given[0] if first else given[-1]

    def give_up(self) -> None:
        """1.6: the station stops waiting for the number of a start that it sent."""
        for message in self.queue:
            if message.kind == "start" and message.sent and self.play.old:
                self.queue.remove(message)
                return

    def begin_unheard(self, connector: int, token: str, fate: str) -> None:
        """1.6: a start that is sent, and whose answer never reaches the station: it stops with -1."""
        self.begin(connector, token)
        self.pass_on(len(self.queue) - 1, fate)
        self.give_up()

    def lose_sample(self) -> None:
        for message in self.queue:
            if message.kind == "sample" and self.play.old:
                self.queue.remove(message)
                return

    def restart_watch(self) -> None:
        """The watch goes on from its snapshot."""
        fleet = Fleet()
        fleet.restore(self.play.fleet.snapshot())
        self.play.fleet, self.play._feed = fleet, fleet.feed

    def settle(self) -> None:
        """Everything ends, and everything is heard at last."""
        if not self.online:
            self.connect()
        for connector in list(self.under_way):
            self.end(connector, "Local")
        while self.queue:
            self.pass_on(0, "answered")
        self.play.wait(1)

    def stray(self, text: str) -> None:
        """Something that is no OCPP, or not now, from either side."""
        self.play.text(text)
        self.play.text(text, Direction.FROM_CSMS)

    # --- truth ----------------------------------------------------------------------------------------------------------------

    @property
    def true_wh(self) -> int:
        """What has flowed in all."""
        return sum(
            (self.registers[each.connector] if each.stop_wh is None else each.stop_wh) - each.start_wh
            for each in self.charges
        )

    def truth(self) -> list[str]:
        """Each transaction: connector, token, Wh, register at its stop."""
        return sorted(
            _line(each.connector, each.token, (each.stop_wh or 0) - each.start_wh, each.stop_wh)
            for each in self.charges
        )

    def seen(self) -> list[str]:
        """The same as the watch has it."""
        return sorted(map(line, self.transactions()))

    def transactions(self) -> list[Session]:
        """Sessions that are more than an attempt."""
        return [
            each for each in self.play.sessions
            if each.transaction is not None or each.meter_start_wh is not None or each.meter_stop_wh is not None
        ]  # fmt: skip

    # --- pieces ---------------------------------------------------------------------------------------------------------------

    def _next(self, which: int) -> Message:
        message = self.queue[which % min(len(self.queue), _WINDOW)]
        starts = [each for each in self.queue if each.charge is message.charge and each.kind == "start"]
        # In 1.6 a station cannot name a transaction before it has its number: the stop waits for the start.
        return starts[0] if starts and self.play.old and message.kind == "stop" else message

    def _answer(self, message: Message, *, fresh: bool) -> dict[str, Any]:
        charge = message.charge
        if message.action != "StartTransaction":
            return message.answer
        if not charge.given or fresh:
            self._numbers += 1
            charge.given.append(self._numbers)
        return {"transactionId": charge.given[-1], "idTagInfo": {"status": "Accepted"}}

    def _event(
        self, kind: str, charge: Charge, said: str, trigger: str, reason: str | None = None, **more: Any
    ) -> None:
        context = {"start": "Transaction.Begin", "stop": "Transaction.End"}.get(kind, "Sample.Periodic")
        stamp = self._stamp()
        info = {"transactionId": charge.name, **({} if reason is None else {"stoppedReason": reason})}
        payload = {
            "eventType": said, "timestamp": stamp, "triggerReason": trigger, "seqNo": charge.said, "transactionInfo": info, **more,
            "meterValue": [{"timestamp": stamp, "sampledValue": [{"value": self.registers[charge.connector], "context": context}]}],
        }  # fmt: skip
        if not self.online:
            payload["offline"] = True
        charge.said += 1
        self._put(kind, "TransactionEvent", charge, lambda: payload)

    def _put(self, kind: str, action: str, charge: Charge, payload: Callable[[], dict[str, Any]]) -> None:
        self.queue.append(Message(kind, action, payload, charge))

    def _status(self, connector: int, status: str) -> None:
        if self.online:
            self.play.status(
                connector, status if self.play.old or status == "Available" else "Occupied", at=self._stamp()
            )

    def _stamp(self) -> str:
        if self.clock == "unset":
            minutes = int(self.play.now_s) // 60
            return f"1970-01-01T{minutes // 60 % 24:02}:{minutes % 60:02}:{self.play.now_s % 60:06.3f}Z"
        return self.play.stamp(self.play.now_s + _AHEAD_S[self.clock])


def _line(place: int | None, token: str | None, energy_wh: float | None, stop_wh: float | None) -> str:
    energy = "nothing known" if energy_wh is None else f"{energy_wh:.0f} Wh"
    return f"{place} {token}: {energy}, stopped at {stop_wh or 0:.0f}"


def line(session: Session) -> str:
    """A session as the truth has it: connector, token, Wh, register at its stop."""
    place = session.connector if session.evse is None else session.evse
    return _line(place, session.token, session.energy_wh, session.meter_stop_wh)


def holds(change: SessionChanged, before: Session | None) -> None:
    """One change of a session's history."""
    now = change.now
    assert change.before == before, "each change goes on from the one before"
    assert now.revision == (0 if before is None else before.revision + 1)
    was_over = before is not None and before.over
    assert change.ended == (now.over and not was_over)
    assert change.reopened == (was_over and not now.over)
    assert now.over == (now.stopped_at_ns is not None)
    assert now.stopped_at_ns is None or now.stopped_at_ns >= now.started_at_ns
    assert (now.reason is None) == (now.outcome in (Outcome.ONGOING, Outcome.SUCCESS))
    if (
        was_over
        and now.over
        and before is not None
        and (before.outcome, before.reason) != (now.outcome, now.reason)
    ):
        assert change.revised, "a verdict that changes says so"
    if was_over:
        assert not (change.revised or change.reopened) or now.revised_because, "and why"
