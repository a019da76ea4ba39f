"""Calls and answers find each other, in time, late, twice, crossing, or never."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.talking import START_NS, Talk, every, meaning, oddities, only

from nocwatch.frames import Direction, Kind
from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.conversation import PAST_MAX, PENDING_MAX, Conversation
from nocwatch.ocpp.events import (
    AuthorizeAnswered,
    BootAnswered,
    CallRefused,
    CallUnanswered,
    CommandAnswered,
    Commanded,
    Heartbeat,
    Misspoke,
    Oddity,
    Spoke,
    StatusReported,
    TransactionAnswered,
    TransactionBegan,
)
from nocwatch.ocpp.habits import Habits
from nocwatch.ocpp.versions import TABLES

UP, DOWN = Direction.FROM_STATION, Direction.FROM_CSMS
START = {"connectorId": 1, "idTag": "h:1", "meterStart": 10, "timestamp": "2026-11-21T10:00:00Z"}
STARTED = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}


def test_an_answer_knows_its_call_and_how_long_it_took():
    talk = Talk()
    talk.says(2, "a", "Authorize", {"idTag": "h:1"})
    spoke = only(
        talk.wait(2).hears(3, "a", {"idTagInfo": {"status": "Accepted", "parentIdTag": "h:2"}}), Spoke
    )
    assert (spoke.action, spoke.type, spoke.call_frame) == ("Authorize", 3, "0-1-0")
    assert spoke.answer_time_ns == 2_100_000_000
    answered = only(talk.events, AuthorizeAnswered)
    assert (answered.token, answered.status, answered.parent) == ("h:1", "Accepted", "h:2")
    assert answered.asked_at_ns == START_NS + SECOND_NS // 10
    assert talk.conversation.next_expiry_ns is None
    assert oddities(talk.events) == []


def test_calls_of_both_sides_may_cross_under_one_id():
    talk = Talk()
    talk.says(2, "1", "StartTransaction", START)
    talk.hears(2, "1", "Reset", {"type": "Soft"})
    talk.says(3, "1", {"status": "Accepted"})
    talk.hears(3, "1", STARTED)
    assert [(s.action, s.direction, s.type) for s in every(talk.events, Spoke)] == [
        ("StartTransaction", UP, 2), ("Reset", DOWN, 2), ("Reset", UP, 3), ("StartTransaction", DOWN, 3),
    ]  # fmt: skip
    assert only(talk.events, TransactionAnswered).transaction == 5
    assert oddities(talk.events) == []


def test_an_answer_that_never_comes_is_said_once_at_the_end_of_patience():
    talk = Talk()
    talk.says(2, "a", "Authorize", {"idTag": "h:1"})
    due = talk.conversation.next_expiry_ns
    assert due == START_NS + SECOND_NS // 10 + 30 * SECOND_NS
    assert talk.wait(29).expire() == []
    assert talk.conversation.expire(due - 1) == []
    unanswered = only(talk.conversation.expire(due), CallUnanswered)
    assert (unanswered.action, unanswered.at_ns, unanswered.waited_ns, unanswered.frame) == (
        "Authorize",
        due,
        30 * SECOND_NS,
        "0-1-0",
    )
    assert talk.expire() == []


def test_a_late_answer_is_paired_and_counts():
    talk = Talk()
    talk.says(2, "a", "StartTransaction", START)
    talk.wait(40).expire()
    events = talk.hears(3, "a", STARTED)
    assert oddities(events) == [Oddity.LATE_ANSWER]
    assert only(events, TransactionAnswered).transaction == 5
    assert only(events, Spoke).answer_time_ns == 40 * SECOND_NS + SECOND_NS // 10


def test_a_duplicate_answer_counts_once():
    talk = Talk()
    talk.says(2, "a", "StartTransaction", START)
    talk.hears(3, "a", STARTED)
    events = talk.hears(3, "a", STARTED)
    assert oddities(events) == [Oddity.DUPLICATE_ANSWER]
    assert meaning(events) == []


def test_an_answer_to_nothing_is_told():
    talk = Talk()
    events = talk.hears(3, "other", {"status": "Accepted"})
    assert oddities(events) == [Oddity.UNPAIRED_ANSWER]
    assert only(events, Spoke).action == ""


def test_what_a_station_decided_is_told_although_it_answers_under_an_id_that_nobody_used():
    talk = Talk()
    talk.hears(2, "a", "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1})
    events = talk.says(3, "other", {"status": "Rejected"})
    assert oddities(events) == [Oddity.UNPAIRED_ANSWER]
    told = only(events, CommandAnswered)
    assert (told.message_id, told.status) == ("a", "Rejected")


def test_nor_is_it_guessed_where_two_calls_wait_or_the_csms_answers_so():
    talk = Talk()
    talk.says(2, "s", "Authorize", {"idTag": "TAG"})
    assert meaning(talk.hears(3, "other", {"idTagInfo": {"status": "Accepted"}})) == []
    talk.hears(2, "a", "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1})
    talk.hears(2, "b", "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 2})
    assert meaning(talk.says(3, "other", {"status": "Rejected"})) == []


def test_an_answer_without_what_that_call_asks_for_is_none_to_it():
    talk = Talk()
    talk.hears(2, "a", "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1})
    assert meaning(talk.says(3, "other", {})) == []


def test_what_was_asked_over_the_old_socket_and_answered_over_the_new_one_is_no_answer_to_what_waits_there():
    habits = Habits()
    old, new = Talk(habits=habits), Talk(habits=habits)
    old.hears(2, "a", "RemoteStartTransaction", {"idTag": "ONE", "connectorId": 1})
    new.hears(2, "b", "RemoteStartTransaction", {"idTag": "TWO", "connectorId": 2})
    events = new.says(3, "a", {"status": "Rejected"})
    assert (oddities(events), meaning(events)) == ([Oddity.UNPAIRED_ANSWER], [])
    assert only(new.says(3, "b", {"status": "Accepted"}), CommandAnswered).message_id == "b"


def test_nor_is_an_answer_to_what_was_asked_long_before_over_the_same_socket():
    talk = Talk(habits=Habits())
    for number in range(PAST_MAX + 2):
        talk.hears(2, f"{number}", "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1})
        talk.wait(31).expire()
    talk.hears(2, "now", "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1})
    assert meaning(talk.says(3, "0", {"status": "Rejected"})) == []


def test_a_side_cannot_answer_its_own_call():
    talk = Talk()
    talk.says(2, "a", "StartTransaction", START)
    assert oddities(talk.says(3, "a", STARTED)) == [Oddity.UNPAIRED_ANSWER]
    assert only(talk.hears(3, "a", STARTED), TransactionAnswered).transaction == 5


def test_the_same_call_sent_again_under_its_id_gets_the_answer_once():
    talk = Talk()
    talk.says(2, "a", "StartTransaction", START)
    events = talk.wait(5).says(2, "a", "StartTransaction", START)
    assert oddities(events) == [Oddity.REUSED_ID]
    assert only(events, TransactionBegan).message_id == "a"
    assert only(talk.hears(3, "a", STARTED), Spoke).call_frame == "0-2-0"
    assert oddities(talk.hears(3, "a", STARTED)) == [Oddity.DUPLICATE_ANSWER]
    assert talk.conversation.next_expiry_ns is None


def test_an_id_used_again_after_its_answer_is_told_and_paired():
    talk = Talk()
    talk.says(2, "a", "Heartbeat", {})
    talk.hears(3, "a", {"currentTime": "2026-11-21T10:00:00Z"})
    assert oddities(talk.says(2, "a", "StartTransaction", START)) == [Oddity.REUSED_ID]
    assert only(talk.hears(3, "a", STARTED), TransactionAnswered).transaction == 5


def test_of_a_queue_that_is_flushed_each_answer_that_comes_late_is_still_known():
    """Eight calls that nobody answered in time; then all the answers, one after the other."""
    talk = Talk()
    for number in range(8):
        talk.says(2, str(number), "Heartbeat", {})
        talk.wait(31).expire()
    found = [
        oddities(talk.hears(3, str(number), {"currentTime": "2026-11-21T10:00:00Z"})) for number in range(8)
    ]
    assert found == [[Oddity.LATE_ANSWER]] * 8


def test_nobody_can_object_to_an_answer_that_never_came():
    """2.1 CALLRESULTERROR: of a call that was answered with an error, or not at all, there is no result to object to."""
    talk = Talk("ocpp2.1")
    talk.says(2, "a", "Heartbeat", {})
    talk.hears(4, "a", "InternalError", "", {})
    events = talk.says(5, "a", "FormatViolation", "", {})
    assert oddities(events) == [Oddity.UNPAIRED_ANSWER]
    assert every(events, CallRefused) == []


def test_a_refusal_names_the_call_and_who_refused():
    talk = Talk()
    talk.says(
        2, "a", "StopTransaction", {"transactionId": 5, "meterStop": 1, "timestamp": "2026-11-21T10:00:00Z"}
    )
    refused = only(talk.hears(4, "a", "InternalError", "database", {}), CallRefused)
    assert (refused.action, refused.error_code, refused.description, refused.direction) == (
        "StopTransaction",
        "InternalError",
        "database",
        DOWN,
    )
    assert refused.call_frame == "0-1-0"


def test_an_answer_that_its_caller_cannot_read_is_a_refusal_by_the_caller():
    talk = Talk("ocpp2.1")
    talk.says(
        2,
        "a",
        "BootNotification",
        {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}},
    )
    talk.hears(3, "a", {"status": "Accepted", "interval": 60, "currentTime": "x"})
    refused = only(talk.says(5, "a", "FormatViolation", "currentTime", {}), CallRefused)
    assert (refused.direction, refused.action) == (UP, "BootNotification")
    assert oddities(talk.says(5, "z", "FormatViolation", "", {})) == [Oddity.UNPAIRED_ANSWER]


def test_a_reply_to_something_unreadable_has_id_minus_one():
    events = Talk("ocpp2.0.1").hears(4, "-1", "RpcFrameworkError", "", {})
    assert oddities(events) == [Oddity.UNPAIRED_ANSWER]
    assert only(events, Spoke).error_code == "RpcFrameworkError"


def test_a_send_waits_for_no_answer():
    talk = Talk("ocpp2.1")
    events = talk.says(6, "s", "NotifyPeriodicEventStream", {"id": 1, "data": []})
    assert only(events, Spoke).known
    assert talk.conversation.next_expiry_ns is None
    assert oddities(events) == []


def test_a_second_call_before_the_first_is_answered_is_told():
    talk = Talk()
    talk.says(2, "a", "Heartbeat", {})
    assert oddities(talk.says(2, "b", "Heartbeat", {})) == [Oddity.OVERLAPPING_CALL]


def test_a_station_that_never_waits_costs_a_bounded_memory():
    talk = Talk()
    for number in range(PENDING_MAX * 3):
        talk.says(2, str(number), "StartTransaction", START)
    assert len(talk.conversation.waiting[0]) == PENDING_MAX
    assert oddities(talk.events).count(Oddity.TOO_MANY_PENDING) == PENDING_MAX * 2
    talk.wait(60).expire()
    assert len(talk.conversation.past[0]) == PAST_MAX


def test_a_lost_link_ends_all_waiting():
    talk = Talk()
    talk.says(2, "a", "StartTransaction", START)
    talk.hears(2, "b", "Reset", {"type": "Hard"})
    lost = talk.conversation.closed(talk.now_ns + 800_000_000)
    assert [(event.action, event.direction, event.link_lost) for event in every(lost, CallUnanswered)] == [
        ("StartTransaction", UP, True), ("Reset", DOWN, True),
    ]  # fmt: skip
    assert lost[1].waited_ns == 800_000_000
    assert talk.conversation.next_expiry_ns is None


@pytest.mark.parametrize(
    ("payload", "oddity"),
    [
        (b"{not json", Oddity.NOT_JSON),
        (b'{"a":1}', Oddity.NOT_OCPP),
        (b'[9,"a"]', Oddity.UNKNOWN_TYPE),
        (b'[2,"a","Sing",{}]', Oddity.UNKNOWN_ACTION),
        (b'[2,"a","BootNotification",[]]', Oddity.BAD_PAYLOAD),
        (b'[2,"a","Heartbeat",7]', Oddity.BAD_PAYLOAD),
        (b'[2,"a","ClearCache",7]', Oddity.BAD_PAYLOAD),
    ],
)
def test_what_is_odd_is_named_and_the_link_goes_on_being_watched(payload, oddity):
    talk = Talk()
    assert oddity in oddities(talk.line(UP, payload))
    talk.conversation.closed(talk.now_ns)
    assert meaning(talk.says(2, "z", "Heartbeat", {}))[-1:] == every(talk.events, Heartbeat)[-1:]
    assert isinstance(talk.events[-1], Heartbeat)


def test_frames_that_are_no_text():
    talk = Talk()
    assert oddities(talk.line(UP, b"\x00\x01", Kind.BINARY)) == [Oddity.BINARY]
    events = talk.line(UP, b'[2,"a","Heartbeat",{}]', Kind.BINARY)
    assert oddities(events) == [Oddity.BINARY]
    assert only(events, Heartbeat)
    garbled = only(talk.line(UP, b"", Kind.GARBLED, "deflate_error"), Misspoke)
    assert (garbled.oddity, garbled.text) == (Oddity.GARBLED, "deflate_error")
    assert talk.line(UP, b"", Kind.PING) == []


def test_a_call_from_the_wrong_side_means_nothing():
    talk = Talk()
    assert oddities(talk.hears(2, "a", "Heartbeat", {})) == [Oddity.NOT_OCPP]
    assert oddities(talk.says(2, "b", "RemoteStartTransaction", {"idTag": "h:1"})) == [Oddity.NOT_OCPP]
    talk.hears(3, "b", {"status": "Accepted"})
    assert meaning(talk.events) == []


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subprotocol", "version"),
    [
        ("ocpp1.6", "1.6"),
        ("ocpp2.0", "2.0.1"),
        ("ocpp2.0.1", "2.0.1"),
        ("ocpp2.1", "2.1"),
        (None, ""),
        ("chat", ""),
    ],
)
def test_the_version_is_what_was_negotiated(subprotocol, version):
    assert Talk(subprotocol).conversation.version == version


@pytest.mark.parametrize(
    ("action", "payload", "version"),
    [
        ("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}, "1.6"),
        (
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}},
            "2.0.1",
        ),
        (
            "StatusNotification",
            {"timestamp": "x", "connectorStatus": "Available", "evseId": 1, "connectorId": 1},
            "2.0.1",
        ),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}, "1.6"),
        ("StartTransaction", START, "1.6"),
        ("TransactionEvent", {}, "2.0.1"),
        ("Heartbeat", {}, ""),
    ],
)
def test_without_a_subprotocol_the_first_telling_message_decides(action, payload, version):
    talk = Talk(None)
    talk.says(2, "a", action, payload)
    assert talk.conversation.version == version


def test_messages_of_1_6_on_a_2_0_1_link_are_read_as_what_they_are():
    talk = Talk("ocpp2.0.1")
    talk.says(2, "a", "StartTransaction", START)
    talk.hears(3, "a", STARTED)
    talk.says(2, "b", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    talk.says(
        2,
        "c",
        "StatusNotification",
        {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": "2026-11-21T10:00:00Z"},
    )
    assert [spoke.version for spoke in every(talk.events, Spoke)] == ["1.6", "1.6", "1.6", "2.0.1"]
    assert only(talk.events, TransactionAnswered).transaction == 5
    assert [(s.evse, s.status) for s in every(talk.events, StatusReported)] == [
        (None, "Charging"),
        (1, "Occupied"),
    ]
    assert talk.conversation.version == "2.0.1"


def test_2_1_says_so_and_knows_its_own_actions():
    talk = Talk("ocpp2.1")
    talk.says(2, "a", "BatterySwap", {})
    talk.says(2, "b", "Heartbeat-Signed", {})
    assert {spoke.version for spoke in every(talk.events, Spoke)} == {"2.1"}
    assert all(spoke.known for spoke in every(talk.events, Spoke))
    assert only(talk.events, Heartbeat)


@pytest.mark.parametrize("version", ["v16", "v201", "v21"])
def test_every_action_of_the_packages_enumerations_is_known(version):
    module = pytest.importorskip(f"ocpp.{version}.enums")
    table = TABLES[{"v16": "1.6", "v201": "2.0.1", "v21": "2.1"}[version]]
    assert {action.value for action in module.Action} <= table.actions
    assert set(table.calls) | set(table.answers) <= table.actions
    assert table.csms_actions <= table.actions


# --- the whole ----------------------------------------------------------------------------------------------------------


def test_a_boot_is_answered():
    talk = Talk()
    talk.says(2, "a", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    answered = only(
        talk.hears(3, "a", {"status": "Pending", "interval": 300, "currentTime": "2026-11-21T10:00:00Z"}),
        BootAnswered,
    )
    assert (answered.status, answered.interval_s) == ("Pending", 300)


ids = st.sampled_from(["1", "2", "3"])
lines = st.one_of(
    st.tuples(st.just("says"), st.tuples(st.just(2), ids, st.just("StartTransaction"), st.just(START))),
    st.tuples(st.just("hears"), st.tuples(st.just(3), ids, st.just(STARTED))),
    st.tuples(
        st.just("hears"), st.tuples(st.just(4), ids, st.just("InternalError"), st.just(""), st.just({}))
    ),
    st.tuples(st.just("hears"), st.tuples(st.just(2), ids, st.just("Reset"), st.just({"type": "Soft"}))),
    st.tuples(st.just("says"), st.tuples(st.just(3), ids, st.just({"status": "Accepted"}))),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 31])),
)


@given(st.lists(lines, max_size=40), st.integers(0, 40))
@settings(deadline=None, max_examples=150)
def test_every_call_ends_at_most_once_and_a_restart_changes_nothing(script, restart_at):
    runs = []
    for restart in (None, restart_at):
        talk = Talk()
        for index, (verb, argument) in enumerate(script):
            if index == restart:
                talk.conversation = Conversation.restore(talk.conversation.snapshot())
            if verb == "wait":
                talk.wait(argument).expire()
            else:
                getattr(talk, verb)(*argument)
        runs.append(talk.events)
    assert runs[0] == runs[1]
    once = [event for event in runs[0] if isinstance(event, TransactionAnswered | CallRefused)]
    began = every(runs[0], TransactionBegan) + every(runs[0], Commanded)
    assert len(once) <= len(began)
    assert {event.call_frame for event in every(runs[0], Spoke)} - {""} <= {event.frame for event in began}
    unanswered = [event.frame for event in every(runs[0], CallUnanswered)]
    assert len(unanswered) == len(set(unanswered))


def test_an_error_to_something_unreadable_is_the_answer_to_the_one_call_that_waits():
    talk = Talk()
    call = only(talk.says(2, "7", "Heartbeat", {}), Spoke)
    events = talk.hears(4, "-1", "FormationViolation", "", {})
    refused = only(events, CallRefused)
    assert (refused.action, refused.call_frame, refused.error_code) == (
        "Heartbeat",
        call.frame,
        "FormationViolation",
    )
    assert talk.wait(60).expire() == []
    assert oddities(talk.hears(3, "7", {})) == [Oddity.DUPLICATE_ANSWER]


def test_an_error_to_something_unreadable_is_nobodys_where_nothing_waits():
    assert oddities(Talk().hears(4, "-1", "FormationViolation", "", {})) == [Oddity.UNPAIRED_ANSWER]
