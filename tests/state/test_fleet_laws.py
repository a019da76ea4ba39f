"""What always holds, whatever stations do: nothing crashes, nothing is lost or counted twice, a snapshot forgets nothing."""

# ruff: noqa: S311, C901, PLR0912 - dice of a play, thrown in one table of steps
from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.play import Play

from nocwatch.frames import Frame, Sighting
from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Outcome, Session
from nocwatch.state.changes import AnyChange, SessionChanged
from nocwatch.state.fleet import Fleet
from nocwatch.state.settings import StateSettings

STEPS = [
    "open", "close", "boot", "status", "authorize", "remote", "start", "stop", "meter", "wait", "wait_long", "error", "retry", "stray",
]  # fmt: skip
STATUSES = [
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Faulted",
    "Unavailable",
]
KINDS = ["Started", "Updated", "Ended"]


def perform(play: Play, seed: int, steps: list[str]) -> None:
    """A play that nobody wrote: the seed decides what the steps say."""
    dice = random.Random(seed)
    known: list[int] = [0, -1, -5, 2**63 - 1]
    register = 10_000.0
    for step in steps:
        connector = dice.choice([0, 1, 1, 2])
        token = dice.choice(["", "ONE", "TWO"])
        register += dice.choice([0, 0, 30, 400, 4000])
        value = dice.choice([register] * 6 + [-1, 0, register - 500, register * 1000, 2.0**32])
        at = dice.choice([None] * 5 + [play.now_s - 3600, "1970-01-01T00:00:00Z", "nonsense"])
        if step == "wait":
            play.wait(dice.choice([0.5, 5, 70]))
        elif step == "wait_long":
            play.wait(dice.choice([130, 650, 4000, 90_000]))
        elif step == "open":
            play.open()
        elif step == "close":
            play.close(by=dice.choice(["station", "csms", "relay"]), code=dice.choice([None, 1000, 1006]))
        elif step == "boot":
            play.boot(dice.choice(["Accepted", "Pending"]))
        elif step == "status":
            status = dice.choice(STATUSES) if play.old else dice.choice(["Available", "Occupied", "Faulted"])
            play.status(connector, status, dice.choice(["NoError", "GroundFailure", "Bogus"]), at=at)
        elif step == "authorize":
            play.authorize(token, dice.choice(["Accepted", "Invalid", None]), after=dice.choice([0.1, 15]))
        elif step == "remote":
            play.remote_start(
                token,
                dice.choice([None, 1, 2]),
                dice.choice(["Accepted", "Rejected", None]),
                remote_id=dice.randrange(3),
            )
        elif step == "meter":
            play.meter(connector, value, dice.choice([None, *known]), at=at)
        elif step == "stray":
            play.text(
                dice.choice(
                    [
                        "[]",
                        "[2,1]",
                        "{",
                        '[3,"m1",{}]',
                        '[2,"m1","StartTransaction",{}]',
                        '[4,"m1","X","",{}]',
                    ]
                )
            )
        elif step == "error":
            play.error(f"m{dice.randrange(play._ids + 1) << 16}")
        elif step == "retry" and (frames := [each for each in play.sightings if isinstance(each, Frame)]):
            old = dice.choice(frames)
            play.text(old.payload.decode(), old.direction)
        elif step in ("start", "stop") and play.old:
            if step == "start":
                given = dice.choice([None, None, 0, -1, dice.choice(known)])
                known.append(
                    play.start(
                        connector, token, value, transaction=given, at=at, answered=dice.random() < 0.8
                    )
                )
            else:
                play.stop(
                    dice.choice(known), value, dice.choice([None, "Local", "Other", "PowerLoss"]), at=at
                )
        elif step in ("start", "stop"):
            kind = dice.choice(KINDS)
            play.transaction(
                kind, dice.choice(["T1", "T2"]), dice.choice(["Authorized", "CablePluggedIn", "MeterValuePeriodic"]),
                evse=dice.choice([None, 1, 2]), token=dice.choice([None, token]), register=value, offline=dice.random() < 0.2, at=at,
                state=dice.choice([None, "Charging", "SuspendedEV", "Idle"]), remote_id=dice.choice([None, 1]), number=dice.choice([None, 0, 7]),
            )  # fmt: skip


