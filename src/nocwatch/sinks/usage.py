"""How long each connector was in which state, by quarters of an hour: what utilisation a day is summed from.

InfluxQL cannot measure how long a state lasted. So at the end of each quarter (UTC) one point a connector says how many of
its 900 seconds it was available, occupied, charging, faulted, unavailable, offline or unknown, and one repeats its state, so
that a timeline knows that it still held. The relay ticks each second; where the journal is silent for longer than a minute
nobody was looking, and that time is unknown: a gap is never drawn as the state before it. Pure: fed with the pipeline's
steps, and part of the watch's snapshot, so that a restart neither loses a quarter nor writes another one.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from nocwatch.moments import SECOND_NS
from nocwatch.network import Connector, ConnectorStatus
from nocwatch.pipeline import Step
from nocwatch.sinks.lines import STATUS_CODES
from nocwatch.state.changes import ConnectorChanged

QUARTER_NS = 900 * SECOND_NS
SILENCE_NS_MAX = 60 * SECOND_NS
"""A relay that is replaced is away for less; what is longer is a time of which nothing is known."""
CONNECTORS_MAX = 200_000
"""Beyond any one installation; a station that invents connector numbers cannot fill the memory. More are not counted."""

_GROUPS: dict[ConnectorStatus, str] = {
    ConnectorStatus.AVAILABLE: "available_s",
    ConnectorStatus.PREPARING: "occupied_s",
    ConnectorStatus.CHARGING: "charging_s",
    ConnectorStatus.SUSPENDED_EV: "occupied_s",
    ConnectorStatus.SUSPENDED_EVSE: "occupied_s",
    ConnectorStatus.FINISHING: "occupied_s",
    ConnectorStatus.OCCUPIED: "occupied_s",
    ConnectorStatus.RESERVED: "reserved_s",
    ConnectorStatus.UNAVAILABLE: "unavailable_s",
    ConnectorStatus.FAULTED: "faulted_s",
    ConnectorStatus.OFFLINE: "offline_s",
    ConnectorStatus.NO_DATA: "unknown_s",
}
FIELDS = tuple(dict.fromkeys(_GROUPS.values()))


class _Running(msgspec.Struct):
    """One connector's quarter so far: its state since ``since_ns``, and what has been added up before."""

    station: str
    evse: int | None
    connector: int
    status: ConnectorStatus
    since_ns: int
    spent_ns: dict[str, int]


class _Kept(msgspec.Struct):
    boundary_ns: int
    seen_ns: int
    running: list[_Running]


class Usage:
    """Adds up seconds by state and gives off a point a connector at each quarter's end."""

    def __init__(self, tags: Callable[[str], str]) -> None:
        self._tags = tags
        self._boundary_ns = 0
        self._seen_ns = 0
        self._running: dict[tuple[str, int | None, int], _Running] = {}

    def lines(self, step: Step) -> list[str]:
        """Points of the quarters that ended with this step, none for most steps."""
        if not self._boundary_ns:
            self._boundary_ns, self._seen_ns = _next_boundary(step.at_ns), step.at_ns
        made: list[str] = []
        if step.at_ns - self._seen_ns > SILENCE_NS_MAX:
            made += self._silence(self._seen_ns, step.at_ns)
        elif step.at_ns >= self._boundary_ns:
            made += self._close()
        self._seen_ns = max(self._seen_ns, step.at_ns)
        for change in step.changes:
            if isinstance(change, ConnectorChanged):
                self._turn(change.station, change.now, step.at_ns)
        return made

    def _silence(self, from_ns: int, until_ns: int) -> list[str]:
        """Nothing is known of the time between; what was before holds again after it, until someone says otherwise."""
        made = []
        for running in self._running.values():
            _spend(running, from_ns)
            made.append(self._state(running, ConnectorStatus.NO_DATA, from_ns))
        kept = [running.status for running in self._running.values()]
        for running in self._running.values():
            running.status = ConnectorStatus.NO_DATA
        if until_ns >= self._boundary_ns:
            made += self._close(repeat=False)
            self._boundary_ns = _next_boundary(until_ns)  # quarters of which nothing is known have no points
        begin_ns = self._boundary_ns - QUARTER_NS
        for running, status in zip(self._running.values(), kept, strict=True):
            running.since_ns = max(running.since_ns, begin_ns)
            _spend(running, until_ns)
            running.status = status
            made.append(self._state(running, status, until_ns))
        return made

    def _turn(self, station: str, now: Connector, at_ns: int) -> None:
        key = (station, now.evse, now.connector)
        running = self._running.get(key)
        if running is None:
            if len(self._running) < CONNECTORS_MAX:
                self._running[key] = _Running(station, now.evse, now.connector, now.status, at_ns, {})
            return
        if running.status is not now.status:
            _spend(running, at_ns)
            running.status = now.status

    def _close(self, *, repeat: bool = True) -> list[str]:
        """The quarter that ends at the boundary; moves the boundary on."""
        made, boundary_ns = [], self._boundary_ns
        for running in self._running.values():
            _spend(running, boundary_ns)
            spent = running.spent_ns
            # All fields, always: in InfluxQL a sum that has a missing term is missing itself.
            fields = ",".join(f"{name}={spent.get(name, 0) / SECOND_NS:.3f}" for name in FIELDS)
            running.spent_ns = {}
            # At the quarter's beginning, so that GROUP BY time(1d) puts the last quarter of a day into that day.
            made.append(f"usage{self._series(running)} {fields} {boundary_ns - QUARTER_NS}")
            if repeat:
                made.append(self._state(running, running.status, boundary_ns))
        self._boundary_ns += QUARTER_NS
        return made

    def _state(self, running: _Running, status: ConnectorStatus, at_ns: int) -> str:
        fields = f'status="{status}",code={STATUS_CODES[status]}i,repeated=true'
        return f"states{self._series(running)} {fields} {at_ns}"

    def _series(self, running: _Running) -> str:
        evse = f",evse={running.evse}" if running.evse is not None else ""
        return f"{self._tags(running.station)},connector={running.connector}{evse}"

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(_Kept(self._boundary_ns, self._seen_ns, list(self._running.values())))

    def restore(self, data: bytes) -> None:
        kept = msgspec.msgpack.decode(data, type=_Kept)
        self._boundary_ns, self._seen_ns = kept.boundary_ns, kept.seen_ns
        self._running = {(each.station, each.evse, each.connector): each for each in kept.running}


def _next_boundary(at_ns: int) -> int:
    return (at_ns // QUARTER_NS + 1) * QUARTER_NS


def _spend(running: _Running, until_ns: int) -> None:
    group = _GROUPS[running.status]
    running.spent_ns[group] = running.spent_ns.get(group, 0) + max(0, until_ns - running.since_ns)
    running.since_ns = until_ns
