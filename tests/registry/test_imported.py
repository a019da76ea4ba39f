"""Receipts, ratings, odometers of other systems stand beside the session that they are about, and say where they came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from nocwatch.errors import ConfigurationError
from nocwatch.registry.importing import PROBLEMS_MAX
from nocwatch.registry.load import load_registry
from nocwatch.registry.places import Places
from nocwatch.sessions import Session

NOON = 1_777_888_800 * 10**9  # 2026-05-04T10:00:00Z


def load(folder: Path, name: str, text: str) -> Places:
    (folder / name).write_text(text, encoding="utf-8")
    return load_registry(folder, str).places


def session(**more: object) -> Session:
    told = {"id": "s1", "station": "CP1", "started_at_ns": NOON, "stopped_at_ns": NOON + 3600 * 10**9, **more}
    return Session(changed_at_ns=NOON, **told)  # type: ignore[arg-type]


def test_a_rating_of_a_session_stands_beside_it_and_says_where_it_came_from(tmp_path: Path) -> None:
    places = load(
        tmp_path,
        "ratings.csv",
        'session,station,stars,comment,source\ns1,CP1,4.5,"slow,\nbut fine",app\ns2,CP1,1,,\n',
    )
    (rating,) = places.imports.of_session(session(), ())
    assert (rating.kind, rating.source, rating.line) == ("ratings", "app", 2)
    assert rating.facts == {"stars": "4.5", "comment": "slow,\nbut fine"}
    assert [each.line for each in places.imports.of_station("CP1", "ratings")] == [2, 4]
    assert places.imports.of_station("CP1")[1].source.endswith("ratings.csv")


def test_a_receipt_finds_its_session_by_station_and_transaction_whatever_the_version_calls_it(
    tmp_path: Path,
) -> None:
    text = '[{"station": "CP1", "transaction": 4711,\n  "amount": 16.90, "currency": "EUR", "kiosk": 7},\n {"station": "CP2", "transaction": 4711, "amount": 1, "currency": "EUR"}]'
    places = load(tmp_path, "receipts-2026-05.json", text)
    for transaction in (4711, "4711"):
        (receipt,) = places.imports.of_session(session(transaction=transaction), ())
        assert receipt.facts == {"amount": "16.90", "currency": "EUR", "kiosk": "7"}
    assert places.imports.of_session(session(), ()) == ()
    assert places.imports.of_station("CP2")[0].line == 3


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_that_means_none_names_no_session(tmp_path: Path, number: int) -> None:
    text = f'[{{"station": "CP1", "transaction": {number}, "amount": 16.90, "currency": "EUR"}}]'
    places = load(tmp_path, "receipts.json", text)
    assert places.imports.of_session(session(transaction=number), ()) == ()


HOUR = 3600 * 10**9


def test_a_number_that_was_given_again_bills_each_session_for_itself(tmp_path: Path) -> None:
    """Numbers of 1.6 begin anew with a CSMS's database, or run over: what a paper means, its time tells."""
    places = load(
        tmp_path,
        "invoices.csv",
        "station,transaction,at,number,amount,currency,state\n"
        "CP1,12,2026-05-04T11:05:00Z,first,5,EUR,paid\n"
        "CP1,12,2026-05-05T09:59:00Z,second's clock is slow,6,EUR,paid\n"
        "CP1,12,2026-06-01T00:00:00Z,at the end of the month,7,EUR,paid\n"
        "CP1,12,2026-05-01T00:00:00Z,of one long gone,8,EUR,paid\n"
        "CP1,12,,of no time,9,EUR,paid\n",
    )
    first = session(transaction=12)
    second = session(id="s2", transaction=12, started_at_ns=NOON + 24 * HOUR, stopped_at_ns=NOON + 25 * HOUR)
    starts_ns = [first.started_at_ns, second.started_at_ns]

    def numbers(of: Session, starts_ns: list[int]) -> list[str]:
        return [each.facts["number"] for each in places.imports.of_session(of, starts_ns)]

    assert numbers(first, starts_ns) == ["first"]
    assert numbers(second, starts_ns) == ["second's clock is slow", "at the end of the month"]
    assert len(numbers(first, [first.started_at_ns])) == 5, "of the only one of its number all papers are"


