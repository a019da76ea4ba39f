"""What must hold of everything that reads text: the gate, the envelope, and a conversation about any payload."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.fuzz import naive
from tests.fuzz.source import Source

from nocwatch.frames import Direction, Frame, Kind
from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.conversation import PAST_MAX, PENDING_MAX, Conversation
from nocwatch.ocpp.envelope import ID_CHARACTERS_MAX, Envelope, parse
from nocwatch.ocpp.events import Misspoke, OcppEvent, Spoke
from nocwatch.ocpp.habits import Habits
from nocwatch.ocpp.versions import TABLES
from nocwatch.tap.gate import SECRET_NAMES, TOKEN_NAMES, Gate

WITHHELD = b"[withheld: "
_warm = Gate(b"a key of this installation")
PASSWORDS = SECRET_NAMES - {"secret"}
ANSWER_BYTES_EACH = 64
"""No text of the gate's own is longer than what it stands for by more than so much."""


def gate(data: bytes) -> None:
    """No secret under a telling key comes out, a second time changes nothing, and what was seen before has no say."""
    out = _warm.text(data)
    cold = Gate(b"a key of this installation")
    assert cold.text(data) == out, "what passed before decides what passes now"
    assert cold.binary(data) in (out, cold.binary(data))
    if out.startswith(WITHHELD):
        assert not _is_json(data) or not _is_plain(data), "JSON that could be read was withheld"
        return
    assert cold.text(out) == out, (out, cold.text(out))
    assert len(out) <= len(data) * 6 + ANSWER_BYTES_EACH * (1 + data.count(b":"))
    if _is_json(data):
        _no_secret_in(out)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_plain(data: bytes) -> bool:
    """JSON of which there is one reading."""
    try:
        naive.read_json(data)
    except (ValueError, RecursionError, naive.TwiceError):
        return False
    return True


def _no_secret_in(out: bytes) -> None:
    try:
        pairs = naive.all_pairs(out)
    except (ValueError, RecursionError):
        return
    for name, value in pairs:
        if not name.isascii():
            continue
        normal = "".join(letter for letter in name.lower() if letter not in "0123456789_- ")
        if normal in TOKEN_NAMES and isinstance(value, str) and value:
            # A remark beside a reason code is the one text of that name that is no token; a setting's key may say more.
            assert normal == "additionalinfo" or _stopped(value), (name, value)
        if normal in PASSWORDS and isinstance(value, str | int | float) and not isinstance(value, bool):
            assert value == "" or _stopped(str(value)), (name, value)


def _stopped(value: str) -> bool:
    return value.startswith("[redacted") or (value.startswith("h:") and len(value) == 18)


def envelope(data: bytes) -> None:
    """What is read off a message is what any JSON reader reads off it."""
    message = parse(data)
    if not _is_text(data):
        return  # a text frame that is no UTF-8 never comes so far
    if not isinstance(message, Envelope):
        assert len(message.text) <= 220
        return
    parts = json.loads(data.decode())
    assert isinstance(parts, list)
    assert parts[0] == message.type
    assert str(parts[1]) == message.id or isinstance(parts[1], float)
    assert len(message.id) <= ID_CHARACTERS_MAX
    if message.type in (2, 6):
        assert parts[2] == message.action
        payload = parts[3] if len(parts) > 3 else {}
    elif message.type == 3:
        payload = parts[2] if len(parts) > 2 else {}
    else:
        payload = parts[4] if len(parts) > 4 else {}
    assert json.loads(bytes(message.payload)) == payload or "NaN" in repr(payload)


# --- a conversation ------------------------------------------------------------------------------------------------------

