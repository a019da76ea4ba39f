"""One worker as its parent sees it, and what all of them together come to: readiness and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from nocwatch import ticks
from nocwatch.relay.channel import Channel, Report


@dataclass(slots=True)
class Lane:
    """A lane of the journal and whoever works on it now.

    Attributes:
        number: of the lane.
        channel, process: the worker's; None while there is none.
        report: its last one; None while it does not carry bytes.
        former: the last figures of the workers that were here before.
        restarts: how often one ended unasked and another came.
        sent: how many ``Take`` this worker was sent.
        silent_s: seconds that the parent has counted since the last report. Counted, so that a machine that slept does not
            look like a worker that hangs.
    """

    number: int
    channel: Channel | None = None
    process: trio.Process | None = None
    report: Report | None = None
    former: dict[str, int] = field(default_factory=dict)
    restarts: int = 0
    sent: int = 0
    silent_s: int = 0

    @property
    def counters(self) -> dict[str, int]:
        """What has been counted here; without a worker nothing stands for now."""
        if self.report is not None:
            return self.report.counters
        return {name: value for name, value in self.former.items() if not ticks.is_gauge(name)}

    def begin(self, channel: Channel, process: trio.Process) -> None:
        self.channel, self.process = channel, process
        self.sent = self.silent_s = 0

    def heard(self, report: Report) -> None:
        self.report, self.former = report, report.counters
        self.silent_s = 0

    def ended(self) -> None:
        self.channel = self.process = self.report = None

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


def readiness(lanes: Sequence[Lane], *, draining: bool) -> tuple[list[str], list[str]]:
    """Why the relay cannot take a station, and what an operator should know besides: of all workers together.

    A worker that is away is a remark as long as another takes its stations.
    """
    reasons = ["shutting down: no new connections are accepted"] if draining else []
    reports = {lane.number: lane.report for lane in lanes if lane.report is not None}
    remarks = [
        f"worker {lane.number} is down (started again {lane.restarts} times so far)"
        for lane in lanes
        if lane.report is None and not draining
    ]
    if not reports and not draining:
        reasons.append("no worker is up")
    none_can = all(report.reasons for report in reports.values())
    said: dict[str, list[int]] = {}
    for number, report in reports.items():
        for sentence in report.reasons:
            if not none_can:
                said.setdefault(sentence, []).append(number)
            elif sentence not in reasons:
                reasons.append(sentence)
        for sentence in report.remarks:
            said.setdefault(sentence, []).append(number)
    for sentence, numbers in said.items():
        whose = "" if len(numbers) == len(lanes) else f"worker {', '.join(map(str, numbers))}: "
        remarks.append(f"{whose}{sentence}")
    return reasons, remarks


def figures(lanes: Sequence[Lane]) -> dict[str, int]:
    """The counters of all workers together, and what is told of each."""
    result = {"links_open": 0, "handshakes_open": 0, **ticks.total(lane.counters for lane in lanes)}
    for lane in lanes:
        result[f"worker_up_{lane.number}"] = int(lane.report is not None)
        result[f"worker_links_open_{lane.number}"] = lane.counters.get("links_open", 0)
        result[f"worker_restarts_{lane.number}"] = lane.restarts
        result[f"worker_draining_{lane.number}"] = lane.counters.get("draining", 0)
    return result


def each_of(lanes: Sequence[Lane]) -> list[dict[str, int | bool | None]]:
    """How each worker is, for whoever has to find its process: on ``/readyz``."""
    return [
        {
            "worker": lane.number,
            "pid": lane.process.pid if lane.process is not None else None,
            "up": lane.report is not None,
            "draining": bool(lane.counters.get("draining")),
            "links": lane.counters.get("links_open", 0),
            "restarts": lane.restarts,
        }
        for lane in lanes
    ]
