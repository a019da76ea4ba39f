"""State for Prometheus: the fleet as it stands, the relay's counters from its ticks, and nocwatch itself.

The collector walks the fleet at each scrape, so that nothing is kept twice; a connector costs one sample (a code, not one
sample for each possible state). Labels are bounded: identities of stations that exist, names of rules and reasons.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from nocwatch import delays, ticks
from nocwatch.flags import Flag, FlagState, Severity
from nocwatch.network import ConnectorStatus, Station
from nocwatch.ocpp.envelope import CALL, SEND
from nocwatch.ocpp.events import Spoke
from nocwatch.ocpp.versions import base_name
from nocwatch.pipeline import Step
from nocwatch.registry.places import Place
from nocwatch.sessions import Outcome
from nocwatch.sinks.lines import DIRECTIONS, STATUS_CODES
from nocwatch.sinks.meanings import COUNTERS, GAUGES, STATE
from nocwatch.state.changes import SessionChanged


class Figures(Protocol):
    """What the watch tells of itself at a scrape."""

    @property
    def stations(self) -> Mapping[str, Station]: ...

    def place(self, station: str) -> Place: ...

    def relay_counters(self) -> Mapping[str, int]:
        """Of the last tick, summed over lanes."""

    def own_counters(self) -> Mapping[str, int]:
        """The watch's, by the names of ``meanings.COUNTERS``; one that is not there is 0."""

    def own_gauges(self) -> Mapping[str, float]:
        """The watch's, by the names of ``meanings.GAUGES``."""

    def tap_counters(self) -> Mapping[str, int]:
        """What the tap met besides frames, by a bounded word."""

    def state_counters(self) -> Mapping[str, int]:
        """The fleet's, by the names of ``meanings.STATE`` behind ``state_``; one that is not there is 0."""

    def notifications(self) -> Mapping[tuple[str, str], int]:
        """By (receiver, what became of it)."""

    def alerts_firing(self) -> Mapping[str, int]:
        """By severity."""

    def flags_raised(self) -> Mapping[tuple[str, str], int]:
        """By (rule, severity)."""

    def misfits(self) -> Mapping[str, int]:
        """Messages that did not fit their schema, by station; a station without any is not there."""


_ASKS = frozenset({CALL, SEND})


class Tally:
    """Counts what passes: calls by action, sessions by outcome and flags by rule, since the watch's start. Fed by the watch's loop."""

    def __init__(self) -> None:
        self.sessions: Counter[tuple[str, str]] = Counter()
        self.energy_wh = 0.0
        self.flags: Counter[str] = Counter()
        self.calls: Counter[tuple[str, str]] = Counter()

    def step(self, step: Step) -> None:
        """All that one sighting caused."""
        for event in step.events:
            if type(event) is Spoke and event.type in _ASKS:
                # A name that no version has may be anything: of these there is one series.
                self.calls[
                    base_name(event.action) if event.known else "unknown", DIRECTIONS[event.direction]
                ] += 1
        for change in step.changes:
            if isinstance(change, SessionChanged):
                self.session(change)
        for flag in step.flags:
            self.flag(flag)

    def copy(self) -> Tally:
        """As it stands now."""
        made = Tally()
        made.sessions, made.energy_wh, made.flags = self.sessions.copy(), self.energy_wh, self.flags.copy()
        made.calls = self.calls.copy()
        return made

    def session(self, change: SessionChanged) -> None:
        if change.ended:
            now = change.now
            self.sessions[
                now.outcome.value, (now.reason or "").lower() if now.outcome is not Outcome.SUCCESS else ""
            ] += 1
            self.energy_wh += now.energy_wh or 0.0

    def flag(self, flag: Flag) -> None:
        if flag.state is FlagState.RAISED:
            self.flags[flag.rule] += 1


