"""Clocks that go by local time and say UTC: when that is certain, what is done about it, and what must not be taken for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.talking import Talk, every, oddities

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import Misspoke, Oddity, StatusReported, TimeFrom
from nocwatch.ocpp.habits import Habits

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def says_status(talk: Talk, ahead_s: float, wait_s: float = 60) -> StatusReported:
    """A StatusNotification whose time stamp is so much ahead of the truth."""
    talk.wait(wait_s)
    stamp = EPOCH + timedelta(seconds=talk.now_ns // SECOND_NS + ahead_s)
    payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": stamp.strftime("%Y-%m-%dT%H:%M:%SZ")}  # fmt: skip
    (status,) = every(talk.says(2, str(talk.sequence), "StatusNotification", payload), StatusReported)
    return status


def local(talk: Talk) -> list[str]:
    return [event.text for event in every(talk.events, Misspoke) if event.oddity is Oddity.LOCAL_TIME]


def fresh() -> Talk:
    return Talk("ocpp1.6", Habits())


@pytest.mark.parametrize(
    ("ahead_s", "text"),
    [
        (7200, "2:00 h ahead of UTC"),
        (3600 + 20, "1:00 h ahead of UTC"),
        (5.75 * 3600 - 8, "5:45 h ahead of UTC"),
        (14 * 3600, "14:00 h ahead of UTC"),
        (900, "0:15 h ahead of UTC"),
    ],
)
def test_three_messages_from_the_future_at_a_quarter_hour_make_a_zone(ahead_s, text):
    talk = fresh()
    says_status(talk, ahead_s)
    says_status(talk, ahead_s)
    assert local(talk) == []
    shifts = [says_status(talk, ahead_s).clock_shift_s for _ in range(2)]
    assert [shift % 900 for shift in shifts] == [0, 0]
    assert len(local(talk)) == 1
    assert text in local(talk)[0]


@pytest.mark.parametrize("ahead_s", [61, 7200, 7500, 23 * 3600])
def test_a_clock_that_is_ahead_is_put_right_from_its_first_message_on(ahead_s):
    """Nothing is reported before it happens."""
    talk = fresh()
    for _ in range(4):
        status = says_status(talk, ahead_s)
        assert status.when_from is TimeFrom.CORRECTED
        assert abs(status.when_ns - status.at_ns) < 60 * SECOND_NS


def test_older_data_of_a_clock_that_is_ahead_stays_as_much_older():
    """Samples of an hour in one message: the youngest shows the lead, and the distances between them hold."""
    talk = fresh()
    says_status(talk, 7500)
    older = says_status(talk, 7500 - 3600)
    assert abs(older.at_ns - older.when_ns - 3600 * SECOND_NS) < 60 * SECOND_NS


def test_west_of_greenwich_takes_longer_for_it_looks_like_a_backlog():
    talk = fresh()
    statuses = [says_status(talk, -5 * 3600, wait_s=180) for _ in range(7)]
    assert [status.clock_shift_s for status in statuses] == [0, 0, 0, 0, 0, -18000, -18000]
    assert "5:00 h behind UTC" in local(talk)[0]


@pytest.mark.parametrize(
    "leads",
    [
        [0] * 8,
        [-3, 20, -40, 55] * 3,
        [7200 + 300] * 8,  # 2:05 h: a clock that is wrong, and by no zone
        [7200, 0, 7200, 0, 7200, 0],  # one message in two is right
        [3 * 86_400] * 5,
    ],
    ids=["right", "jitter", "no quarter", "now and then", "days"],
)
def test_what_is_no_zone(leads):
    talk = fresh()
    for lead in leads:
        status = says_status(talk, lead)
        assert status.clock_shift_s == (lead if 60 < lead < 86_400 else 0)
        assert abs(status.when_ns - status.at_ns) < 60 * SECOND_NS
    assert local(talk) == []


def test_a_backlog_after_a_day_offline_is_no_zone():
    talk = fresh()
    for minute in range(60):  # sent within a minute, each a minute younger than the one before
        assert says_status(talk, -7200 + 60 * minute, wait_s=1).clock_shift_s == 0
    assert local(talk) == []


@pytest.mark.parametrize("ahead_s", [-1800, -2700, -4500, -5400])
def test_a_backlog_that_drains_as_slowly_as_it_grows_is_no_zone_where_there_is_none(ahead_s):
    """A CSMS that leaves many a message without an answer keeps a station half an hour behind for hours."""
    talk = fresh()
    assert all(says_status(talk, ahead_s, wait_s=180).clock_shift_s == 0 for _ in range(12))
    assert local(talk) == []


def test_newfoundland_is_half_an_hour_beside_the_others():
    talk = fresh()
    shifts = [says_status(talk, -3.5 * 3600, wait_s=180).clock_shift_s for _ in range(7)]
    assert shifts[-1] == -12_600


def test_meter_values_stamped_at_the_begin_of_their_interval_are_no_zone():
    talk = fresh()
    assert all(says_status(talk, -900, wait_s=900).clock_shift_s == 0 for _ in range(12))


def test_a_clock_that_is_set_at_last_is_believed_at_once():
    talk = fresh()
    for _ in range(4):
        says_status(talk, 7200)
    status = says_status(talk, 0)
    assert (status.when_from, status.event_at_ns) == (TimeFrom.STATION, status.when_ns)
    assert says_status(talk, 1).clock_shift_s == 0


def test_the_backlog_of_a_station_with_local_time_is_put_right_too():
    talk = fresh()
    for _ in range(4):
        says_status(talk, 7200)
    status = says_status(talk, 7200 - 3600)
    assert status.clock_shift_s == 7200
    assert abs(status.at_ns - status.when_ns - 3600 * SECOND_NS) < 60 * SECOND_NS


def test_the_clock_outlives_the_connection_and_daylight_saving_ends():
    habits = Habits()
    first = Talk("ocpp1.6", habits)
    for _ in range(4):
        says_status(first, 7200)
    again = Talk("ocpp1.6", habits)
    again.now_ns = first.now_ns
    assert says_status(again, 7200).clock_shift_s == 7200
    shifts = [says_status(again, 3600, wait_s=300).clock_shift_s for _ in range(4)]
    assert shifts == [7200, 7200, 3600, 3600]
    assert "1:00 h ahead" in local(again)[-1]


def test_daylight_saving_begins_and_no_message_is_from_the_future():
    talk = fresh()
    for _ in range(4):
        says_status(talk, 3600)
    statuses = [says_status(talk, 7200) for _ in range(4)]
    assert all(abs(each.when_ns - each.at_ns) < 60 * SECOND_NS for each in statuses)
    assert "2:00 h ahead" in local(talk)[-1]


def test_an_hours_backlog_is_no_end_of_daylight_saving():
    talk = fresh()
    for _ in range(4):
        says_status(talk, 7200)
    for _ in range(60):
        assert says_status(talk, 3600, wait_s=1).clock_shift_s == 7200
    assert len(local(talk)) == 1


def test_a_clock_that_was_never_set_counts_by_receive_time():
    status = says_status(fresh(), -50 * 365 * 86_400)
    assert (status.when_from, status.when_ns, status.implausible_time) == (
        TimeFrom.RECEIPT,
        status.at_ns,
        True,
    )


def test_the_csms_time_stamps_say_nothing_about_the_station():
    talk = fresh()
    for number in range(5):
        talk.wait(60).hears(2, str(number), "ReserveNow", {"connectorId": 1, "idTag": "h:1", "reservationId": 3, "expiryDate": "2026-11-21T12:00:00Z"})  # fmt: skip
    assert Oddity.LOCAL_TIME not in oddities(talk.events)
    assert talk.habits is not None
    assert talk.habits.clock.count == 0


def test_many_time_stamps_of_one_message_are_one_witness():
    talk = Talk("ocpp2.0.1", Habits())
    item = {
        "timestamp": "2026-11-21T12:00:00Z",
        "component": {"name": "Connector"},
        "variable": {"name": "Problem"},
    }
    talk.says(
        2, "1", "NotifyEvent", {"generatedAt": "2026-11-21T12:00:00Z", "seqNo": 0, "eventData": [item] * 5}
    )
    assert local(talk) == []
    assert talk.habits is not None
    assert talk.habits.clock.count == 1
