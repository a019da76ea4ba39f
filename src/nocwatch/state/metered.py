"""Samples: to which session they belong, and what they add to it. The most frequent message, so it touches little.

A record of the session is told when its phase changes, or once a minute; each moment's numbers are told at once, as
``SessionMetered``.
"""

from __future__ import annotations

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import Metered
from nocwatch.state import by_power, meter
from nocwatch.state.changes import SessionMetered
from nocwatch.state.endings import heard_after_end, resumed, still_charging
from nocwatch.state.facts import TOGETHER_NS
from nocwatch.state.kilo import IN_KWH, SAMPLES_IN_KWH
from nocwatch.state.lookup import adopt, of_transaction, sessions_on
from nocwatch.state.readings import Readings, choose
from nocwatch.state.session import SessionState, heard, issue
from nocwatch.state.statuses import charging
from nocwatch.state.tracker import Tracker, usable

REGISTER_FELL = "The energy register ran backwards on the way: the energy is doubtful."
_COUNTS = ("", "wrapped")


def on_metered(tracker: Tracker, event: Metered) -> None:
    session = _session(tracker, event)
    readings = choose(event.samples)
    when_ns = event.when_ns
    why, energy, power = "", None, readings.power_w
    if session is not None:
        settings, gate = tracker.settings, tracker.gate(session, event)
        session.unnumbered = session.unnumbered or (event.transaction == -1 and session.transaction is None)
        if session.start_seen and session.started_at_ns - when_ns > _early_ns(session, event):
            why = "before_start"
        elif _sent_before(tracker, session, event):
            why = "out_of_order" if readings.register_wh is not None else ""
        else:
            why = meter.sample(session.meter, readings, when_ns, gate)
            if why in _COUNTS and (last := meter.last_reading(session.meter)) and last[1] == when_ns:
                session.reading_frame = event.frame
                session.reading_number, session.reading_heard_ns = event.sequence_number, event.at_ns
            if power is None and not why and readings.register_wh is not None:
                power = meter.power_w(session.meter)
        _doubts(session, when_ns, event.frame)
        _by_power(tracker, session, event, readings if why in _COUNTS else None)
        energy = by_power.energy_wh(session.flowed, session.meter, gate)
        _goes_on(tracker, session, event, when_ns)
        if session.open:
            _numbers(tracker, session, readings.soc_percent, power)
            if energy is not None and energy > settings.charging_wh_min and not session.charged:
                charging(tracker, session, when_ns, f"{energy:.0f} Wh have flowed", event.frame)
            if (
                session.told is None
                or tracker.now_ns - session.told.changed_at_ns >= settings.progress_every * SECOND_NS
            ):
                tracker.touch(session)
        elif readings.register_wh is not None:
            tracker.touch(session, "meter values came after the end")
    tracker.out.append(
        SessionMetered(
            station=event.station,
            at_ns=tracker.now_ns,
            frames=(event.frame,),
            late=tracker.late,
            session=None if session is None else session.id,
            evse=event.evse if session is None else session.evse,
            connector=event.connector if session is None else session.connector,
            measured_at_ns=when_ns,
            register_wh=readings.register_wh,
            register_key=_key(event, readings.register_key),
            energy_wh=energy,
            power_w=power,
            current_a=readings.current_a,
            voltage_v=readings.voltage_v,
            soc_percent=readings.soc_percent,
            implausible=why,
        )
    )


def _sent_before(tracker: Tracker, session: SessionState, event: Metered) -> bool:
    """2.x: whether its message was sent before the one whose reading counted last: without a usable time its seqNo tells [201 E01.FR.07].

    After a boot the station may count anew.
    """
    number, known = event.sequence_number, session.reading_number
    if not event.implausible_time or number is None or known is None:
        return False
    return number < known and (tracker.state.booted_at_ns or 0) < session.reading_heard_ns


def _by_power(tracker: Tracker, session: SessionState, event: Metered, readings: Readings | None) -> None:
    """What flows by the power values may show that the registers are in kWh."""
    state, gate = tracker.state, tracker.gate(session, event)
    flowed = session.flowed
    if readings and by_power.hear(
        flowed, session.meter, readings, event.when_ns, gate, known=state.kwh_said_wh
    ):
        state.kwh_said_wh = True
        issue(session, by_power.ALL_IN_KWH, event.when_ns, event.frame)
        tracker.touch(session)


def _early_ns(session: SessionState, event: Metered) -> int:
    """How much older than the start a sample of the session may be: more where it names it, and the start says nothing of the register."""
    named = usable(event.transaction) and session.meter.start_wh == 0
    return meter.BEFORE_START_NS if named else TOGETHER_NS


