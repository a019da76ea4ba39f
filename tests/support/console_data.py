"""A made-up network for the console's tests and for looking at its pages: forty stations with a day behind them.

Everything is seeded: the same now gives the same network. The data goes through the store's own ``Batch``, as the watch's does.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from nocwatch.alerts.acts import Silence
from nocwatch.alerts.alert import Alert, AlertState
from nocwatch.alerts.labels import matchers_like
from nocwatch.alerts.quiet import told_of
from nocwatch.console.app import serve
from nocwatch.console.live import Hub
from nocwatch.console.services import RuleFacts
from nocwatch.console.settings import ConsoleSettings
from nocwatch.errors import NocwatchError
from nocwatch.flags import Blame, Category, Evidence, Flag, FlagState, Severity, derived_id
from nocwatch.frames import Direction, Frame, Kind, Link, LinkEvent
from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, rfc3339
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.ocpp.events import Spoke
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import Milestone, Outcome, Reason, Session, SessionStep, StartSource
from nocwatch.state.changes import ConnectorChanged, SessionChanged, SessionMetered
from nocwatch.store.batch import Batch
from nocwatch.store.store import Store

NOW_NS = 1_795_255_453 * SECOND_NS
SITES = (
    ("hafen", "Hafen Nord"),
    ("depot-west", "Depot West"),
    ("rathaus", "Rathaus-Garage"),
    ("a7-rast", "Rastplatz A7 Süd"),
    ("klinik", "Klinikum"),
    ("markt", "Marktplatz"),
)
MODELS = (
    ("Alpitronic", "HYC300", "2.4.1", "dc"),
    ("ABB", "Terra 184", "1.8.22", "dc"),
    ("Keba", "P30 x", "1.14.0", "ac"),
    ("Mennekes", "Amtron 4You", "5.33", "ac"),
)
S = ConnectorStatus


class Network:
    """``Services`` over made-up values: what the watch is to the console."""

    def __init__(self, folder: Path, now_ns: int = NOW_NS, places: Places | None = None) -> None:
        self.folder = folder
        self.store = Store.open(f"sqlite:///{folder}/console.db")
        self.hub = Hub()
        self.now = now_ns
        self.ended: int | None = None
        """Where what was read ends, of a network that is silent since."""
        self.stations: dict[str, Station] = {}
        self.places = places or Places()
        self.under_way: dict[str, Session] = {}
        """Sessions as they stand, of which the store has an older word."""
        self.misfitting: dict[str, Mapping[str, int]] = {}
        self.reasons: list[str] = []
        self.remarks: list[str] = []
        self.remedies: dict[str, str] = {}
        self.relay: dict[str, int] = {}
        self.facts: list[RuleFacts] = []
        self.done: list[tuple[str, ...]] = []
        self.quiet: dict[str, Silence] = {}
        self.batch = Batch()
        self.sequence = 0
        self.random = random.Random(7)  # noqa: S311

    # --- Services ---

    def fleet(self) -> Mapping[str, Station]:
        return self.stations

    def lately(self, sessions: Sequence[Session]) -> list[Session]:
        return [self.under_way.get(each.id, each) for each in sessions]

    def misfits(self, station: str) -> Mapping[str, int]:
        return self.misfitting.get(station, {})

    def rules(self) -> Sequence[RuleFacts]:
        return self.facts

    def now_ns(self) -> int:
        return self.now

    def windows_end_ns(self) -> int:
        return self.now if self.ended is None else self.ended

    def stands_still(self) -> bool:
        return False

    def status(self) -> Mapping[str, Any]:
        return {
            "reasons": self.reasons,
            "remarks": self.remarks,
            "remedies": self.remedies,
            "meanings": {"refused": "Stations refused, by reason.", "links": "Pairs made."},
            "relay": {
                **self.relay,
                "alive": True,
                "last_tick_age_s": 0.4,
                "links": 37,
                "upstreams_down": 0,
                "forwarded_bytes": 1_482_991_234,
                "refused": 3,
            },
            "journal": {
                "lag_s": 0.03,
                "backlog_bytes": 0,
                "kept_bytes": 3_482_991_234,
                "oldest_at_ns": self.now - 9 * DAY_NS,
                "dropped_records": 0,
            },
            "pipeline": {
                "records_total": 48_211_002,
                "sessions_ongoing": 17,
                "snapshot_at_ns": self.now - 12 * SECOND_NS,
                "garbled_frames": 2,
            },
            "sinks": [
                {
                    "name": "influx",
                    "connected": True,
                    "lag_s": 1.2,
                    "written_points": 9_211_002,
                    "dropped_points": 0,
                    "last_error": "",
                },
                {
                    "name": "store",
                    "connected": True,
                    "lag_s": 0.1,
                    "written_points": 1_211_002,
                    "dropped_points": 0,
                    "last_error": "",
                },
            ],
            "receivers": [
                {"name": "file", "ok": True, "sent": 41, "waiting": 0, "given_up": 0, "last_error": ""},
                {
                    "name": "oncall",
                    "ok": False,
                    "sent": 38,
                    "waiting": 3,
                    "given_up": 1,
                    "last_error": "401 from the pager",
                },
            ],
        }

    async def acknowledge(self, alert: str, by: str, note: str) -> Alert | None:
        return self._change(
            alert,
            ("acknowledge", alert, by, note),
            state=AlertState.ACKNOWLEDGED,
            acknowledged_by=by,
            acknowledged_at_ns=self.now,
            note=note,
        )

    async def resolve(self, alert: str, by: str, note: str, clear_flags: bool = False) -> Alert | None:
        done = self._change(
            alert,
            ("resolve", alert, by, note),
            state=AlertState.RESOLVED,
            resolved_by=by,
            resolved_because=f"Resolved by {by}.",
            open_count=0,
            raised_count=0 if clear_flags else 1,
        )
        for flag in done.flags if done is not None and clear_flags else ():
            await self.clear_flag(flag, by, note)
        return done

    async def silence(self, alert: str, by: str, note: str, until_ns: int) -> Alert | None:
        held = self.store.alert(alert)
        if held is None:
            return None
        silence = Silence(
            id="a-silence",
            matchers=matchers_like(held),
            from_ns=self.now,
            until_ns=until_ns,
            by=by,
            note=note,
            alert=alert,
        )
        self.quiet[silence.id] = silence
        return self._change(
            alert,
            ("silence", alert, by, str(until_ns)),
            silenced_by=silence.id,
            said=told_of(silence, held),
        )

    def silences(self) -> Sequence[Silence]:
        return tuple(self.quiet.values())

    async def end_silence(self, silence: str, by: str, note: str) -> Silence | None:
        found = self.quiet.pop(silence, None)
        if found is not None:
            self._change(
                found.alert,
                ("end_silence", silence, by, note),
                silenced_by="",
                said=f"Silence ended by {by}.",
            )
        return found

    async def clear_flag(self, flag: str, by: str, because: str) -> Flag | None:
        held = self.store.flag(flag)
        if held is None:
            return None
        self.done.append(("clear", flag, by, because))
        fresh = msgspec.structs.replace(
            held, state=FlagState.CLEARED, at_ns=self.now, cleared_because=f"{because} ({by})"
        )
        self.store.apply(Batch(at_ns=self.now, flags={fresh.id: fresh}))
        return fresh

    def _change(self, alert: str, done: tuple[str, ...], **changes: Any) -> Alert | None:
        held = self.store.alert(alert)
        if held is None:
            return None
        if held.state is AlertState.RESOLVED:
            raise NocwatchError("It is resolved already.")
        self.done.append(done)
        fresh = msgspec.structs.replace(held, revision=held.revision + 1, at_ns=self.now, **changes)
        self.store.apply(Batch(at_ns=self.now, alerts=[fresh]))
        return fresh

    # --- making things ---

    def keep(self) -> None:
        self.batch.at_ns = self.now
        self.store.apply(self.batch)
        self.batch = Batch()

    def frame(
        self,
        station: str,
        at_ns: int,
        from_station: bool,
        text: str | list[Any],
        *,
        answers: str = "",
        took_ns: int = 0,
        action: str = "",
        kind: Kind = Kind.TEXT,
    ) -> str:
        """Keeps a frame; gives its ref. ``text`` as a list is an OCPP message."""
        self.sequence += 1 << 16
        payload = text if isinstance(text, str) else msgspec.json.encode(text).decode()
        direction = Direction.FROM_STATION if from_station else Direction.FROM_CSMS
        frame = Frame(
            lane=0,
            sequence=self.sequence,
            received_at_ns=at_ns,
            connection=1 << 32 | 7,
            station=station,
            direction=direction,
            kind=kind,
            payload=payload.encode(),
        )
        events = []
        if isinstance(text, list):
            events.append(
                Spoke(
                    station=station,
                    connection=frame.connection,
                    at_ns=at_ns,
                    frame=frame.ref,
                    version="1.6",
                    direction=direction,
                    type=text[0],
                    message_id=text[1],
                    action=action or (text[2] if text[0] == 2 else ""),
                    answer_time_ns=took_ns if answers else None,
                    call_frame=answers,
                    error_code=text[2] if text[0] == 4 else "",
                )
            )
        self.batch.add_step(frame, events)
        return frame.ref

    def talk(
        self,
        station: str,
        at_ns: int,
        action: str,
        payload: dict[str, Any],
        reply: dict[str, Any] | list[Any] | None,
        took_ns: int = 40_000_000,
        from_station: bool = True,
    ) -> tuple[str, str]:
        """A call and its answer; ``reply`` None: none came; a list: a CALLERROR's code and description."""
        message_id = f"{self.sequence >> 16:x}"
        call = self.frame(station, at_ns, from_station, [2, message_id, action, payload])
        if reply is None:
            self.batch.unanswered.append((self.batch.frames[-1][0],))
            return call, ""
        text = [4, message_id, reply[0], reply[1], {}] if isinstance(reply, list) else [3, message_id, reply]
        return call, self.frame(
            station, at_ns + took_ns, not from_station, text, answers=call, took_ns=took_ns, action=action
        )

    def refuse(self, station: str, reason: str, http_status: int, at_ns: int) -> None:
        """The relay turned it away."""
        self.sequence += 1 << 16
        link = Link(
            lane=0,
            sequence=self.sequence,
            received_at_ns=at_ns,
            connection=3,
            station=station,
            event=LinkEvent.REFUSED,
            upstream="main",
            http_status=http_status,
            reason=reason,
        )
        self.batch.add_step(link)

    def state(self, station: str, connector: int, status: ConnectorStatus, at_ns: int) -> None:
        """A band begins."""
        change = ConnectorChanged(
            station=station,
            at_ns=at_ns,
            before=None,
            event_at_ns=at_ns,
            now=Connector(evse=None, connector=connector, status=status, reported=status, since_ns=at_ns),
        )
        self._note(at_ns, [change])

    def session(self, session: Session) -> None:
        self._note(
            session.changed_at_ns,
            [SessionChanged(station=session.station, at_ns=session.changed_at_ns, before=None, now=session)],
        )

    def _note(self, at_ns: int, changes: Sequence[Any]) -> None:
        self.sequence += 1 << 16
        frame = Frame(
            lane=1,
            sequence=self.sequence,
            received_at_ns=at_ns,
            connection=1,
            station="",
            direction=Direction.FROM_STATION,
            kind=Kind.PONG,
        )
        kept = self.batch.frames[:]
        self.batch.add_step(frame, (), changes)
        self.batch.frames = kept  # these steps are of the pipeline's; their frames are of no use here

    def station(self, station: Station) -> None:
        self.stations[station.id] = station
        self.batch.stations[station.id] = (self.now, station)

    def flag(self, flag: Flag) -> Flag:
        self.batch.flags[flag.id] = flag
        return flag

    def alert(self, alert: Alert) -> Alert:
        self.batch.alerts.append(alert)
        return alert


