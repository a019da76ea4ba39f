"""How a station proved who it is, out of a journal as a trace, back again, and without names."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from tests.tap.test_access import KEY, SHOWN

from nocwatch.frames import Link
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer
from nocwatch.keyhash import key_hash
from nocwatch.records import RecordKind
from nocwatch.tap.gate import Gate
from nocwatch.trace.anonymise import anonymised
from nocwatch.trace.reading import read_traces
from nocwatch.trace.writing import export_journal, import_traces

T_NS = 1_790_000_000_000_000_000


def exported(journal: Path) -> list[dict[str, object]]:
    return list(export_journal(journal, Gate(KEY), links=True))


def trace(folder: Path) -> Path:
    """Of a station with a certificate, and of one that is refused with another's name."""
    journal = folder / "journal"
    events = [
        {"event": "open", "station": "CP1", "upstream": "main", "authorization": "basic", "user": key_hash(KEY, "CP1"),
         "tls": "TLSv1.2", "security_profile": 3, "certificate": SHOWN},
        {"event": "refused", "station": "CP2", "upstream": "main", "authorization": "basic", "user": key_hash(KEY, "CP1"),
         "http_status": 401},
        {"event": "refused", "station": "CP3", "upstream": "main", "http_status": 403},
    ]  # fmt: skip
    with Writer(journal, 0, JournalSettings(path=journal)) as writer:
        for index, event in enumerate(events):
            writer.add(
                T_NS + index, RecordKind.LINK, 0 if index else 1 << 32 | 1, 0, json.dumps(event).encode()
            )
        writer.flush_sync()
    file = folder / "trace.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in exported(journal)))
    return file


def test_an_export_tells_it_and_an_import_brings_it_back(tmp_path: Path) -> None:
    file = trace(tmp_path)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["certificate"]["notAfter"] == "2027-01-15T08:00:00.000000Z"
    assert (lines[0]["authorization"], lines[0]["ownName"]) == ("basic", True)
    assert (lines[1]["user"], lines[1]["ownName"]) == (lines[0]["user"], False)
    assert "authorization" not in lines[2]
    again = tmp_path / "again"
    import_traces([file], again)
    assert exported(again) == lines
    # Under another key than the one that made it too: whose name it was is told and not found out anew.
    opened, refused, _ = (each for each in read_traces([file], Gate(b"another")) if isinstance(each, Link))
    assert (opened.own_name, refused.own_name) == (True, False)
    assert opened.certificate is not None
    assert opened.certificate.not_after_s == SHOWN["not_after_s"]


def test_an_anonymised_trace_still_tells_whose_name_it_was(tmp_path: Path) -> None:
    made = list(anonymised([trace(tmp_path)], b"k" * 32))
    opened, refused, _ = made
    assert opened["certificate"]["name"] == opened["chargePointId"] == "CP1"
    assert opened["certificate"]["notAfter"] == "2027-01-15T08:00:00.000000Z"
    assert opened["user"] == refused["user"] == "user1"
    assert (opened["ownName"], refused["ownName"]) == (True, False)
    told = json.dumps(made)
    for name in ("chargers.example", "stations' authority", "0a1b", "abab", key_hash(KEY, "CP1")):
        assert name not in told
