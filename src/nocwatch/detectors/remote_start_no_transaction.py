"""The CSMS started a session remotely, the station accepted, and nothing came of it."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import MINUTE_NS, SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import (
    Command,
    CommandAnswered,
    Commanded,
    ConfigurationSeen,
    TransactionBegan,
    TransactionUpdated,
)
from nocwatch.quantities import Duration
from nocwatch.state.changes import LinkOpened

STARTS_MAX = 32
"""Remote starts remembered for one station: more than its connectors. The oldest is forgotten."""
UNANSWERED_FOR_NS = 10 * MINUTE_NS
"""A command that was not answered by then never will be."""
LATE_FOR_NS = 60 * MINUTE_NS
"""A transaction that comes this late still takes the flag back."""
TIMEOUT_S_MAX = 3600.0
"""A plug-in timeout above this is taken for a wrong unit; the detector would never speak."""
_TIMEOUT_NAMES = frozenset({"ConnectionTimeOut", "TxCtrlr.EVConnectionTimeOut"})
_PLUGGED = frozenset(
    {
        ConnectorStatus.PREPARING,
        ConnectorStatus.OCCUPIED,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.SUSPENDED_EVSE,
    }
)

_SHUT = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})


class RemoteStartSettings(Settings):
    """What a rule can set of ``remote_start_no_transaction``."""

    after: Duration = Field(
        default=120.0,
        description="How long after the station accepted; the station's own plug-in timeout counts where it is longer.",
    )


class Start(msgspec.Struct):
    """One remote start. ``due_ns`` 0 until it is answered; ``begun``: its transaction came before the answer."""

    message_id: str
    asked_at_ns: int
    frame: str
    evse: int | None = None
    connector: int | None = None
    token: str | None = None
    remote_start_id: int | None = None
    accepted_at_ns: int = 0
    due_ns: int = 0
    begun: bool = False
    told: bool = False


class Starts(msgspec.Struct):
    """Of one station."""

    waiting: list[Start] = []
    timeout_s: float = 0.0


class RemoteStartNoTransaction(Detector[RemoteStartSettings, Starts]):
    """Remote start without a transaction.

    Sees RemoteStartTransaction (1.6) or RequestStartTransaction (2.x) accepted, and no transaction within `after`, or within the
    station's plug-in timeout (ConnectionTimeOut, TxCtrlr.EVConnectionTimeOut) where that is known and longer. One flag a command,
    an event; it is taken back where the transaction comes after all.

    A transaction belongs to the command by its remoteStartId, else by connector, else by token. While the station has no socket
    nothing can be said: the wait begins anew when it is back.
    """

    name = "remote_start_no_transaction"
    category = Category.FAILED_SESSION
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (
        Commanded,
        CommandAnswered,
        TransactionBegan,
        TransactionUpdated,
        ConfigurationSeen,
        LinkOpened,
    )
    Settings = RemoteStartSettings
    State = Starts
    title = "Remote start without a transaction"
    advice = (
        "The flag says what the connector reports. Taken (Preparing): the station took the command and did nothing: reset it and try once more. "
        "Free: the driver did not plug in in time, and nothing is wrong with the station. Faulted or switched off: the app should not offer it."
    )
    numbers: ClassVar[dict[str, str]] = {"waited_s": "from the acceptance to the flag, s"}

    def on(self, event: Any, context: Context[Starts]) -> None:
        if isinstance(event, Commanded):
            if event.command is Command.REMOTE_START:
                self._asked(event, context)
        elif isinstance(event, CommandAnswered):
            if event.command is Command.REMOTE_START:
                self._answered(event, context)
        elif isinstance(event, ConfigurationSeen):
            self._configured(event, context)
        elif (starts := context.peek(event.station)) is not None and starts.waiting:
            if isinstance(event, LinkOpened):
                self._again(starts, event, context)
            else:
                self._begun(starts, event, context)

    def due(self, key: str, context: Context[Starts]) -> None:
        starts = context.state(key)
        station = context.station(key)
        for start in list(starts.waiting):
            if start.due_ns > context.now_ns:
                continue
            if start.due_ns == 0 or start.told or start.begun:
                if start.asked_at_ns + LATE_FOR_NS <= context.now_ns or not start.accepted_at_ns:
                    self._drop_old(starts, start, context)
            elif station is None or station.online:
                self._tell(key, start, context)
                start.due_ns = start.asked_at_ns + LATE_FOR_NS
        self._rest(key, starts, context)

    def _asked(self, event: Commanded, context: Context[Starts]) -> None:
        starts = context.state(event.station)
        starts.waiting = [*starts.waiting[-(STARTS_MAX - 1) :], _start(event)]
        self._rest(event.station, starts, context)

    def _answered(self, event: CommandAnswered, context: Context[Starts]) -> None:
        starts = context.state(event.station)
        start = next(
            (
                each
                for each in starts.waiting
                if each.message_id == event.message_id and not each.accepted_at_ns
            ),
            None,
        )
        if start is None:
            if event.status != "Accepted":
                return
            start = _start(event)
            starts.waiting = [*starts.waiting[-(STARTS_MAX - 1) :], start]
        if event.status != "Accepted" or start.begun:
            starts.waiting = [each for each in starts.waiting if each is not start]
        else:
            start.accepted_at_ns = event.at_ns
            start.due_ns = event.at_ns + self._patience_ns(starts)
        self._rest(event.station, starts, context)

    def _configured(self, event: ConfigurationSeen, context: Context[Starts]) -> None:
        if event.name in _TIMEOUT_NAMES:
            try:
                timeout_s = float(event.value)
            except ValueError:
                return
            if 0 <= timeout_s <= TIMEOUT_S_MAX:
                context.state(event.station).timeout_s = timeout_s

    def _again(self, starts: Starts, event: LinkOpened, context: Context[Starts]) -> None:
        if event.first:
            for start in starts.waiting:
                if start.accepted_at_ns and not start.told:
                    start.due_ns = max(start.due_ns, context.now_ns + self._patience_ns(starts))
            self._rest(event.station, starts, context)

    def _begun(
        self, starts: Starts, event: TransactionBegan | TransactionUpdated, context: Context[Starts]
    ) -> None:
        started = isinstance(event, TransactionBegan)
        start = next(
            (each for each in starts.waiting if not each.begun and _belongs(each, event, started=started)),
            None,
        )
        if start is None:
            return
        context.clear_flag(_key(event.station, start), "the transaction came after all")
        if start.accepted_at_ns:
            starts.waiting = [each for each in starts.waiting if each is not start]
        else:
            start.begun = True
        self._rest(event.station, starts, context)

    def _tell(self, station: str, start: Start, context: Context[Starts]) -> None:
        start.told = True
        waited = context.now_ns - start.accepted_at_ns
        seen = context.station(station)
        statuses = [
            each.reported
            for each in (seen.connectors if seen else ())
            if each.connector
            and (start.connector in (None, each.connector))
            and start.evse in (None, each.evse)
        ]
        plugged = any(status in _PLUGGED for status in statuses)
        shut = bool(statuses) and _SHUT.issuperset(statuses)
        where = (
            wording.socket(start.evse, start.connector) if start.connector or start.evse else "any connector"
        )
        state = ", ".join(sorted(set(statuses))) or "not known"
        context.raise_flag(
            _key(station, start),
            f"{context.place(station).name or station}, {where}: a remote start was accepted, and no transaction came within {wording.span(waited)}.",
            station=station,
            evse=start.evse,
            connector=start.connector,
            onset_ns=start.accepted_at_ns,
            blame=Blame.CHARGER
            if plugged or shut
            else Blame.DRIVER
            if ConnectorStatus.AVAILABLE in statuses
            else Blame.UNKNOWN,
            advice=_advice(statuses, where, state, waited),
            evidence=(
                Evidence(
                    text=f"The station accepted it at {wording.moment(start.accepted_at_ns)}; the connector's status now: {state}.",
                    at_ns=start.accepted_at_ns,
                    frames=(start.frame,),
                ),
            ),
            event=True,
            numbers={"waited_s": waited / SECOND_NS},
        )

    def _patience_ns(self, starts: Starts) -> int:
        return round(max(self.settings.after, starts.timeout_s) * SECOND_NS)

    def _drop_old(self, starts: Starts, start: Start, context: Context[Starts]) -> None:
        if start.accepted_at_ns or start.asked_at_ns + UNANSWERED_FOR_NS <= context.now_ns:
            starts.waiting = [each for each in starts.waiting if each is not start]

    def _rest(self, station: str, starts: Starts, context: Context[Starts]) -> None:
        moments = [each.due_ns or each.asked_at_ns + UNANSWERED_FOR_NS for each in starts.waiting]
        # What is due and was left waits for the station's socket, which will ask again.
        ahead = [each for each in moments if each > context.now_ns]
        if ahead:
            context.wake(station, min(ahead))
        elif not starts.waiting and not starts.timeout_s:
            context.forget(station)
        else:
            context.calm(station)


def _start(event: Commanded | CommandAnswered) -> Start:
    return Start(
        message_id=event.message_id,
        asked_at_ns=event.asked_at_ns if isinstance(event, CommandAnswered) else event.at_ns,
        frame=event.frame,
        evse=event.evse,
        connector=event.connector,
        token=event.token,
        remote_start_id=event.remote_start_id,
    )


def _advice(statuses: list[ConnectorStatus], where: str, state: str, waited_ns: int) -> str:
    """What to do, by what the connector reports when nothing has come."""
    now = f"{where[0].upper()}{where[1:]} reports {state}"
    if _PLUGGED.intersection(statuses):
        return (
            f"{now}: a car stands there plugged in, and the station took the command and did nothing. Reset the station unless others charge "
            "there, and start once more; if nothing comes again, send someone and show the vendor the command."
        )
    if ConnectorStatus.AVAILABLE in statuses:
        return (
            f"{now}: no car was plugged in within {wording.span(waited_ns)}. Nothing is wrong with the station, no reset: if the driver calls, "
            "have them plug in and start again, and make sure that they stand at this one."
        )
    if statuses and _SHUT.issuperset(statuses):
        return (
            f"{now}: nobody can charge there, and the station should have refused the command. Send the driver to another connector; why it is "
            "out of service is a matter of its own."
        )
    if ConnectorStatus.NO_DATA in statuses or not statuses:
        return (
            "The station has not told what its connectors do: send TriggerMessage(StatusNotification). Preparing means that a car waits and "
            "the station did nothing; Available that nobody plugged in."
        )
    return (
        f"{now}: it is taken by someone else's session, or reserved. Ask the CSMS team or the app's support why a start was sent there; the "
        "station needs nothing."
    )


def _key(station: str, start: Start) -> str:
    return f"{station}/{start.message_id}/{start.asked_at_ns}"


def _belongs(start: Start, event: TransactionBegan | TransactionUpdated, *, started: bool) -> bool:
    if event.remote_start_id is not None and start.remote_start_id is not None:
        return event.remote_start_id == start.remote_start_id
    if not started:
        return False
    if start.evse is not None and event.evse is not None:
        return start.evse == event.evse
    if start.connector is not None and event.connector is not None and start.evse is None:
        return start.connector == event.connector
    return not start.token or not event.token or start.token == event.token
