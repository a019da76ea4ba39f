"""The tracker held against the simulator: a fleet charges through a real relay, and what is rebuilt from the bytes is compared.

The simulator's truth follows from what driver, vehicle and hardware did, the tracker's session from what was said; the two
share no code but the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import trio
from tests.support.relaying import settings_for

from nocwatch import clock
from nocwatch.flags import Blame
from nocwatch.journal.settings import JournalSettings
from nocwatch.moments import HOUR_NS, SECOND_NS
from nocwatch.records import Record, RecordKind
from nocwatch.relay import Relay
from nocwatch.sessions import Reason, Session
from nocwatch.sim.backoffice import BackOffice
from nocwatch.sim.csms import SimCsms
from nocwatch.sim.fleet import Fleet as SimFleet
from nocwatch.sim.scenario import Scenario, load
from nocwatch.sim.truth import Truth
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Fleet
from nocwatch.state.settings import StateSettings
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap

GATE = Gate(b"a key of the tests, 32 bytes long")
LAST_WORDS_S = 1.0
"""Real seconds between the last truth that counts and the end of the relay: what was done must also be said."""


class Records:
    """A journal writer that keeps the records themselves."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {"journal_records": 0}
        self.newest_begin = -1
        self.records: list[Record] = []

    def add(self, at_ns: int, kind: RecordKind, connection: int, direction: int, data: bytes) -> None:
        sequence = len(self.records)
        self.records.append(Record(0, sequence, at_ns, kind, connection, direction, data))

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None:
        for key, chunk in zip(keys, chunks, strict=True):
            self.add(at_ns, RecordKind.CHUNK, key >> 1, key & 1, bytes(chunk))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep_forever()


@dataclass
class Life:
    """What was lived, and what was rebuilt of it.

    Attributes:
        sessions: as last told, those of live time and those that time alone ended afterwards.
        under_way: ids of those that were still open when the relay ended.
        told_until_ns: when the last of the truths was told.
        sample_ns: station → real time between two readings of its register.
    """

    truths: list[Truth]
    records: list[Record]
    sessions: dict[str, Session] = field(default_factory=dict)
    under_way: set[str] = field(default_factory=set)
    told_until_ns: int = 0
    sample_ns: dict[str, float] = field(default_factory=dict)

    def pairs(self) -> Iterator[tuple[Truth, Session | None]]:
        """Each truth with its session; an attempt, which has no number, by its token and the nearest time."""
        taken: set[str] = set()
        for truth in self.truths:
            found = self._session_of(truth, taken)
            if found is not None:
                taken.add(found.id)
            yield truth, found

    def _session_of(self, truth: Truth, taken: set[str]) -> Session | None:
        token = GATE.token(truth.token) if truth.token else None
        fitting = [
            each
            for each in self.sessions.values()
            if each.station == truth.station
            and each.id not in taken
            and (
                each.transaction == truth.transaction
                if truth.transaction is not None
                else each.token == token
            )
            and abs(each.started_at_ns - truth.started_at_ns) < 60 * SECOND_NS
        ]
        return min(fitting, key=lambda each: abs(each.started_at_ns - truth.started_at_ns), default=None)

    def strangers(self) -> list[Session]:
        """Sessions that nobody lived, but for those that were under way when the last truth was told."""
        known = {session.id for _, session in self.pairs() if session is not None} | self.under_way
        margin_ns = int(SECOND_NS / 10)
        return [
            each
            for each in self.sessions.values()
            if each.id not in known and (each.stopped_at_ns or 0) < self.told_until_ns - margin_ns
        ]

    def hidden_wh_max(self, truth: Truth) -> float:
        """Energy that shows on no register: what flowed between two samples where the second is lost, or was turned back.

        Power is steady but for the taper of a full battery, so a sample's share of the energy is its share of the time.
        """
        if truth.reason is not Reason.LOST_STOP and truth.cause != "register_rollback":
            return 0.0
        lasted_ns = truth.stopped_at_ns - truth.started_at_ns
        return 1.5 * truth.energy_wh * self.sample_ns[truth.station] / lasted_ns


