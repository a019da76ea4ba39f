"""What is learnt of a station's manners belongs to the station: across connections, snapshots and slices of a journal."""

from __future__ import annotations

import msgspec
from tests.support.play import Play

from nocwatch.ocpp.events import Misspoke, Oddity, StatusReported, TimeFrom
from nocwatch.state.fleet import Fleet


def odd_status(play: Play, **more: object) -> None:
    play.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available", "mood": "fine", **more})  # fmt: skip


def told(play: Play, oddity: Oddity = Oddity.AGAINST_SCHEMA) -> list[str]:
    return [event.text for event in play.events if isinstance(event, Misspoke) and event.oddity is oddity]


def test_misfits_are_counted_by_station_whatever_the_connection() -> None:
    fleet = Fleet()
    play, other = Play("CP1", fleet=fleet), Play("CP2", fleet=fleet)
    other.clock, other.connection = play.clock, 100
    for _ in range(3):
        play.open()
        odd_status(play)
        play.close()
        play.wait(60)
    other.open()
    assert fleet.misfits("CP1") == {"StatusNotification additionalProperties": 3}
    assert fleet.misfits("CP2") == fleet.misfits("never seen") == {}
    assert len(told(play)) == 1


def test_a_slice_of_one_stations_journal_is_judged_as_the_whole_was() -> None:
    fleet = Fleet()
    play = Play("CP1", fleet=fleet)
    noisy = Play("CP2", fleet=fleet, clock=play.clock)
    noisy.connection = 100
    play.open()
    noisy.open()
    for _ in range(50):
        odd_status(noisy)
        odd_status(play)
    alone = Fleet()
    events = [event for sighting in play.sightings for event in alone.feed(sighting).events]
    assert [event for event in events if isinstance(event, Misspoke)] == [
        event for event in play.events if isinstance(event, Misspoke)
    ]
    assert alone.misfits("CP1") == fleet.misfits("CP1")


def test_a_clock_of_local_time_is_known_after_a_restart() -> None:
    play = Play()
    play.open()
    for _ in range(4):
        play.wait(60)
        play.status(1, "Available", at=play.now_s + 7200)
    assert len(told(play, Oddity.LOCAL_TIME)) == 1
    second = Fleet()
    second.restore(play.fleet.snapshot())
    assert second.snapshot() == play.fleet.snapshot()
    again = Play(fleet=second, after=play)
    again.status(1, "Charging", at=again.now_s + 7200)
    status = next(event for event in again.events if isinstance(event, StatusReported))
    assert status.when_from is TimeFrom.CORRECTED
    assert told(again, Oddity.LOCAL_TIME) == []


def test_a_snapshot_of_a_release_that_knew_no_manners_is_read() -> None:
    play = Play()
    play.open()
    play.boot()
    former = msgspec.msgpack.decode(play.fleet.snapshot())
    del former["habits"]
    second = Fleet()
    second.restore(msgspec.msgpack.encode(former))
    again = Play(fleet=second, after=play)
    odd_status(again)
    assert second.misfits("CP1") == {"StatusNotification additionalProperties": 1}
