"""A transaction that ended with next to no energy although driver and car were ready for it."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.detectors.reading import ready_ns, start_frames, was_suspended_by_evse
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.plans import Plan, nothing_ns
from nocwatch.quantities import Duration
from nocwatch.sessions import Outcome, Reason, Session
from nocwatch.state.changes import SessionChanged


class ZeroEnergySettings(Settings):
    """What a rule can set of ``zero_energy_session``."""

    energy_kwh_max: float = Field(default=0.1, gt=0, description="Less than this many kWh is no energy.")
    duration_min: Duration = Field(
        default=120.0,
        description="The session must have lasted longer than this, from the moment authorisation and plug were there.",
    )


class Nothing(msgspec.Struct):
    """It remembers nothing: the session knows what its charging profiles allowed."""


class ZeroEnergySession(Detector[ZeroEnergySettings, Nothing]):
    """Session without energy.

    Sees a transaction end with less than `energy_kwh_max`, more than `duration_min` after authorisation and plug were both
    there. One flag a session, an event; it is taken back where the verdict is revised (a late meter value, a Stop that came
    after all).

    Stays quiet where the station was suspended (SuspendedEVSE) and a charging profile allowed nothing at the time, for attempts that
    were cancelled or refused, for a lost stop (`lost_stop` speaks), and where nothing is known of the energy.
    """

    name = "zero_energy_session"
    category = Category.FAILED_SESSION
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (SessionChanged,)
    Settings = ZeroEnergySettings
    State = Nothing
    title = "Session without energy"
    advice = (
        "The flag says whose fault it looks like and why. The station's: if other sessions of this connector end alike, take it out of service and send "
        "someone. The car's: tell its driver. Not known: what came between start and stop on the session's timeline says who gave up."
    )
    numbers: ClassVar[dict[str, str]] = {
        "energy_wh": "energy of the session, Wh",
        "duration_s": "from authorisation and plug to the stop, s",
    }

    def on(self, event: Any, context: Context[Nothing]) -> None:
        if event.now.over and (event.ended or event.revised):
            self._judge(event, context)
        elif event.reopened:
            context.clear_flag(event.now.id, "the session went on after all")

    def _judge(self, change: SessionChanged, context: Context[Nothing]) -> None:
        session = change.now
        ready = ready_ns(session)
        energy_wh, stopped_ns = session.energy_wh, session.stopped_at_ns or session.changed_at_ns
        if (
            energy_wh is None
            or ready is None
            or energy_wh >= self.settings.energy_kwh_max * 1000
            or session.outcome in (Outcome.CANCELLED, Outcome.REJECTED)
            or session.reason is Reason.LOST_STOP
            or stopped_ns - ready <= self.settings.duration_min * SECOND_NS
            or (was_suspended_by_evse(session) and _was_forbidden(session, stopped_ns))
        ):
            context.clear_flag(session.id, "the session's verdict was revised")
            return
        lasted = wording.span(stopped_ns - ready)
        where = wording.socket(session.evse, session.connector)
        context.raise_flag(
            session.id,
            f"{context.place(session.station).name or session.station}, {where}: the session ended with {wording.energy(energy_wh)} after {lasted}.",
            station=session.station,
            evse=session.evse,
            connector=session.connector,
            session=session.id,
            onset_ns=ready,
            blame=session.blame or Blame.UNKNOWN,
            advice=_advice(session, where),
            evidence=(
                Evidence(
                    text=f"{'The transaction' if session.transaction is None else f'Transaction {session.transaction}'} began at "
                    f"{wording.moment(session.started_at_ns)}{_register(session.meter_start_wh)}.",
                    at_ns=session.started_at_ns,
                    frames=start_frames(session),
                    session=session.id,
                ),
                Evidence(
                    # A stop without a reason is Local [OCPP 1.6 §4.10, OCPP 2.0.1 E07].
                    text=f"Authorisation and vehicle were both there at {wording.moment(ready)}; the stop was at "
                    f"{wording.moment(stopped_ns)}{_register(session.meter_stop_wh)}, reason {session.stop_reason or 'Local'}.",
                    at_ns=stopped_ns,
                    frames=change.frames,
                    session=session.id,
                ),
                # The verdict on such a session begins with energy and duration, measured from the start: told once is enough.
                *session.blame_evidence[session.reason is Reason.ZERO_ENERGY :][:3],
            ),
            event=True,
            numbers={"energy_wh": energy_wh, "duration_s": (stopped_ns - ready) / SECOND_NS},
        )


def _was_forbidden(session: Session, stopped_ns: int) -> bool:
    """Whether a charging profile allowed nothing at some time of the session."""
    return nothing_ns((session.plan or Plan()).limits, session.started_at_ns, stopped_ns) > 0


def _register(register_wh: float | None) -> str:
    return "" if register_wh is None else f", register {wording.register(register_wh)}"


def _advice(session: Session, where: str) -> str:
    alike = f"the other sessions of {where} today"
    if session.blame is Blame.VEHICLE:
        return (
            f"It looks like the car: if {alike} went well, tell its driver; the station needs nothing. If other cars fail there too, it is the "
            "station after all: take the connector out of service and send someone."
        )
    if session.blame is Blame.CHARGER:
        return (
            f"It looks like the station: look at {alike}. If they end alike, take the connector out of service and send someone; if this is the "
            "only one, give it the next car to prove itself."
        )
    if session.blame is Blame.CSMS:
        return (
            "It looks like the CSMS: give its team this session with its frames. The station needs nothing."
        )
    if session.blame is Blame.NETWORK:
        return f"It looks like the link between station and CSMS: see on the station's page whether it comes and goes, and whether {alike} ended alike."
    if session.blame is Blame.DRIVER:
        return f"It looks like the driver gave up: look at {alike}. If they went well, nothing is to be done; if not, it is the station."
    return (
        f"Nobody is named by the frames: open the session's timeline, and look at {alike}. If they end alike, take the connector out of service "
        "and send someone; if only this car fails, tell its driver."
    )
