"""A play-book: what a station and its CSMS say to each other, line by line, as the tap would hand it on.

    play = Play()                       # 1.6; Play(version="2.0.1") for the other dialect
    play.open(); play.boot()
    play.status(1, "Available")
    tx = play.start(1, "TAG", 1000)     # StartTransaction and its answer
    play.wait(600)
    play.meter(1, 6000, tx)
    play.stop(tx, 6000)
    assert play.session.outcome is Outcome.SUCCESS

Every line is a real frame with real JSON, fed to a ``Fleet`` (or to whatever ``feed`` is given); ``sightings`` keeps them all.
Time is the play's own: ``wait`` passes it, with a tick at its end. Answers come 0.1 s after their call unless told otherwise.
Time stamps in payloads are the play's time unless ``at`` (seconds of the play) says otherwise.
"""

# ruff: noqa: S107 - tokens of a play are no passwords
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nocwatch.frames import Direction, Frame, Kind, Link, LinkEvent, Sighting, Tick
from nocwatch.moments import SECOND_NS, rfc3339
from nocwatch.ocpp.events import OcppEvent
from nocwatch.sessions import Session
from nocwatch.state.changes import AnyChange, SessionChanged
from nocwatch.state.fleet import Fleet, Moved
from nocwatch.state.settings import StateSettings

T0_NS = 1_790_000_000 * SECOND_NS
ANSWER_S = 0.1


