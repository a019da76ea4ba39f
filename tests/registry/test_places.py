"""What the registry says of a connector, whatever version of OCPP names it."""

from __future__ import annotations

import pytest

from nocwatch.registry.places import Place

PLACE = Place(station="CP1", powers_kw_max={"1/1": 150.0, "1/2": 50.0, "2/1": 22.0, "12/1": 11.0})


@pytest.mark.parametrize(
    ("evse", "connector", "power_kw"),
    [
        (None, 1, 150.0),
        (None, 2, 22.0),
        (None, 12, 11.0),
        (None, 3, None),
        (None, 0, None),
        (1, 2, 50.0),
        (2, 1, 22.0),
        (2, 2, None),
        (1, None, 150.0),
        (3, None, None),
        (None, None, None),
    ],
)
def test_connector_n_of_16_is_evse_n_of_the_registry(
    evse: int | None, connector: int | None, power_kw: float | None
) -> None:
    assert PLACE.power_kw(evse, connector) == power_kw
