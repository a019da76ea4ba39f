"""What other systems know of a session stands in its row, says where it is from, and is never made up."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli.test_commands import nocwatch
from tests.support.alerts import HOUR, MINUTE, NOON
from tests.support.history import a_session

from nocwatch.registry.load import load_registry
from nocwatch.reports.amounts import UNKNOWN, amounts
from nocwatch.reports.billed import NOTHING, billed
from nocwatch.reports.book import Book
from nocwatch.reports.columns import SETS, ColumnSet, Told
from nocwatch.reports.writing import Style, csv_of
from nocwatch.store.batch import Batch
from nocwatch.store.store import Store

SESSION = a_session("5f0c00000000000a", transaction=4711, token="h:jo")


def book(folder: Path, registry: str = "", **files: str) -> Book:
    (folder / "r.yaml").write_text(registry or "sites: []\n")
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    found = load_registry(folder, lambda uid: "h:" + uid)
    return Book(found.files, found.places)


def row(made: Book) -> dict[str, str]:
    told = Told(SESSION, made, amounts(SESSION, made.places, lambda _: ()))
    (found,) = csv.DictReader(io.StringIO("".join(csv_of([told], SETS[ColumnSet.FULL], Style())), newline=""))
    return found


def test_an_invoice_and_its_receipts_fill_the_columns_that_frames_cannot(tmp_path: Path) -> None:
    found = row(
        book(
            tmp_path,
            invoices="session,number,amount,currency,state,cpo_share,billing_type,source\n"
            "5f0c00000000000a,R-17,5.83,EUR,paid,4.20,Postpaid,billing\n",
            receipts="station,transaction,number,amount,currency,source\n"
            "CP1,4711,Q-1,5.83,EUR,till\nCP1,4711,Q-2,-1.00,EUR,till\n",
            ratings="session,stars,source\n5f0c00000000000a,4,app\n",
            odometer="session,km,source\n5f0c00000000000a,23410,telematics\n",
        )
    )
    assert (found["CPO share"], found["Billing type"], found["Currency"]) == ("4.20", "Postpaid", "EUR")
    assert (found["Charged"], found["Charged currency"]) == ("4.83", "EUR")
    assert (found["Invoice"], found["Invoice state"], found["Receipt"]) == ("R-17", "paid", "Q-1, Q-2")
    assert (found["Rating"], found["Odometer (km)"]) == ("4", "23410")
    assert set(found["Imported from"].split(", ")) == {"billing", "till", "app", "telematics"}
    assert found["Price"] == "", "what was charged is no estimate, and fills no column of estimates"


def test_amounts_of_two_currencies_are_not_added(tmp_path: Path) -> None:
    made = book(
        tmp_path,
        receipts="session,amount,currency,cpo_share\n5f0c00000000000a,5.83,EUR,4\n5f0c00000000000a,6.10,CHF,4\n",
    )
    found = made.billed(SESSION)
    assert (found.charged, found.currency, found.cpo_share) == (None, None, None)
    assert found.source


def test_a_share_of_nothing_is_a_share(tmp_path: Path) -> None:
    """Free charging for the host's own people: the invoice says 0, and that is not the receipt's to fill."""
    made = book(
        tmp_path,
        invoices="session,number,amount,currency,state,cpo_share\n5f0c00000000000a,R-1,6,EUR,paid,0.00\n",
        receipts="session,amount,currency,cpo_share\n5f0c00000000000a,6,EUR,4\n",
    )
    assert made.billed(SESSION).cpo_share == 0


def test_a_share_in_another_currency_than_the_rows_is_left_out(tmp_path: Path) -> None:
    found = row(
        book(
            tmp_path,
            "sites: [{id: depot}]\nstations: [{id: CP1, site: depot, tariff: day}]\ntariffs: [{id: day, per_kwh: 0.49, currency: EUR}]\n",
            invoices="session,number,amount,currency,state,cpo_share\n5f0c00000000000a,R-1,6,CHF,paid,5\n",
        )
    )
    assert (found["Currency"], found["Price"], found["CPO share"]) == ("EUR", "4.90", "")
    assert (found["Charged"], found["Charged currency"]) == ("6", "CHF")


def test_a_record_that_only_says_where_and_when_bills_nothing(tmp_path: Path) -> None:
    """Two sockets may have been in use."""
    made = book(
        tmp_path,
        receipts="station,at,amount,currency\nCP1,2025-11-21T12:30:00Z,5.83,EUR\n",
    )
    assert made.places.imports.of_session(SESSION, ())
    assert billed(SESSION, made.places.imports, ()) == NOTHING


def test_a_report_asks_the_store_who_had_the_number_before(tmp_path: Path) -> None:
    """Two sessions of one number in the store: the paper of the second is not added to the first's."""
    made = book(
        tmp_path,
        receipts=f"station,transaction,at,amount,currency\nCP1,{SESSION.transaction},2025-11-21T14:00:00Z,5.83,EUR\n",
    )
    again = a_session(
        "again", started=SESSION.started_at_ns + HOUR, length=MINUTE, transaction=SESSION.transaction
    )
    with closing(Store.open(f"sqlite:///{tmp_path}/nocwatch.db")) as store:
        store.apply(Batch(sessions={each.id: each for each in (SESSION, again)}))
        assert store.starts_ns(SESSION) == [SESSION.started_at_ns, again.started_at_ns]
        made.starts_ns = store.starts_ns
        assert [made.billed(each).charged for each in (SESSION, again)] == [None, Decimal("5.83")]


