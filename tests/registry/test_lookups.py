"""What reports, key figures, detectors and the console ask the registry."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from nocwatch.errors import ConfigurationError
from nocwatch.registry.load import load_registry
from nocwatch.registry.places import Places
from nocwatch.sessions import Session

FLEET = """
operators: [{id: acme, name: Acme Charging}]
sites:
  - {id: depot, operator: acme, timezone: Europe/Berlin, country: DE, access: private}
  - {id: kerb, operator: acme, timezone: Europe/Berlin, country: GB}
stations:
  - id: CP1
    site: depot
    charge_point_id: "47/11"
    tariff: standard
    evses:
      - {id: 1, evse_id: "DE*ACM*E1", connectors: [{id: 1, kind: ccs2, current: dc}, {id: 2, kind: chademo, current: dc}]}
      - {id: 2, evse_id: "DE*ACM*E2", connectors: [{id: 1, kind: type2, current: ac}]}
  - {id: CP2, site: kerb, tariff: standard}
tokens:
  - {uid: CARD1, driver: jo}
  - {uid: CARD2, parent: FLEET1}
  - {uid: FLEET1}
  - {uid: NL-TNM-1}
  - {uid: NL-TNM-2, provider: Own}
token_prefixes: [{prefix: "NL", provider: Dutch, roaming: false}, {prefix: "nl-tnm", provider: TheNewMotion}]
groups: [{id: couriers}]
drivers: [{id: jo, name: Jo, group: couriers}, {id: kim}]
vehicles:
  - {id: van7, driver: jo, evccid: "00:1a:2B:3c:4d:5e"}
  - {id: van8, driver: kim, vin: WVWZZZ1}
  - {id: van9, driver: kim}
tariffs: [{id: standard, per_kwh: 0.49}, {id: cheap, per_kwh: 0.29}]
access_profiles:
  - {id: fleet, tariff: cheap, groups: [couriers], tokens: [FLEET1], sites: [depot],
     days: [mon, tue, wed, thu, fri], from: "06:00", to: "22:00"}
exclusions:
  - {scope: {site: depot}, from: 2026-05-01T00:00:00Z, until: 2026-05-02T00:00:00Z, cause: utility_outage}
  - {scope: {station: CP1}, from: 2026-05-03T00:00:00Z, until: 2026-05-04T00:00:00Z, cause: vandalism}