class FleetCollector:
    """A prometheus_client collector."""

    def __init__(self, figures: Figures, tally: Tally) -> None:
        self._figures = figures
        self._tally = tally

    def collect(self) -> Iterable[Metric]:
        yield from self._fleet()
        yield from self._passed()
        yield from self._ours()

    def _fleet(self) -> Iterable[Metric]:
        online = GaugeMetricFamily(
            "nocwatch_station_online", "1 while the station has a live link.", labels=["station", "site"]
        )
        seen = GaugeMetricFamily(
            "nocwatch_station_last_seen_timestamp_seconds",
            "When the station last said anything.",
            labels=["station", "site"],
        )
        state = GaugeMetricFamily(
            "nocwatch_connector_state",
            "State of the connector: "
            + ", ".join(f"{code} {status}" for status, code in STATUS_CODES.items())
            + ".",
            labels=["station", "site", "evse", "connector"],
        )
        power = GaugeMetricFamily(
            "nocwatch_connector_power_watts",
            "Power as last metered.",
            labels=["station", "site", "evse", "connector"],
        )
        counts: Counter[ConnectorStatus] = Counter()
        for station in list(self._figures.stations.values()):
            labels = [_clean(station.id), _clean(self._figures.place(station.id).site)]
            online.add_metric(labels, float(station.there))
            seen.add_metric(labels, station.last_seen_ns / 1e9)
            for connector in station.connectors:
                where = [
                    *labels,
                    "" if connector.evse is None else str(connector.evse),
                    str(connector.connector),
                ]
                state.add_metric(where, STATUS_CODES[connector.status])
                counts[connector.status] += 1
                if connector.power_w is not None and connector.session:
                    power.add_metric(where, connector.power_w)
        reserved = GaugeMetricFamily(
            "nocwatch_reservations_standing",
            "Reservations that stand: accepted by the station, and neither used nor ended.",
            value=sum(len(station.reservations) for station in self._figures.stations.values()),
        )
        misfits = GaugeMetricFamily(
            "nocwatch_station_misfits",
            "Messages of the station, or to it, that were checked and do not fit OCPP's schemas; a station without any has no sample.",
            labels=["station", "site"],
        )
        for name, number in self._figures.misfits().items():
            misfits.add_metric([_clean(name), _clean(self._figures.place(name).site)], number)
        total = GaugeMetricFamily("nocwatch_connectors", "Connectors by state.", labels=["state"])
        for status in ConnectorStatus:
            total.add_metric([status.value], counts[status])
        yield from (online, seen, state, power, reserved, misfits, total)

    def _passed(self) -> Iterable[Metric]:
        sessions = CounterMetricFamily(
            "nocwatch_sessions", "Sessions that ended.", labels=["outcome", "reason"]
        )
        for (outcome, reason), number in self._tally.sessions.items():
            sessions.add_metric([outcome, reason], number)
        energy = CounterMetricFamily(
            "nocwatch_session_energy_watthours", "Energy of sessions that ended.", value=self._tally.energy_wh
        )
        calls = CounterMetricFamily(
            "nocwatch_calls",
            "Calls by action, whatever the version; `unknown` is an action that none has.",
            labels=["action", "direction"],
        )
        for (action, direction), number in self._tally.calls.items():
            calls.add_metric([action, direction], number)
        flags = CounterMetricFamily("nocwatch_flags", "Flags raised.", labels=["rule"])
        for rule, number in self._tally.flags.items():
            flags.add_metric([_clean(rule)], number)
        raised = GaugeMetricFamily("nocwatch_flags_raised", "Flags raised now.", labels=["rule", "severity"])
        for (rule, severity), number in self._figures.flags_raised().items():
            raised.add_metric([_clean(rule), severity], number)
        firing = GaugeMetricFamily("nocwatch_alerts_firing", "Alerts firing now.", labels=["severity"])
        by_severity = self._figures.alerts_firing()
        for each in Severity:
            firing.add_metric([each.value], by_severity.get(each.value, 0))
        yield from (sessions, energy, calls, flags, raised, firing)

    def _ours(self) -> Iterable[Metric]:
        yield from _relay(self._figures.relay_counters())
        sent = CounterMetricFamily(
            "nocwatch_notifications",
            "Notifications by receiver and what became of them.",
            labels=["receiver", "outcome"],
        )
        for (receiver, outcome), number in sorted(self._figures.notifications().items()):
            sent.add_metric([_clean(receiver), outcome], number)
        met = CounterMetricFamily(
            "nocwatch_watch_tap_met",
            "What the decoder met besides frames: gaps, garbled bytes, links it had not seen open.",
            labels=["what"],
        )
        for what, number in sorted(self._figures.tap_counters().items()):
            met.add_metric([what], number)
        fleet = CounterMetricFamily(
            "nocwatch_watch_state_met",
            "What the model of the fleet met beyond its limits, or could not place.",
            labels=["what"],
        )
        of_state = self._figures.state_counters()
        for what in STATE:
            fleet.add_metric([what], of_state.get(f"state_{what}", 0))
        yield from (sent, met, fleet)
        counters, gauges = self._figures.own_counters(), self._figures.own_gauges()
        for name, meaning in COUNTERS.items():
            yield CounterMetricFamily(
                f"nocwatch_watch_{name.removesuffix('_total')}", meaning, value=counters.get(name, 0)
            )
        for name, meaning in GAUGES.items():
            yield GaugeMetricFamily(f"nocwatch_watch_{name}", meaning, value=gauges.get(name, 0.0))