def forty_stations(folder: Path, now_ns: int = NOW_NS) -> Network:
    """Most of it well; three offline, two faulted, one that fails to start, one site with a flaky link."""
    network = Network(folder, now_ns)
    places = {}
    for index in range(40):
        site, site_name = SITES[index % len(SITES)]
        vendor, model, firmware, current = MODELS[index % len(MODELS)]
        identity = f"CP-{site[:3].strip('-').upper()}-{index + 1:03d}"
        places[identity] = Place(
            station=identity,
            known=True,
            name=f"{site_name} {index // len(SITES) + 1}",
            site=site,
            site_name=site_name,
            operator="Stadtwerke",
            team="north" if index % 2 else "south",
            vendor=vendor,
            model=model,
            firmware=firmware,
            current=current,
            access="public",
            timezone="Europe/Berlin",
        )
        _station(network, identity, index)
    network.places = Places(places)
    _troubles(network, list(places))
    network.facts = [
        RuleFacts(
            rule="station_offline",
            detector="station_offline",
            title="Station offline",
            severity="warning",
            category="connectivity",
            hold="3m",
            cooldown="1h",
            settings={"critical_after": "15m"},
        ),
        RuleFacts(
            rule="dead_on_arrival",
            detector="zero_energy_session",
            title="Session without energy",
            severity="warning",
            category="failed_session",
            cooldown="1h",
            scope={"site": "depot-*", "current": "dc"},
            settings={"energy_kwh_max": "0.1", "duration_min": "2m"},
        ),
        RuleFacts(
            rule="faulted",
            detector="faulted",
            title="Connector faulted",
            severity="critical",
            category="hardware",
            hold="10s",
            settings={"debounce": "10s"},
        ),
        RuleFacts(
            rule="cloned_token_overlap",
            detector="cloned_token_overlap",
            title="One token, two sessions",
            severity="critical",
            category="fraud",
            settings={"distance_km_min": "1"},
        ),
    ]
    network.keep()
    return network


