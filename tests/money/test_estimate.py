"""What a session costs and saves, by hand and by chance."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.moments import HOUR_NS, MINUTE_NS, SECOND_NS
from nocwatch.money import CurvePoint, Estimate, estimate, points_of_hours
from nocwatch.money.curve import Curve
from nocwatch.money.price import price
from nocwatch.registry.hours import DAYS, cuts, hours
from nocwatch.registry.model import Factors, Tariff, Vehicle
from nocwatch.registry.places import Place
from nocwatch.sessions import Outcome, Session, SessionStep

HAMBURG = Place(station="CP1", known=True, timezone="Europe/Berlin")


def at(text: str, timezone: str = "Europe/Berlin") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp()) * SECOND_NS


def charge(begin: int, end: int, energy_wh: float | None, **more: object) -> Session:
    told = {"outcome": Outcome.SUCCESS, **more}
    return Session(
        id="s1",
        station="CP1",
        started_at_ns=begin,
        stopped_at_ns=end,
        changed_at_ns=end,
        energy_wh=energy_wh,
        **told,
    )  # type: ignore[arg-type]


def tariff(**keys: object) -> Tariff:
    return Tariff.model_validate({"id": "t", **keys})


NIGHT = [{"from": "22:00", "to": "06:00", "per_kwh": 0.39}]


def lines(found: Estimate) -> list[tuple[str, str, str]]:
    return [(line.kind, str(line.quantity), str(line.amount)) for line in found.lines]


def test_energy_before_and_after_ten_at_night_has_two_prices() -> None:
    session = charge(at("2026-05-04T21:00"), at("2026-05-04T23:00"), 30_000)
    points = [CurvePoint(at("2026-05-04T22:00"), 20_000)]
    found = estimate(
        session,
        points,
        tariff=tariff(vat_percent=19, connection_fee=0.5, per_kwh=0.49, cost_per_kwh=0.21, windows=NIGHT),
        place=HAMBURG,
    )
    assert lines(found) == [
        ("start", "1.0000", "0.50"),
        ("energy", "20.0000", "9.80"),
        ("energy", "10.0000", "3.90"),
    ]
    assert found.price
    assert (str(found.price.net), str(found.price.vat), str(found.price.total)) == ("14.20", "2.70", "16.90")
    assert (str(found.cost), str(found.margin)) == ("6.30", "7.90")
    assert found.estimate
    assert "1 meter reading," in found.rests_on[0]


def test_without_readings_a_straight_line_is_taken_and_told() -> None:
    found = estimate(
        charge(at("2026-05-04T21:00"), at("2026-05-04T23:00"), 30_000),
        [],
        tariff=tariff(per_kwh=1, windows=NIGHT),
        place=HAMBURG,
    )
    assert [line.quantity for line in found.lines] == [Decimal(15), Decimal(15)]
    assert "straight line" in found.rests_on[0]


def test_the_hour_that_comes_twice_counts_twice() -> None:
    """25 October 2026: 03:00 becomes 02:00 once more."""
    night = [{"days": ["sun"], "from": "02:00", "to": "03:00", "per_hour": 6}]
    found = estimate(
        charge(at("2026-10-25T00:00"), at("2026-10-25T06:00"), 7_000),
        [],
        tariff=tariff(per_hour=1, windows=night),
        place=HAMBURG,
    )
    assert sorted(lines(found)) == [("time", "2.0000", "12.00"), ("time", "5.0000", "5.00")]


def test_the_hour_that_is_lacking_costs_nothing_and_the_rest_is_whole() -> None:
    """29 March 2026: 02:00 becomes 03:00; a window that begins at 02:30 begins with 03:00."""
    found = estimate(
        charge(at("2026-03-29T01:00"), at("2026-03-29T05:00"), 3_000),
        [],
        tariff=tariff(per_hour=1, windows=[{"from": "02:30", "to": "04:00", "per_hour": 2}]),
        place=HAMBURG,
    )
    assert sorted(lines(found)) == [("time", "1.0000", "2.00"), ("time", "2.0000", "2.00")]


def test_fridays_night_ends_on_saturday_morning_and_saturdays_does_not_begin() -> None:
    friday = [{"days": ["fri"], "from": "22:00", "to": "06:00", "per_hour": 2}]
    found = estimate(
        charge(at("2026-05-08T20:00"), at("2026-05-09T23:30"), 1_000),
        [],
        tariff=tariff(windows=friday),
        place=HAMBURG,
    )
    assert lines(found) == [("time", "8.0000", "16.00")]


def test_a_car_that_is_full_pays_for_the_socket_and_then_for_the_place() -> None:
    begin = at("2026-05-04T08:00")
    released = (SessionStep(at_ns=begin + 5 * HOUR_NS, name="released", milestone=True),)
    session = charge(begin, begin + 4 * HOUR_NS, 10_000, steps=released)
    points = [CurvePoint(begin + HOUR_NS, 10_000), CurvePoint(begin + 3 * HOUR_NS, 10_000)]
    found = estimate(
        session,
        points,
        tariff=tariff(
            per_hour=1,
            per_idle_hour=3,
            idle_free="1h",
            per_parking_hour=6,
            parking_free="10m",
            currency="EUR",
        ),
        place=HAMBURG,
    )
    assert lines(found) == [
        ("time", "4.0000", "4.00"),
        ("idle", "2.0000", "6.00"),
        ("parking", "0.8333", "5.00"),
    ]


def test_who_charges_little_pays_the_minimum() -> None:
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), 1_000)
    found = estimate(session, [], tariff=tariff(per_kwh=0.4, minimum=2), place=HAMBURG)
    assert lines(found) == [("energy", "1.0000", "0.40"), ("minimum", "1.0000", "1.60")]


@pytest.mark.parametrize(
    ("currency", "round_to", "total"),
    [
        ("EUR", None, "3.70"),
        ("JPY", None, "4"),
        ("KWD", None, "3.704"),
        ("CHF", 0.05, "3.70"),
        ("CHF", 1, "4.00"),
    ],
)
def test_each_currency_has_its_own_smallest_amount(currency: str, round_to: float | None, total: str) -> None:
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), 10_000)
    found = estimate(
        session, [], tariff=tariff(currency=currency, per_kwh="0.3704", round_to=round_to), place=HAMBURG
    )
    assert found.price
    assert str(found.price.total) == total
    assert found.price.gross + found.price.cash_rounding == found.price.total


def test_prices_with_the_tax_in_them_stay_as_they_are() -> None:
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), 10_000)
    found = estimate(
        session, [], tariff=tariff(per_kwh=0.5, vat_percent=19, vat_included=True), place=HAMBURG
    )
    assert found.price
    assert [str(each) for each in (found.price.net, found.price.vat, found.price.total)] == [
        "4.20",
        "0.80",
        "5.00",
    ]


@pytest.mark.parametrize(
    ("energy_wh", "team", "driver"), [(10_000, "10.00", "0.00"), (50_000, "30.00", "20.00")]
)
def test_the_team_covers_up_to_the_cap_and_the_driver_the_rest(
    energy_wh: float, team: str, driver: str
) -> None:
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), energy_wh)
    found = estimate(session, [], tariff=tariff(per_kwh=1, price_cap=30), place=HAMBURG)
    assert found.split
    assert (str(found.split.team_share), str(found.split.driver_share)) == (team, driver)


def test_a_meter_that_counts_other_loads_is_named_with_what_the_estimate_rests_on() -> None:
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), 10_000)
    for shared in (True, False):
        place = msgspec.structs.replace(HAMBURG, meter_shared=shared)
        found = estimate(session, [], tariff=tariff(per_kwh=1), place=place)
        assert any("counts other loads" in each for each in found.rests_on) is shared


def test_a_team_that_does_not_pay_covers_nothing() -> None:
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), 10_000)
    guests = msgspec.structs.replace(HAMBURG, team="guests", team_pays=False)
    found = estimate(session, [], tariff=tariff(per_kwh=1, price_cap=30), place=guests)
    assert found.split
    assert (str(found.split.team_share), str(found.split.driver_share)) == ("0.00", "10.00")


def test_what_is_free_costs_nothing_and_the_operator_pays_all_the_same() -> None:
    place = Place(station="CP1", known=True, free_usage=True)
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), 10_000)
    found = estimate(session, [], tariff=tariff(per_kwh=1, cost_per_kwh=0.2), place=place)
    assert found.price
    assert (str(found.price.total), str(found.cost), str(found.margin)) == ("0.00", "2.00", "-2.00")


def test_a_failed_attempt_pays_no_connection_fee_and_unknown_energy_has_no_price() -> None:
    rates = tariff(connection_fee=1, per_hour=5)
    begin, end = at("2026-05-04T08:00"), at("2026-05-04T09:00")
    failed = estimate(charge(begin, end, 0.0), [], tariff=rates, place=HAMBURG)
    assert failed.price
    assert failed.price.total == 0
    unknown = estimate(charge(begin, end, None), [], tariff=rates, place=HAMBURG)
    assert unknown.price is None
    assert unknown.missing[0] == "the energy of the session is not known"


def test_an_unknown_station_has_kilowatt_hours_and_no_price() -> None:
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), 10_000)
    found = estimate(session, [], tariff=None, place=Place(station="CP9"))
    assert (found.price, found.cost, str(found.energy_kwh)) == (None, None, "10.000")
    assert "no tariff" in found.missing[0]


def test_savings_are_reckoned_against_the_car_that_the_van_replaces() -> None:
    factors = Factors.model_validate(
        {
            "co2_grid_g_per_kwh": 380,
            "co2_petrol_g_per_km": 150,
            "nox_petrol_mg_per_km": 60,
            "kwh_per_100km": 18,
            "fuel_price_per_litre": 1.75,
        }
    )
    van = Vehicle.model_validate({"id": "van7", "fuel_litres_per_100km": 8.1})
    session = charge(at("2026-05-04T08:00"), at("2026-05-04T09:00"), 36_000)
    found = estimate(session, [], tariff=None, place=HAMBURG, factors=factors, vehicle=van).impact
    assert (found.distance_km, found.co2_emitted_kg, found.co2_avoided_kg, found.co2_saved_kg) == (
        Decimal(200),
        Decimal("13.68"),
        Decimal(30),
        Decimal("16.32"),
    )
    assert (found.nox_saved_g, found.fuel_litres, found.fuel_cost) == (
        Decimal(12),
        Decimal("16.2"),
        Decimal("28.35"),
    )
    assert estimate(session, [], tariff=None, place=HAMBURG, factors=factors).impact.fuel_litres is None
    of_coal = factors.model_copy(update={"nox_grid_mg_per_kwh": Decimal(400)})
    found = estimate(session, [], tariff=None, place=HAMBURG, factors=of_coal).impact
    assert (found.nox_emitted_g, found.nox_saved_g) == (Decimal("14.4"), Decimal("-2.4")), "worse than petrol"


def test_energy_of_which_the_cost_is_known_at_night_alone() -> None:
    """By day it is not nothing, but unknown: a margin on it would be made up."""
    windows = [{"from": "22:00", "to": "06:00", "cost_per_kwh": 0.15}]
    night = charge(at("2026-05-04T22:00"), at("2026-05-04T23:00"), 30_000)
    found = estimate(night, [], tariff=tariff(per_kwh=0.49, windows=windows), place=HAMBURG)
    assert (found.cost, found.margin, found.missing) == (Decimal("4.50"), Decimal("10.20"), ())
    evening = charge(at("2026-05-04T21:00"), at("2026-05-04T23:00"), 30_000)
    found = estimate(evening, [], tariff=tariff(per_kwh=0.49, windows=windows), place=HAMBURG)
    assert (found.cost, found.margin) == (None, None)
    assert found.missing == ("what the energy costs: the tariff has a cost_per_kwh at some times only",)


def test_energy_of_each_hour_says_the_same_as_readings() -> None:
    begin = at("2026-05-04T20:00")
    points = points_of_hours([(begin, 5_000), (begin + HOUR_NS, 4_000), (begin + 2 * HOUR_NS, 1_000)])
    session = charge(begin, begin + 3 * HOUR_NS, 10_000)
    found = estimate(session, points, tariff=tariff(per_kwh=1, windows=NIGHT), place=HAMBURG)
    assert [str(line.quantity) for line in found.lines] == ["9.0000", "1.0000"]


def test_a_reading_that_fell_or_is_out_of_the_way_moves_no_money() -> None:
    begin = at("2026-05-04T21:00")
    session = charge(begin, begin + 2 * HOUR_NS, 10_000)
    points = [
        CurvePoint(begin - HOUR_NS, 7_000),
        CurvePoint(begin + 30 * MINUTE_NS, 4_000),
        CurvePoint(begin + 40 * MINUTE_NS, 9_000, "fell"),
        CurvePoint(begin + 60 * MINUTE_NS, 1_000),
        CurvePoint(begin + 9 * HOUR_NS, 90_000),
    ]
    found = estimate(session, points, tariff=tariff(per_kwh=1, windows=NIGHT), place=HAMBURG)
    assert [str(line.quantity) for line in found.lines] == ["4.0000", "6.0000"]


# By chance.

ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/Los_Angeles",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/St_Johns",
    ]
)
BEGINS = st.integers(min_value=at("2026-01-01T00:00"), max_value=at("2027-01-01T00:00"))
SPANS = st.integers(min_value=0, max_value=60 * HOUR_NS)
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
PRICES = st.decimals(min_value=0, max_value=9, places=4)
WINDOWS = st.lists(
    st.fixed_dictionaries(
        {
            "days": st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
            "from": CLOCKS,
            "to": CLOCKS,
            "per_kwh": PRICES,
            "per_hour": PRICES,
        }
    ),
    max_size=3,
)
POINTS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 120_000)), max_size=12)


def curve_of(begin: int, span: int, energy_wh: float, points: list[tuple[float, float]]) -> Curve:
    return Curve(
        charge(begin, begin + span, energy_wh),
        [CurvePoint(begin + round(part * span), wh) for part, wh in points],
    )


@settings(deadline=None, max_examples=60)
@given(begin=BEGINS, span=SPANS, energy_wh=st.floats(0, 100_000), points=POINTS, windows=WINDOWS, where=ZONES)
def test_no_zone_makes_energy_or_time_vanish_or_double(
    begin: int,
    span: int,
    energy_wh: float,
    points: list[tuple[float, float]],
    windows: list[dict[str, object]],
    where: str,
) -> None:
    curve = curve_of(begin, span, energy_wh, points)
    times = [hours(each["days"], each["from"], each["to"]) for each in windows]  # type: ignore[arg-type]
    pieces = cuts(*curve.span, where, times)
    assert sum(curve.between(a, b) for a, b in pieces) == curve.total
    assert sum(b - a for a, b in pieces) == max(1, span)
    for a, b in pieces:  # within a piece the wall clock never crosses into or out of a window
        inside = [
            [each.hold(datetime.fromtimestamp(moment / 1e9, ZoneInfo(where))) for each in times]
            for moment in (a, a + (b - a) // 2)
        ]
        assert inside[0] == inside[1]


@settings(deadline=None, max_examples=60)
@given(
    begin=BEGINS,
    span=SPANS,
    energy_wh=st.floats(0.001, 100_000),
    points=POINTS,
    windows=WINDOWS,
    where=ZONES,
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    included=st.booleans(),
    minimum=PRICES,
)
def test_parts_add_up_to_the_whole(
    *,
    begin: int,
    span: int,
    energy_wh: float,
    points: list[tuple[float, float]],
    windows: list[dict[str, object]],
    where: str,
    currency: str,
    included: bool,
    minimum: Decimal,
) -> None:
    rates = tariff(
        currency=currency, per_kwh="0.4711", per_hour="1.3", connection_fee="0.35", vat_percent="19.6",
        vat_included=included, minimum=minimum, windows=windows,
    )  # fmt: skip
    found = price(rates, curve_of(begin, span, energy_wh, points), where, None)
    assert sum(line.amount for line in found.lines) == found.subtotal
    assert found.net + found.vat == found.gross == found.total
    assert found.subtotal == (found.gross if included else found.net)
    assert all(line.amount >= 0 for line in found.lines)


@settings(deadline=None, max_examples=60)
@given(begin=BEGINS, span=SPANS, cut=CLOCKS, energy_wh=st.floats(0, 100_000), points=POINTS, where=ZONES)
def test_a_window_cut_in_two_costs_the_same(
    begin: int, span: int, cut: str, energy_wh: float, points: list[tuple[float, float]], where: str
) -> None:
    whole = tariff(per_kwh="0.4711", per_hour="0.77")
    same = {"per_kwh": "0.4711", "per_hour": "0.77"}
    halves = tariff(windows=[{"from": "00:00", "to": cut, **same}, {"from": cut, "to": "24:00", **same}])
    curve = curve_of(begin, span, energy_wh, points)
    assert price(whole, curve, where, None).total == price(halves, curve, where, None).total


@settings(deadline=None, max_examples=40)
@given(begin=BEGINS, span=SPANS, part=st.floats(0, 1), energy_wh=st.floats(0, 100_000), points=POINTS)
def test_a_session_cut_in_two_has_the_energy_of_its_parts(
    begin: int, span: int, part: float, energy_wh: float, points: list[tuple[float, float]]
) -> None:
    curve = curve_of(begin, span, energy_wh, points)
    middle = begin + round(part * span)
    first, second = curve.between(begin - 1, middle), curve.between(middle, begin + span + 1)
    assert first + second == curve.total
    assert min(first, second) >= 0


def test_a_clock_that_was_wrong_by_decades_costs_no_hour_of_reckoning() -> None:
    begin = at("1970-01-02T00:00")
    found = estimate(
        charge(begin, at("2026-05-04T00:00"), 10_000),
        [],
        tariff=tariff(per_kwh=1, windows=NIGHT),
        place=HAMBURG,
    )
    assert sum(line.quantity for line in found.lines) == Decimal(10)
    assert (
        len(
            cuts(
                begin,
                begin + timedelta(days=30_000).days * 24 * HOUR_NS,
                "UTC",
                [hours(DAYS, "22:00", "06:00")],
            )
        )
        < 2000
    )


@pytest.mark.parametrize("energy_wh", [float("nan"), float("inf"), -5.0, 1e300])
def test_a_register_that_lies_breaks_no_report(energy_wh: float) -> None:
    begin = at("2026-05-04T08:00")
    session = charge(begin, begin + HOUR_NS, energy_wh)
    points = [CurvePoint(begin + MINUTE_NS, energy_wh)]
    found = estimate(session, points, tariff=tariff(per_kwh=1, windows=NIGHT), place=HAMBURG)
    assert found.price
    assert found.price.total == (10**7 if energy_wh == 1e300 else 0)