plays = st.tuples(
    st.sampled_from(["1.6", "2.0.1"]), st.integers(0, 2**32), st.lists(st.sampled_from(STEPS), max_size=40)
)
quick = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])


def played(version: str, seed: int, steps: list[str], **limits: Any) -> Play:
    play = Play(version=version, settings=StateSettings(**limits) if limits else None)
    play.open()
    perform(play, seed, steps)
    return play


@quick
@given(plays)
@example(("1.6", 0, ["start", "stop", "retry"]))
@example(
    (
        "2.0.1",
        774029,
        [
            "open",
            "open",
            "open",
            "close",
            "boot",
            "open",
            "close",
            "open",
            "start",
            "open",
            "open",
            "boot",
            "boot",
            "boot",
            "remote",
            "open",
            "close",
            "start",
        ],
    )
)
def test_whatever_comes_the_changes_are_a_history(story: tuple[str, int, list[str]]) -> None:
    play = played(*story)
    last: dict[str, Session] = {}
    for change in play.told(SessionChanged):
        before, now = last.get(change.now.id), change.now
        assert change.before == before, "each change goes on from the one before"
        assert change.ended == (now.over and not (before is not None and before.over))
        assert change.reopened == (before is not None and before.over and not now.over)
        assert now.revision == (0 if before is None else before.revision + 1)
        assert now.energy_wh is None or now.energy_wh >= 0
        assert now.power_w is None or now.power_w >= 0
        assert now.over == (now.stopped_at_ns is not None)
        assert now.stopped_at_ns is None or now.stopped_at_ns >= now.started_at_ns
        assert (now.reason is None) == (now.outcome in (Outcome.ONGOING, Outcome.SUCCESS))
        if (
            now.over
            and before is not None
            and before.over
            and (before.outcome, before.reason) != (now.outcome, now.reason)
        ):
            assert change.revised, "a verdict that changes says so"
            assert now.revised_because, "and why"
        last[now.id] = now
    under_way = {each.id for each in play.fleet.sessions("CP1")}
    assert under_way == {each.id for each in last.values() if not each.over}


@quick
@given(plays, st.integers(0, 60))
def test_a_snapshot_at_any_point_goes_on_to_the_letter(story: tuple[str, int, list[str]], cut: int) -> None:
    play = played(*story)
    cut = min(cut, len(play.sightings))
    first, second = Fleet(), Fleet()
    for sighting in play.sightings[:cut]:
        first.feed(sighting)
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    for sighting in play.sightings[cut:]:
        assert first.feed(sighting) == second.feed(sighting)
    assert first.snapshot() == second.snapshot()


def ids(changes: list[AnyChange]) -> set[str]:
    return {change.now.id for change in changes if isinstance(change, SessionChanged)}


@quick
@given(plays, st.randoms(use_true_random=False))
def test_any_order_and_any_loss_never_crashes(story: tuple[str, int, list[str]], dice: random.Random) -> None:
    play = played(*story)
    mixed: list[Sighting] = [each for each in play.sightings if dice.random() < 0.8]
    dice.shuffle(mixed)
    # Each is read for the first time, whatever place it has: what the journal has read before is not read again.
    mixed = [msgspec.structs.replace(each, sequence=number << 16) for number, each in enumerate(mixed)]
    fleet = Fleet(
        StateSettings(
            open_sessions_max=2, attempts_max=2, closed_sessions_max=3, connectors_max=2, steps_max=16
        )
    )
    for sighting in mixed:
        fleet.feed(sighting)
    for session in fleet.sessions("CP1"):
        assert session.energy_wh is None or session.energy_wh >= 0


