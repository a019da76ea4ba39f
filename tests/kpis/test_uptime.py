"""Uptime by three regulators' texts, on months that were reckoned by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.kpis.excused import Exclusion
from nocwatch.kpis.opening import closed, opening
from nocwatch.kpis.ports import DOWN, DownBand, Port, PortFacts, Try, no_service, outages
from nocwatch.kpis.regulations import CALIFORNIA, NEVI, UK
from nocwatch.kpis.repairs import Repairs, repairs
from nocwatch.kpis.spans import both, cut, length_ns, merged, without
from nocwatch.kpis.uptime import pooled, uptime
from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS
from nocwatch.network import ConnectorStatus as Status

JUNE = 1_780_272_000 * 10**9
"""2026-06-01T00:00:00Z."""
JULY = JUNE + 30 * DAY_NS
PORT = Port("CP1", -1, 1)


def day(number: float) -> int:
    return JUNE + int(number * DAY_NS)


def port(
    *bands: DownBand, tries: tuple[Try, ...] = (), since: int = 0, station: tuple[DownBand, ...] = ()
) -> PortFacts:
    return PortFacts(PORT, since, {1: bands}, station, tries)


def down(start: float, length_h: float, status: Status = Status.FAULTED, error: str = "") -> DownBand:
    return DownBand(day(start), day(start) + int(length_h * HOUR_NS), status, error)


def test_a_month_of_a_nevi_port() -> None:
    facts = port(down(3, 12, Status.FAULTED, "GroundFailure"), down(10, 24, Status.OFFLINE))
    off = [Exclusion(day(10), day(10) + 20 * HOUR_NS, "utility-outage", "storm")]
    found = uptime(NEVI, facts, off, JUNE, JULY)
    assert (found.total_ns, found.outage_ns, found.excluded_ns) == (30 * DAY_NS, 36 * HOUR_NS, 20 * HOUR_NS)
    assert found.fault_free == pytest.approx(1 - 16 / 720)
    assert [(line.evidence, line.cause, line.note) for line in found.outages] == [
        ("Faulted (GroundFailure)", "", ""),
        ("Offline", "utility_outage", "storm"),
    ]


def test_the_same_month_in_the_united_kingdom_where_a_lost_link_is_unknown_and_nothing_is_excused() -> None:
    facts = port(down(3, 12), down(10, 24, Status.OFFLINE))
    off = [Exclusion(day(3), day(4), "utility_outage")]
    found = uptime(UK, facts, off, JUNE, JULY)
    assert (found.outage_ns, found.excluded_ns) == (12 * HOUR_NS, 0)


def test_closed_hours_are_no_part_of_british_time_and_taken_off_american_outages() -> None:
    facts = port(down(3, 12))
    off = [Exclusion(day(3), day(3) + 6 * HOUR_NS, "outside_opening_hours")]
    british, american = uptime(UK, facts, off, JUNE, JULY), uptime(NEVI, facts, off, JUNE, JULY)
    assert (british.total_ns, british.outage_ns) == (714 * HOUR_NS, 6 * HOUR_NS)
    assert (american.total_ns, american.outage_ns, american.excluded_ns) == (
        720 * HOUR_NS,
        12 * HOUR_NS,
        6 * HOUR_NS,
    )


def test_california_excuses_ten_days_of_vandalism() -> None:
    found = uptime(CALIFORNIA, port(down(2, 14 * 24)), [Exclusion(day(2), day(16), "vandalism")], JUNE, JULY)
    assert (found.outage_ns, found.excluded_ns) == (14 * DAY_NS, 10 * DAY_NS)


def test_california_excuses_72_hours_of_planned_work_a_year_and_not_in_each_month() -> None:
    facts = port(down(-60, 60), down(5, 24))
    off = [Exclusion(day(-61), day(-50), "planned work"), Exclusion(day(4), day(7), "maintenance")]
    found = uptime(CALIFORNIA, facts, off, JUNE, JULY)
    assert (found.outage_ns, found.excluded_ns) == (24 * HOUR_NS, 12 * HOUR_NS)


def test_work_that_stopped_nothing_uses_nothing_up() -> None:
    facts = port(down(5, 24))
    off = [Exclusion(day(-90), day(-60), "planned work"), Exclusion(day(4), day(7), "maintenance")]
    assert uptime(CALIFORNIA, facts, off, JUNE, JULY).excluded_ns == 24 * HOUR_NS


def test_a_cause_that_no_text_names_excludes_nothing() -> None:
    assert (
        uptime(NEVI, port(down(5, 24)), [Exclusion(day(4), day(7), "no budget")], JUNE, JULY).excluded_ns == 0
    )


def test_a_port_is_down_only_when_all_its_connectors_are_or_the_station_is() -> None:
    facts = PortFacts(Port("CP1", 1, -1), 0, {1: [down(1, 10)], 2: [down(1.25, 10)]}, [down(20, 2)], ())
    assert [(each.from_ns, each.until_ns) for each in outages(facts, DOWN)] == [
        (day(1.25), day(1) + 10 * HOUR_NS),
        (day(20), day(20) + 2 * HOUR_NS),
    ]


def a_try(start: float, outcome: str, blame: str | None = "charger") -> Try:
    return Try(day(start), day(start) + MINUTE_NS, outcome, blame)


def test_a_port_that_says_available_and_serves_nobody_is_down_by_evidence() -> None:
    tries = (
        a_try(2, "success"),
        a_try(3, "failed"),
        a_try(4, "failed"),
        a_try(5, "success"),
        a_try(6, "failed"),
    )
    found = uptime(NEVI, port(tries=tries), [], JUNE, JULY)
    assert found.fault_free == 1
    assert found.by_service == pytest.approx(28 / 30)
    assert [(line.evidence, line.by_evidence) for line in found.outages] == [
        ("2 sessions in a row failed by the charger", True)
    ]


def test_what_vehicles_and_drivers_spoil_says_nothing_of_the_port() -> None:
    tries = [
        a_try(3, "failed", "vehicle"),
        a_try(4, "failed"),
        a_try(5, "cancelled", "driver"),
        a_try(6, "failed", "csms"),
    ]
    assert no_service(tries, JULY) == []


def test_what_is_not_known_is_no_fault_and_no_service() -> None:
    found = uptime(NEVI, port(down(3, 24, Status.NO_DATA)), [], JUNE, JULY)
    assert (found.fault_free, found.unknown_ns) == (1, DAY_NS)
    assert found.by_service == pytest.approx(29 / 30)


def test_a_port_counts_from_when_it_was_first_heard_of() -> None:
    found = uptime(NEVI, port(down(20, 24), since=day(20)), [], JUNE, JULY)
    assert found.total_ns == 10 * DAY_NS
    assert found.fault_free == 0.9
    assert uptime(NEVI, port(since=JULY), [], JUNE, JULY).fault_free is None


def test_months_and_ports_are_pooled() -> None:
    whole = uptime(NEVI, port(down(3, 72)), [], JUNE, JULY)
    young = uptime(NEVI, port(since=day(27)), [], JUNE, JULY)
    assert pooled([whole, young])[0] == pytest.approx(1 - 3 / 33)


def test_what_each_text_asks_for() -> None:
    assert (NEVI.holds(0.97), NEVI.holds(0.9701), CALIFORNIA.holds(0.97), UK.holds(0.99)) == (
        False,
        True,
        True,
        True,
    )
    assert NEVI.holds(None) is None


def test_repairs_and_failures() -> None:
    facts = port(down(-1, 48), down(5, 6), down(29, 48))
    found = repairs(facts, JUNE, JULY, JULY + DAY_NS)
    assert found == Repairs(
        failures=2, repairs=2, repair_ns=54 * HOUR_NS, operating_ns=30 * DAY_NS - (24 + 6 + 24) * HOUR_NS
    )


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8).map(merged)


@settings(deadline=None, max_examples=150)
@given(spans, spans)
def test_spans_are_sets_of_moments(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    def moments(found: list[tuple[int, int]]) -> set[int]:
        return {at for start, end in found for at in range(start, end)}

    assert moments(both(one, two)) == moments(one) & moments(two)
    assert moments(without(one, two)) == moments(one) - moments(two)
    assert moments(cut(one, 10, 30)) == moments(one) & set(range(10, 30))
    assert length_ns(one) == len(moments(one))


causes = st.sampled_from(["utility_outage", "maintenance", "vandalism", "outside_opening_hours", "none"])
bands = st.lists(
    st.builds(down, st.integers(0, 29), st.integers(1, 90), st.sampled_from(sorted([*DOWN, Status.NO_DATA]))),
    max_size=6,
)
windows = st.lists(
    st.builds(
        lambda a, b, c: Exclusion(day(a), day(a + b), c), st.integers(-9, 29), st.integers(1, 20), causes
    ),
    max_size=4,
)
tried = st.lists(st.builds(a_try, st.integers(0, 29), st.sampled_from(["success", "failed"])), max_size=8)


@settings(deadline=None, max_examples=80)
@given(st.sampled_from([NEVI, UK, CALIFORNIA]), bands, windows, tried)
def test_the_list_of_outages_adds_up_and_evidence_is_never_better(
    regulation, given_bands, off, tries
) -> None:
    found = uptime(regulation, port(*given_bands, tries=tuple(tries)), off, JUNE, JULY)
    said = [line for line in found.outages if not line.by_evidence]
    assert sum(line.until_ns - line.from_ns for line in said) == found.outage_ns
    assert sum(line.excluded_ns for line in said) == found.excluded_ns
    if found.fault_free is not None and found.by_service is not None:
        assert 0 <= found.by_service <= found.fault_free + 1e-12 <= 1 + 1e-12


def test_opening_hours_as_operators_write_them() -> None:
    found = closed("Mo-Fr 06:00-22:00; Sa,Su 08:00-20:00", "UTC", JUNE, JUNE + 7 * DAY_NS)
    assert length_ns(found) == (5 * 8 + 2 * 12) * HOUR_NS
    # In June Berlin is two hours ahead: closed until 04:00 and from 20:00 UTC.
    assert closed("Mo-Su 06:00-22:00", "Europe/Berlin", JUNE, JUNE + DAY_NS) == [
        (JUNE, JUNE + 4 * HOUR_NS),
        (JUNE + 20 * HOUR_NS, JUNE + DAY_NS),
    ]
    for always in ("24/7", "", "when the shop is open"):
        assert opening(always) is None
        assert closed(always, "UTC", JUNE, JULY) == []


@pytest.mark.parametrize("text", ["Mo-Su 06:00-26:00", "Mo-Su 06:00-02:00", "6:00-26:00"])
def test_a_site_that_is_open_past_midnight_closes_at_two(text: str) -> None:
    assert closed(text, "UTC", JUNE, JUNE + DAY_NS) == [(JUNE + 2 * HOUR_NS, JUNE + 6 * HOUR_NS)]


def test_the_night_of_saturday_belongs_to_saturday() -> None:
    """In June 2026 the first is a Monday: open from Saturday 18:00 to Sunday 02:00, and never else."""
    found = closed("Sa 18:00-26:00", "UTC", JUNE, JUNE + 7 * DAY_NS)
    assert found == [
        (JUNE, JUNE + 5 * DAY_NS + 18 * HOUR_NS),
        (JUNE + 6 * DAY_NS + 2 * HOUR_NS, JUNE + 7 * DAY_NS),
    ]


@pytest.mark.parametrize("text", ["00:00-24:00", "06:00-30:00", "06:00-06:00"])
def test_a_whole_day_is_a_whole_day(text: str) -> None:
    assert closed(text, "UTC", JUNE + DAY_NS, JUNE + 2 * DAY_NS) == []


@pytest.mark.parametrize("text", ["06:00-31:00", "25:00-26:00", "06:70-22:00"])
def test_hours_that_no_day_has_close_nothing(text: str) -> None:
    assert opening(text) is None
