"""Pipeline steps as InfluxDB line protocol. Pure: the same step gives the same lines, so writing twice changes nothing.

Equal series and equal time overwrite in InfluxDB. Both halves of that are used: a point that is made again (a restart, a
session whose verdict changed) falls on its former self, and two points that differ never share a time, because the
sequence number is folded into the nanoseconds (``folded``).

Tags are bounded words: station, connector, site, operator, team, vendor, model, firmware, action, direction, current type,
access. Never a tag: token, transaction, message id, text, and nothing that a later verdict may change (a session's
outcome), because a changed tag is another series and the former point would stay. ``docs/influx.md`` lists the measurements.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from nocwatch.flags import Flag, FlagState, derived_id
from nocwatch.frames import Direction, Frame, Kind, Link, Tick
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import CallRefused, Misspoke, OcppEvent, SecurityReported, Spoke
from nocwatch.pipeline import Step
from nocwatch.registry.places import Place
from nocwatch.sessions import Outcome, Session
from nocwatch.sinks import plans
from nocwatch.sinks.escapes import FOLD_NS, string, tag
from nocwatch.state.changes import (
    Change,
    ConnectorChanged,
    ReservationChanged,
    SessionChanged,
    SessionMetered,
)

STEP_POINTS_MAX = 8
"""Room for the points of one step that could share series and time: errors, changes. It is one or two."""

DIRECTIONS = {Direction.FROM_STATION: "cp-to-csms", Direction.FROM_CSMS: "csms-to-cp"}

STATUS_CODES: dict[ConnectorStatus, int] = {status: code for code, status in enumerate(ConnectorStatus)}
"""A number for each state, for what can only draw numbers."""


def folded(at_ns: int, sequence: int) -> int:
    """``at_ns`` with its lowest 12 bits taken by the sequence.

    Frames of one record never share a time (a chunk of the smallest frames there are moves its last by 65 µs); of two
    records of the same instant less than 64 apart, the first 64 frames each do not.
    """
    return at_ns // FOLD_NS * FOLD_NS + (sequence >> 16) * 64 % FOLD_NS + (sequence & 0xFFFF)


def _folded(at_ns: int, step: Step, index: int) -> int:
    """The same for the points that a step caused besides its frame: several frames of a chunk share their instant."""
    sequence = step.sighting.sequence if step.sighting is not None else 0
    low = (sequence & 0xFFFF) * STEP_POINTS_MAX + index % STEP_POINTS_MAX
    return at_ns // FOLD_NS * FOLD_NS + (sequence >> 16) * 64 % FOLD_NS + low


def _spread(event_at_ns: int, at_ns: int) -> int:
    """A station's time stamp in whole seconds, moved within its second so that what was told later stands later.

    Stations report several states within one second, in order; only the last of them would be left otherwise.
    """
    if event_at_ns % SECOND_NS:
        return event_at_ns
    delay_ns = at_ns - event_at_ns
    return event_at_ns + (SECOND_NS - 1) * (delay_ns + abs(delay_ns) + SECOND_NS) // (
        2 * (abs(delay_ns) + SECOND_NS)
    )


class LineMaker:
    """Turns steps into lines.

    The tags of a station are kept until its place changes.
    """

    def __init__(self, place: Callable[[str], Place]) -> None:
        self._place = place
        self._tags: dict[str, tuple[Place, str, str]] = {}

    def lines(self, step: Step) -> list[str]:
        """All points of one step, one line each, without a newline."""
        made: list[str] = []
        sighting = step.sighting
        spoke: Spoke | None = None
        for event in step.events:
            if isinstance(event, Spoke):
                spoke = event
            elif line := self._error(event, step, len(made)):
                made.append(line)
        if isinstance(sighting, Frame):
            made.append(self._frame(sighting, spoke))
        elif isinstance(sighting, Link):
            made.append(self._link(sighting))
        elif isinstance(sighting, Tick) and sighting.counters:
            made.append(self._tick(sighting))
        for index, change in enumerate(step.changes):
            made += self._change(change, step, index)
        made += [self._flag(flag) for flag in step.flags]
        return made

    def tags(self, station: str, *, lasting: bool = False) -> str:
        """``,site=…,station=…`` of a station, without what is empty.

        Args:
            station: its identity.
            lasting: only what a boot does not change, for points that may be written again much later.
        """
        place = self._place(station)
        kept = self._tags.get(station)
        if kept is None or kept[0] != place:
            kept = self._tags[station] = (place, _tags(place, _LASTING), _tags(place, _ALL))
        return kept[1] if lasting else kept[2]

    def _frame(self, frame: Frame, spoke: Spoke | None) -> str:
        direction = DIRECTIONS[frame.direction]
        action = f",action={tag(spoke.action)}" if spoke and spoke.action and spoke.known else ""
        message = f",type={spoke.type}" if spoke else ""
        fields = [f"bytes={len(frame.payload)}i", f'ref="{frame.ref}"']
        if frame.kind is Kind.TEXT:
            fields.append(f"payload={string(frame.payload.decode('utf-8', 'replace'))}")
        if frame.code is not None:
            fields.append(f"code={frame.code}i")
        if frame.reason:
            fields.append(f"reason={string(frame.reason)}")
        if spoke:
            fields.append(f"message_id={string(spoke.message_id)}")
            if not spoke.known:
                fields.append(f"action_name={string(spoke.action)}")
            if spoke.answer_time_ns is not None:
                fields.append(f"answer_ms={spoke.answer_time_ns / 1e6:.3f}")
            if spoke.error_code:
                fields.append(f"error_code={string(spoke.error_code)}")
        at_ns = folded(frame.received_at_ns, frame.sequence)
        tags = self.tags(frame.station)
        return f"frames{tags}{action},direction={direction},kind={frame.kind}{message} {','.join(fields)} {at_ns}"

    def _link(self, link: Link) -> str:
        fields = [f'event="{link.event}"', f"by={string(link.by)}", f"reason={string(link.reason)}"]
        if link.remote_address:
            fields.append(f"remote_address={string(link.remote_address)}")
        if link.http_status is not None:
            fields.append(f"http_status={link.http_status}i")
        if link.code is not None:
            fields.append(f"code={link.code}i")
        tags = self.tags(link.station) if link.station else ""
        upstream = f",upstream={tag(link.upstream)}" if tag(link.upstream) else ""
        return f"links{tags}{upstream} {','.join(fields)} {folded(link.received_at_ns, link.sequence)}"

    @staticmethod
    def _tick(tick: Tick) -> str:
        fields = ",".join(f"{tag(name)}={value}i" for name, value in sorted(tick.counters.items()))
        return f"relay,lane={tick.lane} {fields} {folded(tick.received_at_ns, tick.sequence)}"

    def _error(self, event: OcppEvent, step: Step, index: int) -> str | None:
        if isinstance(event, CallRefused):
            source, code, text = "callerror", event.error_code, f"{event.action}: {event.description}"
        elif isinstance(event, Misspoke):
            source, code, text = "protocol", event.oddity.value, event.text
        elif isinstance(event, SecurityReported):
            source, code, text = "security", event.type, event.tech_info
        else:
            return None
        at_ns = _folded(event.at_ns, step, index)
        tags = self.tags(event.station)
        return f'errors{tags},source={source} code={string(code)},text={string(text)},frame="{event.frame}" {at_ns}'

    def _change(self, change: Change, step: Step, index: int) -> list[str]:
        if isinstance(change, ConnectorChanged):
            return self._state(change)
        if isinstance(change, SessionMetered):
            return self._sample(change, index)
        if isinstance(change, SessionChanged):
            made = [self._ongoing(change, step, index)] if change.now.transaction is not None else []
            if change.now.over or change.reopened:
                made.append(self._session(change.now))
            if change.now.plan is not None or change.now.costs is not None:
                made += plans.planned(
                    change, self._place_tags(change.now.station, change.now.evse, change.now.connector)
                )
            return made
        if isinstance(change, ReservationChanged):
            tags = self._place_tags(change.station, change.now.evse, change.now.connector)
            return [plans.reservation(change, tags, _folded(change.at_ns, step, index))]
        return []

    def _place_tags(self, station: str, evse: int | None, connector: int | None) -> str:
        return self.tags(station, lasting=True) + _where(evse, connector)

    def _state(self, change: ConnectorChanged) -> list[str]:
        before, now = change.before, change.now
        if before and (before.status, before.error_code) == (now.status, now.error_code):
            return []
        fields = f'status="{now.status}",code={STATUS_CODES[now.status]}i,error_code={string(now.error_code)}'
        if now.vendor_error:
            fields += f",vendor_error={string(now.vendor_error)}"
        tags, where = self.tags(change.station), _where(now.evse, now.connector)
        at_ns = _spread(change.event_at_ns, change.at_ns)
        made = [f"states{tags}{where} {fields} {at_ns}"]
        wrong = now.status is ConnectorStatus.FAULTED or now.error_code not in ("", "NoError")
        if wrong and now.status is not ConnectorStatus.OFFLINE:
            code, text = now.error_code or now.status.value, now.vendor_error or now.status.value
            frame = change.frames[0] if change.frames else ""
            fields = f'code={string(code)},text={string(text)},frame="{frame}"'
            made.append(f"errors{tags}{where},source=status {fields} {at_ns}")
        return made

    def _sample(self, change: SessionMetered, index: int) -> list[str]:
        values = (
            ("current_a", change.current_a),
            ("energy_wh", change.energy_wh),
            ("power_w", change.power_w),
            ("register_wh", change.register_wh),
            ("soc_percent", change.soc_percent),
            ("voltage_v", change.voltage_v),
        )
        # A reading that is no number (1e999 in a text) would make the server refuse the whole point.
        fields = [
            f"{name}={float(value)!r}" for name, value in values if value is not None and isfinite(value)
        ]
        if not fields:
            return []
        if change.session:
            fields.append(f'session="{change.session}"')
        if change.implausible:
            fields.append(f"implausible={string(change.implausible)}")
        where = _where(change.evse, change.connector)
        at_ns = change.measured_at_ns // FOLD_NS * FOLD_NS + index
        return [f"samples{self.tags(change.station)}{where} {','.join(fields)} {at_ns}"]

    def _ongoing(self, change: SessionChanged, step: Step, index: int) -> str:
        """What a live panel needs: the last point of a connector says whether a session runs there, and how far it is."""
        session = change.now
        until_ns = session.stopped_at_ns if session.stopped_at_ns is not None else change.at_ns
        fields = (
            f"active={int(not session.over)}i,energy_wh={_number(session.energy_wh)!r},"
            f'duration_s={max(0, until_ns - session.started_at_ns) / 1e9:.3f},session="{session.id}"'
        )
        if session.power_w is not None:
            fields += f",power_w={_number(session.power_w)!r}"
        where = _where(session.evse, session.connector)
        at_ns = _folded(change.at_ns, step, index)
        return f"ongoing{self.tags(session.station, lasting=True)}{where} {fields} {at_ns}"

    def _session(self, session: Session) -> str:
        stopped_ns = session.stopped_at_ns if session.stopped_at_ns is not None else session.changed_at_ns
        fields = [
            f'id="{session.id}"',
            f'outcome="{session.outcome}"',
            f'reason="{session.reason or ""}"',
            f'blame="{session.blame or ""}"',
            f'start_source="{session.start_source}"',
            f"transaction={string('' if session.transaction is None else str(session.transaction))}",
            f"duration_s={max(0, stopped_ns - session.started_at_ns) / 1e9:.3f}",
            f"late={'true' if session.late else 'false'}",
            *(f"{outcome}={int(session.outcome is outcome)}i" for outcome in Outcome),
        ]
        fields.append(f"energy_wh={_number(session.energy_wh)!r}")
        fields += plans.fields_of(session)
        place = self._place(session.station)
        for name, value in (("vendor", place.vendor), ("model", place.model), ("firmware", place.firmware)):
            fields.append(f"{name}={string(value)}")
        for name, number in (("evse", session.evse), ("connector", session.connector)):
            if number is not None:
                fields.append(f"{name}={number}i")
        at_ns = session.started_at_ns // FOLD_NS * FOLD_NS + int(session.id[:3], 16)
        return f"sessions{self.tags(session.station, lasting=True)} {','.join(fields)} {at_ns}"

    def _flag(self, flag: Flag) -> str:
        tags = self.tags(flag.station) if flag.station else ""
        raised = int(flag.state is FlagState.RAISED)
        fields = (
            f'id="{flag.id}",raised={raised}i,severity="{flag.severity}",summary={string(flag.summary)},'
            f'session="{flag.session or ""}",blame="{flag.blame}",subject={string(flag.subject)}'
        )
        at_ns = flag.at_ns // FOLD_NS * FOLD_NS + int(derived_id(flag.id, flag.state)[:3], 16)
        return f"flags{tags},category={flag.category},detector={tag(flag.detector)},rule={tag(flag.rule)} {fields} {at_ns}"


def _number(value: float | None) -> float:
    return float(value) if value is not None and isfinite(value) else 0.0


_LASTING = ("access", "current", "operator", "site", "station", "team")
_ALL = ("access", "current", "firmware", "model", "operator", "site", "station", "team", "vendor")


def _tags(place: Place, names: tuple[str, ...]) -> str:
    return "".join(f",{name}={value}" for name in names if (value := tag(getattr(place, name))))


def _where(evse: int | None, connector: int | None) -> str:
    text = f",connector={connector}" if connector is not None else ""
    return f"{text},evse={evse}" if evse is not None else text