def _station(network: Network, identity: str, index: int) -> None:
    now, dice = network.now, network.random
    offline_ns = {5: 47 * MINUTE_NS, 17: 6 * HOUR_NS, 28: 4 * MINUTE_NS}.get(index)
    faulted_ns = {9: 22 * MINUTE_NS, 22: 3 * HOUR_NS}.get(index)
    connectors = [
        _socket(network, identity, number, index, offline_ns, faulted_ns if number == 1 else None)
        for number in range(1, 3 if index % 4 < 2 else 2)
    ]
    if index == 33:
        connectors = []
    online_since = now - (offline_ns or dice.randrange(2 * HOUR_NS, 9 * DAY_NS))
    network.station(
        Station(
            id=identity,
            online=offline_ns is None,
            since_ns=online_since,
            last_seen_ns=now - (offline_ns or dice.randrange(SECOND_NS, 50 * SECOND_NS)),
            connections=() if offline_ns else (1 << 32 | index,),
            upstream="main",
            version="2.0.1" if index % 7 == 3 else "1.6",
            remote_address=f"10.20.{index}.7:51{index:03d}",
            vendor=MODELS[index % 4][0],
            model=MODELS[index % 4][1],
            firmware=MODELS[index % 4][2],
            serial=f"SN{100200 + index}",
            boots=1 + index % 3,
            booted_at_ns=online_since,
            heartbeat_interval_s=300.0,
            connectors=tuple(connectors),
        )
    )
    for beat in range(6):
        network.talk(
            identity,
            now - (beat * 300 + 7) * SECOND_NS - 3 * (offline_ns or 0),
            "Heartbeat",
            {},
            {"currentTime": rfc3339(now)},
        )


