"""A replay is the live run: from a trace, from the journal it came from, and from the journal it was imported into."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.support.play import Play

from nocwatch.detectors.rules import load_rules, shipped_rules
from nocwatch.errors import NocwatchError
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.records import RecordKind
from nocwatch.registry.places import Places
from nocwatch.tap.gate import Gate
from nocwatch.trace.anonymise import anonymised
from nocwatch.trace.reading import read_traces
from nocwatch.trace.replay import REPLAY_KEY, journal_sightings, replay
from nocwatch.trace.results import session_json
from nocwatch.trace.ruletests import run_rule_tests
from nocwatch.trace.writing import export_journal, import_traces

RULES = load_rules(shipped_rules())
TRACES = sorted((shipped_rules() / "tests").glob("*_fires.jsonl"))
GATE = Gate(REPLAY_KEY)


@pytest.mark.parametrize("trace", TRACES, ids=lambda path: path.stem)
def test_a_trace_and_the_journal_made_of_it_replay_to_the_same_results(trace: Path, tmp_path: Path) -> None:
    import_traces([trace], tmp_path / "journal")
    later_ns = max(each.received_at_ns for each in read_traces([trace], GATE)) + 1800 * 10**9
    from_trace = list(replay(read_traces([trace], GATE, later_ns), RULES, Places()))
    from_journal = list(replay(journal_sightings(tmp_path / "journal", GATE, later_ns), RULES, Places()))
    assert from_journal == from_trace
    assert from_trace


def test_an_export_of_a_journal_replays_to_what_the_journal_gives(tmp_path: Path) -> None:
    trace = next(path for path in TRACES if path.stem == "flapping_fires")
    import_traces([trace], tmp_path / "journal")
    exported = tmp_path / "exported.jsonl"
    lines = export_journal(tmp_path / "journal", GATE, links=True)
    exported.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    told = {
        (each["rule"], each["state"])
        for each in replay(read_traces([exported], GATE), RULES, Places())
        if each["kind"] == "flag"
    }
    assert ("flapping", "raised") in told


def test_a_scanner_without_a_name_does_not_spoil_an_export(tmp_path: Path) -> None:
    events = (
        '{"event":"refused","station":"","http_status":404}',
        '{"event":"refused","station":"CP1","http_status":401}',
    )
    with Writer(tmp_path / "journal", 0, JournalSettings()) as writer:
        for number, event in enumerate(events):
            writer.add(10**18, RecordKind.LINK, number + 1, 0, event.encode())
    exported = tmp_path / "exported.jsonl"
    lines = export_journal(tmp_path / "journal", GATE, links=True)
    exported.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    assert [each.station for each in read_traces([exported], GATE)] == ["CP1"]


def test_an_import_never_writes_into_a_journal_that_is_there(tmp_path: Path) -> None:
    import_traces(TRACES[:1], tmp_path / "journal")
    with pytest.raises(NocwatchError, match="there is something already"):
        import_traces(TRACES[:1], tmp_path / "journal")


def test_an_anonymised_trace_names_nobody_and_still_tells_the_story(tmp_path: Path) -> None:
    trace = next(path for path in TRACES if path.stem == "zero_energy_session_fires")
    made = b"".join(msgspec.json.encode(line) + b"\n" for line in anonymised([trace], b"k" * 32))
    anonymous = tmp_path / "anonymous.jsonl"
    anonymous.write_bytes(made)
    text = trace.read_text()
    for name in ("04A1", "203.0.113"):
        if name in text:
            assert name.encode() not in made
    outcomes = [
        each["outcome"]
        for each in replay(read_traces([trace], GATE), RULES, Places())
        if each["kind"] == "session"
    ]
    again = [
        each["outcome"]
        for each in replay(read_traces([anonymous], GATE), RULES, Places())
        if each["kind"] == "session"
    ]
    assert again == outcomes


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_shipped_rule_holds_to_its_traces(rule: object) -> None:
    outcomes = run_rule_tests(rule)  # type: ignore[arg-type]
    assert {outcome.expected > 0 for outcome in outcomes} == {True, False}, (
        "one that fires and one that stays quiet"
    )
    assert all(outcome.holds for outcome in outcomes), [outcome.told for outcome in outcomes]


def test_results_come_in_the_order_of_their_time() -> None:
    for trace in TRACES:
        times = [each["at"] for each in replay(read_traces([trace], GATE), RULES, Places())]
        assert times == sorted(times), trace.name


def test_what_a_session_learns_after_its_end_is_told_too() -> None:
    """A station empties its queue the wrong way round: the end first, then what names the token."""
    play = Play(version="2.0.1")
    play.begin()
    play.transaction("Ended", trigger="EVDeparted", evse=1, register=7000, number=6, at=1)
    play.transaction("Updated", evse=1, token="TAG", register=7000, number=4, at=1)
    play.wait(5)
    results = [each for each in replay(play.sightings, RULES, Places()) if each["kind"] == "session"]
    told = {each["id"]: {**each, "at": None} for each in results}
    kept = {each.id: {**session_json(each), "at": None} for each in play.sessions}
    assert told == kept
    assert any(each["start_source"] != "unknown" for each in kept.values())


TWO_CONNECTIONS = """\
{"timestamp":"2026-11-21T10:00:00Z","chargePointId":"DEPOT-1","link":"open","remoteAddress":"203.0.113.7:51234",\
"subprotocol":"ocpp1.6","upstream":"acme","tls":null,"securityProfile":0}
{"timestamp":"2026-11-21T10:00:01Z","chargePointId":"DEPOT-1","link":"open","remoteAddress":"203.0.113.8:51234",\
"subprotocol":"ocpp1.6","upstream":"acme","tls":null,"securityProfile":0,"connection":"DEPOT-1 second"}
{"schemaVersion":"1.1","timestamp":"2026-11-21T10:00:02Z","transport":"json","direction":"cp-to-csms",\
"messageType":"CALL","action":"Heartbeat","messageId":"a","payload":{},"chargePointId":"DEPOT-1","ocppVersion":"1.6"}
{"schemaVersion":"1.1","timestamp":"2026-11-21T10:00:03Z","transport":"json","direction":"cp-to-csms",\
"messageType":"CALL","action":"Heartbeat","messageId":"b","payload":{},"chargePointId":"DEPOT-1","ocppVersion":"1.6",\
"meta":{"connection":"DEPOT-1 second"}}
{"timestamp":"2026-11-21T10:00:04Z","chargePointId":"DEPOT-1","link":"ping","by":"station","connection":"DEPOT-1 second"}
{"timestamp":"2026-11-21T10:00:05Z","chargePointId":"DEPOT-1","link":"closed","code":1006,"by":"station",\
"reason":"reset","connection":"DEPOT-1 second"}
{"timestamp":"2026-11-21T10:00:06Z","link":"upstream_down","upstream":"acme","reason":"refused"}
""".splitlines()


def test_an_anonymised_trace_keeps_version_and_connection_and_has_only_the_fields_of_the_format(
    tmp_path: Path,
) -> None:
    trace = tmp_path / "two.jsonl"
    trace.write_text("\n".join(TWO_CONNECTIONS))
    made = list(anonymised([trace], b"k" * 32))
    before = [msgspec.json.decode(line) for line in TWO_CONNECTIONS]
    assert [set(each) - {"connectorId", "raw"} for each in made] == [set(each) for each in before]
    assert [each.get("ocppVersion") for each in made] == [each.get("ocppVersion") for each in before]
    connections = [each.get("connection") or each.get("meta", {}).get("connection") for each in made]
    assert connections == [None, "connection1", None, "connection1", "connection1", "connection1", None]
    assert not any("DEPOT-1" in str(each) or "acme" in str(each) for each in made)


def test_an_anonymised_trace_keeps_addresses_apart_with_a_port_and_without(tmp_path: Path) -> None:
    addresses = ["203.0.113.7:1", "203.0.113.7", "[2001:db8::7]:1", "[2001:db8::7]", "203.0.113.8"]
    trace = tmp_path / "addresses.jsonl"
    trace.write_text("\n".join(TWO_CONNECTIONS[0].replace("203.0.113.7:51234", each) for each in addresses))
    made = [line["remoteAddress"] for line in anonymised([trace], b"k" * 32)]
    assert made[0] == made[1] != made[2] == made[3] != made[4] != made[0]
    assert not any("203" in each or "2001" in each for each in made)


def test_an_anonymised_trace_of_messages_alone_has_no_links_that_nobody_saw(tmp_path: Path) -> None:
    trace = tmp_path / "messages.jsonl"
    trace.write_text(TWO_CONNECTIONS[2])
    (line,) = anonymised([trace], b"k" * 32)
    assert (line["action"], line["ocppVersion"]) == ("Heartbeat", "1.6")
