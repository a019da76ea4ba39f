"""What stations write where a time stamp belongs, each as it was seen in the field."""

from __future__ import annotations

import pytest

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp import clocks
from nocwatch.sim.clockwork import StationClock
from nocwatch.sim.pace import Pace

NOW_NS = 1_772_431_200 * SECOND_NS + 250_000_000
"""2 March 2026, 06:00 UTC, and a quarter of a second."""


@pytest.mark.parametrize(
    ("quirk", "written"),
    [
        ("odd_path", "2026-03-02T06:00:00.250Z"),
        ("clock_1970", "1970-01-01T00:00:00.000Z"),
        ("clock_year_1", "0001-01-01T00:00:00Z"),
        ("clock_local_as_z", "2026-03-02T08:00:00.250Z"),
        ("offset_02", "2026-03-02T08:00:00.250+02"),
        ("offset_0200", "2026-03-02T08:00:00.250+0200"),
    ],
)
def test_a_moment_as_this_station_writes_it(quirk: str, written: str) -> None:
    assert StationClock(Pace(wall_ns=lambda: NOW_NS), {quirk}).text() == written


@pytest.mark.parametrize("quirk", ["offset_02", "offset_0200"])
def test_an_offset_in_short_is_the_same_moment(quirk: str) -> None:
    assert clocks.parse(StationClock(Pace(wall_ns=lambda: NOW_NS), {quirk}).text()) == NOW_NS
