"""Is the station there, who is it, and what does it say of itself: links, boots, settings.

A station is online while one connection is live. Of two live sockets the old one is mostly half open, and its closing takes
nobody offline. A reconnect without a boot is no restart; a boot that the CSMS asked for, or did not accept, is none either.
"""

from __future__ import annotations

import msgspec

from nocwatch.frames import Link
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import BootAnswered, Booted, Command, CommandAnswered, ConfigurationSeen, Spoke
from nocwatch.sessions import Milestone
from nocwatch.state import silence, unset
from nocwatch.state.changes import LinkClosed, LinkOpened
from nocwatch.state.facts import Ending, Hole, Order
from nocwatch.state.memory import LinkState, StationState
from nocwatch.state.session import step
from nocwatch.state.tracker import Tracker

HOLES_MAX = 32
"""Times without a link that are remembered: enough for the sessions of a day on a flapping station."""
CLOSED_MAX = 32
"""Ended connections that are remembered: what a restart reads again is seconds long."""
RESTARTS_MAX = 8
"""Restarts of a station that its sessions' registers are held against: a session has one or two, one that boots in a loop has no sessions."""
ORDERS_MAX = 16
"""Resets and limits that are remembered; only the latest can explain an end."""
BOOT_WITHIN_NS = 600 * SECOND_NS
"""A boot is the first that a station says after it was gone; a CSMS that comes up itself may leave it without an answer for minutes."""
TRIGGERED_BOOT_NS = 60 * SECOND_NS
"""A BootNotification this soon after the CSMS asked for one is the answer to that."""
FACT_MAX = 128
"""Characters of a fact that a station says of itself; the schemas allow 50 at most."""

KEPT_SETTINGS = frozenset(
    {
        "MeterValueSampleInterval",
        "ClockAlignedDataInterval",
        "ConnectionTimeOut",
        "HeartbeatInterval",
        "MinimumStatusDuration",
    }
    | {
        "StopTransactionOnInvalidId",
        "MaxEnergyOnInvalidId",
        "AuthorizeRemoteTxRequests",
        "NumberOfConnectors",
    }
    | {
        "SampledDataCtrlr.TxUpdatedInterval",
        "TxCtrlr.EVConnectionTimeOut",
        "TxCtrlr.TxStartPoint",
        "TxCtrlr.TxStopPoint",
    }
    | {
        "OCPPCommCtrlr.HeartbeatInterval",
        "OCPPCommCtrlr.OfflineThreshold",
        "TxCtrlr.MaxEnergyOnInvalidId",
        "TxCtrlr.StopTxOnInvalidId",
    }
)
"""Settings that bear on sessions, statuses or time-outs; the others are in the frames for those who ask."""
SECONDS_MAX = 1e9
"""Of any interval: thirty years. What is said beyond that means nothing."""
VERSIONS = {"ocpp1.5": "1.5", "ocpp1.6": "1.6", "ocpp2.0": "2.0", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}


def opened(tracker: Tracker, link: Link | LinkState, subprotocol: str | None) -> None:
    """A connection is live."""
    state = tracker.state
    first = not state.links
    if any(each.connection == link.connection for each in state.links):
        return
    if len(state.links) >= tracker.settings.links_max:
        state.links.pop(0)
        tracker.count("state_links_dropped")
    state.links.append(
        LinkState(
            connection=link.connection,
            opened_at_ns=tracker.now_ns,
            upstream=link.upstream,
            remote_address=link.remote_address,
            access=link.access,
            implied=link.implied,
        )
    )
    state.upstream = link.upstream or state.upstream
    state.remote_address = link.remote_address or state.remote_address
    state.access = link.access or state.access
    if subprotocol and subprotocol != state.subprotocol:
        # Negotiated as before, it says no more than it did: a station may speak another version over it.
        state.subprotocol = subprotocol
        set_version(tracker, VERSIONS.get(subprotocol, state.version))
    tracker.out.append(
        LinkOpened(
            station=state.id,
            at_ns=tracker.now_ns,
            frames=(tracker.frame,) if tracker.frame else (),
            connection=link.connection,
            first=first,
            upstream=link.upstream,
            remote_address=link.remote_address,
        )
    )
    tracker.touch_station()
    silence.known_again(tracker)
    if first:
        _came_back(tracker)
    if link.implied:
        silence.listen(tracker)


