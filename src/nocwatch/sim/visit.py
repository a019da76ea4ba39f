"""One driver at one connector: from the first act to the free socket, with whatever goes wrong meanwhile.

The plan says what the driver, the car and the hardware mean to do; remote stops, refusals, faults and resets cut in. The
outcome that is told as truth follows from what really happened.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from nocwatch.flags import Blame
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim.parts import Connector, Interrupt, Message, RemoteStart, Transaction
from nocwatch.sim.physics import Reading
from nocwatch.sim.plan import Plan
from nocwatch.sim.station import SimStation
from nocwatch.sim.truth import CONNECTIVITY, Truth, verdict
from nocwatch.sim.wire import Payload

APP_WAIT_S = 45.0
"""A driver who started in the app and sees nothing happen takes his card after that."""

_SOURCES = {
    "free": StartSource.FREE,
    "plug_and_charge": StartSource.PLUG_AND_CHARGE,
    "app": StartSource.REMOTE,
}
_FAULT_STOPS = {
    "GroundFailure": "GroundFault",
    "OverCurrentFailure": "OvercurrentFault",
    "UnderVoltage": "PowerQuality",
    "OverVoltage": "PowerQuality",
}


async def visit(station: SimStation, connector: Connector, plan: Plan) -> None:
    """Plays the plan once the connector is free of other players."""
    async with connector.busy:
        connector.forget_interrupts()
        play = _Play(station, connector, plan)
        try:
            await play.run()
        finally:
            connector.meter.switch(station.pace.now(), on=False)
            connector.meter.connect(None, 0.0)
            connector.remote_start, connector.waiting_for_cable, connector.transaction = None, False, None


async def no_show(station: SimStation, connector: Connector, request: RemoteStart) -> None:
    """A remote start to which nobody plugs in: the station waits and gives up."""
    if connector.busy.locked():
        return
    async with connector.busy:
        started_at_ns = station.clock.now_ns()
        station.set_status(connector, "Preparing" if station.dialect.version == "1.6" else "Available")
        await connector.pause(station.pace, station.connection_timeout_s)
        connector.remote_start = None
        if connector.status == "Preparing":
            station.set_status(connector, "Available")
        known = {"token": request.token, "start_source": StartSource.REMOTE, "started_at_ns": started_at_ns}
        judged = {"outcome": Outcome.FAILED, "reason": Reason.REMOTE_START_NO_TX, "blame": Blame.DRIVER}
        station.tell(_attempt(station, connector, **known, **judged))


class _Play:
    """The visit under way."""

    def __init__(self, station: SimStation, connector: Connector, plan: Plan) -> None:
        self.station, self.connector, self.plan = station, connector, plan
        self.dialect, self.pace = station.dialect, station.pace
        self.token, self.token_type = plan.token, plan.token_type
        self.source = _SOURCES.get(plan.start, StartSource.RFID)
        self.tx: Transaction | None = None
        self.began_at_ns = station.clock.now_ns()
        self.next_sample_s = 0.0
        self.started_s = 0.0
        self.remote_id: int | None = None

    async def run(self) -> None:
        station, plan = self.station, self.plan
        station.acted(
            f"connector {self.connector.socket.number}",
            f"{plan.start} {plan.token} {plan.stop} {plan.cause}".strip(),
        )
        if plan.start == "rfid":
            ready = await self._card_then_cable()
        else:
            ready = await self._cable_then_act()
        if not ready:
            self._leave()
            return
        stop_reason, trigger = await self._charge()
        if plan.stop == "lost" and stop_reason == "Local":
            self._lose_the_stop()
        else:
            await self._stop(stop_reason, trigger)
        if stop_reason not in ("HardReset", "SoftReset", "ImmediateReset", "Reboot"):
            self._status("Finishing")
        if plan.stop != "lost":
            await self.connector.pause(self.pace, plan.linger_s)
        self._leave()

    # Before the transaction

    async def _card_then_cable(self) -> bool:
        if not await self._authorise():
            return False
        self._status("Preparing")
        if self.plan.no_plug:
            await self.connector.pause(self.pace, self.station.connection_timeout_s)
            self._attempt(Outcome.CANCELLED, Reason.AUTH_UNUSED, Blame.DRIVER)
            return False
        await self.connector.pause(self.pace, self.plan.act_s)
        self._plug()
        self._begin("Authorized", authorised=True)
        return True

    async def _cable_then_act(self) -> bool:
        plan, station = self.plan, self.station
        self._plug()
        self._status("Preparing")
        early = station.profile.hardware.tx_start_point == "EVConnected" and self.dialect.version != "1.6"
        if early:
            self._begin("CablePluggedIn", authorised=False)
        if plan.start == "app" and await self._wait_for_remote_start():
            trigger = "RemoteStart"
        else:
            await self.connector.pause(self.pace, plan.act_s)
            if plan.start == "free":
                self.token, self.token_type = self.token or "FREE", "NoAuthorization"
            elif not await self._authorise(end_with=early):
                return False
            trigger = "Authorized"
        if self.tx is None:
            self._begin(trigger, authorised=True)
        else:
            self.tx.authorised, self.tx.token, self.tx.token_type, self.tx.source = (
                True,
                self.token,
                self.token_type,
                self.source,
            )
            self.tx.remote_id = self.remote_id
            station.enqueue(self.dialect.tx_authorised(self.tx, trigger))
        return True

    async def _wait_for_remote_start(self) -> bool:
        connector = self.connector
        until_s = self.pace.now() + APP_WAIT_S
        connector.waiting_for_cable = True
        while connector.remote_start is None and self.pace.now() < until_s:
            await connector.pause(self.pace, until_s - self.pace.now())
        connector.waiting_for_cable = False
        request, connector.remote_start = connector.remote_start, None
        if request is None:
            self.source = StartSource.RFID
            return False
        self.token, self.token_type, self.remote_id = request.token, request.token_type, request.remote_id
        return True

    async def _authorise(self, *, end_with: bool = False) -> bool:
        status = await self.station.authorize(self.token, self.token_type)
        if status == "Accepted":
            return True
        if end_with and self.tx:
            await self.connector.pause(self.pace, self.plan.linger_s)
            self.tx.refused = True
            await self._stop("EVDisconnected", "EVCommunicationLost")
        elif status is None:
            self._attempt(Outcome.FAILED, Reason.AUTH_TIMEOUT, Blame.CSMS)
        else:
            self._attempt(Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER)
        return False

    def _plug(self) -> None:
        self.connector.meter.connect(self.plan.vehicle, self.connector.socket.power_w)

    def _begin(self, trigger: str, *, authorised: bool) -> None:
        meter, station = self.connector.meter, self.station
        meter.advance(self.pace.now())
        self.tx = Transaction(
            connector=self.connector,
            token=self.token,
            token_type=self.token_type,
            source=self.source,
            started_at_ns=station.clock.now_ns(),
            meter_start_wh=meter.shown_wh(),
            real_start_wh=meter.register_wh,
            remote_id=self.remote_id,
            authorised=authorised,
            late=not station.online,
        )
        self.connector.transaction = self.tx
        self.started_s = self.pace.now()
        station.enqueue(self.dialect.tx_start(self.tx, trigger) * self.plan.start_copies)

    # Energy

    async def _charge(self) -> tuple[str, str]:
        """Plays the phases; the reason and the trigger of the stop."""
        assert self.tx is not None
        if interrupt := await self.connector.pause(self.pace, 2.0):
            return self._interrupted(interrupt)
        self.next_sample_s = self.pace.now() + (self.station.meter_interval_s or float("inf"))
        for name, seconds in self.plan.phases:
            self._enter(name)
            until_s = self.pace.now() + seconds
            while self.pace.now() < until_s:
                wait_s = min(until_s, self.next_sample_s) - self.pace.now()
                if interrupt := await self.connector.pause(self.pace, wait_s):
                    return self._interrupted(interrupt)
                if name == "charge" and self.plan.vehicle.full:
                    self._enter("suspended_ev")
                self._sample_when_due()
        return self._planned_stop()

    def _enter(self, name: str) -> None:
        assert self.tx is not None
        flowing = name == "charge" and self.plan.vehicle.power_w_max > 0
        self.connector.meter.switch(self.pace.now(), on=flowing)
        status, state = {
            "charge": ("Charging", "Charging"),
            "suspended_ev": ("SuspendedEV", "SuspendedEV"),
        }.get(name, ("SuspendedEVSE", "SuspendedEVSE"))
        self._status(status)
        if self.tx.charging_state != state:
            self.station.enqueue(self.dialect.tx_state(self.tx, state))

    def _sample_when_due(self) -> None:
        assert self.tx is not None
        now_s = self.pace.now()
        if now_s < self.next_sample_s:
            return
        self.next_sample_s += self.station.meter_interval_s or float("inf")
        self.station.enqueue(self.dialect.tx_meter(self.tx, self._reading()))

    def _reading(self) -> Reading:
        now_s, meter, plan = self.pace.now(), self.connector.meter, self.plan
        if plan.rollback_wh and now_s - self.started_s >= plan.rollback_after_s:
            meter.offset_wh -= plan.rollback_wh
            self.plan = plan = dataclasses.replace(plan, rollback_wh=0.0)
        if plan.dip_after_s and now_s - self.started_s >= plan.dip_after_s:
            meter.dip, self.plan = True, dataclasses.replace(plan, dip_after_s=0.0)
        return meter.reading(now_s)

    def _planned_stop(self) -> tuple[str, str]:
        plan = self.plan
        if plan.error_code:
            status = "Finishing" if plan.error_code == "EVCommunicationError" else "Faulted"
            self.station.set_fault(self.connector, plan.error_code, status=status)
            self.connector.forget_interrupts()
            return self._interrupted(Interrupt("fault", plan.error_code))
        return {
            "Local": ("Local", "StopAuthorized"),
            "lost": ("Local", "StopAuthorized"),
            "EVDisconnected": ("EVDisconnected", "EVCommunicationLost"),
            "SOCLimitReached": ("SOCLimitReached", "ChargingStateChanged"),
            "EmergencyStop": ("EmergencyStop", "AbnormalCondition"),
            "PowerLoss": ("PowerLoss", "AbnormalCondition"),
        }.get(plan.stop, (plan.stop, "AbnormalCondition"))

    def _interrupted(self, interrupt: Interrupt) -> tuple[str, str]:
        assert self.tx is not None
        match interrupt.kind:
            case "remote_stop":
                return "Remote", "RemoteStop"
            case "denied":
                return "DeAuthorized", "Deauthorized"
            case "fault":
                self.tx.error_code = interrupt.detail
                reason = (
                    _FAULT_STOPS.get(interrupt.detail, "Other") if self.dialect.version != "1.6" else "Other"
                )
                return reason, "AbnormalCondition"
            case "unlock":
                return "UnlockCommand", "UnlockCommand"
            case "socket_lost":
                self.tx.error_code = CONNECTIVITY
                return "Other", "AbnormalCondition"
            case _:
                return interrupt.detail or "Other", "ResetCommand"

    # The end

    async def _stop(self, reason: str, trigger: str) -> None:
        tx, station, meter = self.tx, self.station, self.connector.meter
        assert tx is not None
        meter.switch(self.pace.now(), on=False)
        reading = meter.reading(self.pace.now())
        if self.plan.minus_one:
            reading = Reading(-1.0, 0.0, reading.voltage_v, reading.current_a, reading.soc_percent)
        tx.ended, tx.late = True, tx.late or not station.online
        messages = self.dialect.tx_stop(tx, reason, trigger, reading)
        truth = self._truth(reason, reading)

        def told(answer: Payload | None) -> None:
            del answer  # answered or given up: the session is over either way
            station.tell(msgspec.structs.replace(truth, transaction=tx.id))

        messages[-1].answered = told
        if "retries_stop_for_ever" in station.profile.quirks:
            messages[-1].attempts_max = None
        station.enqueue(messages)
        for _ in range(self.plan.stop_copies - 1):
            station.enqueue([Message(messages[-1].action, messages[-1].build)])
        if self.plan.late_values:
            station.enqueue(self.dialect.tx_meter(tx, reading, "Transaction.End"))
        self.connector.transaction = None

    def _truth(self, reason: str, reading: Reading) -> Truth:
        tx, now_ns = self.tx, self.station.clock.now_ns()
        assert tx is not None
        energy_wh = self.connector.meter.register_wh - tx.real_start_wh
        outcome, why, blame = verdict(
            energy_wh,
            (now_ns - tx.started_at_ns) / SECOND_NS,
            reason,
            error_code=tx.error_code,
            refused=tx.refused,
        )
        return Truth(
            station=self.station.identity,
            evse=self.connector.socket.evse if self.dialect.version != "1.6" else None,
            connector=self.connector.socket.number
            if self.dialect.version == "1.6"
            else self.connector.socket.connector,
            transaction=tx.id,
            outcome=outcome,
            reason=why,
            blame=blame,
            energy_wh=energy_wh,
            meter_start_wh=tx.meter_start_wh,
            meter_stop_wh=reading.register_wh,
            stop_reason=reason,
            token=tx.token,
            start_source=tx.source,
            started_at_ns=tx.started_at_ns,
            stopped_at_ns=now_ns,
            late=tx.late,
            cause=self.plan.cause,
        )

    def _lose_the_stop(self) -> None:
        """The station forgets the transaction: the connector is free, and nothing was said."""
        tx = self.tx
        assert tx is not None
        self.connector.meter.switch(self.pace.now(), on=False)
        truth = self._truth("Local", self.connector.meter.reading(self.pace.now()))
        lost = {
            "outcome": Outcome.FAILED,
            "reason": Reason.LOST_STOP,
            "blame": Blame.CHARGER,
            "meter_stop_wh": None,
            "stop_reason": None,
        }
        self.station.tell(msgspec.structs.replace(truth, **lost))
        self.connector.transaction = None

    def _leave(self) -> None:
        if self.plan.error_code and self.connector.error_code == self.plan.error_code:
            self.station.set_fault(self.connector, "NoError", status="Available")
        if self.connector.error_code == "NoError" and self.connector.status != "Faulted":
            self._status("Available")

    def _status(self, status: str) -> None:
        if self.connector.status != "Faulted":
            self.station.set_status(self.connector, status)

    def _attempt(self, outcome: Outcome, reason: Reason, blame: Blame) -> None:
        known = {
            "token": self.token,
            "start_source": self.source,
            "started_at_ns": self.began_at_ns,
            "cause": self.plan.cause,
        }
        self.station.tell(
            _attempt(self.station, self.connector, outcome=outcome, reason=reason, blame=blame, **known)
        )


def _attempt(station: SimStation, connector: Connector, **known: Any) -> Truth:
    """The truth of an attempt that came to no transaction."""
    first = station.dialect.version == "1.6"
    return Truth(
        station=station.identity,
        evse=None if first else connector.socket.evse,
        connector=connector.socket.number if first else connector.socket.connector,
        transaction=None,
        stopped_at_ns=station.clock.now_ns(),
        **known,
    )