def _doubts(session: SessionState, when_ns: int, frame: str) -> None:
    if meter.began_anew(session.meter):
        issue(session, REGISTER_FELL, when_ns, frame)
    if session.meter.kilo:
        issue(session, IN_KWH, when_ns, frame)
    if meter.sampled_in_kwh(session.meter):
        issue(session, SAMPLES_IN_KWH, when_ns, frame)


def _key(event: Metered, register_key: str) -> str:
    if not register_key:
        return ""
    place = event.connector if event.evse is None else event.evse
    return f"{place or 0}/{register_key}"


def _session(tracker: Tracker, event: Metered) -> SessionState | None:
    if usable(event.transaction):
        return _named(tracker, event)
    if event.connector or event.evse:
        return _there(tracker, event)
    return None  # connector 0 is the main meter


def _named(tracker: Tracker, event: Metered) -> SessionState | None:
    """By the transaction's id."""
    transaction, state = event.transaction, tracker.state
    if event.connector is None and event.evse is None and len(_of_that_time(tracker, event)) > 1:
        return None  # a stop's own data under a number that was given to several: the stop will tell
    named = [
        state.sessions[each] for each in state.under_way if state.sessions[each].transaction == transaction
    ]
    if len(named) > 1:
        # A CSMS that gives one id to all: the place tells them apart.
        named = sessions_on(named, event.evse, event.connector) or named
    if named:
        return named[0]
    for session in tracker.newest_first():
        if session.transaction == transaction or transaction in session.other_transactions:
            return session
    began = [each for each in sessions_on(tracker.under_way(), event.evse, event.connector) if each.began]
    nameless = [each for each in began if each.transaction is None and not each.unnumbered]
    if nameless and (event.connector or event.evse):
        # The answer to the start was not seen, but the station has it.
        nameless[-1].transaction = transaction
        tracker.touch(nameless[-1])
    if nameless:
        return nameless[
            -1
        ]  # without a place they are a stop's own data: whose it is shows by the stop itself
    if tracker.late:
        return None  # a backlog of old samples is no transaction under way
    return adopt(tracker, transaction, event.evse, event.connector, event.at_ns, event.when_ns, event.frame)


def _of_that_time(tracker: Tracker, event: Metered) -> list[SessionState]:
    """Transactions of that number that were under way when the sample was taken: a stop that is sent again brings its data again."""
    assert event.transaction is not None
    return [
        each
        for each in of_transaction(tracker, event.transaction)
        if each.started_at_ns <= event.when_ns + TOGETHER_NS
        and (each.stopped_at_ns is None or event.when_ns <= each.stopped_at_ns)
    ]


def _there(tracker: Tracker, event: Metered) -> SessionState | None:
    """By the place: the transaction under way, or the one that these are the closing values of."""
    there = [each for each in sessions_on(tracker.under_way(), event.evse, event.connector) if each.began]
    if there:
        fitting = [each for each in there if each.started_at_ns <= event.when_ns + meter.BEFORE_START_NS]
        return fitting[-1] if fitting else None
    for session in sessions_on(tracker.newest_first(), event.evse, event.connector):
        if session.began and session.stopped_at_ns is not None:
            its = session.started_at_ns <= event.when_ns <= session.stopped_at_ns
            return session if its or _was_not_its_stop(tracker, session, event) else None
    return None


def _was_not_its_stop(tracker: Tracker, session: SessionState, event: Metered) -> bool:
    if session.guess is None:
        return False
    register_wh = choose(event.samples).register_wh
    return register_wh is not None and still_charging(tracker, session, register_wh, event.when_ns)


def _goes_on(tracker: Tracker, session: SessionState, event: Metered, when_ns: int) -> None:
    """A sign of life of the transaction."""
    heard(session, tracker.now_ns, when_ns)
    if not session.open:
        heard_after_end(tracker, session, when_ns)
    elif session.interrupted and not tracker.late:
        resumed(tracker, session, when_ns, event.frame)
    if session.connector is None and session.evse is None and event.connector:
        session.evse, session.connector = event.evse, event.connector
        tracker.touch(session)


def _numbers(tracker: Tracker, session: SessionState, soc: float | None, power: float | None) -> None:
    if soc is not None:
        session.soc_percent = soc
    if power is None or tracker.late:
        return
    session.power_w = power
    if session.power_w_max is None or power > session.power_w_max:
        session.power_w_max = power
    connector = tracker.connector_of(session)
    if connector is not None:
        connector.power_w = power
