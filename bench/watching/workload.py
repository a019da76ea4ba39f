"""A journal as a relay before a real fleet would write it: seeded, so that two runs read the same bytes.

Two thirds of the stations speak OCPP 1.6, the others 2.0.1; each has two sockets. They boot, beat every five minutes,
charge for 20 to 60 minutes with meter values each minute, and rest. Of the sessions a twentieth goes wrong: without
energy, with a fault, with a rejected token, or with a stop that never comes; some links break and come back. Stations'
frames are masked as on the wire, and the relay ticks once a second.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.moments import SECOND_NS
from nocwatch.records import RecordKind

START_NS = 1_790_000_000 * SECOND_NS
BOOT_S = 60.0
HEARTBEAT_S = 300.0
METER_S = 60.0
ANSWER_S = (0.02, 0.25)
FLUSH_EVERY = 4096

Payload = dict[str, Any]
Made = tuple[int, RecordKind, int, int, bytes]
"""(at_ns, kind, connection, direction, data)"""


def write_journal(path: Path, stations: int, records: int, seed: int) -> int:
    """Makes the journal. Returns how many records it has: ``records``."""
    written = 0
    settings = JournalSettings.model_validate({"path": path, "keep_for": "36600d"})
    with Writer(path, 0, settings) as writer:
        for at_ns, kind, connection, direction, data in made(stations, records, seed):
            writer.add(at_ns, kind, connection, direction, data)
            written += 1
            if written % FLUSH_EVERY == 0:
                writer.flush_sync()
        writer.flush_sync(durable=True)
    return written


def made(stations: int, records: int, seed: int) -> Iterator[Made]:
    """The first so many records of the fleet's life."""
    world = _World(random.Random(seed))
    for number in range(stations):
        station = (_Station16 if number % 3 else _Station201)(world, number)
        world.after(world.random.uniform(0, BOOT_S), station.boot)
    world.after(0.0, world.tick)
    return world.run(records)