def _socket(
    network: Network, identity: str, number: int, index: int, offline_ns: int | None, faulted_ns: int | None
) -> Connector:
    """A day of one socket, and how it stands now."""
    now, dice = network.now, network.random
    at = now - 30 * HOUR_NS - dice.randrange(HOUR_NS)
    end = now - (offline_ns or faulted_ns or 0)
    network.state(identity, number, S.AVAILABLE, at)
    status, since, current = S.AVAILABLE, at, None
    while True:
        at += dice.randrange(20 * MINUTE_NS, 5 * HOUR_NS)
        if at >= end:
            break
        length = dice.randrange(14 * MINUTE_NS, 95 * MINUTE_NS)
        session = _session(network, identity, number, index, at, length, end)
        network.state(identity, number, S.PREPARING, at - 40 * SECOND_NS)
        network.state(identity, number, S.CHARGING, at + 9 * SECOND_NS)
        status, since, current = S.CHARGING, at + 9 * SECOND_NS, session.id
        if at + length >= end:
            break
        parked = 0
        if dice.random() < 0.3:
            parked = dice.randrange(5 * MINUTE_NS, 50 * MINUTE_NS)
            network.state(identity, number, S.SUSPENDED_EV, at + length)
        network.state(identity, number, S.FINISHING, at + length + parked)
        at += length + parked + 3 * MINUTE_NS
        if at >= end:
            status, since, current = S.FINISHING, at - 3 * MINUTE_NS, None
            break
        network.state(identity, number, S.AVAILABLE, at)
        status, since, current = S.AVAILABLE, at, None
        if dice.random() < 0.06 and at + 50 * MINUTE_NS < end:
            network.state(identity, number, S.OFFLINE, at + 10 * MINUTE_NS)
            network.state(identity, number, S.AVAILABLE, at + dice.randrange(12, 50) * MINUTE_NS)
            at += 50 * MINUTE_NS
    reported = status
    if offline_ns or faulted_ns:
        status, since = (S.OFFLINE, now - offline_ns) if offline_ns else (S.FAULTED, end)
        network.state(identity, number, status, since)
    elif index == 12:
        status, since = S.UNAVAILABLE, now - 2 * HOUR_NS
        network.state(identity, number, status, since)
    elif index == 14 and number == 1:
        status, since = S.RESERVED, now - 12 * MINUTE_NS
        network.state(identity, number, status, since)
    power = dice.uniform(7_000, 168_000) if status is S.CHARGING else None
    return Connector(
        evse=None,
        connector=number,
        status=status,
        reported=reported if status is S.OFFLINE else status,
        since_ns=since,
        session=current if status is S.CHARGING else None,
        error_code="GroundFailure" if status is S.FAULTED else "NoError",
        vendor_error="E-417 RCD" if status is S.FAULTED else "",
        power_w=power,
    )


