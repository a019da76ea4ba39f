"""The registry says every mistake at once, with the place where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from nocwatch.errors import ConfigurationError
from nocwatch.registry.load import load_registry
from nocwatch.registry.place import Place


def hashed(uid: str) -> str:
    return f"h:{uid}"


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder


def test_a_station_gets_its_sites_facts(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.yaml",
        """
operators: [{id: acme}]
sites: [{id: depot, operator: acme, latitude: 53.54, longitude: 9.98, timezone: Europe/Berlin, access: private}]
""",
    )
    write(
        tmp_path,
        "b.yaml",
        """
stations:
  - {id: CP1, site: depot, vendor: ACME, evses: [{id: 1, connectors: [{id: 1, current: dc, power_kw_max: 150}]}]}
tokens: [{uid: "04A1", shared: true, parent: FLEET}]
""",
    )
    places = load_registry(tmp_path, hashed).places
    place = places.place("CP1")
    assert (place.site, place.operator, place.access, place.current, place.powers_kw_max) == (
        "depot",
        "acme",
        "private",
        "dc",
        {"1/1": 150.0},
    )
    assert places.token("h:04A1").shared
    assert places.token("h:04A1").parent == "h:FLEET"
    assert not places.place("CP9").known


def test_every_mistake_of_every_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "sites:\n  - id: depot\n    timezone: Berlin\n    colour: red\n")
    write(tmp_path, "b.yaml", "stations:\n  - id: CP1\n    evses: [{id: 0}]\n")
    with pytest.raises(ConfigurationError) as caught:
        load_registry(tmp_path, hashed)
    where = [(Path(problem.file).name, problem.line, problem.key) for problem in caught.value.problems]
    assert where == [
        ("a.yaml", 3, "sites.0.timezone"),
        ("a.yaml", 4, "sites.0.colour"),
        ("b.yaml", 3, "stations.0.evses.0.id"),
    ]


def test_a_reference_to_a_site_that_no_file_has_is_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "stations:\n  - id: CP1\n    site: dépôt\n")
    with pytest.raises(
        ConfigurationError, match=r"a\.yaml:3:stations\.0\.site: there is no 'dépôt' among the sites"
    ):
        load_registry(tmp_path, hashed)


def test_one_identity_in_two_files_names_the_other_place(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "stations: [{id: CP1}]\n")
    write(tmp_path, "b.yaml", "\nstations: [{id: CP1}]\n")
    with pytest.raises(
        ConfigurationError, match=r"b\.yaml:2:stations\.0\.id: 'CP1' stands in .*a\.yaml:1 already"
    ):
        load_registry(tmp_path, hashed)


@pytest.mark.parametrize("moment", ["2026-05-01T00:00:00", "yesterday"])
def test_an_exclusion_needs_a_moment_that_cannot_be_misread(tmp_path: Path, moment: str) -> None:
    write(tmp_path, "a.yaml", f"exclusions: [{{from: '{moment}', until: 2026-05-02T00:00:00Z}}]\n")
    with pytest.raises(ConfigurationError, match=r"exclusions\.0\.from"):
        load_registry(tmp_path, hashed)


def test_maintenance_covers_its_scope_for_its_time_only(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.yaml",
        """
