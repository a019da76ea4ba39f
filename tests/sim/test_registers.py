"""Registers that count from elsewhere: what they show, and what of the energy no reading shows."""

# Seeded on purpose: the same seed plays the same life.
# ruff: noqa: S311

from __future__ import annotations

import random

import pytest

from nocwatch.sessions import StartSource
from nocwatch.sim import registers
from nocwatch.sim.hardware import Socket
from nocwatch.sim.parts import Connector, Transaction
from nocwatch.sim.physics import Meter, Vehicle


def charging(meter: Meter, quirks: frozenset[str] = frozenset()) -> Transaction:
    """A transaction at 36 kW, which is 10 Wh a second; it begins at second 0."""
    connector = Connector(Socket(1, 1, 1, "ccs2", "dc", 36_000), meter)
    meter.connect(Vehicle(400_000, 0.1, 36_000), 36_000)
    registers.session_begins(connector, quirks)
    start = meter.reading(0.0)
    tx = Transaction(connector, "CARD", "ISO14443", StartSource.RFID, 0, start, meter.register_wh)
    connector.transaction = tx
    meter.switch(0.0, on=True)
    return tx


def dc(**fields: object) -> Meter:
    return Meter(random.Random(1), current="dc", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(8))
def test_a_wrap_comes_within_the_first_sessions_and_shows_small_numbers_after_it(seed: int) -> None:
    meter = registers.meter(random.Random(seed), "dc", {"register_wraps"})
    tx = charging(meter)
    after = meter.reading(900.0)
    assert after.register_wh < tx.start.register_wh
    assert after.register_wh >= 0
    assert meter.register_wh > tx.real_start_wh + 8_000


def test_a_register_with_a_sign_is_negative_once_its_last_bit_is_set() -> None:
    meter = dc(register_wh=2.0**31 - 50, top_wh=2.0**32, signed=True)
    tx = charging(meter)
    assert tx.start.register_wh == 2**31 - 50
    assert -(2**31) <= meter.reading(60.0).register_wh < -(2**31) + 1_000


def test_a_register_of_the_session_begins_at_nought_and_its_meter_goes_on() -> None:
    meter = dc(register_wh=5_000_000.0)
    tx = charging(meter, frozenset({"register_per_session"}))
    assert (tx.start.register_wh, tx.real_start_wh) == (0.0, 5_000_000.0)
    assert 500 < meter.reading(60.0).register_wh < 700


def test_samples_and_ends_count_from_the_start_each_where_its_quirk_says_so() -> None:
    tx = charging(dc(register_wh=5_000_000.0))
    later = tx.connector.meter.reading(60.0)
    assert registers.as_sample(tx, later, {"samples_relative"}).register_wh < 700
    assert registers.at_ends(tx, later, {"samples_relative"}).register_wh > 5_000_000
    assert registers.as_sample(tx, later, {"ends_relative"}).register_wh > 5_000_000
    assert registers.at_ends(tx, tx.start, {"ends_relative"}).register_wh == 0


def test_a_boot_in_mid_session_hides_what_flowed_since_the_last_sample() -> None:
    tx = charging(dc(register_wh=0.0))
    meter = tx.connector.meter
    registers.sampled(tx, meter.reading(120.0))
    registers.station_boots([tx.connector], 150.0)
    registers.ended(tx, meter.reading(180.0), frozenset())
    assert tx.last.register_wh == pytest.approx(300, abs=1)
    assert tx.hidden_wh == pytest.approx(300 + registers.SAME_WH, abs=1)


def test_a_register_that_has_risen_past_where_it_was_hides_that_it_fell() -> None:
    tx = charging(dc(register_wh=0.0))
    meter = tx.connector.meter
    shown = registers.sampled(tx, meter.reading(60.0)).register_wh
    registers.station_boots([tx.connector], 60.0)
    registers.ended(tx, meter.reading(300.0), frozenset())
    assert tx.hidden_wh == shown + registers.SAME_WH


def test_a_lost_stop_hides_what_came_before_the_first_sample_of_another_register() -> None:
    tx = charging(dc(register_wh=5_000_000.0))
    registers.sampled(tx, tx.connector.meter.reading(60.0))
    before_wh = tx.shown_wh - tx.real_start_wh
    registers.sampled(tx, tx.connector.meter.reading(120.0))
    registers.ended(tx, None, {"ends_relative"})
    assert tx.hidden_wh == pytest.approx(before_wh)


def test_one_that_has_nearly_risen_to_where_it_was_may_as_well_have_been_saved_before_the_boot() -> None:
    tx = charging(dc(register_wh=0.0))
    meter = tx.connector.meter
    shown = registers.sampled(tx, meter.reading(100.0)).register_wh
    registers.station_boots([tx.connector], 100.0)
    assert registers.sampled(tx, meter.reading(195.0)).register_wh < shown
    assert tx.hidden_wh == shown + registers.SAME_WH


def test_a_register_that_was_turned_back_hides_each_watt_hour_once() -> None:
    tx = charging(dc(register_wh=5_000_000.0))
    meter = tx.connector.meter
    meter.offset_wh -= 3_000
    meter.advance(60.0)
    registers.turned_back(tx)
    registers.sampled(tx, meter.reading(60.0))
    until_sample_wh = tx.shown_wh - tx.real_start_wh
    registers.sampled(tx, meter.reading(120.0))
    shown_wh = tx.shown_wh
    registers.ended(tx, meter.reading(150.0), {"ends_relative"})
    assert tx.hidden_wh == pytest.approx(until_sample_wh + registers.SAME_WH + meter.register_wh - shown_wh)


def test_samples_and_stop_that_count_from_the_start_show_what_flowed_after_the_register_was_turned_back() -> (
    None
):
    tx = charging(dc(register_wh=5_000_000.0))
    meter = tx.connector.meter
    meter.offset_wh -= 3_000
    meter.advance(60.0)
    registers.turned_back(tx)
    registers.sampled(tx, meter.reading(60.0))
    until_sample_wh = tx.shown_wh - tx.real_start_wh
    registers.ended(tx, meter.reading(150.0), {"ends_relative", "samples_relative"})
    assert tx.hidden_wh == pytest.approx(until_sample_wh + registers.SAME_WH)


def test_a_reading_of_0_amid_others_shows_nothing_of_what_flowed() -> None:
    meter = dc(register_wh=5_000_000.0)
    tx = charging(meter)
    meter.dip = True
    assert registers.sampled(tx, meter.reading(30.0)).register_wh == 0
    assert tx.shown_wh == tx.real_start_wh
    registers.ended(tx, None, frozenset())
    assert tx.hidden_wh == pytest.approx(meter.register_wh - tx.real_start_wh)


@pytest.mark.parametrize(
    ("shown_wh", "signed", "fell"), [(5_000.0, False, True), (900.0, False, False), (300.0, True, True)]
)
def test_only_a_register_with_a_sign_is_turned_back_to_less_than_half(
    shown_wh: float, signed: bool, fell: bool
) -> None:
    meter = dc(register_wh=shown_wh, top_wh=2.0**32 if signed else None, signed=signed)
    assert meter.roll_back(500.0) is fell
    assert meter.shown_wh() == (shown_wh - 500 if fell else shown_wh)
