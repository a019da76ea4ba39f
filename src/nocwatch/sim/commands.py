"""What a simulated station does when its CSMS wants something: starts and stops, locks, limits, settings, resets. Version-neutral.

A dialect reads the call, asks here, and words the answer. What drivers do is in ``visit``, the station's own life in ``station``.

What always holds: a command changes what the station means to do and returns at once; what takes time (a visit, a reset) goes on beside.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import trio

from nocwatch.flags import Blame
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim.parts import Booking, Connector, Interrupt, RemoteStart
from nocwatch.sim.wire import Payload

if TYPE_CHECKING:
    from nocwatch.sim.station import SimStation


class Commands:
    """The commands of one station.

    Attributes:
        settings: what the CSMS may change, by 1.6's names: text, as on the wire.
    """

    def __init__(self, station: SimStation) -> None:
        self._station = station
        self.settings = {
            "HeartbeatInterval": str(int(station.heartbeat_s)),
            "MeterValueSampleInterval": str(int(station.profile.meter_interval_s)),
            "ConnectionTimeOut": str(int(station.profile.connection_timeout_s)),
            "WebSocketPingInterval": "60",
        }

    def remote_start(self, number: int | None, request: RemoteStart) -> bool:
        """Takes a remote start; a driver who waits at the connector goes on, otherwise it waits for a cable."""
        connector = (
            self._find(number)
            if number
            else next((c for c in self._station.connectors if _startable(c)), None)
        )
        if connector is None or not _startable(connector):
            self._refused(connector or self._station.connectors[0], request)
            return False
        request = replace(request, at_ns=self._station.clock.now_ns())
        if connector.ignore_remote_start:
            self._station.no_transaction(connector, request)
            return True
        if connector.remote_start is not None:
            self._station.no_transaction(connector, connector.remote_start)  # the newer one takes its place
        connector.remote_start = request
        if connector.waiting_for_cable:
            connector.wake()
        elif self._station.no_show:
            self._station.spawn(self._station.no_show, self._station, connector)
        return True

    def unheard(self, text: str) -> None:
        """As ``missed``, over a socket that the station reads no more: nobody can say since when, and whose doing that is."""
        self.missed(text, Blame.UNKNOWN)

    def missed(self, text: str, blame: Blame | None = None) -> None:
        """A message of the CSMS did not get here: who waits for a remote start sees nothing happen, and the station knows of nobody."""
        match msgspec.json.decode(text):
            case [2, str(), "RemoteStartTransaction" | "RequestStartTransaction", dict() as payload]:
                number = payload.get("connectorId") or payload.get("evseId")
                token = payload.get("idTag") or payload["idToken"]["idToken"]
            case _:
                return
        self._station.tell_attempt(
            self._find(number) or self._station.connectors[0],
            outcome=Outcome.FAILED,
            reason=Reason.CONNECTIVITY,
            blame=blame or self._station.uplink.ended_by,
            token=token,
            start_source=StartSource.REMOTE,
            started_at_ns=self._station.clock.now_ns(),
            cause="missed",
        )

    def _refused(self, connector: Connector, request: RemoteStart) -> None:
        """Somebody asked for it, and got nothing: by the CSMS, which ought to know what is in use, or by a connector that is broken."""
        broken = not connector.operative or connector.status in ("Faulted", "Unavailable")
        self._station.tell_attempt(
            connector,
            outcome=Outcome.FAILED,
            reason=Reason.REMOTE_START_REJECTED,
            blame=Blame.CHARGER if broken else Blame.CSMS,
            token=request.token,
            start_source=StartSource.REMOTE,
            started_at_ns=self._station.clock.now_ns(),
        )

    def remote_stop(self, transaction_id: object) -> bool:
        for connector in self._station.connectors:
            if (
                connector.transaction
                and connector.transaction.id == transaction_id
                and not connector.transaction.ended
            ):
                connector.interrupt(Interrupt("remote_stop"))
                return True
        return False

    def reserve(self, number: int | None, booking: Booking, until_ns: int) -> str:
        """Keeps a free connector for a driver; the word for the CSMS."""
        wanted = [c for c in self._station.connectors if number in (None, 0, c.socket.number)]
        connector = next((c for c in wanted if _startable(c) and c.status == "Available"), None)
        if connector is None:
            broken = all(c.status == "Faulted" for c in wanted)
            return "Rejected" if not wanted else "Faulted" if broken else "Occupied"
        if connector.busy.locked():
            return "Occupied"
        connector.booking = booking
        self._station.set_status(connector, "Reserved")
        self._station.spawn(self._expire, connector, booking, until_ns)
        return "Accepted"

    async def _expire(self, connector: Connector, booking: Booking, until_ns: int) -> None:
        await trio.sleep(max(0.0, (until_ns - self._station.clock.now_ns()) / 1e9))
        if self._release(connector, booking.number):
            self._station.enqueue(self._station.dialect.reservation_over(booking.number, "Expired"))

    def cancel_reservation(self, number: object) -> bool:
        return any(self._release(connector, number) for connector in self._station.connectors)

    def _release(self, connector: Connector, number: object) -> bool:
        """Nobody came for it, or nobody is to."""
        if connector.booking is None or connector.booking.number != number or connector.status != "Reserved":
            return False
        connector.booking = None
        self._station.set_status(connector, "Available")
        return True

    def unlock(self, number: object) -> bool:
        connector = self._find(number)
        if connector is None:
            return False
        if connector.transaction:
            connector.interrupt(Interrupt("unlock"))
        return True

    def change_availability(self, number: object, *, operative: bool) -> str:
        connectors = [c for c in self._station.connectors if number in (None, c.socket.number)]
        if not connectors:
            return "Rejected"
        for connector in connectors:
            connector.operative = operative
            self._station.set_status(connector, connector.status)
        return "Scheduled" if any(c.transaction for c in connectors) else "Accepted"

    def limit_power(self, number: object, profile: Payload) -> None:
        """A charging profile's first period holds until the next profile: of the transaction, or of all to come; 0 suspends."""
        schedule = profile["chargingSchedule"]
        if isinstance(schedule, list):
            schedule = schedule[0]
        limit = float(schedule["chargingSchedulePeriod"][0]["limit"])
        watts = limit if schedule.get("chargingRateUnit") == "W" else limit * 230 * 3
        for connector in self._station.connectors:
            if number in (None, connector.socket.number):
                watts = min(watts, connector.socket.power_w)
                if profile.get("chargingProfilePurpose") != "TxProfile":
                    connector.default_limit_w = watts
                connector.meter.limit(self._station.pace.now(), watts)
                connector.wake()

    def configuration(self) -> dict[str, tuple[str, bool]]:
        """Setting → (value, read-only)."""
        own = {key: (value, False) for key, value in self.settings.items()}
        return own | {
            "NumberOfConnectors": (str(len(self._station.connectors)), True),
            "SupportedFeatureProfiles": (
                "Core,FirmwareManagement,RemoteTrigger,Reservation,SmartCharging",
                True,
            ),
            "AuthorizeRemoteTxRequests": ("false", False),
            "MeterValuesSampledData": (
                "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC",
                False,
            ),
        }

    def configure(self, key: str, value: str) -> str:
        """Sets a setting; the word for the CSMS."""
        if key not in self.settings:
            return (
                "Rejected"
                if key in self.configuration()
                else ("NotSupported" if self._station.dialect.version == "1.6" else "UnknownVariable")
            )
        if not value.isdigit():
            return "Rejected"
        self.settings[key] = value
        if key == "HeartbeatInterval" and int(value) > 0:
            self._station.heartbeat_s = float(value)
        return "Accepted"

    def reset_soon(self, reason: str, *, resume: bool = False) -> None:
        """The CSMS ordered a reset."""
        again = partial(self._station.reboot, reason, "RemoteReset", 3.0, ordered=True, resume=resume)
        self._station.spawn(again)

    def _find(self, number: object) -> Connector | None:
        return next((c for c in self._station.connectors if c.socket.number == number), None)


def _startable(connector: Connector) -> bool:
    """Free, or taken by a cable alone."""
    transaction = connector.transaction
    return (
        (transaction is None or (connector.waiting_for_cable and not transaction.authorised))
        and connector.operative
        and connector.status in ("Available", "Preparing")
    )
