"""What the tracker rebuilds from bytes is what the simulated drivers, vehicles and chargers lived, to the watt-hour."""

from __future__ import annotations

import trio
from tests.support.truths import Life, disagreements, live

from nocwatch.sessions import Reason

FAULTS = {
    "lost_stop": (4, Reason.LOST_STOP),
    "remote_start_no_transaction": (2, Reason.REMOTE_START_NO_TX),
    "station_offline": (2, None),
    "register_rollback": (3, None),
    "faulted": (1, Reason.THERMAL),
    "cloned_token_overlap": (3, None),
}
"""Scenario → how many sessions it tells, and a reason among theirs."""


def reasons(life: Life) -> set[Reason | None]:
    return {each.reason for each in life.truths}


async def test_an_ordinary_fleets_day_is_rebuilt_as_it_was_lived() -> None:
    life = await live("ordinary", seed=1, speed=120, count=40, lasting_s=33, truths_min=30)
    assert len(life.truths) >= 30
    assert disagreements(life) == []
    # A remote start that the station refuses comes from the office, to a driver who has gone: nobody lived it.
    assert [each for each in life.strangers() if each.reason is not Reason.REMOTE_START_REJECTED] == []


async def test_sessions_of_stations_with_quirks_are_rebuilt_as_they_were_lived() -> None:
    life = await live("quirks", speed=20, lasting_s=20)
    assert {"DROP08", "WRAP32", "KWH", "METERS", "ZEROID"} <= {each.station for each in life.truths}
    assert Reason.CONNECTIVITY in reasons(life)
    assert disagreements(life) == []
    # The CSMS refuses ERRSTOP's stop for ever, so it is never over for the station; ORPHANS sends the stop of no start. LOSTID's
    # start is never answered: its stop may be heard, and its driver not have left yet, when the time is up.
    assert {each.station for each in life.strangers()} <= {"ERRSTOP", "LOSTID", "ORPHANS"}


async def test_every_fault_is_rebuilt_as_it_was_lived() -> None:
    lives: dict[str, Life] = {}

    async def lived(name: str, truths_min: int) -> None:
        lives[name] = await live(name, speed=60, lasting_s=20, truths_min=truths_min)

    async with trio.open_nursery() as nursery:
        for name, (truths_min, _) in FAULTS.items():
            nursery.start_soon(lived, name, truths_min)
    for name, (truths_min, reason) in FAULTS.items():
        assert len(lives[name].truths) >= truths_min, name
        assert reason in reasons(lives[name]), name
        assert disagreements(lives[name]) == []


async def test_a_model_that_fails_more_and_more_is_rebuilt_session_by_session() -> None:
    life = await live("success_rate_drop", speed=150, lasting_s=9)
    assert len(life.truths) >= 40
    assert {Reason.EV_COMM, Reason.CONNECTOR_LOCK} & reasons(life)
    assert disagreements(life) == []
