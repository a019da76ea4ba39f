"""Whatever a network does to a station's messages: none of its transactions is lost or counted twice, and no watt-hour either.

A station lives (``tests/support/life.py``) and its messages are lost, doubled, delayed, reordered, refused, sent over two sockets, cut
short by reboots; the watch is restarted in between. What it tells is held against what really happened.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.life import CLOCKS, FATES, Life, holds

from nocwatch.frames import Sighting
from nocwatch.sessions import Session
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Fleet

BROKEN = ("[]", "{", "[2,1]", '[3,"m1",{}]', '[2,"m1","StopTransaction",{}]', '[4,"m1","X","",{}]', '[9,"x"]')
AGAIN = 12
"""Records that are read again after a restart."""


class StationLife(RuleBasedStateMachine):
    """One life. The laws are checked after each act, the balance at its end."""

    life: Life
    told: int
    last: dict[str, Session]

    @initialize(version=st.sampled_from(["1.6", "2.0.1", "2.1"]), clock=st.sampled_from(CLOCKS))
    def born(self, version: str, clock: str) -> None:
        self.life, self.told, self.last = Life(version, clock), 0, {}

    # --- the station ----------------------------------------------------------------------------------------------------

    @rule(connector=st.sampled_from([1, 2]), token=st.sampled_from(["ONE", "TWO"]), card=st.booleans())
    def begins(self, connector: int, token: str, card: bool) -> None:
        if connector in self.life.under_way:
            return
        if card and self.life.online:
            self.life.play.authorize(token)
        self.life.begin(connector, token)

    @precondition(lambda self: self.life.play.old and self.life.online and not self.life.queue)
    @rule(connector=st.sampled_from([1, 2]), fate=st.sampled_from(["silent", "answer_lost", "refused"]))
    def begins_and_is_never_answered(self, connector: int, fate: str) -> None:
        if connector not in self.life.under_way:
            self.life.begin_unheard(connector, "ONE", fate)

    @rule(seconds=st.sampled_from([1, 20, 61, 300, 700]), share=st.sampled_from([0, 0.1, 1]))
    def charges(self, seconds: int, share: float) -> None:
        self.life.flow(seconds, share)

    @precondition(lambda self: self.life.under_way)
    @rule(data=st.data())
    def measures(self, data: st.DataObject) -> None:
        self.life.sample(data.draw(st.sampled_from(sorted(self.life.under_way))))

    @precondition(lambda self: self.life.under_way)
    @rule(data=st.data(), reason=st.sampled_from(["Local", "Remote", "EVDisconnected", "Other"]))
    def ends(self, data: st.DataObject, reason: str) -> None:
        self.life.end(data.draw(st.sampled_from(sorted(self.life.under_way))), reason)

    @rule(ends=st.booleans())
    def boots(self, ends: bool) -> None:
        self.life.boot(ends=ends)

    # --- the network ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.life.queue and self.life.online)
    @rule(
        which=st.integers(0, 2),
        fate=st.sampled_from(FATES),
        by_old=st.booleans(),
        fresh=st.booleans(),
        first=st.booleans(),
    )
    def sends(self, which: int, fate: str, by_old: bool, fresh: bool, first: bool) -> None:
        self.life.pass_on(which, fate, by_old=by_old, fresh=fresh, first=first)

    @precondition(lambda self: self.life.queue)
    @rule(sample=st.booleans())
    def forgets(self, sample: bool) -> None:
        self.life.lose_sample() if sample else self.life.give_up()

    @precondition(lambda self: self.life.online)
    @rule(by=st.sampled_from(["station", "csms", "relay"]))
    def is_cut(self, by: str) -> None:
        self.life.cut(by)

    @precondition(lambda self: not self.life.online)
    @rule()
    def connects(self) -> None:
        self.life.connect()

    @precondition(lambda self: self.life.online)
    @rule()
    def opens_a_second_socket(self) -> None:
        self.life.half_open()

    @precondition(lambda self: self.life.online)
    @rule(text=st.sampled_from(BROKEN))
    def says_nonsense(self, text: str) -> None:
        self.life.stray(text)

    @precondition(lambda self: not self.life.under_way and not self.life.queue)
    @rule(version=st.sampled_from(["1.6", "2.0.1", "2.1"]))
    def changes_its_version(self, version: str) -> None:
        self.life.cut("station")
        self.life.play.version = version
        self.life.connect()
        self.life.play.boot()

    @rule()
    def the_watch_restarts(self) -> None:
        self.life.restart_watch()

    # --- the laws -------------------------------------------------------------------------------------------------------

    @invariant()
    def no_energy_from_nowhere(self) -> None:
        energies = [each.energy_wh or 0.0 for each in self.life.play.sessions]
        assert min(energies, default=0.0) >= 0
        assert sum(energies) <= self.life.true_wh + 1

    @invariant()
    def changes_are_a_history(self) -> None:
        changes = self.life.play.changes
        for change in changes[self.told :]:
            if isinstance(change, SessionChanged):
                holds(change, self.last.get(change.now.id))
                self.last[change.now.id] = change.now
        self.told = len(changes)

    @invariant()
    def no_more_transactions_than_there_were(self) -> None:
        assert len(self.life.transactions()) <= len(self.life.charges)

    def teardown(self) -> None:
        life = self.life
        life.settle()
        assert life.seen() == life.truth()
        assert all(each.over for each in life.transactions())
        self.changes_are_a_history()
        read_again(life.play.sightings, life.play.fleet)


def read_again(sightings: list[Sighting], fleet: Fleet) -> None:
    """The state is the same where each record is read twice, and where the last are read again after a restart."""
    twice, restarted = Fleet(), Fleet()
    for sighting in sightings[:-AGAIN]:
        twice.feed(sighting)
        twice.feed(sighting)
    restarted.restore(twice.snapshot())
    for sighting in sightings[-AGAIN:]:
        twice.feed(sighting)
        twice.feed(sighting)
        restarted.feed(sighting)
    wanted = state(fleet)
    assert state(twice) == wanted
    assert state(restarted) == wanted
    for sighting in sightings[-AGAIN:]:
        restarted.feed(sighting)
    assert state(restarted) == wanted


def state(fleet: Fleet) -> dict[str, Any]:
    """All that is remembered but how often something was read again."""
    kept = msgspec.msgpack.decode(fleet.snapshot())
    kept["counters"].pop("state_read_again", None)
    return kept


StationLife.TestCase.settings = settings(
    deadline=None, max_examples=60, stateful_step_count=40, suppress_health_check=list(HealthCheck)
)
TestStationLife = StationLife.TestCase