update_hosts: [firmware.acme.example, "*.logs.example", "other.example:8443"]
links: {station: "https://csms.example/s/{charge_point_id}", session: "https://csms.example/tx/{transaction}"}
"""


def hashed(uid: str) -> str:
    return f"h:{uid.casefold()}"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return load_registry(tmp_path, hashed).places


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


def session(token: str | None, began: str, station: str = "CP1", **more: object) -> Session:
    return Session(
        id="s1", station=station, token=token, started_at_ns=at(began), changed_at_ns=at(began), **more
    )  # type: ignore[arg-type]


MONDAY = "2026-05-04T08:00:00+02:00"


@pytest.mark.parametrize(
    ("token", "began", "station", "profile", "breach"),
    [
        ("h:card1", MONDAY, "CP1", "fleet", ""),
        ("h:card2", MONDAY, "CP1", "fleet", ""),
        ("h:001a2b3c4d5e", MONDAY, "CP1", "fleet", ""),
        ("h:card1", "2026-05-04T22:00:00+02:00", "CP1", "", "it began at 22:00 on Monday"),
        ("h:card1", "2026-05-03T08:00:00+02:00", "CP1", "", "it began at 08:00 on Sunday"),
        ("h:card1", "2026-05-04T20:30:00Z", "CP1", "", "it began at 22:30"),
        ("h:card1", MONDAY, "CP2", "", "fleet does not allow it at this place"),
        ("h:stranger", MONDAY, "CP1", "", ""),
        (None, MONDAY, "CP1", "", ""),
        ("h:card1", MONDAY, "CP9", "", "not allow it at this place"),
    ],
)
def test_a_card_is_used_where_and_when_its_profile_says(
    places: Places, token: str | None, began: str, station: str, profile: str, breach: str
) -> None:
    found = places.access(session(token, began, station))
    assert found.profile == profile
    assert breach in found.breach
    assert bool(found.breach) == bool(breach)


def test_with_deny_a_stranger_is_a_breach(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("access_default: deny\n")
    found = load_registry(tmp_path, hashed).places.access(session("h:stranger", MONDAY))
    assert found.breach == "no access profile names this token"


def test_a_public_profile_lets_everybody_in_while_it_is_open(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "sites: [{id: kerb}]\nstations: [{id: CP2, site: kerb}]\naccess_default: deny\n"
        'access_profiles: [{id: day, public: true, sites: [kerb], from: "06:00", to: "20:00"}]\n'
    )
    places = load_registry(tmp_path, hashed).places
    assert places.access(session("h:x", "2026-05-04T08:00:00Z", "CP2")).profile == "day"
    assert "it began at 21:00" in places.access(session("h:x", "2026-05-04T21:00:00Z", "CP2")).breach


def test_the_profiles_tariff_comes_before_the_stations(places: Places) -> None:
    tariffs = [
        places.tariff(session(token, MONDAY, station))
        for token, station in (("h:card1", "CP1"), ("h:stranger", "CP1"), ("h:stranger", "CP9"))
    ]
    assert [each and each.id for each in tariffs] == ["cheap", "standard", None]


def test_a_vehicle_is_known_by_what_it_says_however_it_is_written_or_as_the_drivers_only_one(
    places: Places,
) -> None:
    people = places.people
    for said in ("h:00:1a:2b:3c:4d:5e", "h:001a2b3c4d5e", "h:vid:001a2b3c4d5e", "h:card1"):
        vehicle = people.vehicle(said)
        assert vehicle
        assert vehicle.id == "van7"
    vin = people.vehicle("h:wvwzzz1")
    assert vin
    assert vin.id == "van8"
    driver = people.driver("h:001a2b3c4d5e")
    group = people.group("h:card1")
    assert driver
    assert group
    assert (driver.name, group.id) == ("Jo", "couriers")
    assert people.vehicle("h:stranger") is None


def test_the_longest_prefix_names_the_provider_of_a_token_that_has_none(places: Places) -> None:
    assert (places.token("h:nl-tnm-1").provider, places.token("h:nl-tnm-1").roaming) == ("TheNewMotion", True)
    assert places.token("h:nl-tnm-2").provider == "Own"
    assert places.token("h:card1").provider == ""


def test_exclusions_of_a_month_are_cut_to_it_and_those_of_others_left_out(places: Places) -> None:
    found = places.exclusions_of(places.place("CP1"), at("2026-05-01T12:00:00Z"), at("2026-05-03T06:00:00Z"))
    assert [(each.cause, (each.until_ns - each.from_ns) // 3_600_000_000_000) for each in found] == [
        ("utility_outage", 12),
        ("vandalism", 6),
    ]
    assert places.exclusions_of(places.place("CP2"), 0, at("2027-01-01T00:00:00Z")) == ()


def test_links_are_made_of_what_is_known_and_nothing_in_them_breaks_out(places: Places) -> None:
    assert places.station_link("CP1") == "https://csms.example/s/47%2F11"
    assert places.station_link("CP9") == ""
    done = session(None, MONDAY, transaction="a b/../?x")
    assert places.session_link(done) == "https://csms.example/tx/a%20b%2F..%2F%3Fx"
    assert places.session_link(session(None, MONDAY)) == ""
    assert places.session_link(done, "receipt") == ""


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://firmware.acme.example/x300.bin", True),
        ("ftp://user:pw@FIRMWARE.acme.example./x300.bin", True),
        ("https://firmware.acme.example.evil.example/x", False),
        ("https://firmware.acme.example@evil.example/x", False),
        ("https://eu.logs.example:9/", True),
        ("https://logs.example/", False),
        ("https://other.example:8443/", True),
        ("https://other.example/", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_firmware_comes_from_hosts_that_are_named(places: Places, address: str, allowed: bool) -> None:
    assert places.host_allowed(address) is allowed
    assert Places().host_allowed(address) is None


def test_a_connector_has_its_evse_id_plug_and_current(places: Places) -> None:
    place = places.place("CP1")
    assert (place.evse_id(None, 2), place.evse_id(1, 2), place.evse_id(None, None)) == (
        "DE*ACM*E2",
        "DE*ACM*E1",
        "",
    )
    assert (place.plug(1, 2), place.plug(1, None), place.plug(None, 2)) == ("chademo", "", "type2")
    assert (place.current_of(1, None), place.current_of(None, 2), place.current) == ("dc", "ac", "")


def test_regulations_follow_from_country_current_and_access_unless_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        """
sites: [{id: uk, country: GB}, {id: la, country: US-CA}, {id: ny, country: US-NY}, {id: own, country: GB, access: private}]
stations:
  - {id: A, site: uk}
  - {id: B, site: la, evses: [{id: 1, connectors: [{id: 1, current: dc}]}]}
  - {id: C, site: ny, evses: [{id: 1, connectors: [{id: 1, current: dc}]}]}
  - {id: D, site: own}
  - {id: E, site: own, regulations: [nevi]}
  - {id: F, site: la, evses: [{id: 1, connectors: [{id: 1, current: ac}]}]}
