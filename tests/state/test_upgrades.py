"""A snapshot of a former release: what it knew of sessions is known after the upgrade, so nothing is counted twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.support.play import Play

from nocwatch.moments import SECOND_NS
from nocwatch.sessions import Outcome
from nocwatch.state.fleet import Fleet


def former(fleet: Fleet) -> bytes:
    """The same memory as form 0 had it: time stamps as they were believed, the register without how it was written."""
    kept = msgspec.msgpack.decode(fleet.snapshot())
    del kept["form"]
    for station in kept["stations"]:
        ahead_ns = kept["habits"][station["id"]]["clock"]["ahead_s"] * SECOND_NS
        for session in station["sessions"].values():
            session["began_event_at_ns"] = believed(session.pop("began_said_us"), ahead_ns)
            session["end_event_at_ns"] = believed(session.pop("end_said_us"), ahead_ns)
            del session["meter"]["start_said"]
    return msgspec.msgpack.encode(kept)


def believed(said_us: int | None, ahead_ns: int) -> int | None:
    return None if said_us is None else said_us * 1000 - ahead_ns


def upgraded(play: Play) -> Play:
    fleet = Fleet()
    fleet.restore(former(play.fleet))
    after = Play(fleet=fleet, after=play)
    after.open()
    return after


def outcomes(*plays: Play) -> list[tuple[Any, ...]]:
    last = {session.id: session for play in plays for session in play.sessions}
    return [(session.outcome, session.energy_wh) for session in last.values()]


@pytest.mark.parametrize("ahead_s", [0, 7200, -18_000], ids=["right", "two hours ahead", "five hours behind"])
@pytest.mark.parametrize("answered", [True, False])
def test_a_start_that_is_sent_again_after_an_upgrade_is_the_same_one(ahead_s: int, answered: bool) -> None:
    play = Play().begin()
    for _ in range(8):  # a clock by local time is recognised by then
        play.wait(120)
        play.status(1, "Available", at=play.now_s + ahead_s)
    at = play.now_s + ahead_s
    play.start(1, "TAG", 1000, answered=answered, at=at)
    play.close()
    play.wait(20)

    after = upgraded(play)
    transaction = after.start(1, "TAG", 1000, at=at)
    after.wait(600)
    after.stop(transaction, 6000, at=after.now_s + ahead_s)
    assert outcomes(play, after) == [(Outcome.SUCCESS, 5000.0)]
    assert after.session.stopped_at_ns - after.session.started_at_ns < 650 * SECOND_NS


def test_a_stop_without_a_number_that_is_sent_again_after_an_upgrade_is_the_same_one() -> None:
    play = Play().begin()
    play.start(1, "TAG", 1000, answered=False)
    play.wait(600)
    at = play.now_s
    play.stop(-1, 6000, answered=False, at=at)
    play.close()
    play.wait(20)

    after = upgraded(play)
    after.stop(-1, 6000, at=at)
    after.wait(10)
    assert outcomes(play, after) == [(Outcome.SUCCESS, 5000.0)]