def _came_back(tracker: Tracker) -> None:
    state = tracker.state
    state.since_ns = state.last_seen_ns = tracker.now_ns
    tracker.calm("abandoned", "")
    if state.holes and state.holes[-1].until_ns is None:
        state.holes[-1].until_ns = tracker.now_ns
    for connector in state.connectors.values():
        tracker.touch_connector(connector)
    if state.controller is not None:
        tracker.touch_connector(state.controller)
    for session in tracker.under_way():
        if session.began:
            step(session, tracker.settings, tracker.now_ns, "online", "The station is connected again")
            tracker.touch(session)
            there = tracker.connector_of(session)
            if there is not None and there.reported is ConnectorStatus.AVAILABLE:
                # The stop may be in the station's queue: it has its ten minutes from now.
                tracker.wait(
                    "free", session.id, tracker.now_ns + int(tracker.settings.lost_stop_after * SECOND_NS)
                )


def remember_end(tracker: Tracker, link: Link) -> None:
    """The connection's last word: what is read of it again afterwards was read before."""
    ends = tracker.state.closed_links
    ends[link.connection] = max(link.sequence, ends.get(link.connection, -1))
    while len(ends) > CLOSED_MAX:
        del ends[next(iter(ends))]


def closed(tracker: Tracker, link: Link) -> None:
    """A connection ended; with the last one the station is offline."""
    state = tracker.state
    known = [each for each in state.links if each.connection == link.connection]
    if not known:
        return
    state.links.remove(known[0])
    state.link_closed_ns = tracker.now_ns
    last = not state.links
    silence.known_again(tracker)
    tracker.out.append(
        LinkClosed(
            station=state.id,
            at_ns=tracker.now_ns,
            frames=(tracker.frame,) if tracker.frame else (),
            connection=link.connection,
            last=last,
            by=link.by,
            code=link.code,
            reason=link.reason,
            upstream=link.upstream or known[0].upstream,
        )
    )
    tracker.touch_station()
    if not last:
        state.remote_address = state.links[-1].remote_address or state.remote_address
        state.access = state.links[-1].access or state.access
        return
    state.since_ns = tracker.now_ns
    state.holes.append(
        Hole(from_ns=tracker.now_ns, by=link.by, code=link.code, reason=link.reason, frame=tracker.frame)
    )
    del state.holes[:-HOLES_MAX]
    for connector in state.connectors.values():
        connector.power_w = None
        tracker.touch_connector(connector)
    if state.controller is not None:
        tracker.touch_connector(state.controller)
    for session in tracker.under_way():
        if session.began:
            step(
                session,
                tracker.settings,
                tracker.now_ns,
                "offline",
                "The station lost its connection",
                (tracker.frame,),
            )
            tracker.touch(session)
    if state.under_way:
        tracker.wait("abandoned", "", tracker.now_ns + int(tracker.settings.abandon_after * SECOND_NS))


def abandoned(tracker: Tracker) -> None:
    """The station has been away for so long that its sessions are closed; a late stop opens them again."""
    state = tracker.state
    if state.links:
        return
    since_ns = state.holes[-1].from_ns if state.holes else tracker.now_ns
    for session in tracker.under_way():
        tracker.close(session, Ending.ABANDONED if session.began else Ending.ATTEMPT, since_ns)


def on_spoke(tracker: Tracker, event: Spoke) -> None:
    if event.version != tracker.state.version and event.version:
        set_version(tracker, event.version)


def set_version(tracker: Tracker, version: str) -> None:
    """Another version of OCPP: 1.6 and 2.x number their connectors differently, so the others' are forgotten."""
    state = tracker.state
    if version == state.version or not version:
        return
    if state.version and state.version[0] != version[0]:
        gone = [
            key for key, each in state.connectors.items() if (each.evse is None) != version.startswith("1")
        ]
        busy = {(each.evse, each.connector) for each in tracker.under_way()}
        for key in gone:
            if (state.connectors[key].evse, state.connectors[key].connector) not in busy:
                tracker.forget_connector(key)
    state.version = version
    tracker.touch_station()


