"""What a run of the chaos has to show, and all that is wrong with it: counts of stations, CSMS, relay and journal, held together.

Pure: values in, words out. ``chaos.py`` gathers them.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from tests.support.chaos_tally import Fault

_STATUS_OF = {
    "handshake_timeout": 408, "head_too_large": 431, "not_http": 400, "method_not_get": 400, "bare_line_end_or_nul": 400,
    "malformed_header": 400, "folded_header": 400, "length_and_transfer_encoding": 400, "request_with_body": 400,
    "several_hosts": 400, "no_route": 502, "loop": 508, "upstream_unknown_host": 502, "upstream_unreachable": 502, "upstream_refused": 502,
    "upstream_garbage": 502, "upstream_closed": 502, "upstream_timeout": 504, "upstream_silent": 504, "links_max": 503,
    "relay_out_of_resources": 503,
}  # fmt: skip
"""The relay's own refusals, as the station reads them. The others are read by nobody."""
_UNREAD = frozenset(
    {"empty", "station_left", "relay_fault", "shutting_down", "station_tls_absent", "station_tls_left"}
)


UNANSWERED_MAX = 0.02
"""Of all connections: the relay gives only so many of the refused at once a moment to read why, which shows while a CSMS is
away."""


class Sample(msgspec.Struct, frozen=True):
    """One look at the processes."""

    at_s: float
    relay_kib: int
    relay_descriptors: int
    watch_kib: int
    links: int
    buffered: int


class Report(msgspec.Struct):
    """What a run has to show."""

    seed: int
    workers: int
    minutes: float
    relay: dict[str, float]
    stations: dict[str, int]
    csms: dict[str, int]
    audit: dict[str, int]
    faults: list[Fault]
    excused: int
    samples: list[Sample]
    descriptors: tuple[int, int]
    done: Counter[str]
    complaints: list[str]

    @property
    def links_most(self) -> int:
        return max((each.links for each in self.samples), default=0)

    def quarters(self) -> tuple[float, float]:
        """Median resident memory of the relay in the third and in the last quarter, MiB."""
        quarter = len(self.samples) // 4
        third, last = self.samples[2 * quarter : 3 * quarter], self.samples[3 * quarter :]
        medians = [statistics.median(each.relay_kib for each in part) / 1024 for part in (third, last)]
        return medians[0], medians[1]

    def lines(self) -> list[str]:
        third, last = self.quarters()
        relay = self.relay
        moved = relay["bytes_from_station"] + relay["bytes_from_csms"]
        most = max(each.relay_kib for each in self.samples) / 1024
        stalls = self.stations["stalls"] + self.csms["stalls"]
        descriptors = max(each.relay_descriptors for each in self.samples)
        refused = {name[8:]: int(value) for name, value in relay.items() if name.startswith("refused_")}
        closed = {name[7:]: int(value) for name, value in relay.items() if name.startswith("closed_")}
        saw = {
            name: value
            for name, value in self.stations.items()
            if value and name.startswith(("csms_", "relay_", "mute"))
        }
        dropped, expired = relay["journal_dropped_records"], relay["journal_expired_segments"]
        return [
            f"seed {self.seed}, {self.workers} workers, {self.minutes:.1f} minutes, done: {dict(self.done)}",
            f"{self.stations['connected']} connections, {relay['links']:.0f} links, {self.links_most} at once",
            f"{moved / 1e9:.2f} GB carried, {self.stations['flooded']} floods, {stalls} stalls of a peer, {relay['stalls']:.0f} of the relay",
            f"{self.stations['secured']} through TLS, {self.stations['resumed']} of them by an earlier session",
            f"{self.stations['unanswered']} refused without a word",
            f"refused: {refused}",
            f"closed: {closed}",
            f"stations saw: {saw}",
            f"journal: {self.audit}; {dropped:.0f} records dropped, {expired:.0f} segments expired",
            f"relay: {third:.1f} MiB in the third quarter, {last:.1f} in the last, {most:.1f} at most",
            f"its descriptors: {self.descriptors[0]} before, {self.descriptors[1]} after, {descriptors} at most",
            f"{self.excused} ends excused by a CSMS that was away, {len(self.faults)} faults not",
        ]


class _Checks(NamedTuple):
    """What must hold; each notes in words where it does not."""

    hold: Callable[..., None]
    same: Callable[[str, float, float], None]
    rising: Callable[..., None]


def _checks(said: list[str]) -> _Checks:
    def hold(what: str, *, so: bool) -> None:
        if not so:
            said.append(what)

    def same(what: str, one: float, other: float) -> None:
        hold(f"{what}: {one:.0f} and {other:.0f}", so=one == other)

    def rising(what: str, *values: float) -> None:
        hold(f"{what}: {values}", so=list(values) == sorted(values))

    return _Checks(hold, same, rising)