stations: [{id: CP1}, {id: CP2}]
maintenance: [{scope: {station: CP1}, from: 2026-06-01T08:00:00+02:00, until: 2026-06-01T12:00:00+02:00}]
""",
    )
    places = load_registry(tmp_path, hashed).places
    at_nine = 1780297200 * 10**9  # 2026-06-01T09:00:00+02:00
    assert places.in_maintenance(places.place("CP1"), at_nine)
    assert not places.in_maintenance(places.place("CP2"), at_nine)
    assert not places.in_maintenance(places.place("CP1"), at_nine + 3 * 3600 * 10**9)


def test_no_registry_at_all_is_fine(tmp_path: Path) -> None:
    assert load_registry(tmp_path / "none", hashed).places.stations() == ()


def test_opening_hours_that_no_day_has_are_told_with_their_line(tmp_path: Path) -> None:
    """Past midnight is written as 26:00, and 31:00 is a slip; what is no time at all may be right elsewhere."""
    write(
        tmp_path,
        "a.yaml",
        'sites:\n  - {id: bar, opening_hours: "Mo-Su 18:00-26:00; PH off"}\n  - {id: depot, opening_hours: "06:00-31:00"}\n',
    )
    with pytest.raises(ConfigurationError) as caught:
        load_registry(tmp_path, hashed)
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (3, "sites.1.opening_hours")
    assert "'06:00-31:00' are no hours of a day; write 06:00-22:00, and over midnight 18:00-26:00" in str(
        problem
    )


SPAN = "from: 2026-05-01T00:00:00Z, until: 2026-05-02T00:00:00Z"
REFERENCES = [
    ("teams: [{id: t, operator: X}]", "teams.0.operator", "operators"),
    ("sites: [{id: s, operator: X}]", "sites.0.operator", "operators"),
    ("sites: [{id: s, team: X}]", "sites.0.team", "teams"),
    ("stations: [{id: c, site: X}]", "stations.0.site", "sites"),
    ("stations: [{id: c, tariff: X}]", "stations.0.tariff", "tariffs"),
    ("tokens: [{uid: u, driver: X}]", "tokens.0.driver", "drivers"),
    ("drivers: [{id: d, group: X}]", "drivers.0.group", "groups"),
    ("vehicles: [{id: v, driver: X}]", "vehicles.0.driver", "drivers"),
    ("access_profiles: [{id: p, tariff: X}]", "access_profiles.0.tariff", "tariffs"),
    ("access_profiles: [{id: p, groups: [X]}]", "access_profiles.0.groups", "groups"),
    ("access_profiles: [{id: p, drivers: [X]}]", "access_profiles.0.drivers", "drivers"),
    ("access_profiles: [{id: p, vehicles: [X]}]", "access_profiles.0.vehicles", "vehicles"),
    ("access_profiles: [{id: p, tokens: [X]}]", "access_profiles.0.tokens", "tokens"),
    ("access_profiles: [{id: p, sites: [X]}]", "access_profiles.0.sites", "sites"),
    ("access_profiles: [{id: p, evses: [X]}]", "access_profiles.0.evses", "EVSE-IDs of stations"),
    *(
        (f"{kind}: [{{scope: {{{field}: X}}, {SPAN}{cause}}}]", f"{kind}.0.scope.{field}", what)
        for kind, cause in (("exclusions", ", cause: vandalism"), ("maintenance", ""))
        for field, what in (("site", "sites"), ("operator", "operators"), ("team", "teams"))
    ),
]


@pytest.mark.parametrize(("text", "key", "what"), REFERENCES, ids=[key for _, key, _ in REFERENCES])
def test_whatever_is_named_must_be_there(tmp_path: Path, text: str, key: str, what: str) -> None:
    write(tmp_path, "a.yaml", f"# one line above\n{text}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_registry(tmp_path, hashed)
    (problem,) = caught.value.problems
    assert (Path(problem.file).name, problem.line, problem.key) == ("a.yaml", 2, key)
    assert problem.message.startswith(f"there is no 'X' among the {what}")


def test_an_exclusion_of_a_station_that_the_registry_lacks_is_no_mistake(tmp_path: Path) -> None:
    """It is watched all the same, so it can be out of service all the same."""
    text = f"exclusions: [{{scope: {{station: CP9, vendor: ACME}}, {SPAN}, cause: vandalism}}]"
    write(tmp_path, "a.yaml", text)
    assert load_registry(tmp_path, hashed).places.exclusions_of(Place(station="CP9", vendor="ACME"), 0, 2**62)


LISTS = (
    *("operators", "teams", "sites", "stations", "tokens", "drivers"),
    *("groups", "vehicles", "tariffs", "access_profiles"),
)


@pytest.mark.parametrize("kind", LISTS)
def test_a_name_stands_once_in_its_list(tmp_path: Path, kind: str) -> None:
    key = "uid" if kind == "tokens" else "id"
    write(tmp_path, "a.yaml", f"{kind}:\n  - {{{key}: X}}\n")
    write(tmp_path, "b.yaml", f"{kind}:\n  - {{{key}: X}}\n")
    with pytest.raises(
        ConfigurationError, match=rf"b\.yaml:2:{kind}\.0\.{key}: 'X' stands in .*a\.yaml:2 already"
    ):
        load_registry(tmp_path, hashed)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("factors: {co2_grid_g_per_kwh: '1E+999999'}", "factors.co2_grid_g_per_kwh"),
        ("factors: {kwh_per_100km: '1E-999999'}", "factors.kwh_per_100km"),
        ("tariffs: [{id: t, round_to: '1E+999999'}]", "tariffs.0.round_to"),
        (f"tariffs: [{{id: t, idle_free: {'9' * 400}s}}]", "tariffs.0.idle_free"),
        ("stations: [{id: a, evses: [{id: 1, connectors: [{id: 1, power_kw_max: 1e400}]}]}]", "stations.0.evses.0.connectors.0.power_kw_max"),
    ],
)  # fmt: skip
def test_numbers_that_nothing_can_be_reckoned_with_are_mistakes(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_registry(write(tmp_path, "a.yaml", text), hashed)
    assert [each.key for each in caught.value.problems] == [key]
