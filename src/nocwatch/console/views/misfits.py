"""What a station and others disagree on: what the registry says of it, and what OCPP's schemas ask of its messages. Pure.

Neither is a fault by itself: somebody has to look which of the two is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from nocwatch.network import Station
from nocwatch.registry.place import Place

REASONS_SHOWN = 8
"""Of messages that do not fit, on a station's page; a firmware has some five."""


class Disagreement(NamedTuple):
    """Of one thing: what the registry says, and what the station says."""

    what: str
    registry: str
    station: str


class Misfit(NamedTuple):
    """Messages of one kind that do not fit: ``StatusNotification``, ``enum at errorCode``, how many were seen."""

    action: str
    what: str
    number: int


def disagreements(place: Place, station: Station) -> list[Disagreement]:
    """None for a station that the registry lacks: it says nothing of it."""
    return [*_said(place, station)] if place.known else []


def misfits(reasons: Mapping[str, int]) -> tuple[list[Misfit], int]:
    """The most frequent first, and how many kinds are not shown. The reasons are ``Fleet.misfits``'s: ``action keyword path``."""
    ordered = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return [_misfit(*pair) for pair in ordered[:REASONS_SHOWN]], max(len(ordered) - REASONS_SHOWN, 0)


def _misfit(reason: str, number: int) -> Misfit:
    action, _, rest = reason.partition(" ")
    keyword, _, path = rest.partition(" ")
    action = f"{action.removesuffix('.conf')} (answer)" if action.endswith(".conf") else action
    if not rest:
        return Misfit("Others", "more kinds than are kept", number)
    return Misfit(
        action,
        f"{path}: {_KEYWORDS.get(keyword, keyword)}" if path else _KEYWORDS.get(keyword, keyword),
        number,
    )


_KEYWORDS = {
    "required": "a field is missing",
    "enum": "a word that OCPP does not know",
    "maxLength": "too long",
    "type": "of another type",
    "additionalProperties": "a field that OCPP does not know",
    "format": "of another form",
    "maxItems": "too many",
    "minItems": "too few",
    "multipleOf": "too many decimals",
    "maximum": "too large",
    "minimum": "too small",
    "unreadable": "the schema cannot be applied",
}


def _said(place: Place, station: Station) -> Iterator[Disagreement]:
    for what, registry, said in (
        ("Vendor", place.vendor, station.vendor),
        ("Model", place.model, station.model),
    ):
        if registry and said and not _alike(registry, said):
            yield Disagreement(what, registry, said)
    listed = _evses(place)
    seen = {socket.connector if socket.evse is None else socket.evse for socket in station.connectors}
    if listed and seen and listed != seen:
        unit = "EVSEs" if any(socket.evse is not None for socket in station.connectors) else "Connectors"
        yield Disagreement(unit, _numbers(listed), _numbers(seen))


def _evses(place: Place) -> set[int]:
    """EVSE numbers of the registry; 1.6's connector n is EVSE n."""
    names = {*place.kinds, *place.currents, *place.powers_kw_max}
    numbers = {name.partition("/")[0] for name in names}
    return {int(number) for number in numbers if number.isdecimal()} | set(place.evse_ids)


def _alike(one: str, other: str) -> bool:
    """``Terra 184`` is ``terra-184``, and ``ABB`` is in ``ABB E-mobility``: people write names as they like."""
    first, second = (
        "".join(letter for letter in text.casefold() if letter.isalnum()) for text in (one, other)
    )
    return first in second or second in first


def _numbers(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