def _session(
    network: Network, identity: str, number: int, index: int, at: int, length: int, end: int
) -> Session:
    dice = network.random
    over = at + length < end
    failed = over and (dice.random() < 0.07 or index == 19)
    if failed:
        length = dice.randrange(20 * SECOND_NS, 4 * MINUTE_NS)
    power = dice.choice((7_200.0, 10_800.0, 62_000.0, 141_000.0))
    seconds = (min(at + length, network.now) - at) / SECOND_NS
    energy = 0.0 if failed else power * 0.82 * seconds / 3600
    identity_of = derived_id(identity, number, at)
    transaction = 40_000 + (at // SECOND_NS) % 9973
    token = "h:" + derived_id("token", dice.randrange(60))
    start, conf = network.talk(
        identity,
        at,
        "StartTransaction",
        {"connectorId": number, "idTag": token, "meterStart": 1_200_300, "timestamp": rfc3339(at)},
        {"transactionId": transaction, "idTagInfo": {"status": "Accepted"}},
        took_ns=dice.randrange(30, 900) * 1_000_000,
    )
    steps = [
        SessionStep(
            at_ns=at - 40 * SECOND_NS, name="created", milestone=True, text="Preparing: a plug went in"
        ),
        SessionStep(
            at_ns=at,
            name="starting",
            milestone=True,
            text=f"StartTransaction accepted as {transaction}",
            frames=(start, conf),
        ),
    ]
    if not failed:
        steps.append(
            SessionStep(at_ns=at + 9 * SECOND_NS, name="charging", milestone=True, text="status Charging")
        )
        step_ns = max(MINUTE_NS, length // 40)
        for moment in range(at + 30 * SECOND_NS, min(at + length, network.now), step_ns):
            share = (moment - at) / length
            shape = min(1.0, share * 12) * (1.0 if share < 0.55 else max(0.12, 1.55 - share))
            watts = power * shape * dice.uniform(0.97, 1.0)
            meter = SessionMetered(
                station=identity,
                at_ns=moment,
                session=identity_of,
                evse=None,
                connector=number,
                measured_at_ns=moment,
                energy_wh=energy * (moment - at) / max(1, min(at + length, network.now) - at),
                power_w=watts,
                current_a=watts / 400,
                voltage_v=398 + dice.uniform(-3, 3),
                soc_percent=round(14 + share * 66) if index % 2 else None,
            )
            network._note(moment, [meter])
    if over:
        steps.append(
            SessionStep(
                at_ns=at + length - 2 * SECOND_NS,
                name="stopping",
                milestone=True,
                text="RemoteStopTransaction accepted",
            )
        )
        stop, stop_conf = network.talk(
            identity,
            at + length,
            "StopTransaction",
            {
                "transactionId": transaction,
                "meterStop": 1_200_300 + int(energy),
                "reason": "Local",
                "timestamp": rfc3339(at + length),
            },
            {"idTagInfo": {"status": "Accepted"}},
        )
        name = "failed" if failed else "completed"
        steps.append(
            SessionStep(
                at_ns=at + length,
                name="stopped",
                milestone=True,
                text="StopTransaction, reason Local",
                frames=(stop, stop_conf),
            )
        )
        steps.append(SessionStep(at_ns=at + length + 40_000_000, name=name, milestone=True))
        steps.append(
            SessionStep(
                at_ns=at + length + 3 * MINUTE_NS, name="released", milestone=True, text="status Available"
            )
        )
    reason = (
        dice.choice((Reason.ZERO_ENERGY, Reason.EV_COMM, Reason.CONNECTIVITY, Reason.AUTH_TIMEOUT))
        if failed
        else None
    )
    blame = (
        {
            Reason.ZERO_ENERGY: Blame.CHARGER,
            Reason.EV_COMM: Blame.VEHICLE,
            Reason.CONNECTIVITY: Blame.NETWORK,
            Reason.AUTH_TIMEOUT: Blame.CSMS,
        }.get(reason)
        if reason
        else None
    )
    session = Session(
        id=identity_of,
        station=identity,
        connector=number,
        transaction=transaction,
        upstream="main",
        version="1.6",
        started_at_ns=at,
        stopped_at_ns=at + length if over else None,
        changed_at_ns=at + length if over else network.now,
        energy_wh=energy,
        meter_start_wh=1_200_300.0,
        meter_stop_wh=1_200_300.0 + energy if over else None,
        power_w=None if over else power,
        power_w_max=power,
        soc_percent=72.0 if index % 2 and not failed else None,
        outcome=Outcome.FAILED if failed else Outcome.SUCCESS if over else Outcome.ONGOING,
        reason=reason,
        blame=blame,
        blame_evidence=(
            Evidence(
                text=f"The socket closed 0.8 s after StartTransaction was accepted as {transaction}.",
                at_ns=at,
                frames=(start, conf),
            ),
            Evidence(
                text="No energy flowed: the register stood at 1200.30 kWh from start to stop.",
                frames=(start,),
            ),
        )
        if failed
        else (),
        stop_reason="Local" if over else None,
        start_source=dice.choice((StartSource.RFID, StartSource.REMOTE)),
        start_confidence=0.9,
        token=token,
        phase=Milestone.RELEASED if over else Milestone.CHARGING,
        steps=tuple(steps),
        revision=3,
    )
    network.session(session)
    return session


def _troubles(network: Network, stations: list[str]) -> None:
    now = network.now
    raised = [
        (
            stations[17],
            "station_offline",
            Category.CONNECTIVITY,
            Severity.CRITICAL,
            Blame.NETWORK,
            6 * HOUR_NS,
            "{} has had no link for 6 h",
            "Call the site: is there power, is the router up?",
        ),
        (
            stations[5],
            "station_offline",
            Category.CONNECTIVITY,
            Severity.CRITICAL,
            Blame.NETWORK,
            47 * MINUTE_NS,
            "{} has had no link for 47 min",
            "Call the site: is there power, is the router up?",
        ),
        (
            stations[28],
            "station_offline",
            Category.CONNECTIVITY,
            Severity.WARNING,
            Blame.NETWORK,
            4 * MINUTE_NS,
            "{} has had no link for 4 min",
            "Wait for 15 min, then call the site.",
        ),
        (
            stations[9],
            "faulted",
            Category.HARDWARE,
            Severity.CRITICAL,
            Blame.CHARGER,
            22 * MINUTE_NS,
            "{} connector 1 is faulted: GroundFailure (E-417 RCD)",
            "Do not reset from afar: a ground failure needs an electrician on site.",
        ),
        (
            stations[22],
            "faulted",
            Category.HARDWARE,
            Severity.CRITICAL,
            Blame.CHARGER,
            3 * HOUR_NS,
            "{} connector 1 is faulted: GroundFailure (E-417 RCD)",
            "Do not reset from afar: a ground failure needs an electrician on site.",
        ),
        (
            stations[19],
            "zero_energy_session",
            Category.FAILED_SESSION,
            Severity.WARNING,
            Blame.CHARGER,
            70 * MINUTE_NS,
            "{}: session ended after 3 min 12 s without energy",
            "Look at the connector's lock and contactor; try another vehicle.",
        ),
        (
            stations[31],
            "flapping",
            Category.CONNECTIVITY,
            Severity.WARNING,
            Blame.NETWORK,
            95 * MINUTE_NS,
            "{} reconnected 9 times within an hour",
            "Look at the modem's signal; the CSMS did not restart meanwhile.",
        ),
        (
            stations[3],
            "register_rollback",
            Category.METERING,
            Severity.WARNING,
            Blame.CHARGER,
            11 * HOUR_NS,
            "{}: the meter fell by 1.42 kWh within a transaction",
            "Bill this session by hand; ask the vendor about firmware 1.14.0.",
        ),
    ]
    for station, rule, category, severity, blame, since_ns, text, advice in raised:
        place_name = station
        call, answer = network.talk(
            station,
            now - since_ns,
            "StatusNotification",
            {
                "connectorId": 1,
                "errorCode": "GroundFailure" if rule == "faulted" else "NoError",
                "status": "Faulted" if rule == "faulted" else "Available",
                "vendorErrorCode": "E-417 RCD",
            },
            {},
        )
        flag = network.flag(
            Flag(
                id=derived_id(rule, station),
                rule=rule,
                detector=rule,
                category=category,
                severity=severity,
                key=station,
                station=station,
                connector=1,
                onset_at_ns=now - since_ns,
                at_ns=now - since_ns,
                summary=text.format(place_name),
                advice=advice,
                blame=blame,
                evidence=(
                    Evidence(
                        text=f"The last message came at {rfc3339(now - since_ns)[11:19]}; the link was closed by the network, without a close frame.",
                        at_ns=now - since_ns,
                        frames=(call, answer),
                    ),
                    Evidence(text="Other stations of the site talk as usual: 6 of 7 are online."),
                ),
                runbook="https://runbooks.example/ground-failure" if rule == "faulted" else "",
            )
        )
        acknowledged = station == stations[22]
        network.alert(
            Alert(
                id=derived_id("alert", rule, station),
                state=AlertState.ACKNOWLEDGED if acknowledged else AlertState.FIRING,
                group=f"rule={rule},station={station}",
                receivers=("file", "oncall"),
                flags=(flag.id,),
                flag_count=1,
                open_count=1,
                raised_count=1,
                severity=severity,
                rule=rule,
                category=category.value,
                station=station,
                connector=1,
                site="hafen",
                summary=flag.summary,
                advice=advice,
                runbook=flag.runbook,
                blame=blame,
                started_at_ns=flag.onset_at_ns,
                at_ns=flag.at_ns,
                acknowledged_by="Ana" if acknowledged else "",
                acknowledged_at_ns=now - 2 * HOUR_NS if acknowledged else None,
                revision=1,
            )
        )
    for index in range(6):
        station = stations[index * 5 + 1]
        network.flag(
            Flag(
                id=derived_id("old", station),
                rule="csms_slow",
                detector="csms_slow",
                category=Category.CONNECTIVITY,
                severity=Severity.WARNING,
                key=station,
                station=station,
                state=FlagState.CLEARED,
                onset_at_ns=now - (index + 3) * HOUR_NS,
                at_ns=now - (index + 2) * HOUR_NS,
                summary=f"{station}: the CSMS answered Authorize after {index + 11}.2 s",
                blame=Blame.CSMS,
                cleared_because="answers come within a second again",
            )
        )
    network.talk(
        stations[19],
        now - 71 * MINUTE_NS,
        "Authorize",
        {"idTag": "h:0011223344556677"},
        ["InternalError", "database is locked"],
        took_ns=12 * SECOND_NS,
    )
    network.talk(
        stations[19],
        now - 69 * MINUTE_NS,
        "MeterValues",
        {
            "connectorId": 1,
            "meterValue": [{"timestamp": rfc3339(now), "sampledValue": [{"value": "1200300", "unit": "Wh"}]}],
        },
        None,
    )


def many_stations(folder: Path, count: int, now_ns: int = NOW_NS) -> Network:
    """A large fleet in memory; the store has an hour of states of each."""
    network = Network(folder, now_ns)
    places = {}
    for index in range(count):
        identity = f"CP{index:05d}"
        status = S.CHARGING if index % 3 == 0 else S.FAULTED if index % 97 == 1 else S.AVAILABLE
        online = index % 53 != 2
        network.stations[identity] = Station(
            id=identity,
            online=online,
            since_ns=now_ns - index * SECOND_NS,
            last_seen_ns=now_ns,
            connectors=tuple(
                Connector(
                    evse=None,
                    connector=number,
                    status=status if online else S.OFFLINE,
                    reported=status,
                    since_ns=now_ns - HOUR_NS,
                )
                for number in (1, 2)
            ),
        )
        places[identity] = Place(
            station=identity,
            known=True,
            name=f"Site {index // 10} post {index % 10}",
            site=f"site-{index // 10}",
        )
        if index < 300:
            network.state(identity, 1, status, now_ns - HOUR_NS)
    network.places = Places(places)
    network.keep()
    return network


@asynccontextmanager
async def served(network: Network, settings: ConsoleSettings | None = None) -> AsyncIterator[str]:
    """The console's address while the block runs."""
    settings = settings or ConsoleSettings(listen="127.0.0.1:0", timezone="Europe/Berlin")
    async with trio.open_nursery() as nursery:
        addresses = await nursery.start(lambda task_status: serve(network, settings, task_status=task_status))
        yield addresses[0]
        nursery.cancel_scope.cancel()