ACTIONS = sorted({action for table in TABLES.values() for action in table.actions})
KEYS = (
    "connectorId", "idTag", "meterStart", "meterStop", "timestamp", "transactionId", "status", "errorCode", "reason", "meterValue",
    "sampledValue", "value", "measurand", "unit", "context", "phase", "location", "format", "unitOfMeasure", "multiplier", "evse", "id",
    "evseId", "eventType", "triggerReason", "seqNo", "transactionInfo", "chargingState", "stoppedReason", "idToken", "idToken", "type",
    "idTagInfo", "idTokenInfo", "interval", "currentTime", "chargePointModel", "chargingStation", "model", "vendorName", "firmwareVersion",
    "reportData", "component", "name", "variable", "variableAttribute", "configurationKey", "key", "eventData", "offline", "info",
    "transactionData", "vendorId", "data", "connectorStatus", "numberOfPhasesUsed", "remoteStartId", "requestedMessage", "totalCost",
    "meterSerialNumber", "customData", "signedMeterValue", "cause", "severity", "actualValue", "trigger", "eventId", "setVariableData",
)  # fmt: skip
TEXTS = (
    "", "Accepted", "Rejected", "Charging", "Faulted", "Available", "2026-11-21T10:00:00Z", "2026-13-41T99:00:00+99:99", "1e400", "-0", "12.5",
    "Energy.Active.Import.Register", "SoC", "kWh", "Wh", "L1-N", "Started", "Ended", "Updated", "NaN", "Infinity", "é", "x" * 600, "0001-01-01T00:00:00Z",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2**31, 2**63, -(2**63), 2**64, 10**30, 1e308, -1e-308, 0.1, True, False, None)


def _value(source: Source, depth: int = 0) -> Any:
    step = source.number(9)
    if step <= 2:
        return source.one_of(TEXTS)
    if step <= 4:
        return source.one_of(NUMBERS)
    if step == 5:
        return source.number(60_000)
    if depth > 5 or not source:
        return None
    if step == 6:
        return [_value(source, depth + 1) for _ in range(source.number(3))]
    return {source.one_of(KEYS): _value(source, depth + 1) for _ in range(source.number(6))}


def _line(source: Source) -> bytes:
    step = source.number(9)
    if step == 0:
        return source.take(source.number(60))
    message_id = source.one_of(("1", "2", "3", 4, "x" * 40))
    if step <= 5:
        payload = {source.one_of(KEYS): _value(source) for _ in range(source.number(7))}
        return json.dumps([2 if step < 5 else 6, message_id, source.one_of(ACTIONS), payload]).encode()
    if step <= 7:
        return json.dumps(
            [3, message_id, {source.one_of(KEYS): _value(source) for _ in range(source.number(5))}]
        ).encode()
    return json.dumps(
        [4 if step == 8 else 5, message_id, source.one_of(TEXTS), source.one_of(TEXTS), _value(source)]
    ).encode()


def talk(data: bytes) -> None:
    """Every text is said to be something, nothing raises, what is kept is bounded, and a snapshot loses nothing."""
    source = Source(data)
    subprotocol = source.one_of((None, "ocpp1.6", "ocpp2.0.1", "ocpp2.1", "soap"))
    straight, thawed = Conversation("CP1", 7, subprotocol), Conversation("CP1", 7, subprotocol)
    habits, thawed_habits = Habits(), Habits()
    now_ns = 1_795_255_200 * SECOND_NS
    for sequence in range(400):
        if not source:
            break
        now_ns += source.byte() * SECOND_NS // 8
        if source.byte() & 7 == 1:
            thawed = Conversation.restore(thawed.snapshot())
            thawed_habits = msgspec.msgpack.decode(msgspec.msgpack.encode(thawed_habits), type=Habits)
        due = straight.next_expiry_ns
        expired = straight.expire(now_ns)
        assert thawed.expire(now_ns) == expired
        assert bool(expired) == (due is not None and due <= now_ns)
        frame = Frame(
            lane=0,
            sequence=sequence << 16,
            received_at_ns=now_ns,
            connection=7,
            station="CP1",
            direction=Direction(source.byte() & 1),
            kind=Kind.TEXT,
            payload=_warm.text(_line(source)),
        )
        events = straight.feed(frame, habits)
        assert thawed.feed(frame, thawed_habits) == events
        assert thawed_habits == habits
        _said(events)
        for calls, past in zip(straight.waiting, straight.past, strict=True):
            assert len(calls) <= PENDING_MAX
            assert len(past) <= PAST_MAX
    waiting = sum(map(len, straight.waiting))
    assert len(straight.closed(now_ns)) == waiting
    assert straight.next_expiry_ns is None


def _said(events: list[OcppEvent]) -> None:
    spoke = [event for event in events if isinstance(event, Spoke)]
    assert len(spoke) == 1 or (not spoke and len(events) == 1 and isinstance(events[0], Misspoke)), events
    for event in events:
        msgspec.json.encode(event)
        assert event.station == "CP1"
