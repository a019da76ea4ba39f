"""Conducts the chaos: starts relay, watch, CSMS, stations and auditor, breaks them by a calendar, and judges what was seen.

What it demands at the end, of a run of any length:

- No byte wrong anywhere: between the ends, and in the journal (``chaos_talk.py``, ``chaos_audit.py`` compare each).
- Nothing ended but as its plan says, except what a CSMS that was away excuses.
- The counts add up: what was accepted is a link or refused under a reason, each link is closed under a reason, what the
  stations saw is what the relay counted, what the journal lacks is what its GAPs and the relay's counters say.
- The relay has all its descriptors back.
"""

from __future__ import annotations

import os
import resource
import signal
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import msgspec
import trio
from tests.support.chaos_tally import AUDIT_COUNTS, CSMS_COUNTS, STATION_COUNTS, Fault, Tally, read_faults
from tests.support.deployment import REPOSITORY, Deployment, answers, listens, until

from nocwatch import clock
from nocwatch.moments import SECOND_NS

DISK_FULL_BYTES = 1000
"""No file of the relay may grow beyond it while its disk is "full": the kernel says EFBIG, which needs no mount."""
DRAIN_PATIENCE_S = 120.0
AUDIT_PATIENCE_S = 300.0
EXCUSE_AFTER_NS = 5 * SECOND_NS
"""So long after a CSMS is back, a handshake may still end as if it were away: it was dialled before."""
SAMPLE_S = 1.0
LOOKS = 12
UNANSWERED_MAX = 0.02
"""Of all connections: the relay gives only so many of the refused at once a moment to read why, which shows while a CSMS is
away."""

_STATUS_OF = {
    "handshake_timeout": 408, "head_too_large": 431, "not_http": 400, "method_not_get": 400, "bare_line_end_or_nul": 400,
    "malformed_header": 400, "folded_header": 400, "length_and_transfer_encoding": 400, "request_with_body": 400,
    "several_hosts": 400, "no_route": 502, "loop": 508, "upstream_unknown_host": 502, "upstream_unreachable": 502, "upstream_refused": 502,
    "upstream_garbage": 502, "upstream_closed": 502, "upstream_timeout": 504, "upstream_silent": 504, "links_max": 503,
    "relay_out_of_resources": 503,
}  # fmt: skip
"""The relay's own refusals, as the station reads them. The others are read by nobody."""
_UNREAD = frozenset({"empty", "station_left", "relay_fault", "shutting_down"})


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
            f"seed {self.seed}, {self.minutes:.1f} minutes, done: {dict(self.done)}",
            f"{self.stations['connected']} connections, {relay['links']:.0f} links, {self.links_most} at once",
            f"{moved / 1e9:.2f} GB carried, {self.stations['flooded']} floods, {stalls} stalls of a peer, {relay['stalls']:.0f} of the relay",
            f"{self.stations['unanswered']} refused without a word",
            f"refused: {refused}",
            f"closed: {closed}",
            f"stations saw: {saw}",
            f"journal: {self.audit}; {dropped:.0f} records dropped, {expired:.0f} segments expired",
            f"relay: {third:.1f} MiB in the third quarter, {last:.1f} in the last, {most:.1f} at most",
            f"its descriptors: {self.descriptors[0]} before, {self.descriptors[1]} after, {descriptors} at most",
            f"{self.excused} ends excused by a CSMS that was away, {len(self.faults)} faults not",
        ]