_RELAY_TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "refused_": ("refused", ("reason",)),
    "closed_": ("closed", ("by", "reason")),
    "upstream_up_": ("upstream_up", ("upstream",)),
    "certificate_expires_": ("certificate_expires", ("of", "name")),
}
"""Counters that stand for a table: what follows the prefix is labels, not part of the name. As the relay's own /metrics."""
_METRIC_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _relay(counters: Mapping[str, int]) -> Iterable[Metric]:
    tables: dict[str, Any] = {
        "refused_": CounterMetricFamily(
            "nocwatch_seen_relay_refused", "Stations refused, by reason.", labels=["reason"]
        ),
        "closed_": CounterMetricFamily(
            "nocwatch_seen_relay_closed", "Links ended, by whom and how.", labels=["by", "reason"]
        ),
        "upstream_up_": GaugeMetricFamily(
            "nocwatch_seen_relay_upstream_up",
            "0 while the last dial of that CSMS failed.",
            labels=["upstream"],
        ),
        "certificate_expires_": GaugeMetricFamily(
            "nocwatch_seen_relay_certificate_expires_timestamp_seconds",
            "When a certificate of the relay's listeners or upstreams runs out.",
            labels=["of", "name"],
        ),
    }
    for name, value in sorted(counters.items()):
        prefix = next((each for each in _RELAY_TABLES if name.startswith(each)), None)
        if name.startswith(delays.PREFIX):
            continue  # together they are one histogram
        if prefix is not None:
            labels = _RELAY_TABLES[prefix][1]
            values = name.removeprefix(prefix).split("_", len(labels) - 1)
            tables[prefix].add_metric([*values, *[""] * (len(labels) - len(values))], value)
        elif _METRIC_NAME.fullmatch(name):  # a tick of another version may hold anything
            family = GaugeMetricFamily if ticks.is_gauge(name) else CounterMetricFamily
            yield family(
                f"nocwatch_seen_relay_{name}",
                f"nocwatch_relay_{name} of the relay, as its last tick had it.",
                value=value,
            )
    yield from tables.values()
    if found := delays.read(counters):
        kept = HistogramMetricFamily(delays.FAMILY.format("seen_relay"), delays.MEANING, labels=["direction"])
        for direction, delay in found.items():
            kept.add_metric([direction], delay.cumulative(), delay.sum_us / 1e6)
        yield kept


def _clean(text: str) -> str:
    """A label's value that can be encoded: a station's name can hold what is no character."""
    return text.encode("utf-8", "replace").decode()


def exposition(figures: Figures, tally: Tally) -> Callable[[], bytes]:
    """A function that renders ``/metrics`` (text format). In a thread only with figures that stand still (``watch/held.py``)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FleetCollector(figures, tally))
    return lambda: generate_latest(registry)