def test_ids_are_those_of_the_exported_trace() -> None:
    play = Play().begin()
    play.clock[0] += 0.000_000_4  # below the microseconds that a trace keeps
    play.start()
    precise = play.session.id
    fleet = Fleet()
    found: set[str] = set()
    for sighting in play.sightings:
        coarse = msgspec.structs.replace(
            sighting, received_at_ns=sighting.received_at_ns // 1000 * 1000, sequence=sighting.sequence + 7
        )
        found |= ids(fleet.feed(coarse).changes)
    assert found == {precise}


def test_a_moment_runs_at_its_own_time_before_the_sighting_that_brings_a_later_one() -> None:
    play = Play().begin()
    play.authorize("TAG")
    answered = play.now_ns
    play.wait(100_000)
    ended = next(change for change in play.told(SessionChanged) if change.ended)
    assert ended.at_ns == answered + 300 * SECOND_NS


def test_steps_are_bounded_and_milestones_kept() -> None:
    play = Play(settings=StateSettings(steps_max=16)).begin()
    transaction = play.start()
    for _ in range(40):
        play.wait(5)
        play.status(1, "SuspendedEV")
        play.status(1, "Charging")
    play.stop(transaction, 6000)
    assert len(play.session.steps) <= 16 + 8
    assert {"created", "charging", "stopped", "completed"} <= set(play.session.milestones)


def test_closed_sessions_are_forgotten_in_their_order() -> None:
    play = Play(settings=StateSettings(closed_sessions_max=3)).begin()
    for number in range(6):
        play.authorize(f"BAD{number}", "Invalid")
        play.wait(10)
    kept = [each.id for each in play.sessions if play.fleet.session_by_id(each.id) is not None]
    assert kept == [each.id for each in play.sessions][3:]


def test_a_flood_of_cards_is_bounded() -> None:
    play = Play(settings=StateSettings(attempts_max=4)).begin()
    for number in range(20):
        play.authorize(f"TAG{number}")
    assert len(play.fleet.sessions("CP1")) == 4
    assert play.fleet.counters["state_attempts_closed_early"] == 16


def _made_up_numbers(play: Play, number: int) -> None:
    play.meter(1, 100.0 * number, 5000 + number)


def _made_up_places(play: Play, number: int) -> None:
    play.transaction("Started", f"T{number}", "CablePluggedIn", evse=200 + number, register=0)


def _made_up_names(play: Play, number: int) -> None:
    play.transaction("Updated", f"T{number}", "MeterValuePeriodic", register=100.0 * number)


@pytest.mark.parametrize(
    ("version", "says"), [("1.6", _made_up_numbers), ("2.0.1", _made_up_places), ("2.0.1", _made_up_names)]
)
def test_transactions_that_a_station_makes_up_are_bounded(
    version: str, says: Callable[[Play, int], None]
) -> None:
    play = Play(version=version, settings=StateSettings(transactions_max=8, connectors_max=4)).begin()
    for number in range(30):
        says(play, number)
    assert len(play.fleet.sessions("CP1")) == 8
    assert play.fleet.counters["state_sessions_closed_early"] == 22
    over = [each for each in play.sessions if each.over]
    assert {each.outcome for each in over} <= {Outcome.FAILED, Outcome.SUCCESS}


def test_an_answer_after_a_restart_is_heard_by_who_would_have_heard_it_without() -> None:
    """A card led to a cable's transaction before it was answered: the act is that one's, and nobody else's."""
    play = Play(version="2.0.1").begin(1, 2)
    for token in ("ONE", "TWO"):
        play.authorize(token, None)
    card = play.last_call
    play.transaction("Started", "T1", "CablePluggedIn", evse=1, register=0)
    play.transaction("Updated", "T1", "Authorized", token="TWO")
    restarted = Fleet()
    restarted.restore(play.fleet.snapshot())
    begun = len(play.sightings)
    play.answer(card, {"idTokenInfo": {"status": "Accepted"}})
    play.wait(60)
    for sighting in play.sightings[begun:]:
        restarted.feed(sighting)
    assert restarted.snapshot() == play.fleet.snapshot()
    charging = next(each for each in play.sessions if each.transaction == "T1")
    assert "authorised" in [each.name for each in charging.steps]
