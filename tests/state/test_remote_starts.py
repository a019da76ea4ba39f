"""Orders of the CSMS to start, and stations that say no and do it all the same."""

from __future__ import annotations

import pytest
from tests.support.play import Play

from nocwatch.frames import Direction
from nocwatch.sessions import Outcome, StartSource


@pytest.mark.parametrize("refusal", ["CALLERROR", "Rejected"])
def test_a_transaction_that_the_order_began_goes_on_when_the_station_then_refuses_the_order(
    refusal: str,
) -> None:
    play = Play(version="2.0.1").begin()
    token = {"idToken": "APP", "type": "Central"}
    order = play.call("RequestStartTransaction", {"remoteStartId": 7, "idToken": token, "evseId": 1}, by=Direction.FROM_CSMS)  # fmt: skip
    play.wait(1)
    play.transaction("Started", "T1", "RemoteStart", evse=1, token="APP", remote_id=7, register=1000)
    if refusal == "CALLERROR":
        play.error(order, by=Direction.FROM_STATION)
    else:
        play.answer(order, {"status": refusal}, by=Direction.FROM_STATION)
    assert play.session.outcome is Outcome.ONGOING
    play.wait(600)
    play.transaction("Ended", "T1", "RemoteStop", evse=1, register=6000, reason="Remote")
    play.wait(60)
    session = play.session
    assert (session.outcome, session.energy_wh, session.revised_because) == (Outcome.SUCCESS, 5000.0, "")
    assert session.start_source is StartSource.REMOTE
    assert [step.name for step in session.steps].count("created") == 1