def test_an_identity_of_2_x_needs_no_time(tmp_path: Path) -> None:
    text = '[{"station": "CP1", "transaction": "b7e2-551", "amount": 1, "currency": "EUR"}]'
    places = load(tmp_path, "receipts.json", text)
    assert len(places.imports.of_session(session(transaction="b7e2-551"), [NOON, NOON + HOUR])) == 1


def test_telemetry_of_a_moment_belongs_to_the_session_of_that_time(tmp_path: Path) -> None:
    places = load(
        tmp_path,
        "telemetry.csv",
        "station;at;soc_percent\nCP1;2026-05-04T09:59:59Z;10\nCP1;2026-05-04T12:30:00+02:00;50\nCP1;2026-05-04T11:00:01Z;90\nCP2;2026-05-04T10:30:00Z;1\n",
    )
    assert [each.facts["soc_percent"] for each in places.imports.of_session(session(), ())] == ["50"]


def test_a_record_of_another_session_of_the_same_time_is_not_taken(tmp_path: Path) -> None:
    places = load(tmp_path, "odometer.csv", "session,station,at,km\ns2,CP1,2026-05-04T10:30:00Z,9000\n")
    assert places.imports.of_session(session(), ()) == ()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("ratings.csv", "session,stars\ns1,5\ns2,many\n", r"ratings\.csv:3:stars: "),
        ("ratings.csv", "session,stars\n,5\n", r"ratings\.csv:2: this names neither a session nor a station"),
        ("ratings.csv", "session,stars\ns1\n", r"ratings\.csv:2:stars: this key is required"),
        ("ratings.csv", "session,stars\ns1,1,2\n", r"ratings\.csv:2: 3 cells, and the head has 2 columns"),
        ("ratings.csv", "stars,stars\n", r"ratings\.csv:1: two columns have one name"),
        ("ratings.csv", 'session,stars\n"s1,5\n', r"ratings\.csv.*: cannot be read"),
        ("telemetry.csv", "station,at\nCP1,2026-05-04T10:00:00\n", r"telemetry\.csv:2:at: this moment needs its offset"),
        ("invoices.json", '[\n{"session": "s1", "number": 1, "amount": 1, "currency": "EUR", "state": "lost"}]', r"invoices\.json:2:state: this must be"),
        ("invoices.json", '{"session": "s1"}', r"invoices\.json:1: a list of records is wanted"),
        ("invoices.json", "[\n1]", r"invoices\.json:2: a section"),
        ("invoices.json", "[\n{]", r"invoices\.json:2: no valid JSON"),
        ("invoices.json", '[{"session": {"id": 1}}]', r"invoices\.json:1:session: a single value"),
        ("telemetry.csv", "station,soc_percent\nCP1,7\n", r"telemetry\.csv:2: this says not of when it is"),
        ("invoices.json", "[] x", r"something stands behind the list"),
        ("invoices.json", '[{"session": "s1"}', r"invoices\.json"),
        ("rating.csv", "session,stars\ns1,5\n", r"rating\.csv: its name must begin .*did you mean ratings\?"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_file_line_and_column(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load(tmp_path, name, text)


def test_an_export_that_is_wrong_throughout_is_not_told_row_by_row(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, "ratings.csv", "session,stars\n" + "s1,x\n" * 5000)
    assert len(caught.value.problems) == PROBLEMS_MAX + 1


def test_a_cell_that_our_reports_keep_from_running_reads_as_it_was(tmp_path: Path) -> None:
    places = load(tmp_path, "ratings.csv", "session,stars,comment\ns1,1,'=1+1\n")
    assert places.imports.of_session(session(), ())[0].facts["comment"] == "=1+1"


def test_a_registry_of_one_file_has_no_imports(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stations: [{id: CP1}]\n")
    (tmp_path / "ratings.csv").write_text("session,stars\ns1,5\n")
    assert load_registry(tmp_path / "a.yaml", str).places.imports.count == 0
