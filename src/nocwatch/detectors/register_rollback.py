"""An energy register that runs backwards within a transaction."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.ocpp.events import Booted, Metered, Sample
from nocwatch.sessions import Session
from nocwatch.state.changes import SessionChanged, SessionMetered
from nocwatch.state.register import WRAP_RISE_WH_MAX, WRAPS_WH
from nocwatch.state.tracker import usable

SERIES_MAX = 64
"""Registers of one transaction: measurand, phase and location. Further ones are not watched."""
PENDING_MAX = 1500
"""Moments of one message whose session is not told yet: a day's charge, a sample a minute and all at its end. Those beyond go unwatched."""
_OF_THE_ENDS = frozenset({"Transaction.Begin", "Transaction.End"})
_OF_ANOTHER = frozenset(
    {"before_start", "after_stop", "out_of_order", "too_many_registers", "jumped", "not_a_number"}
)
"""Why samples are none of the session's: of another time, or of a register that cannot be the one that its others are of."""


class RegisterRollbackSettings(Settings):
    """What a rule can set of ``register_rollback``."""

    fall_wh_min: float = Field(default=10.0, gt=0, description="A fall of no more than this is rounding.")
    samples_min: int = Field(default=2, ge=1, description="So many samples in a row below the highest one.")


class Series(msgspec.Struct):
    """One register of one transaction: its highest value and the samples below it since."""

    high_wh: float
    high_at_ns: int
    high_frame: str
    samples: int = 1
    last_at_ns: int = 0
    last_wh: float = 0.0
    below: int = 0
    below_since_ns: int = 0
    below_wh: float = 0.0
    frames: list[str] = []


class Meters(msgspec.Struct):
    """Of a session (key: ``session <id>``) its registers; of a station (key: ``station <id>``) which sessions are under way.

    Attributes:
        under_way: ids of the sessions, each with the time of its start.
        heard: moments of the message at hand of which the session is told next.
        booted_at_ns: the station's last boot.
        export_wh: highest export register of the session; ``export_rose_at_ns``: when it last rose.
    """

    under_way: dict[str, int] = {}
    heard: list[Metered] = []
    booted_at_ns: int = 0
    evse: int | None = None
    connector: int | None = None
    series: dict[str, Series] = {}
    export_wh: float | None = None
    export_rose_at_ns: int = 0