def disagreements(life: Life) -> list[str]:
    """One line for each thing that the two tell differently; meant to be read.

    Registers show whole watt-hours, so the difference of two may be one off.
    """
    found = []
    for truth, session in life.pairs():
        name = f"{truth.station}/{truth.evse or ''}.{truth.connector} {truth.transaction} ({truth.cause or 'ordinary'})"
        if session is None:
            found.append(f"{name}: {_text(truth)} has no session")
            continue
        if (truth.outcome, truth.reason) != (session.outcome, session.reason):
            found.append(f"{name}: lived {_text(truth)}, rebuilt {_text(session)}")
        elif truth.blame not in (None, Blame.UNKNOWN, session.blame):
            found.append(f"{name}: {truth.reason}: the blame is {truth.blame}, rebuilt as {session.blame}")
        hidden_wh = truth.energy_wh - (session.energy_wh or 0.0)
        if truth.transaction is not None and not -1.0 <= hidden_wh <= 1.0 + life.hidden_wh_max(truth):
            found.append(f"{name}: {truth.energy_wh:.1f} Wh flowed, rebuilt {session.energy_wh}")
        where, seen = (truth.evse, truth.connector), (session.evse, session.connector)
        if truth.cause == "stop_without_start" and seen == (None, None):
            continue  # a stop of 1.6 names no connector, and nothing else was said
        if truth.transaction is not None and where != seen:
            found.append(f"{name}: was rebuilt at {session.evse}.{session.connector}")
    return found


def _text(told: Truth | Session) -> str:
    text = " ".join(str(each) for each in (told.outcome, told.reason, told.blame) if each)
    said = f"{told.stop_reason or '-'}, {(told.stopped_at_ns or 0) - told.started_at_ns:,} ns, {told.energy_wh} Wh"
    return f"{text} [{said}]"


async def live(
    scenario: Scenario | str,
    *,
    seed: int = 0,
    speed: float = 10.0,
    count: int | None = None,
    lasting_s: float = 10.0,
    truths_min: int | None = None,
) -> Life:
    """Lets a scenario's fleet live behind a relay for ``lasting_s`` real seconds, or until ``truths_min`` are told."""
    loaded = load(scenario) if isinstance(scenario, str) else scenario
    journal = Records()
    truths: list[Truth] = []

    def make(live: Callable[[], Iterable[tuple[int, bytes]]]) -> Records:
        del live
        return journal

    server = SimCsms(loaded.csms.model_copy(update={"speed": speed, "seed": seed}), remember=False)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(server.serve)
        nursery.start_soon(BackOffice(server).run)
        relay = Relay(settings_for(port), JournalSettings(), writer=make)
        async with trio.open_nursery() as stations:
            await stations.start(lambda task_status: relay.run(task_status=task_status))
            fleet = SimFleet(
                f"ws://{relay.addresses[0]}/ocpp",
                loaded,
                seed=seed,
                speed=speed,
                count=count,
                on_truth=truths.append,
            )
            stations.start_soon(fleet.run)
            with trio.move_on_after(lasting_s):
                while truths_min is None or len(truths) < truths_min:
                    await trio.sleep(0.05)
            told, told_until_ns = list(truths), clock.now_ns()
            await trio.sleep(LAST_WORDS_S)
            last_ns = clock.now_ns()
            stations.cancel_scope.cancel()
        nursery.cancel_scope.cancel()
    assert fleet.crashes == 0
    assert server.counters["crashed"] == 0
    life = Life(
        told, [each for each in journal.records if each.at_ns <= last_ns], told_until_ns=told_until_ns
    )
    life.sample_ns = {
        each.identity: each.meter_interval_s / speed * SECOND_NS for each in fleet.stations.values()
    }
    rebuild(life, speed, last_ns)
    return life


def rebuild(life: Life, speed: float, last_ns: int) -> None:
    """Tap and tracker over the records; then time runs on, until all that waits has come due."""
    fleet, tap = Fleet(StateSettings(power_w_max=1_000_000.0 * max(1.0, speed))), Tap(GATE)

    def take(changes: Iterable[Any]) -> None:
        for change in changes:
            if isinstance(change, SessionChanged):
                life.sessions[change.now.id] = change.now

    for record in life.records:
        for sighting in tap.feed(record):
            take(fleet.feed(sighting).changes)
    assert not {name: number for name, number in tap.counters.items() if name.startswith("garbled")}
    for station in fleet.stations:
        life.under_way.update(each.id for each in fleet.sessions(station))
    take(fleet.advance(last_ns + HOUR_NS).changes)