class Chaos:
    """One run.

    Args:
        folder: where all of it lies; made where it is not there.
        seed: of every plan.
        stations: how many.
        minutes: of chaos; starting and draining come on top.
        tempo: factor on all pauses.
        cycle_s: length of the calendar, which is gone through again and again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        stations: int,
        minutes: float,
        tempo: float,
        cycle_s: float,
        buffer_max: str,
    ) -> None:
        self.seed, self.count, self.minutes, self.tempo, self.cycle_s = (
            seed,
            stations,
            minutes,
            tempo,
            cycle_s,
        )
        self.deployment = Deployment(
            folder,
            # What is due within seconds may take long on a busy machine; only the CSMS that stays silent is waited for.
            "relay.limits.handshake_timeout=60s",
            "relay.limits.dial_timeout=60s",
            "relay.limits.answer_timeout=20s",
            f"journal.buffer_max={buffer_max}",
            "journal.segment_size=32MiB",
            "journal.size_max=2GiB",
        )
        self.folder = folder
        self.samples: list[Sample] = []
        self.done: Counter[str] = Counter()
        self._away: list[tuple[int, int]] = []
        self._watch = trio.Lock()
        self._tallies: dict[str, Tally] = {}

    async def run(self) -> Report:
        deployment = self.deployment
        try:
            await self._start()
            before = await self._descriptors_at_rest()
            self._spawn("chaos_stations", "--port", str(deployment.ports["relay"]), "--count", str(self.count),
                        "--ramp", str(max(50.0, self.count / 20)))  # fmt: skip
            begun_s = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._sample, begun_s)
                # Once through the calendar however slow the machine is: less has not shown what it is for.
                await self._calendar()
                with trio.move_on_at(begun_s + self.minutes * 60):
                    while True:
                        await self._calendar()
                nursery.cancel_scope.cancel()
            relay = await self._drain()
            after = await self._all_descriptors(before)
            await deployment.stop("relay")
            await self._end_audit()
        finally:
            deployment.end()
        return self._judged(relay, (before, after))

    # --- processes --------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        counts = {"stations": STATION_COUNTS, "csms": CSMS_COUNTS, "audit": AUDIT_COUNTS}
        self._tallies = {name: Tally(self.folder / f"{name}.tally", names) for name, names in counts.items()}
        await self._start_csms()
        await self.deployment.relay()
        await self._start_watch()
        self._spawn("chaos_audit", "--journal", str(self.deployment.data / "journal"))

    def _spawn(self, module: str, *arguments: str) -> None:
        log = (self.folder / f"{module}.log").open("ab")
        self.deployment.running[module] = subprocess.Popen(
            [sys.executable, "-m", f"tests.support.{module}", "--seed", str(self.seed), "--tempo", str(self.tempo),
             "--folder", str(self.folder), *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=REPOSITORY, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        log.close()

    async def _start_csms(self) -> None:
        port = self.deployment.ports["csms"]
        self._spawn("chaos_csms", "--port", str(port))
        await until(lambda: listens(port), lambda: self.deployment.log("chaos_csms"))

    async def _start_watch(self) -> None:
        deployment = self.deployment
        deployment.start("watch", "watch", *deployment.options())
        await until(lambda: answers(deployment.metrics("/healthz")), lambda: deployment.log("watch"), 120)

    # --- what is broken ---------------------------------------------------------------------------------------------

    async def _calendar(self) -> None:
        breaks: list[tuple[float, str, Callable[[], Awaitable[None]]]] = [
            (0.15, "watch killed", self._kill_watch),
            (0.25, "disk full", self._fill_disk),
            (0.50, "CSMS killed", self._kill_csms),
            (0.75, "CSMS frozen", self._freeze_csms),
            (0.90, "watch killed", self._kill_watch),
        ]
        begun_s = trio.current_time()
        for share, name, do in breaks:
            await trio.sleep_until(begun_s + share * self.cycle_s)
            with trio.CancelScope(shield=True):  # a break is mended before the run may end
                await do()
            self.done[name] += 1
        await trio.sleep_until(begun_s + self.cycle_s)

    async def _kill_watch(self) -> None:
        self.deployment.kill("watch")
        await self._start_watch()

    async def _fill_disk(self) -> None:
        relay = self.deployment.running["relay"].pid
        soft, hard = resource.prlimit(relay, resource.RLIMIT_FSIZE)
        resource.prlimit(relay, resource.RLIMIT_FSIZE, (DISK_FULL_BYTES, hard))
        await trio.sleep(self.cycle_s * 0.15)
        resource.prlimit(relay, resource.RLIMIT_FSIZE, (soft, hard))

    async def _kill_csms(self) -> None:
        away_ns = clock.now_ns()
        self.deployment.kill("chaos_csms")
        await trio.sleep(2)
        await self._start_csms()
        self._away.append((away_ns, clock.now_ns()))

    async def _freeze_csms(self) -> None:
        away_ns = clock.now_ns()
        csms = self.deployment.running["chaos_csms"]
        csms.send_signal(signal.SIGSTOP)
        await trio.sleep(5)
        csms.send_signal(signal.SIGCONT)
        self._away.append((away_ns, clock.now_ns()))

    # --- looking ----------------------------------------------------------------------------------------------------

    def _descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.deployment.running['relay'].pid}/fd").iterdir())

    def _resident_kib(self, name: str) -> int:
        process = self.deployment.running.get(name)
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines() if process else []
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)

    async def _figures(self) -> dict[str, float]:
        """The relay's counters, named as in its ticks."""
        relay = self.deployment.running["relay"]
        assert relay.poll() is None, (
            f"the relay ended with {relay.returncode}: {self.deployment.log('relay')}"
        )
        async with httpx2.AsyncClient(timeout=30) as client:
            text = (await client.get(self.deployment.status("/metrics"))).text
        figures: dict[str, float] = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                name, _, labels = name.removeprefix("nocwatch_relay_").partition("{")
                name = name.removesuffix("_total")
                for label in labels.rstrip("}").split(",") if labels else ():
                    name += "_" + label.partition("=")[2].strip('"')
                figures[name] = float(value)
        return figures

    async def _sample(self, begun_s: float) -> None:
        said_s = 0.0
        while True:
            at_s = trio.current_time() - begun_s
            figures = await self._figures()
            self.samples.append(
                Sample(
                    at_s, self._resident_kib("relay"), self._descriptors(), self._resident_kib("watch"),
                    int(figures["links_open"]), int(figures["journal_buffered_bytes"]),
                )
            )  # fmt: skip
            if at_s - said_s >= 30:
                said_s = at_s
                newest = self.samples[-1]
                print(
                    f"{at_s:5.0f} s: {newest.links} links, relay {newest.relay_kib / 1024:.0f} MiB, {newest.relay_descriptors} descriptors, "
                    f"watch {newest.watch_kib / 1024:.0f} MiB, {figures['accepted']:.0f} accepted, "
                    f"{(figures['bytes_from_station'] + figures['bytes_from_csms']) / 1e6:.0f} MB, "
                    f"{self._tallies['audit']['records']} records audited, {len(read_faults(self.folder / 'faults.jsonl'))} ends to judge",
                    flush=True,
                )
            await trio.sleep(SAMPLE_S)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _drain(self) -> dict[str, float]:
        """Everybody says what is left and goes; then nothing may be open, and the counters stand still."""
        running = self.deployment.running
        running["chaos_csms"].send_signal(signal.SIGUSR1)
        running["chaos_stations"].terminate()
        await until(
            lambda: running["chaos_stations"].poll() is not None, "the stations have ended", DRAIN_PATIENCE_S
        )

        async def still() -> dict[str, float] | None:
            figures = await self._figures()
            busy = figures["links_open"] or figures["handshakes_open"] or figures["journal_buffered_bytes"]
            return None if busy else figures

        return await until(still, "nothing is open any more, and all is on disk", DRAIN_PATIENCE_S)

    async def _descriptors_at_rest(self) -> int:
        """The fewest of a few looks: a look at the status port, or a sync of the journal, takes one for a moment."""
        seen = []
        for _ in range(LOOKS):
            seen.append(self._descriptors())
            await trio.sleep(SAMPLE_S / 4)
        return min(seen)

    async def _all_descriptors(self, before: int) -> int:
        """Partings of the refused take a second; then the count is back, or never will be."""
        with trio.move_on_after(20):
            while self._descriptors() > before:
                await trio.sleep(0.1)
        return self._descriptors()

    async def _end_audit(self) -> None:
        auditor = self.deployment.running["chaos_audit"]
        auditor.terminate()
        await until(lambda: auditor.poll() is not None, "the auditor has read all", AUDIT_PATIENCE_S)

    def _judged(self, relay: dict[str, float], descriptors: tuple[int, int]) -> Report:
        noted = read_faults(self.folder / "faults.jsonl")
        faults = [each for each in noted if not self._excused(each)]
        report = Report(
            self.seed, self.minutes, relay, self._tallies["stations"].all(), self._tallies["csms"].all(),
            self._tallies["audit"].all(), faults, len(noted) - len(faults), self.samples, descriptors, self.done, [],
        )  # fmt: skip
        report.complaints = complaints(report)
        return report

    def _excused(self, fault: Fault) -> bool:
        if fault.kind not in ("answer", "short", "reset", "fin"):
            return False
        return any(
            fault.began_ns <= back_ns + EXCUSE_AFTER_NS and fault.ended_ns >= gone_ns
            for gone_ns, back_ns in self._away
        )


def complaints(report: Report) -> list[str]:
    """All that is not as it must be, in words."""
    relay, stations, csms, audit = report.relay, report.stations, report.csms, report.audit
    refused = {
        name.removeprefix("refused_"): value for name, value in relay.items() if name.startswith("refused_")
    }
    closed = sum(value for name, value in relay.items() if name.startswith("closed_"))
    said = [f"{each.kind}: {each.who} {each.name}: {each.said}" for each in report.faults[:20]]

    def hold(what: str, *, so: bool) -> None:
        if not so:
            said.append(what)

    def same(what: str, one: float, other: float) -> None:
        hold(f"{what}: {one:.0f} and {other:.0f}", so=one == other)

    def rising(what: str, *values: float) -> None:
        hold(f"{what}: {values}", so=list(values) == sorted(values))

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
    rising("descriptors of the relay, after and before", *reversed(report.descriptors))
    return said