def test_the_row_before_does_not_bill_the_next(tmp_path: Path) -> None:
    made = book(tmp_path, receipts="session,amount,currency\n5f0c00000000000a,5.83,EUR\n")
    other = a_session("another", started=NOON + HOUR, length=MINUTE)
    assert [made.billed(each).charged for each in (SESSION, other, SESSION)] == [
        Decimal("5.83"),
        None,
        Decimal("5.83"),
    ]


FLEET = """
drivers: [{id: jo, name: Jo}]
tokens: [{uid: jo, driver: jo}]
vehicles: [{id: van, driver: jo, fuel_litres_per_100km: 8.1}]
factors: {co2_grid_g_per_kwh: 380, co2_petrol_g_per_km: 150, nox_petrol_mg_per_km: 60, kwh_per_100km: 18, fuel_litres_per_100km: 6, fuel_price_per_litre: 1.75}
"""


@pytest.mark.parametrize(("vehicle", "litres", "cost"), [(True, "4.50", "7.88"), (False, "3.33", "5.83")])
def test_fuel_is_that_of_the_drivers_vehicle_where_it_is_known(
    tmp_path: Path, vehicle: bool, litres: str, cost: str
) -> None:
    """10 kWh take it 55.6 km: at 8.1 l for a hundred 4.5 l, at the fleet's 6 l 3.33 l; at 1.75 a litre.

    The grid emits 3.8 kg for it, petrol 8.333 kg: 4.533 kg are saved, whatever the tariff.
    """
    registry = FLEET if vehicle else FLEET.replace("vehicles:", "# ")
    found = row(book(tmp_path, registry))
    assert (found["Fuel avoided (l)"], found["Fuel cost avoided"]) == (litres, cost)
    assert (found["Distance (km)"], found["CO2 emitted (kg)"], found["CO2 saved (kg)"]) == (
        "55.6",
        "3.800",
        "4.533",
    )
    assert found["NOx saved (g)"] == "3.333"


def test_without_factors_and_tariff_nothing_is_estimated(tmp_path: Path) -> None:
    assert amounts(SESSION, book(tmp_path).places, lambda _: ()) == UNKNOWN


TRACE = "tests/trace/foreign/csms_log_16_raw.jsonl"


def test_a_guests_provider_and_an_invoice_on_the_command_line(tmp_path: Path) -> None:
    """A trace with a guest's contract: the registry has no such token, and knows how the provider's begin."""
    trace = Path(__file__).parents[2] / TRACE
    (tmp_path / "guest.jsonl").write_text(trace.read_text().replace("8A3C55D1", "NL-TNM-C00122045-K"))
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "r.yaml").write_text(
        "token_prefixes: [{prefix: nl-tnm, provider: TheNewMotion}]\n"
    )
    done = nocwatch(tmp_path, "trace", "import", "guest.jsonl", "--data", "data")
    assert done.returncode == 0, done.stderr

    def report() -> list[dict]:
        told = nocwatch(
            tmp_path, "report", "sessions", "--data", "data", "--columns", "full", "--order", "oldest", "--format", "json"
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    guest, other = report()
    assert (guest["provider_id"], guest["roaming"], guest["cpo_share"]) == ("TheNewMotion", True, None)
    assert (other["provider_id"], other["roaming"]) == (None, None)
    (tmp_path / "registry" / "invoices.json").write_text(
        json.dumps([{"session": guest["charge_id"], "number": "R-1", "amount": 9.99, "currency": "EUR",
                     "state": "settled", "cpo_share": 8.5, "billing_type": "Postpaid", "source": "hub"}])
    )  # fmt: skip
    guest, _ = report()
    assert (guest["cpo_share"], guest["billing_type"], guest["billing_source"]) == (8.5, "Postpaid", "hub")
    assert "C00122045" not in json.dumps(report())
