"""No secret that goes in comes out; what has none is not touched."""

from __future__ import annotations

import json
import re
import string
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.tap.gate import CONTENT_NAMES, NEEDLES, SECRET_NAMES, TOKEN_NAMES, Gate, _normal

GATE = Gate(b"a key of this installation")
SECRET = "Geheim7Qx"
TOKEN = GATE.token(SECRET)


def passed(message: object) -> object:
    return json.loads(GATE.text(json.dumps(message).encode()))


def call(action: str, payload: object) -> list[object]:
    return [2, "1", action, payload]


def test_a_token_is_hashed_under_the_key_and_only_once():
    assert TOKEN.startswith("h:")
    assert len(TOKEN) == 18
    assert GATE.token(TOKEN) == TOKEN
    assert Gate(b"another").token(SECRET) != TOKEN
    assert GATE.token("04aabb") == GATE.token("04AABB"), "OCPP compares tokens without regard to case"
    assert GATE.token("04aabb") != GATE.token("04aabc")


def test_an_empty_token_stays_empty():
    assert GATE.token("") == ""
    assert passed(call("StartTransaction", {"idTag": "", "connectorId": 1})) == call(
        "StartTransaction", {"idTag": "", "connectorId": 1}
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (call("Authorize", {"idTag": SECRET}), call("Authorize", {"idTag": TOKEN})),
        ([3, "1", {"idTagInfo": {"status": "Accepted", "parentIdTag": SECRET}}], [3, "1", {"idTagInfo": {"status": "Accepted", "parentIdTag": TOKEN}}]),
        (
            call("Authorize", {"idToken": {"idToken": SECRET, "type": "ISO14443", "additionalInfo": [{"additionalIdToken": SECRET, "type": "pin"}]}}),
            call("Authorize", {"idToken": {"idToken": TOKEN, "type": "ISO14443", "additionalInfo": [{"additionalIdToken": TOKEN, "type": "pin"}]}}),
        ),
        (
            [3, "1", {"idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": SECRET, "type": "Central"}}}],
            [3, "1", {"idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": TOKEN, "type": "Central"}}}],
        ),
        (
            call("BootNotification", {"chargePointVendor": "A", "iccid": SECRET, "imsi": SECRET}),
            call("BootNotification", {"chargePointVendor": "A", "iccid": TOKEN, "imsi": TOKEN}),
        ),
        (
            call("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
            call("ChangeConfiguration", {"key": "AuthorizationKey", "value": "[redacted]"}),
        ),
        (
            [3, "1", {"configurationKey": [{"key": "WifiPassword", "readonly": False, "value": SECRET}, {"key": "HeartbeatInterval", "readonly": False, "value": "60"}]}],
            [3, "1", {"configurationKey": [{"key": "WifiPassword", "readonly": False, "value": "[redacted]"}, {"key": "HeartbeatInterval", "readonly": False, "value": "60"}]}],
        ),
        (
            call("SetVariables", {"setVariableData": [{"attributeValue": SECRET, "component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}]}),
            call("SetVariables", {"setVariableData": [{"attributeValue": "[redacted]", "component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}]}),
        ),
        (
            call("NotifyReport", {"reportData": [{"variable": {"name": "VIN"}, "variableAttribute": [{"type": "Actual", "value": SECRET}]}]}),
            call("NotifyReport", {"reportData": [{"variable": {"name": "VIN"}, "variableAttribute": [{"type": "Actual", "value": TOKEN}]}]}),
        ),
        (
            call("SetNetworkProfile", {"connectionData": {"apn": {"apn": "net", "apnPassword": SECRET, "simPin": 1234}, "vpn": {"server": "v", "user": SECRET, "password": SECRET, "key": SECRET, "type": "IKEv2"}}}),
            call("SetNetworkProfile", {"connectionData": {"apn": {"apn": "net", "apnPassword": "[redacted]", "simPin": "[redacted]"}, "vpn": {"server": "v", "user": "[redacted]", "password": "[redacted]", "key": "[redacted]", "type": "IKEv2"}}}),
        ),
        (
            call("GetDiagnostics", {"location": f"ftp://user:{SECRET}@files.example/up"}),
            call("GetDiagnostics", {"location": "ftp://[redacted]@files.example/up"}),
        ),
        (
            call("GetDiagnostics", {"location": f"ftp://user:p@s/{SECRET}@files.example/up"}),
            call("GetDiagnostics", {"location": "ftp://[redacted]@files.example/up"}),
        ),
        (call("SignCertificate", {"csr": SECRET}), call("SignCertificate", {"csr": "[redacted, 9 characters]"})),
        (call("DataTransfer", {"vendorId": "v", "data": SECRET}), call("DataTransfer", {"vendorId": "v", "data": "[redacted, 9 characters]"})),
        ([3, "1", {"status": "Accepted", "data": {"name": "Al"}}], [3, "1", {"status": "Accepted", "data": "[redacted, 13 characters]"}]),
        (call("NotifyCustomerInformation", {"data": SECRET, "seqNo": 0}), call("NotifyCustomerInformation", {"data": "[redacted, 9 characters]", "seqNo": 0})),
        ([4, "1", "InternalError", f"no idTag: {SECRET}, sorry", {}], [4, "1", "InternalError", "no idTag: [redacted], sorry", {}]),
        ([4, "1", "InternalError", f'in {{"idTag":"{SECRET}"}}', {}], [4, "1", "InternalError", 'in {"idTag":"[redacted]"}', {}]),
        (call("Authorize", {"id_tag": SECRET, "IDTOKEN": SECRET}), call("Authorize", {"id_tag": TOKEN, "IDTOKEN": TOKEN})),
        (call("InstallCertificate", {"text": f"-----BEGIN CERTIFICATE-----\n{SECRET}"}), call("InstallCertificate", {"text": "[redacted, 37 characters]"})),
    ],
)  # fmt: skip
def test_each_kind_of_secret_stops_here(message, expected):
    assert passed(message) == expected
    assert passed(expected) == expected, "the gate passes its own output unchanged"


def test_a_number_as_token_is_hashed_too():
    assert passed(call("Authorize", {"idTag": 4711})) == call("Authorize", {"idTag": GATE.token("4711")})


def test_an_escaped_key_does_not_slip_through():
    text = b'[2,"1","Authorize",{"id\\u0054ag":"%s"}]' % SECRET.encode()
    assert json.loads(GATE.text(text)) == call("Authorize", {"idTag": TOKEN})


@pytest.mark.parametrize(
    "text",
    [
        b'{"idTag": "Geheim7Qx"', b'[3,"idTag":"Geheim7Qx"]', b'[3,"idTag":"Geheim7Qx","a"]', b"idTag=Geheim7Qx&x=", b'[{"idTag":"Geheim7Qx","a":"b"}, NaN]',
        b'[2,"1","Authorize",{"idTag":"Geheim7Qx"}', b"[" * 5000 + b'"idTag":"Geheim7Qx"',
    ],
)  # fmt: skip
def test_text_that_is_no_json_but_names_a_secret_is_withheld_with_length_and_hash(text):
    out = GATE.text(text)
    assert b"Geheim" not in out
    assert f"{len(text)} bytes, h:".encode() in out
    assert GATE.text(text) == out
    assert GATE.text(text + b" ") != out


def test_a_remark_on_a_status_is_no_token():
    answer = [
        3,
        "1",
        {"status": "Rejected", "statusInfo": {"reasonCode": "NoTx", "additionalInfo": "no transaction 7"}},
    ]
    assert passed(answer) == answer


@pytest.mark.parametrize(
    "text",
    [
        b'[2,"1","Heartbeat",{}]',
        b'[ 2, "1", "StatusNotification", {"connectorId": 1.0, "status":"Charging"} ]',
        b'[2,"1","ChangeConfiguration",{"key" : "HeartbeatInterval", "value":"60"}]',
        b"no JSON at all",
        b"",
        b'[6,"1","NotifyPeriodicEventStream",{"data":[{"t":0,"v":"1"}]}]',
    ],
)
def test_what_has_no_secret_passes_byte_for_byte(text):
    assert GATE.text(text) == text
    assert GATE.text(text) == text


def test_binary_is_withheld_unless_it_is_text():
    assert GATE.binary(b'[2,"1","Heartbeat",{}]') == b'[2,"1","Heartbeat",{}]'
    assert b"Geheim" not in GATE.binary(b'{"idTag":"Geheim7Qx"}')
    utf16 = '{"idTag":"Geheim7Qx"}'.encode("utf-16")
    assert utf16 not in GATE.binary(utf16)


def test_each_name_is_found_by_a_needle():
    for name in TOKEN_NAMES | SECRET_NAMES | CONTENT_NAMES | {"vpn"}:
        assert name == _normal(name)
        assert any(needle in f'"{name}"'.encode() for needle in NEEDLES), name


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.text(max_size=20),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
names = st.sampled_from(sorted(TOKEN_NAMES | SECRET_NAMES | (CONTENT_NAMES - {"data"})))
spellings = st.sampled_from([str, str.upper, str.title, "_".join, lambda name: name + "2"])


@st.composite
def nests(draw):
    """A secret somewhere under a telling key, or as the value of a telling setting."""
    name = draw(spellings)(draw(names))
    hidden = draw(st.sampled_from([SECRET, [SECRET], {"x": SECRET}, {"x": [{"y": SECRET}]}]))
    node = draw(st.sampled_from([
        {name: hidden}, {"key": "AuthorizationKey", "value": hidden}, {"data": hidden},
        {"variable": {"name": "BasicAuthPassword"}, "attributeValue": SECRET}, {"vpn": {"password": hidden}},
        {"url": f"https://a:{SECRET}@host"},
    ]))  # fmt: skip
    for _ in range(draw(st.integers(0, 4))):
        side = draw(json_values)
        node = draw(
            st.sampled_from(
                [
                    [node],
                    [side, node],
                    {"a": node},
                    {"payload": node, "b": side},
                    {"statusInfo": [node, side]},
                ]
            )
        )
    return node


@given(
    nests(),
    st.sampled_from(["MeterValues", "Heartbeat", "DataTransfer", "StatusNotification"]),
    st.sampled_from([2, 3, 4]),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_no_secret_comes_out_of_any_nest(node, action, kind, ascii_only):
    message = [kind, "1", action, node] if kind != 3 else [kind, "1", node]
    text = json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "replace")
    out = GATE.text(text)
    assert SECRET.encode() not in out
    assert GATE.text(out) == out or b"withheld" in out


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
@settings(deadline=None, max_examples=300)
def test_it_never_raises_and_json_stays_json(payload):
    out = GATE.text(payload)
    GATE.binary(payload)
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    msgspec.json.decode(out)


@pytest.mark.parametrize(
    "payload",
    ['{"idTag":"Geheim7Qx","idTag":""}', '{"password":"Geheim7Qx","password":null}', '{"idToken":{"idToken":"Geheim7Qx"},"idToken":{}}'],
)  # fmt: skip
def test_a_name_that_an_object_has_twice_does_not_hide_its_first_value(payload):
    """What was looked at is its last value alone: so that alone may pass."""
    text = b'[2,"1","Authorize",%s]' % payload.encode()
    out = GATE.text(text)
    assert SECRET.encode() not in out
    assert json.loads(out) == json.loads(text)


@pytest.mark.parametrize(
    "text", [b'[4,"1","x","a\\":{\\"b","key:"]', b'[2,"1","A",{"key":{"a:":[{"b":":"}]},"idTag":""}]']
)
def test_colons_inside_texts_are_no_names(text):
    assert GATE.text(text) == text


@given(st.dictionaries(st.text(string.ascii_letters, max_size=8), st.text(max_size=8), max_size=5))
@settings(deadline=None)
def test_one_message_with_a_secret_never_makes_its_shape_harmless(extra):
    shape = json.dumps(call("Authorize", {**extra, "idTag": SECRET})).encode()
    for _ in range(3):
        assert SECRET.encode() not in GATE.text(shape)


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000 + "@", "@" + "a://" * 250_000, "a://" * 250_000 + "@", "password " * 100_000 + "@"],
)
def test_a_long_message_costs_what_its_length_costs(text: str):
    """One charger's word of 1 MiB once stopped the watch for a quarter of an hour, and again after each restart."""
    since = time.process_time()
    passed(call("DataTransfer", {"vendorId": text}))
    assert time.process_time() - since < 2


@given(st.text(st.sampled_from(list('ab1:/\\@ "<.-')), max_size=30))
@settings(deadline=None, max_examples=300)
def test_the_user_of_every_url_goes_whatever_is_around_it(text: str):
    by_the_book = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:(?:\\?/){2})[^\s\"'<>]*@")
    assert passed([text]) == [by_the_book.sub(r"\1[redacted]@", text)]
