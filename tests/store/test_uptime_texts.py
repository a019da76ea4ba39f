"""Which regulator's text a port is measured by, where nobody chose one: never by that of a country in which it does not stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.alerts import HOUR, NOON
from tests.support.history import a_station, batch_of, status

from nocwatch.network import ConnectorStatus
from nocwatch.registry.place import Place, Scope
from nocwatch.registry.places import Places
from nocwatch.store.store import Store
from nocwatch.store.uptime import months, uptime_months


@pytest.mark.parametrize(
    ("country", "regulations", "chosen", "texts"),
    [
        ("", (), [], {"nevi"}),
        ("DE", (), [], set()),
        ("DE", (), ["nevi"], {"nevi"}),
        ("DE", ("california",), [], {"california"}),
        ("US", ("nevi",), [], {"nevi"}),
    ],
)
def test_a_german_port_is_not_told_by_an_american_programme(
    tmp_path: Path, country: str, regulations: tuple[str, ...], chosen: list[str], texts: set[str]
) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    store.apply(batch_of(a_station(), status(ConnectorStatus.AVAILABLE, NOON)))
    places = Places({"CP1": Place(station="CP1", known=True, country=country, regulations=regulations)})
    with store.database.snapshot() as reader:
        found = uptime_months(reader, places, Scope(), months(NOON, NOON + 1, "UTC"), NOON + HOUR, chosen)
    assert {row.regulation for row in found} == texts
    store.close()


@pytest.mark.parametrize(
    ("text", "current", "power_kw", "told"),
    [
        ("uk", "dc", 50.0, True),
        ("uk", "dc", 49.9, False),
        ("uk", "ac", 22.0, False),
        ("uk", "dc", None, True),
        ("california", "dc", 50.0, True),
        ("california", "ac", 19.2, False),
        ("california", "", None, True),
        ("nevi", "ac", 7.0, True),
    ],
)
def test_a_text_is_about_rapid_points_or_dc_ports_alone(
    tmp_path: Path, text: str, current: str, power_kw: float | None, told: bool
) -> None:
    """Of a port of which the registry tells neither power nor current nobody can say that a text leaves it out."""
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    store.apply(batch_of(a_station(), status(ConnectorStatus.AVAILABLE, NOON)))
    place = Place(
        station="CP1",
        known=True,
        regulations=(text,),
        currents={"1/1": current} if current else {},
        powers_kw_max={} if power_kw is None else {"1/1": power_kw},
    )
    with store.database.snapshot() as reader:
        found = uptime_months(
            reader, Places({"CP1": place}), Scope(), months(NOON, NOON + 1, "UTC"), NOON + HOUR, [text]
        )
    assert any(row.station == "CP1" or text == "uk" for row in found) is told
    store.close()
