"""How nocwatch itself is, in figures and sentences: for the System page, ``/readyz``, metrics and the band across the pages."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nocwatch import clock, moments, ticks
from nocwatch.alerts.dispatcher import Dispatcher
from nocwatch.journal import drops, recorded
from nocwatch.network import Station
from nocwatch.proxy.counters import MEANINGS
from nocwatch.registry.places import Place
from nocwatch.sinks.influx import InfluxSink
from nocwatch.sinks.spool import Spool
from nocwatch.tap.tap import Tap
from nocwatch.watch import remedies
from nocwatch.watch.follow import Follower
from nocwatch.watch.reload import Reloader
from nocwatch.watch.remedies import Trouble

RELAY_SILENT_S = 5.0
"""The relay ticks once a second; after this it is taken for dead, unless a backlog is still being read."""
LAG_MAX_S = 60.0
OVER_NS = moments.HOUR_NS
"""Where nothing has come for so long, pages look back from the end of what did come; before that, the last day is still that of today."""
DISK_FREE_BYTES_MIN = 1024 * 1024
"""Below this the journal's next block may not fit."""


class Status:
    """Looks at the parts; keeps nothing. Implements ``sinks.metrics.Figures``."""

    def __init__(
        self,
        follower: Follower,
        tap: Tap,
        sink: InfluxSink | None,
        spool: Spool | None,
        dispatcher: Dispatcher,
        started_ns: int,
        journal: Path,
    ) -> None:
        self._journal, self._recorded = journal, recorded.noted(journal)
        self._dispatcher = dispatcher
        self._follower, self._tap, self._sink, self._spool = follower, tap, sink, spool
        self._started_ns = started_ns
        self.reloader: Reloader | None = None

    # --- figures --------------------------------------------------------------------------------------------------------

    @property
    def stations(self) -> Mapping[str, Station]:
        return self._follower.pipeline.stations

    def place(self, station: str) -> Place:
        return self._follower.pipeline.place(station)

    def relay_counters(self) -> Mapping[str, int]:
        return ticks.total(self._lanes().values())

    def _lanes(self) -> Mapping[int, Mapping[str, int]]:
        """The last tick of each worker that there is."""
        relay = self._follower.relay
        return ticks.current({lane: (tick.received_at_ns, tick.counters) for lane, tick in relay.items()})

    def _silent_s(self, lane: int) -> float:
        return max(0.0, (clock.now_ns() - self._follower.relay[lane].received_at_ns) / 1e9)

    def own_counters(self) -> Mapping[str, int]:
        counters = Counter(self._follower.counters)
        read = self._follower.reader.counters
        counters["journal_gaps_total"] = read.get("journal_read_gaps", 0)
        counters["journal_missing_records_total"] = read.get("journal_read_missing_records", 0)
        for rule in self._follower.pipeline.engine.counters.values():
            counters["detector_failures_total"] += rule.get("failures", 0)
        if self._sink is not None:
            sink = self._sink.counters
            counters["influx_points_written_total"] = sink.points_written
            counters["influx_points_refused_total"] = sink.points_refused
            counters["influx_write_failures_total"] = sink.failures
            counters["influx_lost_records_total"] = sink.lost_records
        if self._spool is not None:
            counters["influx_spool_dropped_records_total"] = self._spool.counters["journal_dropped_records"]
        return counters

    def own_gauges(self) -> Mapping[str, float]:
        return {
            "behind_seconds": self._follower.behind_s,
            "caught_up": float(self._follower.caught_up),
            "read_timestamp_seconds": self._follower.read_at_ns / 1e9,
            "relay_silent_seconds": self.relay_silent_s(),
            "influx_behind_seconds": self.sink_behind_s(),
            "influx_waiting": float(self._sink is not None and not self._sink.caught_up),
            "start_time_seconds": self._started_ns / 1e9,
        }

    def tap_counters(self) -> Mapping[str, int]:
        return {name: number for name, number in self._tap.counters.items() if name != "frames"}

    def state_counters(self) -> Mapping[str, int]:
        return dict(self._follower.pipeline.fleet.counters)

    def notifications(self) -> Mapping[tuple[str, str], int]:
        return {
            (receiver, outcome): number
            for receiver, counters in self._dispatcher.counters.items()
            for outcome, number in counters.items()
        }

    def alerts_firing(self) -> Mapping[str, int]:
        return Counter(alert.severity.value for alert in self._follower.pipeline.book.firing)

    def flags_raised(self) -> Mapping[tuple[str, str], int]:
        return Counter((flag.rule, flag.severity.value) for flag in self._follower.pipeline.engine.raised)

    def misfits(self) -> Mapping[str, int]:
        fleet = self._follower.pipeline.fleet
        return {
            station: number for station in fleet.stations if (number := sum(fleet.misfits(station).values()))
        }

    def relay_silent_s(self) -> float:
        """Since the last tick, of the worker that is silent for longest; 0 before the first one was seen, and over a recording.

        A worker that ended on purpose counts no more while the others end; where all have, the last one's word does.
        """
        if self.recorded_until_ns is not None:
            return 0.0
        lanes = self._lanes()
        silent = [self._silent_s(lane) for lane in ticks.speaking(lanes)]
        return min(silent, default=0.0) if _all_ended(lanes) else max(silent, default=0.0)

    @property
    def recorded_until_ns(self) -> int | None:
        """Where a recording ends that nobody adds to: it is what a watch over it takes for now. None over a relay's journal."""
        if self._recorded is None or not self._recorded.is_all(self._follower.reader.cursor.lanes):
            return None
        return self._recorded.until_ns

    def over_since_ns(self, now_ns: int) -> int | None:
        """The end of what was read, where nothing has come after it for long; None where something has, or never did."""
        read_ns = self._follower.pipeline.now_ns
        return read_ns if read_ns and now_ns - read_ns > OVER_NS else None

    def sink_behind_s(self) -> float:
        if self._sink is None or not self._sink.oldest_ns:
            return 0.0
        return max(0.0, (clock.now_ns() - self._sink.oldest_ns) / 1e9)

    # --- sentences ------------------------------------------------------------------------------------------------------

    def ready(self) -> tuple[list[str], list[str]]:
        """Why the watch cannot do its job (empty: it can), and what an operator should know besides; worst first.

        Its job is to see what passes now and to tell people of it. What others cannot do while it goes on (InfluxDB away and
        its points in the spool, a receiver that refuses, a CSMS that is down) is a remark: a restart of the watch mends none.
        """
        return [each.text for each in self._reasons()], [each.text for each in self._remarks()]

    def _reasons(self) -> list[Trouble]:
        follower, reasons = self._follower, list[Trouble]()
        if follower.trouble:
            text = (
                f"The store cannot take anything: {follower.trouble}. The journal keeps what comes meanwhile."
            )
            reasons.append(Trouble(text, remedies.STORE))
        reasons += self._silence()
        if follower.behind_s > LAG_MAX_S:
            text = f"The watch is {follower.behind_s:.0f} s behind the journal; what you see is that old."
            reasons.append(Trouble(text, remedies.BEHIND))
        elif not follower.caught_up:
            text = "The watch is still reading the journal; what you see is old."
            reasons.append(Trouble(text, remedies.READING))
        return reasons

    def _remarks(self) -> list[Trouble]:
        relay, now_ns, found = self.relay_counters(), clock.now_ns(), list[Trouble]()
        if (recorded_until_ns := self.recorded_until_ns) is not None:
            text = f"Recorded data from trace import, and no relay: it reaches to {_second(recorded_until_ns)}, and all pages take that moment for now."
            found.append(Trouble(text, remedies.RECORDED))
        if relay.get("draining") and not _all_ended(lanes := self._lanes()):
            left = sum(lanes[lane].get("links_open", 0) for lane in ticks.speaking(lanes))
            text = f"The relay, or a worker of it, is shutting down; {left} links are left on those that run."
            found.append(Trouble(text, remedies.RELAY_DRAINS))
        if lost := drops.told(relay, now_ns):
            text = f"The relay could not write all to the journal (disk full or slow): {lost}. What passed then was not seen."
            found.append(Trouble(text, remedies.JOURNAL_DROPS))
        for name, up in sorted(relay.items()):
            if name.startswith("upstream_up_") and not up:
                upstream = name.removeprefix("upstream_up_")
                text = f"The relay cannot reach the CSMS {upstream}; stations that connect are answered 502."
                found.append(Trouble(text, remedies.UPSTREAM))
        if self.reloader is not None and self.reloader.trouble:
            found.append(Trouble(self.reloader.trouble, remedies.FILES))
        for receiver, trouble in sorted(self._dispatcher.troubles.items()):
            text = f"The last notification did not reach the receiver {receiver}: {trouble}"
            found.append(Trouble(text, remedies.receiver(receiver)))
        if self._sink is not None and self._sink.trouble:
            text = f"{self._sink.trouble}; {self.sink_behind_s():.0f} s of points wait in the spool."
            found.append(Trouble(text, remedies.INFLUX))
        if self._spool is not None and (lost := drops.told(self._spool.counters, now_ns)):
            text = f"The spool could not take all points for InfluxDB (disk full or slow): {lost}."
            found.append(Trouble(text, remedies.SPOOL_DROPS))
        return found

    def _silence(self) -> list[Trouble]:
        """That nothing comes from the relay, and why, as far as can be seen from here."""
        follower, silent_s = self._follower, self.relay_silent_s()
        over_ns = self.over_since_ns(clock.now_ns())
        back = f" Pages look back from {_second(over_ns)}, the end of what was read." if over_ns else ""
        if not follower.caught_up or self.recorded_until_ns is not None:
            return []
        if not follower.relay:
            if clock.now_ns() - self._started_ns <= LAG_MAX_S * moments.SECOND_NS:
                return []
            text = f"The journal has nothing from a relay. Is the relay running, with the same journal folder?{back}"
            return [Trouble(text, remedies.NO_RELAY)]
        lanes = self._lanes()
        silent = [lane for lane in sorted(ticks.speaking(lanes)) if self._silent_s(lane) > RELAY_SILENT_S]
        if not silent:
            return []
        heard = [follower.relay[lane].received_at_ns for lane in silent]
        at = _second(max(heard) if _all_ended(lanes) else min(heard))
        if self._disk_full():
            text = f"The disk of the journal is full, for {_long(silent_s)} now: the relay carries on, and what passes is not seen. Make room."
            return [Trouble(text, remedies.JOURNAL_FULL)]
        if _all_ended(lanes):
            text = f"The relay was shut down {_long(silent_s)} ago, at {at}, and has not been started again: no charger can connect.{back}"
            return [Trouble(text, remedies.RELAY_ENDED)]
        who = (
            "The relay" if len(silent) == len(lanes) else f"Worker {', '.join(map(str, silent))} of the relay"
        )
        text = f"{who} has been silent for {_long(silent_s)}, since {at}: chargers may be cut off. Look at its process and log.{back}"
        return [Trouble(text, remedies.RELAY_SILENT)]

    def _disk_full(self) -> bool:
        try:
            there = os.statvfs(self._journal)
        except OSError:
            return False
        return there.f_bavail * there.f_frsize < DISK_FREE_BYTES_MIN

    def as_sections(self) -> dict[str, Any]:
        """For the System page and ``/readyz``."""
        follower = self._follower
        reasons, remarks = self._reasons(), self._remarks()
        relay = dict(sorted(self.relay_counters().items()))
        relay["journal_dropped_at_ns"] = relay.pop("journal_dropped_timestamp_seconds", 0) * moments.SECOND_NS
        sections: dict[str, Any] = {
            "reasons": [each.text for each in reasons],
            "remarks": [each.text for each in remarks],
            "meanings": MEANINGS,
            "remedies": {each.text: each.remedy for each in (*reasons, *remarks)},
            "watch": {
                "behind_s": follower.behind_s,
                "caught_up": follower.caught_up,
                "started_at_ns": self._started_ns,
                "stations": len(self.stations),
                **dict(sorted(follower.counters.items())),
            },
            "relay": {"silent_s": self.relay_silent_s(), **relay},
            "tap": dict(sorted(self._tap.counters.items())),
        }
        if self._sink is not None:
            sections["influxdb"] = {
                "works": not self._sink.trouble,
                "trouble": self._sink.trouble,
                "behind_s": self.sink_behind_s(),
                "points_written": self._sink.counters.points_written,
                "points_refused": self._sink.counters.points_refused,
                "write_failures": self._sink.counters.failures,
            }
        sections["rules"] = [
            {"name": name, **counters} for name, counters in sorted(follower.pipeline.engine.counters.items())
        ]
        return sections


def _long(seconds: float) -> str:
    """In a unit that a person can picture: ``75 s``, ``3 h``, ``12 d``."""
    for unit, length_s in (("d", 86_400), ("h", 3600)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def _second(at_ns: int) -> str:
    """To the second: ``2026-11-21T09:45:49Z``."""
    return f"{moments.rfc3339(at_ns)[:19]}Z"


def _all_ended(lanes: Mapping[int, Mapping[str, int]]) -> bool:
    """Whether the relay's last word was that it ended because it was asked to."""
    return bool(lanes) and all(counters.get("ended") for counters in lanes.values())