class _World:
    """Time, and what happens next."""

    def __init__(self, dice: random.Random) -> None:
        self.random = dice
        self.now_ns = START_NS
        self.chunks = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._out: list[Made] = []
        self._connection = START_NS // SECOND_NS << 32

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._due, (self.now_ns + int(seconds * SECOND_NS), self._order, do))

    def run(self, records: int) -> Iterator[Made]:
        given = 0
        while given < records:
            self.now_ns, _, do = heapq.heappop(self._due)
            do()
            for each in self._out:
                if given < records:
                    yield each
                    given += 1
            self._out.clear()

    def put(self, kind: RecordKind, connection: int, direction: int, data: bytes) -> None:
        self.chunks += kind is RecordKind.CHUNK
        self._out.append((self.now_ns, kind, connection, direction, data))

    def connection(self) -> int:
        self._connection += 1
        return self._connection

    def text(self) -> str:
        return datetime.fromtimestamp(self.now_ns / SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def tick(self) -> None:
        names = (
            "accepted",
            "links",
            "links_open",
            "chunks_from_station",
            "chunks_from_csms",
            "journal_records",
        )
        names += (
            "bytes_from_station",
            "bytes_from_csms",
            "stalls",
            "pump_errors",
            "recorder_errors",
            "journal_bytes",
        )
        counters = {
            **dict.fromkeys(names, self.chunks),
            "upstream_up_main": 1,
            "draining": 0,
            "journal_dropped_records": 0,
        }
        self.put(RecordKind.TICK, 0, 0, json.dumps(counters).encode())
        self.after(1.0, self.tick)


class _Station:
    """What both versions have in common: a link, a heart, and visitors."""

    subprotocol: str

    def __init__(self, world: _World, number: int) -> None:
        self.world, self.random = world, world.random
        self.name = f"DE*BENCH*{number:05d}"
        self.number = number
        self.online = False
        self._connection = 0
        self._message = 0
        self._meter_wh = [self.random.uniform(1e4, 1e7), self.random.uniform(1e4, 1e7)]

    # The link.

    def connect(self) -> None:
        self._connection = self.world.connection()
        self.online = True
        self._link(
            "open",
            subprotocol=self.subprotocol,
            http_status=101,
            remote_address=f"10.{self.number >> 8 & 255}.{self.number & 255}.9:{self.random.randint(1024, 65535)}",
        )

    def breaks(self) -> None:
        if self.online:
            self.online = False
            self._link("closed", by="station", reason="reset")
            self.world.after(self.random.choice((2.0, 20.0, 240.0)), self.connect)
        self.world.after(self.random.expovariate(1 / (12 * 3600.0)), self.breaks)

    def _link(self, event: str, **fields: object) -> None:
        told = {
            "event": event,
            "station": self.name,
            "upstream": "main",
            "extensions": "",
            "by": "",
            "reason": "",
            **fields,
        }
        self.world.put(RecordKind.LINK, self._connection, 0, json.dumps(told).encode())

    # Messages.

    def call(
        self, action: str, payload: Payload, answer: Payload, then: Callable[[], None] = lambda: None
    ) -> None:
        """The station's CALL, and its answer a moment later; ``then`` when that has come."""
        if not self.online:
            self.world.after(5.0, then)
            return
        unique, connection = self._unique(), self._connection
        self._says([2, unique, action, payload])

        def answered() -> None:
            if connection == self._connection and self.online:
                self._hears([3, unique, answer])
            then()

        self.world.after(self.random.uniform(*ANSWER_S), answered)

    def ordered(self, action: str, payload: Payload) -> None:
        """The CSMS's CALL, which the station accepts."""
        if not self.online:
            return
        unique, connection = self._unique(), self._connection
        self._hears([2, unique, action, payload])

        def answered() -> None:
            if connection == self._connection and self.online:
                self._says([3, unique, {"status": "Accepted"}])

        self.world.after(self.random.uniform(*ANSWER_S), answered)

    def _says(self, message: list[Any]) -> None:
        mask = self.random.getrandbits(32).to_bytes(4, "big")
        self.world.put(
            RecordKind.CHUNK,
            self._connection,
            0,
            _frame(json.dumps(message, separators=(",", ":")).encode(), mask),
        )

    def _hears(self, message: list[Any]) -> None:
        self.world.put(
            RecordKind.CHUNK,
            self._connection,
            1,
            _frame(json.dumps(message, separators=(",", ":")).encode(), None),
        )

    def _unique(self) -> str:
        self._message += 1
        return f"{self.number:08x}-0000-4000-8000-{self._message:012x}"

    # The heart and the visitors.

    def begin(self) -> None:
        self.world.after(self.random.uniform(0, HEARTBEAT_S), self.beat)
        self.world.after(self.random.expovariate(1 / (12 * 3600.0)), self.breaks)
        for socket in (1, 2):
            self.world.after(self.random.uniform(0, 3600.0), lambda socket=socket: self.visited(socket))  # type: ignore[misc]

    def beat(self) -> None:
        self.call("Heartbeat", {}, {"currentTime": self.world.text()})
        self.world.after(HEARTBEAT_S, self.beat)

    def visited(self, socket: int) -> None:
        kind = self.random.random()
        visit = _Visit(self, socket, "app" if kind < 0.3 else "card", self.random.uniform(1200, 3600))
        visit.wrong = (
            self.random.choice(("no_energy", "fault", "rejected", "no_stop"))
            if self.random.random() < 0.05
            else ""
        )
        self.arrives(visit)
        self.world.after(visit.lasts_s + self.random.uniform(600, 7200), lambda: self.visited(socket))

    def boot(self) -> None:
        raise NotImplementedError

    def arrives(self, visit: _Visit) -> None:
        raise NotImplementedError

    def meter(self, visit: _Visit) -> tuple[float, float, float]:
        """(register Wh, power W, state of charge %), a minute later."""
        power = 0.0 if visit.wrong == "no_energy" else self.random.uniform(9_000, 11_000)
        self._meter_wh[visit.socket - 1] += power * METER_S / 3600
        visit.soc = min(100.0, visit.soc + power / 50_000 * 100 / 60)
        return self._meter_wh[visit.socket - 1], power, visit.soc


class _Visit:
    """One car at one socket."""

    def __init__(self, station: _Station, socket: int, way: str, lasts_s: float) -> None:
        self.socket, self.way, self.lasts_s = socket, way, lasts_s
        self.token = f"{station.random.getrandbits(56):014X}"
        self.ends_ns = station.world.now_ns + int(lasts_s * SECOND_NS)
        self.transaction = station.random.getrandbits(30)
        self.soc = station.random.uniform(5, 60)
        self.sequence = 0
        self.wrong = ""


class _Station16(_Station):
    subprotocol = "ocpp1.6"

    def boot(self) -> None:
        self.connect()
        who = {
            "chargePointVendor": "Bench",
            "chargePointModel": "AC22",
            "firmwareVersion": "1.4.2",
            "chargePointSerialNumber": self.name,
        }
        answer = {"status": "Accepted", "currentTime": self.world.text(), "interval": int(HEARTBEAT_S)}
        self.call(
            "BootNotification",
            who,
            answer,
            lambda: [self._status(n, "Available") for n in (0, 1, 2)] and self.begin(),
        )

    def _status(self, socket: int, status: str, error: str = "NoError") -> None:
        self.call(
            "StatusNotification",
            {"connectorId": socket, "errorCode": error, "status": status, "timestamp": self.world.text()},
            {},
        )

    def arrives(self, visit: _Visit) -> None:
        self._status(visit.socket, "Preparing")
        if visit.way == "app":
            self.ordered("RemoteStartTransaction", {"connectorId": visit.socket, "idTag": visit.token})
        status = "Invalid" if visit.wrong == "rejected" else "Accepted"
        then = self._leaves if visit.wrong == "rejected" else self._starts
        self.world.after(
            3.0,
            lambda: self.call(
                "Authorize", {"idTag": visit.token}, {"idTagInfo": {"status": status}}, lambda: then(visit)
            ),
        )

    def _starts(self, visit: _Visit) -> None:
        start = {
            "connectorId": visit.socket,
            "idTag": visit.token,
            "meterStart": int(self._meter_wh[visit.socket - 1]),
            "timestamp": self.world.text(),
        }
        answer = {"transactionId": visit.transaction, "idTagInfo": {"status": "Accepted"}}
        self.call("StartTransaction", start, answer, lambda: self._charges(visit))

    def _charges(self, visit: _Visit) -> None:
        self._status(visit.socket, "Charging")
        if visit.wrong == "fault":
            self.world.after(400.0, lambda: self._status(visit.socket, "Faulted", "GroundFailure"))
        self.world.after(METER_S, lambda: self._meters(visit))

    def _meters(self, visit: _Visit) -> None:
        if self.world.now_ns >= visit.ends_ns:
            self._stops(visit)
            return
        register, power, soc = self.meter(visit)
        common = {"context": "Sample.Periodic", "location": "Outlet"}
        values = [
            {
                "value": f"{register:.0f}",
                "measurand": "Energy.Active.Import.Register",
                "unit": "Wh",
                **common,
            },
            {"value": f"{power:.0f}", "measurand": "Power.Active.Import", "unit": "W", **common},
            *(
                {
                    "value": f"{power / 690:.2f}",
                    "measurand": "Current.Import",
                    "unit": "A",
                    "phase": f"L{n}",
                    **common,
                }
                for n in (1, 2, 3)
            ),
            {
                "value": f"{soc:.0f}",
                "measurand": "SoC",
                "unit": "Percent",
                "context": "Sample.Periodic",
                "location": "EV",
            },
        ]
        sampled = {"timestamp": self.world.text(), "sampledValue": values}
        self.call(
            "MeterValues",
            {"connectorId": visit.socket, "transactionId": visit.transaction, "meterValue": [sampled]},
            {},
        )
        self.world.after(METER_S, lambda: self._meters(visit))

    def _stops(self, visit: _Visit) -> None:
        if visit.wrong != "no_stop":
            stop = {
                "transactionId": visit.transaction,
                "meterStop": int(self._meter_wh[visit.socket - 1]),
                "timestamp": self.world.text(),
                "reason": "Local",
                "idTag": visit.token,
            }
            self.call(
                "StopTransaction",
                stop,
                {"idTagInfo": {"status": "Accepted"}},
                lambda: self._status(visit.socket, "Finishing"),
            )
        self.world.after(60.0, lambda: self._leaves(visit))

    def _leaves(self, visit: _Visit) -> None:
        self._status(visit.socket, "Available")


class _Station201(_Station):
    subprotocol = "ocpp2.0.1"

    def boot(self) -> None:
        self.connect()
        who = {
            "reason": "PowerUp",
            "chargingStation": {
                "vendorName": "Bench",
                "model": "DC150",
                "serialNumber": self.name,
                "firmwareVersion": "3.0.1",
            },
        }
        answer = {"status": "Accepted", "currentTime": self.world.text(), "interval": int(HEARTBEAT_S)}
        self.call(
            "BootNotification",
            who,
            answer,
            lambda: [self._status(n, "Available") for n in (1, 2)] and self.begin(),
        )

    def _status(self, evse: int, status: str) -> None:
        self.call(
            "StatusNotification",
            {"timestamp": self.world.text(), "connectorStatus": status, "evseId": evse, "connectorId": 1},
            {},
        )

    def arrives(self, visit: _Visit) -> None:
        self._status(visit.socket, "Occupied")
        if visit.way == "app":
            order = {
                "evseId": visit.socket,
                "remoteStartId": visit.transaction & 0xFFFF,
                "idToken": {"idToken": visit.token, "type": "Central"},
            }
            self.ordered("RequestStartTransaction", order)
        self.world.after(3.0, lambda: self._starts(visit))

    def _starts(self, visit: _Visit) -> None:
        rejected = visit.wrong == "rejected"
        token = {"idToken": {"idToken": visit.token, "type": "ISO14443"}}
        answer = {"idTokenInfo": {"status": "Invalid" if rejected else "Accepted"}}
        self._event(visit, "Started", "Authorized", {"chargingState": "EVConnected"}, token, answer)
        if rejected:
            self.world.after(20.0, lambda: self._stops(visit))
            return
        self.world.after(
            5.0, lambda: self._event(visit, "Updated", "ChargingStateChanged", {"chargingState": "Charging"})
        )
        self.world.after(METER_S, lambda: self._meters(visit))

    def _meters(self, visit: _Visit) -> None:
        if self.world.now_ns >= visit.ends_ns:
            self._stops(visit)
            return
        register, power, soc = self.meter(visit)
        common = {"context": "Sample.Periodic", "location": "Outlet"}
        values = [
            {
                "value": round(register, 1),
                "measurand": "Energy.Active.Import.Register",
                "unitOfMeasure": {"unit": "Wh"},
                **common,
            },
            {
                "value": round(power, 1),
                "measurand": "Power.Active.Import",
                "unitOfMeasure": {"unit": "W"},
                **common,
            },
            {
                "value": round(power / 800, 1),
                "measurand": "Current.Import",
                "unitOfMeasure": {"unit": "A"},
                **common,
            },
            {
                "value": round(soc),
                "measurand": "SoC",
                "unitOfMeasure": {"unit": "Percent"},
                "context": "Sample.Periodic",
                "location": "EV",
            },
        ]
        sampled = {"meterValue": [{"timestamp": self.world.text(), "sampledValue": values}]}
        self._event(visit, "Updated", "MeterValuePeriodic", {"chargingState": "Charging"}, sampled)
        self.world.after(METER_S, lambda: self._meters(visit))

    def _stops(self, visit: _Visit) -> None:
        if visit.wrong != "no_stop":
            info = {
                "chargingState": "EVConnected",
                "stoppedReason": "DeAuthorized" if visit.wrong == "rejected" else "Local",
            }
            self._event(visit, "Ended", "StopAuthorized", info)
        self.world.after(60.0, lambda: self._status(visit.socket, "Available"))

    def _event(
        self,
        visit: _Visit,
        kind: str,
        trigger: str,
        info: Payload,
        more: Payload | None = None,
        answer: Payload | None = None,
    ) -> None:
        payload = {
            "eventType": kind,
            "timestamp": self.world.text(),
            "triggerReason": trigger,
            "seqNo": visit.sequence,
            "transactionInfo": {"transactionId": f"{self.number:08x}-{visit.transaction:08x}", **info},
            "evse": {"id": visit.socket, "connectorId": 1},
            **(more or {}),
        }
        visit.sequence += 1
        self.call("TransactionEvent", payload, answer or {})


def _frame(payload: bytes, mask: bytes | None) -> bytes:
    """A text frame [RFC 6455 §5.2]."""
    size, bit = len(payload), 0x80 if mask else 0
    head = bytes((0x81, bit | size)) if size < 126 else bytes((0x81, bit | 126)) + size.to_bytes(2, "big")
    if mask is None:
        return head + payload
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