def on_booted(tracker: Tracker, event: Booted) -> None:
    state = tracker.state
    # Until its answer says Accepted, a boot is repeated and counts once.
    again = state.boot_pending
    state.vendor = event.vendor[:FACT_MAX] or state.vendor
    state.model = event.model[:FACT_MAX] or state.model
    state.firmware = event.firmware[:FACT_MAX] or state.firmware
    state.serial = event.serial[:FACT_MAX] or state.serial
    set_version(tracker, event.version)
    tracker.touch_station()
    triggered = (
        state.triggered_boot_at_ns is not None
        and event.at_ns - state.triggered_boot_at_ns <= TRIGGERED_BOOT_NS
    )
    triggered = triggered or event.reason == "Triggered"
    state.triggered_boot_at_ns = None
    if again or triggered:
        return
    state.boots += 1
    state.booted_at_ns = event.at_ns
    unset.forget(state)
    state.kwh_said_wh = False  # a new firmware may have mended it
    lost_ns = _lost_before(state, event.at_ns)
    state.restarts = (*state.restarts[1 - RESTARTS_MAX :], (lost_ns, event.at_ns))
    # An order is done by the first boot after it: the next one is another matter.
    state.orders = [
        msgspec.structs.replace(each, done_ns=event.at_ns) if each.done_ns is None else each
        for each in state.orders
    ]
    for connector in state.connectors.values():
        # The clock may have been set right: what was said before the boot is no yardstick of time any more.
        connector.reported_at_ns = 0
    for session in tracker.under_way():
        if session.began and session.started_at_ns < event.at_ns:
            session.interrupted = True
            step(
                session,
                tracker.settings,
                event.at_ns,
                "interrupted",
                "The station booted in mid-transaction",
                (event.frame,),
            )
            tracker.touch(session)


def _lost_before(state: StationState, booted_ns: int) -> int:
    """When the link was lost that the boot ended; the boot's own moment where its station was never gone, or had long been back."""
    hole = state.holes[-1] if state.holes else None
    if hole is not None and booted_ns - (hole.until_ns or booted_ns) <= BOOT_WITHIN_NS:
        return hole.from_ns
    # Beside a socket that was left half open there is no hole: the last one that ended was the station's.
    opened_ns, closed_ns = state.links[-1].opened_at_ns if state.links else booted_ns, state.link_closed_ns
    back = closed_ns <= opened_ns and booted_ns - opened_ns <= BOOT_WITHIN_NS
    return closed_ns if closed_ns and back else booted_ns


def on_boot_answered(tracker: Tracker, event: BootAnswered) -> None:
    state = tracker.state
    state.boot_pending = event.status in ("Pending", "Rejected")
    interval_s = event.interval_s
    told = event.status == "Accepted" and interval_s is not None and 0 <= interval_s < SECONDS_MAX
    if told and interval_s != state.heartbeat_interval_s:
        state.heartbeat_interval_s = interval_s
        tracker.touch_station()


def on_configuration(tracker: Tracker, event: ConfigurationSeen) -> None:
    state = tracker.state
    if event.name not in KEPT_SETTINGS or state.configuration.get(event.name) == event.value:
        return
    state.configuration[event.name] = event.value[:FACT_MAX]
    if event.name in ("HeartbeatInterval", "OCPPCommCtrlr.HeartbeatInterval") and (
        seconds := number(event.value)
    ):
        state.heartbeat_interval_s = seconds
    tracker.touch_station()


def on_ordered(tracker: Tracker, event: CommandAnswered) -> None:
    """Resets and triggers that the station accepted: they explain what comes after them."""
    state = tracker.state
    if event.status not in ("Accepted", "Scheduled"):
        return
    if event.command is Command.TRIGGER and "BootNotification" in event.text:
        state.triggered_boot_at_ns = event.at_ns
    elif event.command is Command.RESET:
        state.orders.append(Order(name="reset", at_ns=event.asked_at_ns, frame=event.frame))
    elif event.command is Command.REMOTE_STOP:
        for session in tracker.under_way():
            if session.transaction is not None and session.transaction == event.transaction:
                step(
                    session,
                    tracker.settings,
                    event.at_ns,
                    Milestone.STOPPING.value,
                    "Remote stop accepted",
                    (event.frame,),
                )
                tracker.touch(session)
    del state.orders[:-ORDERS_MAX]


def number(text: str) -> float | None:
    """A positive number of seconds, None where the text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < SECONDS_MAX else None
