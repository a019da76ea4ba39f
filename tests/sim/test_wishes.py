"""What is said beside a charge in 2.x: the vehicle's needs and its schedule, priority, the price, and what a terminal settled."""

from __future__ import annotations

import pytest
import trio.testing
from tests.sim.test_inmemory import lived, sightings
from tests.sim.test_odd_ways import said, station
from tests.support.simulation import violations

from nocwatch.frames import Frame


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_vehicle_says_what_it_needs_and_takes_the_schedule_that_it_is_offered(
    version: str, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    records, truths, _ = await lived(station(version, "iso15118", csms={"chores_every": None}), 1.0)
    needs = said(records, "NotifyEVChargingNeeds")
    chosen = said(records, "NotifyEVChargingSchedule")
    offered = [
        each
        for each in said(records, "SetChargingProfile")
        if each["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
    ]
    assert len(needs) >= len(chosen) > 3
    assert len(offered) >= len(chosen)
    assert [each.needs_wh for each in truths if each.needs_wh is not None]
    for action, payload in (("NotifyEVChargingNeeds", needs[0]), ("NotifyEVChargingSchedule", chosen[0])):
        assert not violations(version, action, payload, answer=False)
    wanted_w = needs[0]["chargingNeeds"]["dcChargingParameters"]["evMaxPower"]
    (period,) = chosen[0]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == round(0.8 * wanted_w, 1)


async def test_a_terminal_settles_what_the_csms_says_that_it_costs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    prices = [{"per_kwh": 0.5, "every": "30s"}]
    records, truths, _ = await lived(station("2.1", "payment_terminal", csms={"prices": prices}), 1.0)
    settled = {each["transactionId"]: each for each in said(records, "NotifySettlement")}
    paid = [each for each in truths if each.settled]
    assert len(paid) > 3
    for truth in paid:
        assert truth.settled == truth.cost == settled[truth.transaction]["settlementAmount"]
        assert truth.cost == pytest.approx(truth.energy_wh / 1000 * 0.5, abs=0.01)
    assert not violations("2.1", "NotifySettlement", next(iter(settled.values())), answer=False)
    shown = {each["idToken"]["type"] for each in said(records, "Authorize")}
    assert "DirectPayment" in shown
    assert "ISO14443" not in shown


async def test_without_a_price_the_terminal_has_its_own(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    _, truths, _ = await lived(station("2.1", "payment_terminal"), 0.5)
    paid = [each for each in truths if each.settled]
    assert paid
    assert all(each.cost is None for each in paid)
    assert paid[0].settled == pytest.approx(paid[0].energy_wh / 1000 * 0.59, abs=0.01)


async def test_a_driver_in_a_hurry_goes_first_and_the_station_says_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    orders = [{"at": "60s", "every": "60s", "station": "CP1", "priority": True}]
    records, truths, _ = await lived(station("2.1", csms={"steps": orders}), 0.5)
    told = said(records, "NotifyPriorityCharging")
    assert [each.priority for each in truths].count(True) >= 2
    assert {each["transactionId"] for each in told} >= {each.transaction for each in truths if each.priority}
    for action in ("UsePriorityCharging", "NotifyPriorityCharging"):
        assert not violations("2.1", action, said(records, action)[0], answer=False)


@pytest.mark.parametrize("quirk", ["iso15118", "payment_terminal"])
async def test_a_station_of_16_has_none_of_it(quirk: str, autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    records, truths, _ = await lived(station("1.6", quirk), 0.5)
    assert truths
    assert not [
        each
        for each in sightings(records)
        if isinstance(each, Frame) and b"Notify" in each.payload and b"StatusNotification" not in each.payload
    ]
