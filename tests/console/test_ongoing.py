"""A session under way beside what is known of its socket now."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nocwatch.console.views import ongoing
from nocwatch.moments import MINUTE_NS
from nocwatch.network import Connector, ConnectorStatus, Station
from nocwatch.sessions import Milestone, Outcome, Session

NOW_NS = 1_790_000_000 * 10**9
AGO_NS = NOW_NS - 40 * MINUTE_NS
CHARGING = Session(
    id="s",
    station="CP1",
    connector=2,
    started_at_ns=AGO_NS,
    changed_at_ns=AGO_NS,
    phase=Milestone.CHARGING,
    power_w=11_000.0,
)


def socket(number: int, status: ConnectorStatus, *, since_ns: int = NOW_NS - MINUTE_NS) -> Connector:
    return Connector(evse=None, connector=number, status=status, reported=status, since_ns=since_ns)


def station(status: ConnectorStatus, *, since_ns: int = NOW_NS - MINUTE_NS) -> Station:
    """Its first socket has been free for a minute, too, and is nobody's business."""
    return Station(
        id="CP1",
        online=True,
        since_ns=AGO_NS,
        last_seen_ns=NOW_NS,
        connectors=(socket(1, ConnectorStatus.AVAILABLE), socket(2, status, since_ns=since_ns)),
    )


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (ConnectorStatus.CHARGING, ""),
        (ConnectorStatus.SUSPENDED_EV, ""),
        (ConnectorStatus.AVAILABLE, "socket free"),
        (ConnectorStatus.RESERVED, "socket free"),
        (ConnectorStatus.FINISHING, "finishing"),
        (ConnectorStatus.FAULTED, "faulted"),
    ],
)
def test_the_socket_says_what_holds(status: ConnectorStatus, word: str) -> None:
    assert ongoing.in_short(CHARGING, {"CP1": station(status)}, NOW_NS) == word


def test_what_the_socket_said_before_the_session_began_is_nothing() -> None:
    before = station(ConnectorStatus.AVAILABLE, since_ns=AGO_NS - MINUTE_NS)
    assert ongoing.standing(CHARGING, before, NOW_NS) is None


def test_a_card_that_was_shown_says_nothing_of_a_vehicle_that_left() -> None:
    attempt = replace(CHARGING, phase=Milestone.STARTING)
    assert ongoing.standing(attempt, station(ConnectorStatus.AVAILABLE), NOW_NS) is None


def test_of_a_session_that_named_no_socket_none_is_held_against_it() -> None:
    """Its start was answered, and never seen: the first socket is as good as any other."""
    nowhere = replace(CHARGING, connector=None)
    assert ongoing.standing(nowhere, station(ConnectorStatus.CHARGING), NOW_NS) is None


def test_a_station_without_a_link_or_any_word_is_told_as_that() -> None:
    there = station(ConnectorStatus.CHARGING)
    gone = replace(there, online=False, since_ns=NOW_NS - MINUTE_NS)
    unknown = replace(there, unknown_since_ns=NOW_NS - MINUTE_NS)
    words = [ongoing.in_short(CHARGING, {"CP1": each}, NOW_NS) for each in (gone, unknown)]
    assert words == ["offline", "no data"]


def test_a_session_that_is_over_is_its_own_word() -> None:
    over = replace(CHARGING, outcome=Outcome.SUCCESS, stopped_at_ns=NOW_NS)
    silent = replace(station(ConnectorStatus.AVAILABLE), last_seen_ns=AGO_NS)
    assert ongoing.standing(over, silent, NOW_NS) is None
    assert ongoing.quiet(over, silent, NOW_NS) == ""
    said = ongoing.quiet(CHARGING, silent, NOW_NS)
    assert said.replace("\u00a0", " ") == "the station was last heard 40 min ago"
