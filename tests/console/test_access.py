"""How a station signs in, and whose certificate will not do for long: on its page, in the fleet, on the Overview, in the API."""

from __future__ import annotations

import httpx2
import msgspec
import pytest
from tests.support.console_data import Network
from tests.support.play import Play

from nocwatch.access import Access, Certificate
from nocwatch.console.views.access import SOON_NS, facts
from nocwatch.frames import LinkEvent
from nocwatch.moments import DAY_NS, SECOND_NS

NOW_NS = 1_790_000_000 * SECOND_NS


def shown(ends_ns: int) -> Access:
    certificate = Certificate(
        name="CP1", issuer="our authority", sha256="ab", not_after_s=ends_ns // SECOND_NS
    )
    return Access(tls="TLSv1.2", security_profile=3, certificate=certificate)


@pytest.mark.parametrize(
    ("access", "told"),
    [
        (Access(security_profile=0), ("not encrypted, no password", "profile 0")),
        (Access(security_profile=1, authorization="basic"), ("a password, not encrypted", "profile 1")),
        (
            Access(tls="TLSv1.3", security_profile=2, authorization="basic"),
            ("TLS 1.3, a password", "profile 2"),
        ),
        (Access(tls="TLSv1.2", security_profile=3), ("TLS 1.2, a certificate", "profile 3")),
        (Access(tls="TLSv1.2"), ("TLS 1.2, no password", "")),
    ],
)
def test_each_security_profile_has_its_words(access: Access, told: tuple[str, str]) -> None:
    security = facts(access, NOW_NS)[0]
    assert (security.text, security.note) == told


@pytest.mark.parametrize(
    ("left_ns", "note", "css"),
    [
        (SOON_NS + DAY_NS, "ends in 31 d 0 h", ""),
        (SOON_NS - DAY_NS, "ends in 29 d 0 h", "preparing"),
        (-2 * DAY_NS, "ended 2 d 0 h ago", "faulted"),
    ],
)
def test_a_certificate_is_coloured_before_its_end(left_ns: int, note: str, css: str) -> None:
    _, certificate = facts(shown(NOW_NS + left_ns), NOW_NS)
    assert (certificate.text, certificate.css) == ("CP1", css)
    assert certificate.note.replace("\u00a0", " ") == f"{note}, by our authority"


def test_a_name_that_is_not_the_stations_own_is_worth_a_look() -> None:
    own = facts(Access(security_profile=1, authorization="basic", user="h:1", own_name=True), NOW_NS)[1]
    other = facts(Access(security_profile=1, authorization="basic", user="h:1", own_name=False), NOW_NS)[1]
    assert (own.text, own.css, other.text, other.note, other.css) == (
        "its identity", "", "another name", "h:1", "preparing",
    )  # fmt: skip


def test_a_station_signs_in_as_on_the_newest_connection_that_lives() -> None:
    play = Play()
    play.link(LinkEvent.OPEN, connection=1, security_profile=1, authorization="basic")
    play.link(LinkEvent.OPEN, connection=2, tls="TLSv1.3", security_profile=2, authorization="basic")
    station = play.fleet.stations[play.station]
    assert station.access is not None
    assert station.access.security_profile == 2
    play.link(LinkEvent.CLOSED, connection=2, by="station", reason="fin")
    station = play.fleet.stations[play.station]
    assert station.access is not None
    assert station.access.security_profile == 1


async def test_who_has_to_renew_is_found_from_the_overview(
    client: httpx2.AsyncClient, network: Network
) -> None:
    assert "Certificates end" not in (await client.get("/")).text
    assert "expiring=1" not in (await client.get("/fleet")).text
    (soon, late) = list(network.stations)[:2]
    for identity, left_ns in ((soon, 3 * DAY_NS), (late, 300 * DAY_NS)):
        access = shown(network.now_ns() + left_ns)
        network.stations[identity] = msgspec.structs.replace(network.stations[identity], access=access)
    assert "Certificates end" in (await client.get("/")).text
    assert "expiring=1" in (await client.get("/fleet")).text
    found = (await client.get("/fleet?expiring=1")).text
    assert f'/stations/{soon}"' in found
    assert f'/stations/{late}"' not in found
    page = (await client.get(f"/stations/{soon}")).text
    assert "TLS 1.2, a certificate" in page
    assert "our authority" in page
    told = (await client.get(f"/api/stations/{soon}")).json()["access"]
    assert (told["security_profile"], told["certificate"]["name"]) == (3, "CP1")
