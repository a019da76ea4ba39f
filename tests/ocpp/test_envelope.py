"""The outer array: what is proper, what is understood all the same, what is neither."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.ocpp.envelope import Envelope, NoEnvelope, parse
from nocwatch.ocpp.events import Oddity


@pytest.mark.parametrize(
    ("text", "kind", "message_id", "action", "payload"),
    [
        (b'[2,"a","Heartbeat",{}]', 2, "a", "Heartbeat", b"{}"),
        (b'[ 2 , "a" , "Heartbeat" , { } ]', 2, "a", "Heartbeat", b"{ }"),
        (b'[3,"a",{"status":"Accepted"}]', 3, "a", "", b'{"status":"Accepted"}'),
        (b'[6,"a","NotifyPeriodicEventStream",{}]', 6, "a", "NotifyPeriodicEventStream", b"{}"),
    ],
)
def test_proper_messages(text, kind, message_id, action, payload):
    message = parse(text)
    assert isinstance(message, Envelope)
    assert (message.type, message.id, message.action, bytes(message.payload)) == (
        kind,
        message_id,
        action,
        payload,
    )
    assert message.faults == ()


@pytest.mark.parametrize("kind", [4, 5])
def test_errors(kind):
    message = parse(json.dumps([kind, "a", "InternalError", "why", {"x": 1}]).encode())
    assert isinstance(message, Envelope)
    assert (message.type, message.error_code, message.error_description, message.faults) == (
        kind,
        "InternalError",
        "why",
        (),
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'[2,"a","Heartbeat"]', "no payload"),
        (b'[3,"a"]', "no payload"),
        (b'[2,17,"Heartbeat",{}]', "the message id is a number"),
        (b'[2,"a","Heartbeat",{},{}]', "more elements than the message has"),
        (b'[2,"%s","Heartbeat",{}]' % (b"x" * 40), "a message id of 40 characters"),
        (b'[4,"a"]', "an error without a code"),
    ],
)
def test_messages_that_everybody_understands_are_followed_with_a_remark(text, fault):
    message = parse(text)
    assert isinstance(message, Envelope)
    assert message.faults == (fault,)


@pytest.mark.parametrize(
    ("text", "oddity"),
    [
        (b"", Oddity.NOT_JSON),
        (b"hello", Oddity.NOT_JSON),
        (b'[2,"a","Heartbeat",{}', Oddity.NOT_JSON),
        (b'[2,"a","Heartbeat",{"x":NaN}]', Oddity.NOT_JSON),
        (b"[" * 100_000, Oddity.NOT_JSON),
        (b"{}", Oddity.NOT_OCPP),
        (b"[]", Oddity.NOT_OCPP),
        (b"[2]", Oddity.NOT_OCPP),
        (b'[2,null,"Heartbeat",{}]', Oddity.NOT_OCPP),
        (b'[2,"%s","Heartbeat",{}]' % (b"x" * 300), Oddity.NOT_OCPP),
        (b'[2,"a",{},{}]', Oddity.NOT_OCPP),
        (b'[2,"a","",{}]', Oddity.NOT_OCPP),
        (b'[1,"a"]', Oddity.UNKNOWN_TYPE),
        (b'[7,"a","b",{}]', Oddity.UNKNOWN_TYPE),
        (b'["2","a","Heartbeat",{}]', Oddity.UNKNOWN_TYPE),
        (b'[true,"a","Heartbeat",{}]', Oddity.UNKNOWN_TYPE),
    ],
)
def test_what_is_no_message_has_its_name(text, oddity):
    message = parse(text)
    assert isinstance(message, NoEnvelope)
    assert message.oddity is oddity
    assert len(message.text) <= 200


@given(st.binary(max_size=100) | st.text(alphabet='[]{}",:0123456 aé\\', max_size=60).map(str.encode))
@settings(deadline=None, max_examples=300)
def test_no_text_makes_it_raise(text):
    parse(text)