"""
    )
    places = load_registry(tmp_path, hashed).places
    assert [places.place(each).regulations for each in "ABCDEF"] == [
        ("uk",),
        ("nevi", "california"),
        ("nevi",),
        (),
        ("nevi",),
        (),
    ]


def test_stations_that_the_registry_lacks_are_listed(places: Places) -> None:
    assert places.unknown(["CP9", "CP1", "CP8"]) == ("CP8", "CP9")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("factors: {kwh_per_100km: 18}\n", r"b\.yaml:1:factors: factors stands in .*a\.yaml:1 already"),
        ("stations: [{id: X, evses: [{id: 1}, {id: 1}]}]\n", r"evses\.1\.id: EVSE 1 stands in .*b\.yaml:1"),
        ("vehicles: [{id: v, vin: w1}]\n", r"vehicles\.0\.vin: 'w1' stands in .*a\.yaml:2 already"),
        (
            "access_profiles: [{id: p, evses: [DE*X]}]\n",
            r"access_profiles\.0\.evses: there is no 'DE\*X' among the EVSE-IDs",
        ),
        (
            "exclusions: [{scope: {site: dept}, from: 2026-05-01T00:00:00Z, until: 2026-05-02T00:00:00Z}]\n",
            r"exclusions\.0\.scope\.site: there is no 'dept' among the sites; did you mean depot\?",
        ),
        (
            "exclusions: [{from: 2026-05-01T00:00:00Z, until: 2026-05-02T00:00:00Z, cause: vandals}]\n",
            r"exclusions\.0\.cause: this must be",
        ),
        ("links: {station: 'csms.example/{id}'}\n", r"links\.station: this must begin with http"),
        ("links: {session: 'https://csms.example/{tx}'}\n", r"there is no \{tx\} here; there are \{charge"),
        ("tariffs: [{id: t, per_kwh: -0.1}]\n", r"tariffs\.0\.per_kwh: this must be at least 0"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.yaml").write_text(
        "factors: {kwh_per_100km: 20}\nvehicles: [{id: w, vin: W1}]\nsites: [{id: depot}]\n"
    )
    (tmp_path / "b.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=told):
        load_registry(tmp_path, hashed)


def test_a_master_token_opens_every_place_at_every_hour(tmp_path: Path) -> None:
    """The fitter who comes at night breaches nothing; a profile that names it still gives its tariff."""
    text = """
access_default: deny
tokens: [{uid: fitter, master: true}, {uid: guest}]
access_profiles: [{id: day, tokens: [fitter, guest], tariff: null, sites: [], evses: [], from: "06:00", to: "22:00", days: [mon]}]
"""
    (tmp_path / "r.yaml").write_text(text)
    places = load_registry(tmp_path, hashed).places
    night = "2026-05-05T03:00:00Z"
    assert places.access(session("h:guest", night)).breach
    assert places.access(session("h:fitter", night)).breach == ""
    assert places.access(session("h:fitter", "2026-05-04T10:00:00Z")).profile == "day"


def test_a_teams_plan_and_whether_it_pays_stand_with_its_stations(tmp_path: Path) -> None:
    text = "teams: [{id: north, name: North, paying: false, plan: Pro}]\nsites: [{id: depot, team: north}]\nstations: [{id: CP1, site: depot}, {id: CP2}]\n"
    (tmp_path / "r.yaml").write_text(text)
    places = load_registry(tmp_path, hashed).places
    assert (places.place("CP1").team_plan, places.place("CP1").team_pays) == ("Pro", False)
    assert (places.place("CP2").team_plan, places.place("CP2").team_pays) == ("", True)