class Play:
    """One station's play; several may share a ``fleet`` and a ``clock`` (a list with the seconds in it)."""

    def __init__(
        self,
        station: str = "CP1",
        version: str = "1.6",
        *,
        fleet: Fleet | None = None,
        settings: StateSettings | None = None,
        feed: Callable[[Sighting], Moved] | None = None,
        clock: list[float] | None = None,
        after: Play | None = None,
    ) -> None:
        self.station = station
        self.version = version
        self.fleet = fleet if fleet is not None else Fleet(settings)
        self.clock = clock if clock is not None else [0.0]
        self.connection = 0
        self.sightings: list[Sighting] = []
        self.events: list[OcppEvent] = []
        self.changes: list[AnyChange] = []
        self._feed = feed or self.fleet.feed
        self.last_call = ""
        self._ids = 0
        if after is not None:
            # The same journal, read on by another fleet.
            self.clock, self.connection, self._ids = after.clock, after.connection, after._ids
        self._transactions = 4710
        self._sequence: dict[str, int] = {}

    # --- time and links -----------------------------------------------------------------------------------------------

    @property
    def now_s(self) -> float:
        return self.clock[0]

    @property
    def now_ns(self) -> int:
        return T0_NS + round(self.clock[0] * SECOND_NS)

    def stamp(self, at: float | str | None = None) -> str:
        """A time stamp for a payload: of now, of a moment of the play in seconds, or as given."""
        if isinstance(at, str):
            return at
        return rfc3339(self.now_ns if at is None else T0_NS + round(at * SECOND_NS))

    def wait(self, seconds: float) -> None:
        self.clock[0] += seconds
        self.feed(Tick(lane=0, sequence=self._number(), received_at_ns=self.now_ns))

    def feed(self, sighting: Sighting) -> Moved:
        self.sightings.append(sighting)
        moved = self._feed(sighting)
        self.events += moved.events
        self.changes += moved.changes
        return moved

    def open(
        self,
        *,
        subprotocol: str | None = "",
        address: str = "203.0.113.7:50000",
        upstream: str = "main",
        implied: bool = False,
    ) -> int:
        """A new connection, from now on the one that is spoken on. Returns its number."""
        self.connection = self._number() if self.connection else 1
        chosen = f"ocpp{self.version}" if subprotocol == "" else subprotocol
        self.link(
            LinkEvent.OPEN,
            upstream=upstream,
            remote_address=address,
            subprotocol=chosen,
            implied=implied,
        )
        return self.connection

    def close(
        self,
        *,
        connection: int | None = None,
        by: str = "station",
        code: int | None = None,
        reason: str = "reset",
    ) -> None:
        self.link(LinkEvent.CLOSED, connection=connection, by=by, code=code, reason=reason)

    def link(self, event: LinkEvent, *, connection: int | None = None, **fields: Any) -> None:
        self.feed(
            Link(
                lane=0,
                sequence=self._number(),
                received_at_ns=self.now_ns,
                connection=self.connection if connection is None else connection,
                station=self.station,
                event=event,
                **fields,
            )
        )

    # --- messages -----------------------------------------------------------------------------------------------------

    def text(
        self, text: str, direction: Direction = Direction.FROM_STATION, *, connection: int | None = None
    ) -> None:
        self.feed(
            Frame(
                lane=0,
                sequence=self._number(),
                received_at_ns=self.now_ns,
                connection=self.connection if connection is None else connection,
                station=self.station,
                direction=direction,
                kind=Kind.TEXT,
                payload=text.encode(),
            )
        )

    def call(
        self,
        action: str,
        payload: dict[str, Any],
        *,
        by: Direction = Direction.FROM_STATION,
        message_id: str | None = None,
    ) -> str:
        """A CALL; returns its message id."""
        self.last_call = message_id = message_id or f"m{self._number()}"
        self.text(json.dumps([2, message_id, action, payload]), by)
        return message_id

    def answer(
        self,
        message_id: str,
        payload: dict[str, Any],
        *,
        by: Direction = Direction.FROM_CSMS,
        after: float = ANSWER_S,
    ) -> None:
        self.clock[0] += after
        self.text(json.dumps([3, message_id, payload]), by)

    def error(
        self,
        message_id: str,
        code: str = "InternalError",
        *,
        by: Direction = Direction.FROM_CSMS,
        after: float = ANSWER_S,
    ) -> None:
        self.clock[0] += after
        self.text(json.dumps([4, message_id, code, "", {}]), by)

    def ask(
        self, action: str, payload: dict[str, Any], answer: dict[str, Any], *, after: float = ANSWER_S
    ) -> str:
        """A call of the station's with its answer."""
        message_id = self.call(action, payload)
        self.answer(message_id, answer, after=after)
        return message_id

    def command(
        self, action: str, payload: dict[str, Any], status: str | None = "Accepted", **answer: Any
    ) -> str:
        """A call of the CSMS's with the station's answer; without one where ``status`` is None."""
        message_id = self.call(action, payload, by=Direction.FROM_CSMS)
        if status is not None:
            self.answer(message_id, {"status": status, **answer}, by=Direction.FROM_STATION)
        return message_id

    # --- both versions ------------------------------------------------------------------------------------------------

    @property
    def old(self) -> bool:
        return self.version == "1.6"

    def begin(self, *connectors: int) -> Play:
        """Connected, booted, connectors Available: where most stories begin."""
        self.open()
        self.boot()
        for connector in connectors or (1,):
            self.status(connector, "Available")
        self.wait(30)
        return self

    def boot(
        self, status: str = "Accepted", *, interval: int = 300, reason: str = "PowerUp", **facts: str
    ) -> None:
        if self.old:
            payload: dict[str, Any] = {
                "chargePointVendor": "ACME",
                "chargePointModel": "One",
                "firmwareVersion": "1.0",
                **facts,
            }
        else:
            payload = {
                "reason": reason,
                "chargingStation": {"vendorName": "ACME", "model": "Two", "firmwareVersion": "2.0", **facts},
            }
        self.ask(
            "BootNotification", payload, {"status": status, "currentTime": self.stamp(), "interval": interval}
        )

    def heartbeat(self) -> None:
        self.ask("Heartbeat", {}, {"currentTime": self.stamp()})

    def status(
        self,
        connector: int,
        status: str,
        error: str = "NoError",
        *,
        at: float | str | None = None,
        **more: str,
    ) -> None:
        """In 2.x ``connector`` is the EVSE, and its connector 1 is meant."""
        if self.old:
            payload: dict[str, Any] = {
                "connectorId": connector,
                "status": status,
                "errorCode": error,
                "timestamp": self.stamp(at),
                **more,
            }
        else:
            payload = {
                "evseId": connector,
                "connectorId": 1 if connector else 0,
                "connectorStatus": status,
                "timestamp": self.stamp(at),
            }
        self.ask("StatusNotification", payload, {})

    def authorize(
        self,
        token: str,
        status: str | None = "Accepted",
        *,
        after: float = ANSWER_S,
        token_type: str = "ISO14443",
    ) -> str:
        """``status`` None: never answered."""
        if self.old:
            payload, name = {"idTag": token}, "idTagInfo"
        else:
            payload, name = {"idToken": {"idToken": token, "type": token_type}}, "idTokenInfo"  # type: ignore[dict-item]
        message_id = self.call("Authorize", payload)
        if status is not None:
            self.answer(message_id, {name: {"status": status}}, after=after)
        return message_id

    def configuration(self, name: str, value: str) -> None:
        """A setting as read: by GetConfiguration (1.6) or GetVariables (2.x, ``Component.Variable``)."""
        if self.old:
            answer = {"configurationKey": [{"key": name, "readonly": False, "value": value}]}
            message_id = self.call("GetConfiguration", {"key": [name]}, by=Direction.FROM_CSMS)
        else:
            component, variable = name.split(".")
            named = {"component": {"name": component}, "variable": {"name": variable}}
            answer = {
                "getVariableResult": [{"attributeStatus": "Accepted", "attributeValue": value, **named}]
            }
            message_id = self.call("GetVariables", {"getVariableData": [named]}, by=Direction.FROM_CSMS)
        self.answer(message_id, answer, by=Direction.FROM_STATION)

    def remote_start(
        self, token: str, connector: int | None = None, status: str | None = "Accepted", *, remote_id: int = 1
    ) -> str:
        if self.old:
            payload: dict[str, Any] = {
                "idTag": token,
                **({} if connector is None else {"connectorId": connector}),
            }
            return self.command("RemoteStartTransaction", payload, status)
        payload = {"remoteStartId": remote_id, "idToken": {"idToken": token, "type": "Central"}}
        return self.command(
            "RequestStartTransaction",
            {**payload, **({} if connector is None else {"evseId": connector})},
            status,
        )

    def remote_stop(self, transaction: int | str, status: str = "Accepted") -> str:
        action = "RemoteStopTransaction" if self.old else "RequestStopTransaction"
        return self.command(action, {"transactionId": transaction}, status)

    # --- 1.6 ----------------------------------------------------------------------------------------------------------

    def start(
        self,
        connector: int = 1,
        token: str = "TAG",
        meter: float = 1000,
        *,
        transaction: int | None = None,
        status: str = "Accepted",
        answered: bool = True,
        at: float | str | None = None,
        message_id: str | None = None,
    ) -> int:
        """StartTransaction; returns the id that the CSMS gives (0 where it does not answer)."""
        payload = {"connectorId": connector, "idTag": token, "meterStart": meter, "timestamp": self.stamp(at)}
        message_id = self.call("StartTransaction", payload, message_id=message_id)
        if not answered:
            return 0
        if transaction is None:
            self._transactions += 1
            transaction = self._transactions
        self.answer(message_id, {"transactionId": transaction, "idTagInfo": {"status": status}})
        return transaction

    def stop(
        self,
        transaction: int,
        meter: float = 6000,
        reason: str | None = "Local",
        *,
        token: str | None = None,
        answered: bool = True,
        at: float | str | None = None,
        data: list[dict[str, Any]] | None = None,
    ) -> str:
        payload: dict[str, Any] = {
            "transactionId": transaction,
            "meterStop": meter,
            "timestamp": self.stamp(at),
        }
        payload |= {} if reason is None else {"reason": reason}
        payload |= {} if token is None else {"idTag": token}
        payload |= {} if data is None else {"transactionData": data}
        message_id = self.call("StopTransaction", payload)
        if answered:
            self.answer(message_id, {})
        return message_id

    def meter(
        self,
        connector: int,
        register: float | None = None,
        transaction: int | str | None = None,
        *,
        at: float | str | None = None,
        samples: list[dict[str, Any]] | None = None,
        context: str | None = None,
    ) -> None:
        """MeterValues: the overall register in Wh, or the samples as given."""
        if samples is None:
            samples = [
                {
                    "value": str(register) if self.old else register,
                    **({} if context is None else {"context": context}),
                }
            ]
        value = {"timestamp": self.stamp(at), "sampledValue": samples}
        if self.old:
            payload: dict[str, Any] = {"connectorId": connector, "meterValue": [value]}
            payload |= {} if transaction is None else {"transactionId": transaction}
        else:
            payload = {"evseId": connector, "meterValue": [value]}
        self.ask("MeterValues", payload, {})

    # --- 2.x ----------------------------------------------------------------------------------------------------------

    def transaction(
        self,
        kind: str,
        transaction: str = "T1",
        trigger: str = "ChargingStateChanged",
        *,
        evse: int | None = None,
        state: str | None = None,
        token: str | None = None,
        token_type: str = "ISO14443",
        register: float | None = None,
        context: str | None = None,
        reason: str | None = None,
        remote_id: int | None = None,
        number: int | None = None,
        offline: bool = False,
        status: str | None = None,
        at: float | str | None = None,
        answered: bool = True,
    ) -> str:
        """TransactionEvent; seqNo counts by itself unless ``number`` is given. ``status`` is the token's in the answer."""
        if number is None:
            number = self._sequence.get(transaction, -1) + 1
        self._sequence[transaction] = number
        info = {
            "transactionId": transaction,
            "chargingState": state,
            "stoppedReason": reason,
            "remoteStartId": remote_id,
        }
        payload: dict[str, Any] = {
            "eventType": kind,
            "timestamp": self.stamp(at),
            "triggerReason": trigger,
            "seqNo": number,
            "transactionInfo": {name: value for name, value in info.items() if value is not None},
        }
        if evse is not None:
            payload["evse"] = {"id": evse, "connectorId": 1}
        if token is not None:
            payload["idToken"] = {"idToken": token, "type": token_type}
        if offline:
            payload["offline"] = True
        if register is not None:
            contexts = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}
            sample = {"value": register, "context": context or contexts.get(kind, "Sample.Periodic")}
            payload["meterValue"] = [{"timestamp": self.stamp(at), "sampledValue": [sample]}]
        message_id = self.call("TransactionEvent", payload)
        if answered:
            self.answer(message_id, {"idTokenInfo": {"status": status}} if status else {})
        return message_id

    # --- what became of it ----------------------------------------------------------------------------------------------

    def told(self, kind: type[Any]) -> list[Any]:
        """The changes (or events) of that kind, in order."""
        return [each for each in (*self.changes, *self.events) if isinstance(each, kind)]

    @property
    def sessions(self) -> list[Session]:
        """Each session as last told, in the order of their beginnings."""
        last: dict[str, Session] = {}
        for change in self.changes:
            if isinstance(change, SessionChanged) and change.station == self.station:
                last[change.now.id] = change.now
        return list(last.values())

    @property
    def session(self) -> Session:
        """The one session of the play."""
        (only,) = self.sessions
        return only

    def connector(self, number: int = 1) -> Any:
        """The connector's record as it stands; in 2.x connector 1 of that EVSE."""
        for each in self.fleet.stations[self.station].connectors:
            if (each.connector if each.evse is None else each.evse) == number:
                return each
        raise KeyError(number)

    def _number(self) -> int:
        # A frame's sequence holds the record's in its upper part; the play's ids count on alike, so that each is unique.
        self._ids += 1
        return self._ids << 16
