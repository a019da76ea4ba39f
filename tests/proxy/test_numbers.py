"""Connections' numbers, over lanes, restarts and decades."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nocwatch.moments import SECOND_NS
from nocwatch.proxy.numbers import NUMBERS_BEGIN_NS, beginning, connection_numbers


def test_connection_numbers_never_repeat_over_lanes_and_restarts() -> None:
    made = [
        next(numbers)
        for start, lane in ((100, 0), (100, 1), (101, 0))
        for numbers in [connection_numbers(beginning(NUMBERS_BEGIN_NS + start * SECOND_NS, -1), lane)]
        for _ in range(3)
    ]
    assert len(set(made)) == 9
    assert made[0] >> 32 == 100
    assert made[3] >> 28 & 15 == 1


@pytest.mark.parametrize("year", [2026, 2038, 2080])
def test_connection_numbers_fit_the_journal_long_after_2038(year: int) -> None:
    start_ns = int(datetime(year, 12, 31, tzinfo=UTC).timestamp()) * SECOND_NS
    assert next(connection_numbers(beginning(start_ns, -1), 15)) < 1 << 63


def test_a_relay_whose_clock_was_never_set_still_numbers_its_connections() -> None:
    assert next(connection_numbers(beginning(0, -1), 0)) == 1


def test_a_second_boot_without_a_clock_gives_other_numbers_than_the_first() -> None:
    first = beginning(0, -1)
    assert next(connection_numbers(beginning(0, first), 0)) > next(connection_numbers(first, 0))


def test_a_relay_whose_clock_was_set_back_goes_on_above_its_former_numbers() -> None:
    assert beginning(NUMBERS_BEGIN_NS + 100 * SECOND_NS, 500) == 501
    assert beginning(NUMBERS_BEGIN_NS + 900 * SECOND_NS, 500) == 900


def test_a_clock_gone_wild_makes_no_number_that_the_journal_cannot_hold() -> None:
    assert next(connection_numbers(beginning(1 << 63, 1 << 40), 15)) < 1 << 63
