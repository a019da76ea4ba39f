"""Session reports: the columns that others rely on, what is empty, how moments are written, and that no cell is run."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.alerts import HOUR, NOON
from tests.support.history import a_session

from nocwatch.registry.load import load_registry
from nocwatch.reports.amounts import UNKNOWN, Amounts, amounts
from nocwatch.reports.book import Book
from nocwatch.reports.columns import SETS, ColumnSet, Told
from nocwatch.reports.writing import Style, Times, csv_of, json_of, matching, table_of
from nocwatch.sessions import Outcome, Reason, Session, StartSource

GOLDEN = Path(__file__).parent / "golden"
REGISTRY = """
operators: [{id: acme, name: Acme Charging, country_code_party: DE*ACM}]
teams: [{id: north, name: North, operator: acme}]
sites: [{id: depot, name: Depot Nord, operator: acme, team: north, timezone: Europe/Berlin, access: public}]
tariffs: [{id: day, per_kwh: 0.49, vat_percent: 19}]
stations:
  - {id: CP1, name: "=Depot 1", site: depot, tariff: day,
     evses: [{id: 1, evse_id: "DE*ACM*E1", connectors: [{id: 1, current: dc}]},
             {id: 2, evse_id: "DE*ACM*E2", connectors: [{id: 1, current: ac}, {id: 2, current: dc}]}]}