class RegisterRollback(Detector[RegisterRollbackSettings, Meters]):
    """Register ran backwards.

    Sees an energy register fall by more than `fall_wh_min` within a transaction and stay below for `samples_min` samples. Each register
    is compared with itself only: same session, measurand, phase, unit and location, and of a transaction or of none. One flag a session, an event.

    No fall: a single dip; -1 and other negative values, which are no reading; a fall from just below where registers begin anew (2³² Wh, a tenth of it, five or six digits of kWh) to 0; a sample with an older time stamp than the
    last, or that is of another time or register than the session's; a reset that the registry allows (`meter_register: session` at the transaction's beginning, `boot` after a boot); readings of 0 of a station
    with the quirk `register_drops_to_zero`; any while the export register rises. What is read at start and stop is not compared: some stations count it from elsewhere.
    """

    name = "register_rollback"
    category = Category.METERING
    severity = Severity.CRITICAL
    hears: ClassVar[Hears] = (Metered, SessionMetered, SessionChanged, Booted)
    Settings = RegisterRollbackSettings
    State = Meters
    title = "Register ran backwards"
    advice = (
        "Do not bill this session from its registers. Compare with the meter's own display or signed data; if the meter resets on purpose, say so in the "
        "registry (meter_register). If not, have the meter checked: it may have been tampered with."
    )
    quiet_in_maintenance = False
    numbers: ClassVar[dict[str, str]] = {
        "fall_wh": "from the highest value, Wh",
        "high_wh": "the highest value, Wh",
        "low_wh": "the value it fell to, Wh",
    }

    def on(self, event: Any, context: Context[Meters]) -> None:
        if isinstance(event, Metered):
            heard = context.state(f"station {event.station}").heard
            if heard and heard[0].frame != event.frame:
                heard.clear()
            if len(heard) < PENDING_MAX:
                heard.append(event)
        elif isinstance(event, SessionMetered):
            self._metered(event, context)
        elif isinstance(event, SessionChanged):
            self._session(event, context)
        else:
            context.state(f"station {event.station}").booted_at_ns = context.now_ns

    def _session(self, event: SessionChanged, context: Context[Meters]) -> None:
        session = event.now
        under_way = context.state(f"station {session.station}").under_way
        if session.over:
            under_way.pop(session.id, None)
            context.forget(f"session {session.id}")
        elif session.transaction is not None or session.id in under_way:
            under_way[session.id] = session.started_at_ns

    def begin(self, station: Any, context: Context[Meters]) -> None:
        for session in context.sessions(station.id):
            self._remember(session, context)

    def _remember(self, session: Session, context: Context[Meters]) -> None:
        self._session(
            SessionChanged(station=session.station, at_ns=context.now_ns, before=None, now=session), context
        )

    def _metered(self, told: SessionMetered, context: Context[Meters]) -> None:
        """The tracker knows whose samples they are, and which are of another time or register."""
        station = context.state(f"station {told.station}")
        if not station.heard or station.heard[0].frame not in told.frames:
            return
        # Moments are told in the order in which they were heard; when they were, the tracker may know better than the message.
        event = msgspec.structs.replace(station.heard.pop(0), event_at_ns=told.measured_at_ns)
        started_ns = station.under_way.get(told.session or "")
        if told.session is None or started_ns is None or told.implausible in _OF_ANOTHER:
            return
        meters = context.state(f"session {told.session}")
        meters.evse, meters.connector = told.evse, told.connector
        for sample in event.samples:
            if sample.measurand == "Energy.Active.Export.Register" and sample.value >= 0 and not sample.phase:
                if meters.export_wh is not None and sample.value > meters.export_wh:
                    meters.export_rose_at_ns = event.when_ns
                meters.export_wh = max(sample.value, meters.export_wh or 0.0)
        for sample in event.samples:
            at_start = event.when_ns <= started_ns or sample.context in _OF_THE_ENDS
            if sample.measurand.endswith("Import.Register") and sample.value >= 0 and not at_start:
                self._sample(told.session, meters, sample, event, context)

    def _sample(
        self, session: str, meters: Meters, sample: Sample, event: Metered, context: Context[Meters]
    ) -> None:
        # Samples of no transaction are the meter's own, where those of one may count from its start.
        named = "" if usable(event.transaction) else "/none"
        key = f"{sample.measurand}/{sample.phase}/{sample.unit}/{sample.location}{named}"
        at_ns, value_wh = event.when_ns, sample.value
        if value_wh == 0 and "register_drops_to_zero" in context.place(event.station).quirks:
            return
        series = meters.series.get(key)
        if series is None:
            if len(meters.series) < SERIES_MAX:
                meters.series[key] = Series(value_wh, at_ns, event.frame, last_at_ns=at_ns, last_wh=value_wh)
            return
        if at_ns <= series.last_at_ns:
            return
        booted_since = series.last_at_ns < context.state(f"station {event.station}").booted_at_ns
        series.samples += 1
        series.last_at_ns, series.last_wh = at_ns, value_wh
        fall_wh = series.high_wh - value_wh
        if fall_wh <= self.settings.fall_wh_min or self._allowed(
            series, meters, fall_wh, booted_since, event.station, context
        ):
            if fall_wh <= 0 or fall_wh > self.settings.fall_wh_min:
                series.high_wh, series.high_at_ns, series.high_frame = value_wh, at_ns, event.frame
            series.below, series.frames = 0, []
        else:
            if not series.below:
                series.below_since_ns = at_ns
            series.below += 1
            series.below_wh = min(value_wh, series.below_wh) if series.below > 1 else value_wh
            series.frames = [*series.frames[-3:], event.frame]
            if series.below >= self.settings.samples_min:
                self._tell(session, meters, key, series, event, context)

    def _allowed(
        self,
        series: Series,
        meters: Meters,
        fall_wh: float,
        booted_since: bool,
        station: str,
        context: Context[Meters],
    ) -> bool:
        if _wrapped(series.high_wh, fall_wh) or meters.export_rose_at_ns > series.high_at_ns:
            return True
        register = context.place(station).meter_register
        return (register == "session" and series.samples == 2) or (register == "boot" and booted_since)

    def _tell(
        self, session: str, meters: Meters, key: str, series: Series, event: Metered, context: Context[Meters]
    ) -> None:
        measurand, phase, _, location = key.split("/")[:4]
        fall_wh = series.high_wh - series.below_wh
        which = f"{measurand}{f', phase {phase}' if phase else ''}, {location}"
        high = f"{series.high_wh:.0f} Wh at {wording.moment(series.high_at_ns)}"
        evse, connector = (meters.evse, meters.connector)
        context.raise_flag(
            session,
            f"{context.place(event.station).name or event.station}, {wording.socket(evse, connector)}: the energy register fell by "
            f"{wording.energy(fall_wh)} within the transaction, from {series.high_wh:.0f} to {series.below_wh:.0f} Wh.",
            station=event.station,
            evse=evse,
            connector=connector,
            session=session,
            onset_ns=series.below_since_ns,
            blame=Blame.CHARGER,
            evidence=(
                Evidence(
                    text=f"{which}: {high}.",
                    at_ns=series.high_at_ns,
                    frames=(series.high_frame,),
                    session=session,
                ),
                Evidence(
                    text=f"{wording.count(series.below, 'sample')} below it since {wording.moment(series.below_since_ns)}, the lowest {series.below_wh:.0f} Wh.",
                    at_ns=series.below_since_ns,
                    frames=tuple(series.frames),
                    session=session,
                ),
            ),
            event=True,
            numbers={"fall_wh": fall_wh, "high_wh": series.high_wh, "low_wh": series.below_wh},
        )
        # From here on the register is measured against where it fell to: another fall is another piece of evidence.
        series.high_wh, series.high_at_ns, series.high_frame = series.last_wh, event.when_ns, event.frame
        series.below, series.frames = 0, []


def _wrapped(high_wh: float, fall_wh: float) -> bool:
    """A register that was full begins anew: what is missing to its whole height has flowed."""
    return any(high_wh <= wrap and 0 <= wrap - fall_wh <= WRAP_RISE_WH_MAX for wrap in WRAPS_WH)
