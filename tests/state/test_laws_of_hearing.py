"""What the watch did not hear, or heard in another order, makes no transactions that there were not, and no energy."""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.life import Life, holds, line

from nocwatch.frames import Frame, Sighting
from nocwatch.sessions import Session
from nocwatch.state.changes import SessionChanged
from nocwatch.state.fleet import Fleet

lives = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.sampled_from(["ONE", "TWO"]),
        st.sampled_from([20, 130, 700]),
        st.sampled_from([0, 0.2, 1]),
    ),
    min_size=1,
    max_size=5,
)


def lived(version: str, clock: str, charges: list[tuple[int, str, int, float]]) -> Life:
    """Transactions that overlap on two connectors, each heard from its start to its stop."""
    life = Life(version, clock)
    for connector, token, seconds, share in charges:
        if connector in life.under_way:
            life.end(connector, "Local")
        while life.queue:
            life.pass_on(0, "answered")
        life.begin(connector, token)
        life.pass_on(0, "answered")
        life.flow(seconds, share)
        life.sample(connector)
        life.flow(seconds, share)
    life.settle()
    return life


def heard(sightings: list[Sighting]) -> tuple[Fleet, dict[str, Session]]:
    """What a watch makes of these alone; each is new to it, whatever its place was."""
    fleet, last = Fleet(), {}
    for number, sighting in enumerate(sightings):
        for change in fleet.feed(msgspec.structs.replace(sighting, sequence=number << 16)).changes:
            if isinstance(change, SessionChanged):
                holds(change, last.get(change.now.id))
                last[change.now.id] = change.now
    return fleet, last


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["1.6", "2.0.1", "2.1"]),
    lives,
    st.sampled_from([0.02, 0.1, 0.3]),
    st.randoms(use_true_random=False),
)
def test_what_the_watch_did_not_hear_makes_no_transaction_and_no_energy(
    version: str, charges: list[tuple[int, str, int, float]], share: float, dice: Random
) -> None:
    """A hole in the journal: starts without stops, stops without starts, answers to nothing."""
    life = lived(version, "right", charges)
    kept = [each for each in life.play.sightings if not (isinstance(each, Frame) and dice.random() < share)]
    _, sessions = heard(kept)
    real = [
        each for each in sessions.values() if each.transaction is not None or each.meter_start_wh is not None
    ]
    assert len(real) <= len(life.charges)
    assert sum(each.energy_wh or 0.0 for each in real) <= life.true_wh + 1
    for charge in life.charges:
        name = charge.name if version != "1.6" else charge.number
        stops = [each for each in kept if isinstance(each, Frame) and says_stop(each, name)]
        assert not stops or [each for each in real if each.transaction == name], (
            "a stop that was heard is a session"
        )


def says_stop(frame: Frame, name: int | str | None) -> bool:
    text = frame.payload.decode()
    named = f'"transactionId": {name},' in text or f'"transactionId": "{name}"' in text
    return named and ('"StopTransaction"' in text or '"Ended"' in text)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["1.6", "2.0.1", "2.1"]), lives, st.integers(1, 8), st.randoms(use_true_random=False))
def test_messages_that_overtake_each_other_are_the_same_transactions(
    version: str, charges: list[tuple[int, str, int, float]], reach: int, dice: Random
) -> None:
    """Over several sockets, or through a queue, messages come later than others that were sent after them."""
    life = lived(version, "right", charges)
    _, sessions = heard(delayed(life.play.sightings, reach, dice))
    real = [each for each in sessions.values() if each.transaction is not None]
    assert sorted(map(line, real)) == life.truth()


def delayed(sightings: list[Sighting], reach: int, dice: Random) -> list[Sighting]:
    """One call in five comes so many sightings later, with its answer; of 1.6 no start: who names its number has it from the answer."""
    mixed = list(sightings)
    for each in sightings:
        if (
            not isinstance(each, Frame)
            or b'[2, "' not in each.payload
            or b'"StartTransaction"' in each.payload
        ):
            continue
        if dice.random() < 0.2:
            at = mixed.index(each)
            unit, mixed[at : at + 2] = mixed[at : at + 2], []
            to = min(at + 2 * reach, len(mixed))
            now_ns = max(unit[-1].received_at_ns, mixed[to - 1].received_at_ns)
            mixed[to:to] = [msgspec.structs.replace(part, received_at_ns=now_ns) for part in unit]
    return mixed