def complaints(report: Report) -> list[str]:
    """All that is not as it must be, in words."""
    relay, stations, csms = report.relay, report.stations, report.csms
    refused = {
        name.removeprefix("refused_"): value for name, value in relay.items() if name.startswith("refused_")
    }
    closed = sum(value for name, value in relay.items() if name.startswith("closed_"))
    said = [f"{each.kind}: {each.who} {each.name}: {each.said}" for each in report.faults[:20]]

    hold, same, rising = _checks(said)
    same(
        "connections that stations made, and that the relay accepted",
        stations["connected"],
        relay["accepted"],
    )
    same("accepted, and links with refusals", relay["accepted"], relay["links"] + sum(refused.values()))
    same("links, and how they were closed", relay["links"], closed)
    same("a link that the relay ended by a fault of its own", relay["pump_errors"], 0)
    same("a handshake that the relay ended by a fault of its own", refused.get("relay_fault", 0), 0)
    same("calls that the recorder threw out", relay["recorder_errors"], 0)
    same("accepts that failed", relay["accept_errors"], 0)

    seen: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for name, value in stations.items():
        if name.startswith(("csms_", "relay_")):
            seen[name] = value
    for reason, value in refused.items():
        if reason in _UNREAD:
            continue
        answer = reason.removeprefix("answer_")
        hold(f"a reason that this test does not know: {reason}", so=answer != reason or reason in _STATUS_OF)
        counted[f"csms_{answer}" if answer != reason else f"relay_{_STATUS_OF.get(reason, 0)}"] += int(value)
    counted["csms_101"] = int(relay["links"])
    for name in sorted(seen.keys() | counted.keys()):
        rising(f"{name}: seen, counted, and seen with those who saw nothing", seen[name], counted[name], seen[name] + stations["mute"])  # fmt: skip
    same(
        "every connection saw something or nothing",
        stations["connected"],
        sum(seen.values()) + stations["mute"],
    )

    rising(
        "refused without a word, and how many may be",
        stations["unanswered"],
        UNANSWERED_MAX * stations["connected"],
    )
    up, down = relay["bytes_from_station"], relay["bytes_from_csms"]
    rising(
        "bytes up: the CSMS had, the relay carried, stations sent",
        csms["bytes_received"],
        up,
        stations["bytes_sent"],
    )
    rising(
        "bytes down: stations had, the relay carried, the CSMS sent",
        stations["bytes_received"],
        down,
        csms["bytes_sent"],
    )

    restarts = sum(value for name, value in relay.items() if name.startswith("worker_restarts"))
    same("a worker that ended unasked", restarts, 0)
    same(
        "stations that said HTTP where TLS is spoken, and those refused for it",
        stations["plain_to_tls"],
        refused.get("station_tls_absent", 0),
    )
    hold("nobody came back by an earlier session of TLS", so=stations["resumed"] > 0)
    said += _of_journal(report)
    rising("descriptors of the relay, after and before", *reversed(report.descriptors))
    return said


def _of_journal(report: Report) -> list[str]:
    """What the journal lacks, and whether it says so."""
    relay, audit = report.relay, report.audit
    up, down = relay["bytes_from_station"], relay["bytes_from_csms"]
    closed = sum(value for name, value in relay.items() if name.startswith("closed_"))
    said: list[str] = []
    hold, same, rising = _checks(said)
    dropped = relay["journal_dropped_records"]
    hold("the disk was full, and nothing was dropped", so=dropped > 0)
    same("records dropped, and missing by the journal's own GAPs", dropped, audit["gap_records"])
    same(
        "bytes dropped, and missing by the journal's own GAPs",
        relay["journal_dropped_bytes"],
        audit["gap_bytes"],
    )
    rising("bytes in the journal, carried, and in the journal or dropped", audit["chunk_bytes"], up + down, audit["chunk_bytes"] + audit["gap_bytes"])  # fmt: skip
    rising("openings in the journal, links, and openings or dropped", audit["opened"], relay["links"], audit["opened"] + dropped)  # fmt: skip
    rising(
        "ends in the journal, links closed, and ends or dropped",
        audit["closed"],
        closed,
        audit["closed"] + dropped,
    )
    hold(
        "less than half of the journal's bytes could be compared",
        so=audit["checked_bytes"] > audit["chunk_bytes"] / 2,
    )
    hold("no link is in the journal from its first byte to its last", so=audit["whole"] > 0)
    return said
