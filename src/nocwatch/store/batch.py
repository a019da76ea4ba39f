"""A batch: what the watch wants kept, in one transaction, together with how far it has read. Pure.

Steps of the pipeline go in, rows come out. Making the same batch again and applying it again changes nothing: frames are
known by lane and sequence, samples by their frame, all else by derived ids with the higher revision winning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from nocwatch.alerts.acts import Act
from nocwatch.alerts.alert import Alert
from nocwatch.flags import Flag, FlagState
from nocwatch.frames import Direction, Frame, Link, Sighting
from nocwatch.network import Connector, Station
from nocwatch.ocpp.events import CallUnanswered, Misspoke, OcppEvent, Spoke
from nocwatch.sessions import Session
from nocwatch.state.changes import Change, ConnectorChanged, SessionChanged, SessionMetered, StationChanged
from nocwatch.store.ids import frame_id, id_of_ref
from nocwatch.store.values import AuditEntry

Row = tuple[Any, ...]

NONE = -1
"""An EVSE or connector that was not said: SQLite's unique keys do not hold NULLs together."""


class Batch(msgspec.Struct):
    """Rows of one transaction, in the order in which they came to be.

    Attributes:
        cursor: the watch's own, opaque here; kept with the rows, or not at all.
        at_ns: pipeline time of the last step.
        answers: (answer's id, answer time, call's id); ``unanswered``: ids of calls whose time ran out.
        acts, audit: of what is no record's doing, to be kept with what it changed.
        token_prefixes: (token's key-hash, prefix) as the gate noted them.
        frames, samples, states: rows in the order of their table's columns (see ``schema``).
    """

    cursor: bytes | None = None
    at_ns: int = 0
    steps: int = 0
    frames: list[Row] = []
    answers: list[Row] = []
    unanswered: list[Row] = []
    samples: list[Row] = []
    states: list[Row] = []
    stations: dict[str, tuple[int, Station]] = {}
    sessions: dict[str, Session] = {}
    flags: dict[str, Flag] = {}
    alerts: list[Alert] = []
    acts: list[Act] = []
    audit: list[AuditEntry] = []
    token_prefixes: list[tuple[str, str]] = []

    def add_step(
        self,
        sighting: Sighting | None,
        events: Iterable[OcppEvent] = (),
        changes: Iterable[Change] = (),
        flags: Iterable[Flag] = (),
        alerts: Iterable[Alert] = (),
    ) -> None:
        """Takes in all that one sighting caused, or (with None) a person's act, which causes flags and alerts alone."""
        self.steps += 1
        for flag in flags:
            keep_flag(self.flags, flag)
        self.alerts.extend(alerts)
        if sighting is None:
            return
        self.at_ns = max(self.at_ns, sighting.received_at_ns)
        spoke: Spoke | None = None
        oddity = ""
        for event in events:
            if isinstance(event, Spoke):
                spoke = event
            elif isinstance(event, Misspoke):
                oddity = oddity or event.oddity.value
            elif isinstance(event, CallUnanswered) and (call := id_of_ref(event.frame)) is not None:
                self.unanswered.append((call,))
        if isinstance(sighting, Frame):
            self._frame(sighting, spoke, oddity)
        elif isinstance(sighting, Link):
            self.frames.append(_link_row(sighting))
        own = frame_id(sighting.lane, sighting.sequence)
        for ordinal, change in enumerate(changes):
            self._change(change, own, ordinal)

    def _frame(self, frame: Frame, spoke: Spoke | None, oddity: str) -> None:
        own = frame_id(frame.lane, frame.sequence)
        call = None
        if spoke is not None and spoke.call_frame:
            call = id_of_ref(spoke.call_frame)
            if call is not None:
                self.answers.append((own, spoke.answer_time_ns, call))
        self.frames.append(
            (
                own,
                frame.station,
                frame.received_at_ns,
                frame.connection,
                int(frame.direction),
                frame.kind.value,
                spoke.type if spoke else None,
                spoke.action if spoke else "",
                spoke.message_id if spoke else "",
                spoke.version if spoke else "",
                spoke.answer_time_ns if spoke else None,
                call,
                None,
                0,
                spoke.error_code if spoke else "",
                oddity,
                frame.code,
                frame.reason,
                frame.payload,
            )
        )

    def _change(self, change: Change, own: int, ordinal: int) -> None:
        if isinstance(change, SessionMetered):
            self.samples.append(
                (
                    own,
                    ordinal,
                    change.session,
                    change.station,
                    or_none(change.evse),
                    or_none(change.connector),
                    change.measured_at_ns,
                    change.register_wh,
                    change.energy_wh,
                    change.power_w,
                    change.current_a,
                    change.voltage_v,
                    change.soc_percent,
                    change.implausible,
                )
            )
        elif isinstance(change, SessionChanged):
            known = self.sessions.get(change.now.id)
            if known is None or change.now.revision >= known.revision:
                self.sessions[change.now.id] = change.now
        elif isinstance(change, ConnectorChanged):
            if _shown(change.before) != _shown(change.now):
                now = change.now
                self.states.append(
                    (
                        change.station,
                        or_none(now.evse),
                        now.connector,
                        now.since_ns,
                        now.status.value,
                        now.error_code,
                    )
                )
        elif isinstance(change, StationChanged):
            self.stations[change.now.id] = (change.at_ns, change.now)


def keep_flag(flags: dict[str, Flag], flag: Flag) -> None:
    """Puts the flag where its id belongs, unless what is there is newer."""
    known = flags.get(flag.id)
    if known is None or known.forgotten or flag_order(flag) >= flag_order(known):
        flags[flag.id] = flag


def flag_order(flag: Flag) -> tuple[bool, int]:
    """Of two copies of a flag the greater holds: cleared after raised, then the later."""
    return flag.state is FlagState.CLEARED, flag.at_ns


def or_none(number: int | None) -> int:
    return NONE if number is None else number


def _shown(connector: Connector | None) -> tuple[str, int, str] | None:
    # A session that came or went changes the connector's record, and not its band.
    return None if connector is None else (connector.status.value, connector.since_ns, connector.error_code)


_LINK_ENCODER = msgspec.json.Encoder()


def _link_row(link: Link) -> Row:
    told = {
        name: value
        for name, value in msgspec.structs.asdict(link).items()
        if name not in ("lane", "sequence", "received_at_ns", "connection", "station", "event")
        and value not in (None, "")
        and (value or name != "implied")  # said only where it is so
    }
    # A link event is drawn on the side of who caused it.
    direction = Direction.FROM_CSMS if link.by == "csms" else Direction.FROM_STATION
    return (
        frame_id(link.lane, link.sequence),
        link.station,
        link.received_at_ns,
        link.connection,
        int(direction),
        "link",
        None,
        link.event.value,
        "",
        "",
        None,
        None,
        None,
        0,
        "",
        "",
        link.code,
        link.reason,
        _LINK_ENCODER.encode(told),
    )