tokens: [{uid: "04A1", driver: jo, provider: DE*PRO}]
drivers: [{id: jo, name: Jo Smith, contact: "+49 40 17"}]
vehicles: [{id: van7, name: Van 7, driver: jo}]
"""


@pytest.fixture
def book(tmp_path: Path) -> Book:
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    found = load_registry(tmp_path / "registry.yaml", lambda uid: "h:" + uid)
    return Book(found.files, found.places)


EMPTY = Book()
WHOLE = a_session(
    "5f0c00000000000a",
    meter_start_wh=1_200_000.0,
    meter_stop_wh=1_210_000.0,
    transaction=4711,
    token="h:04A1",
    start_source=StartSource.RFID,
    version="1.6",
    power_w_max=49_900.5,
    soc_percent=81.0,
)
FAILED = a_session(
    "5f0c00000000000b",
    station="STRANGER",
    outcome=Outcome.FAILED,
    reason=Reason.AUTH_TIMEOUT,
    energy_wh=None,
    started=NOON + HOUR,
    length=90_000_000_000,
)
ONGOING = a_session(
    "5f0c00000000000c", outcome=Outcome.ONGOING, connector=2, energy_wh=1234.5, started=NOON + 2 * HOUR
)
PRICED = Amounts(
    currency="EUR",
    vat_percent=Decimal(19),
    vat=Decimal("0.93"),
    net=Decimal("4.90"),
    price=Decimal("5.83"),
    cost=Decimal("2.10"),
    margin=Decimal("2.80"),
    tariff="day",
    lines="energy 10 kWh at 0.49 = 4.90",
    team_share=Decimal("5.00"),
    driver_share=Decimal("0.83"),
)


def rows(book: Book) -> list[Told]:
    return [Told(ONGOING, book, UNKNOWN), Told(FAILED, book, UNKNOWN), Told(WHOLE, book, PRICED)]


@pytest.mark.parametrize("columns", list(ColumnSet))
def test_the_columns_are_those_that_scripts_rely_on(columns: ColumnSet, book: Book) -> None:
    """Byte for byte: a change of a name, a place or a form is a change that people must be told of."""
    told = rows(book)
    golden = GOLDEN / f"sessions_{columns}"
    assert "".join(csv_of(told, SETS[columns], Style())).encode() == golden.with_suffix(".csv").read_bytes()
    assert "".join(json_of(told, SETS[columns], Style())) == golden.with_suffix(".json").read_text()


def test_the_names_are_those_of_the_report_that_they_stand_in_for() -> None:
    assert [column.title for column in SETS[ColumnSet.VIRTA]] == [
        *(
            "Created",
            "Charge ID",
            "Station ID",
            "EVSE-ID",
            "Station name",
            "CPO name",
            "Start time",
            "Stop time",
        ),
        *("Duration", "Energy (Wh)", "Meter start", "Meter stop", "VAT P", "VAT", "Net", "Price", "Currency"),
        *("Public/Private", "Free usage", "Plug type", "Charge method", "Operator", "Provider ID"),
        *("Transaction ID", "CPO share", "Billing type", "Location type"),
    ]


def test_prices_are_those_of_the_estimate_and_empty_without_a_tariff_or_energy(book: Book) -> None:
    found = amounts(WHOLE, book.places, lambda _: ())
    assert (found.currency, found.net, found.vat, found.price) == (
        "EUR",
        Decimal("4.90"),
        Decimal("0.93"),
        Decimal("5.83"),
    )
    assert (found.tariff, found.lines) == ("day", "energy 10 kWh at 0.49 = 4.90")
    assert found.team_share is found.driver_share is None, "the tariff has no cap"
    assert amounts(FAILED, book.places, lambda _: ()) == UNKNOWN
    assert amounts(replace(WHOLE, energy_wh=None), book.places, lambda _: ()).price is None


CAPPED = """
sites: [{id: depot, timezone: Europe/Berlin}]
tariffs: [{id: night, per_kwh: 0.49, connection_fee: 0.5, price_cap: 3, vat_percent: 0, windows: [{from: "22:00", to: "06:00", per_kwh: 0.39}]}]
stations: [{id: CP1, site: depot, tariff: night}]
"""


def test_a_price_comes_with_its_lines_and_who_pays_how_much_of_it(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(CAPPED)
    made = load_registry(tmp_path / "registry.yaml", lambda uid: uid).places
    ten_pm = NOON + 9 * HOUR  # noon of the tests is 13:00 in Berlin
    found = amounts(
        replace(WHOLE, started_at_ns=ten_pm - HOUR, stopped_at_ns=ten_pm + HOUR), made, lambda _: ()
    )
    assert found.lines == (
        "start 0.50; energy 5 kWh at 0.49 = 2.45; energy 5 kWh at 0.39 = 1.95 (22:00 to 06:00)"
    )
    assert (found.price, found.team_share, found.driver_share) == (
        Decimal("4.90"),
        Decimal("3.00"),
        Decimal("1.90"),
    )


def test_average_power_is_of_the_time_from_start_to_stop(book: Book) -> None:
    (column,) = (each for each in SETS[ColumnSet.FULL] if each.key == "power_w_mean")
    half_an_hour = replace(WHOLE, stopped_at_ns=WHOLE.started_at_ns + HOUR // 2, energy_wh=10_000.0)
    assert column.value(Told(half_an_hour, book, UNKNOWN)) == 20_000
    assert column.value(Told(ONGOING, book, UNKNOWN)) is None
    assert column.value(Told(replace(WHOLE, stopped_at_ns=WHOLE.started_at_ns), book, UNKNOWN)) is None


@pytest.mark.parametrize("columns", list(ColumnSet))
def test_no_two_columns_have_one_name(columns: ColumnSet) -> None:
    for names in ([each.title for each in SETS[columns]], [each.key for each in SETS[columns]]):
        assert len(set(names)) == len(names)


def test_what_is_not_known_is_empty_and_never_nought() -> None:
    bare = Session(id="a", station="CP9", started_at_ns=NOON, changed_at_ns=NOON)
    (row,) = csv.DictReader(
        io.StringIO("".join(csv_of([Told(bare, EMPTY, UNKNOWN)], SETS[ColumnSet.FULL], Style())))
    )
    known = {name for name, value in row.items() if value}
    assert known == {"Created", "Charge ID", "Station ID", "Start time", "Outcome", "Late"}
    (found,) = json.loads("".join(json_of([Told(bare, EMPTY, UNKNOWN)], SETS[ColumnSet.FULL], Style())))
    assert 0 not in [value for value in found.values() if value is not False]


def test_a_plug_of_16_is_not_guessed_where_an_evse_has_two_kinds(book: Book) -> None:
    """Connector 2 of a 1.6 station is EVSE 2; which of its two plugs was used no message tells."""
    assert book.current(WHOLE) == "dc"
    assert book.current(ONGOING) is None
    assert book.current(a_session(evse=2, connector=1)) == "ac"


def test_moments_are_written_as_the_reader_wants_them(book: Book) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert Style().moment(NOON, "Europe/Berlin") == "2025-11-21T12:00:00Z"
    assert Style(Times.ISO, berlin).moment(NOON, "UTC") == "2025-11-21T13:00:00+01:00"
    assert Style(Times.LOCAL).moment(NOON, "Europe/Berlin") == "2025-11-21 13:00:00"
    assert Style(Times.LOCAL, ZoneInfo("America/New_York")).moment(NOON, "UTC") == "2025-11-21 07:00:00"


def test_a_search_finds_a_driver_a_day_and_nothing_else(book: Book) -> None:
    def found(text: str) -> list[str]:
        return [told.session.id for told in matching(rows(book), SETS[ColumnSet.LOG], Style(), text)]

    assert found("jo smith") == [WHOLE.id]
    assert found("2025-11-21T14") == [ONGOING.id]
    assert found("nobody") == []


def test_a_table_of_nothing_has_its_header() -> None:
    assert "".join(table_of([], SETS[ColumnSet.LOG], Style())).startswith("Date")
    assert "".join(json_of([], SETS[ColumnSet.LOG], Style())) == "[]\n"


@settings(deadline=None, max_examples=60)
@given(text=st.text(min_size=1).filter(lambda text: "\x00" not in text), start=st.sampled_from("=+-@\t\r"))
def test_no_name_of_a_station_a_driver_or_a_stop_is_run_by_a_spreadsheet(text: str, start: str) -> None:
    """Whoever names a station or sends a stop reason would otherwise run what they like on an accountant's machine."""
    nasty = start + text
    session = replace(WHOLE, station=nasty, stop_reason=nasty, transaction=nasty, upstream=nasty)
    lines = "".join(csv_of([Told(session, EMPTY, UNKNOWN)], SETS[ColumnSet.FULL], Style()))
    header, row = list(csv.reader(io.StringIO(lines, newline="")))
    for name, cell in zip(header, row, strict=True):
        is_number = cell.lstrip("-").replace(".", "", 1).isdecimal()
        assert is_number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), (name, cell)
