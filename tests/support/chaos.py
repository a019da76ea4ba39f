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
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import trio
from tests.support.certificates import Authority
from tests.support.chaos_judge import Report, Sample, complaints
from tests.support.chaos_secure import NAME
from tests.support.chaos_tally import AUDIT_COUNTS, CSMS_COUNTS, STATION_COUNTS, Fault, Tally, read_faults
from tests.support.deployment import REPOSITORY, Deployment, answers, free_port, listens, until

from nocwatch import clock
from nocwatch.moments import SECOND_NS

DISK_FULL_BYTES = 1000
"""No file of the relay may grow beyond it while its disk is "full": the kernel says EFBIG, which needs no mount."""
DRAIN_PATIENCE_S = 120.0
AUDIT_PATIENCE_S = 300.0
EXCUSE_AFTER_NS = 5 * SECOND_NS
"""So long after a CSMS is back, a handshake may still end as if it were away: it was dialled before."""
SAMPLE_S = 1.0
START_PATIENCE_S = 60.0
LOOKS = 12


class Chaos:
    """One run.

    Args:
        folder: where all of it lies; made where it is not there.
        seed: of every plan.
        stations: how many.
        minutes: of chaos; starting and draining come on top.
        tempo: factor on all pauses.
        cycle_s: length of the calendar, which is gone through again and again.
        buffer_max: of the journal, in all lanes.
        workers: of the relay.
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
        workers: int = 1,
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
            f"relay.workers={workers}",
        )
        self.folder = folder
        self.workers = workers
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
                        "--ramp", str(max(50.0, self.count / 20)), "--tls-port", str(deployment.ports["tls"]),
                        "--authority", str(self._authority.certificate))  # fmt: skip
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
        self._listen_with_tls()
        counts = {"stations": STATION_COUNTS, "csms": CSMS_COUNTS, "audit": AUDIT_COUNTS}
        self._tallies = {name: Tally(self.folder / f"{name}.tally", names) for name, names in counts.items()}
        await self._start_csms()
        await self.deployment.relay()
        await until(self._all_up, lambda: self.deployment.log("relay"))
        await self._start_watch()
        self._spawn("chaos_audit", "--journal", str(self.deployment.data / "journal"))

    def _listen_with_tls(self) -> None:
        """A second listener beside the plain one."""
        self._authority = Authority(self.folder)
        certificate, key = self._authority.issue(NAME)
        ports = self.deployment.ports
        ports["tls"] = free_port()
        self.deployment.settings.append(
            f'relay.listen=[{{address: "127.0.0.1:{ports["relay"]}"}}, '
            f'{{address: "127.0.0.1:{ports["tls"]}", tls: {{certificate: "{certificate}", key: "{key}"}}}}]'
        )

    async def _all_up(self) -> bool:
        figures = await self._figures()
        return self.workers == 1 or all(figures.get(f"worker_up_{lane}") for lane in range(self.workers))

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
        former = {each: resource.prlimit(each, resource.RLIMIT_FSIZE) for each in self._pids("relay")}
        for process, (_, hard) in former.items():
            resource.prlimit(process, resource.RLIMIT_FSIZE, (DISK_FULL_BYTES, hard))
        await trio.sleep(self.cycle_s * 0.15)
        for process, limits in former.items():
            resource.prlimit(process, resource.RLIMIT_FSIZE, limits)

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

    def _pids(self, name: str) -> list[int]:
        """The process, and its workers where it has such."""
        process = self.deployment.running.get(name)
        if process is None:
            return []
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [process.pid, *map(int, children.read_text().split())]

    def _descriptors(self) -> int:
        return _descriptors_of(self._pids("relay"))

    def _resident_kib(self, name: str) -> int:
        try:
            lines = [
                line
                for each in self._pids(name)
                for line in Path(f"/proc/{each}/status").read_text().splitlines()
            ]
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

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
        """The fewest of a few looks: a look at the status port, or a sync of the journal, takes one for a moment.

        Only looks at all processes count: the kernel's list of children may leave some out.
        """
        processes = 1 if self.workers == 1 else 1 + self.workers
        seen: list[int] = []
        with trio.fail_after(START_PATIENCE_S):
            while len(seen) < LOOKS:
                pids = self._pids("relay")
                if len(pids) == processes:
                    seen.append(_descriptors_of(pids))
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
            self.seed, self.workers, self.minutes, relay, self._tallies["stations"].all(), self._tallies["csms"].all(),
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


def _descriptors_of(pids: list[int]) -> int:
    return sum(1 for each in pids for _ in Path(f"/proc/{each}/fd").iterdir())
