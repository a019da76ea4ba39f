"""Which stations a report is of, and what is said where nothing is. It asks a registry and a store, and changes neither.

What always holds: whoever asked for what is not there is told which of their words it was, and the one that they likely meant.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from nocwatch.errors import NocwatchError
from nocwatch.kpis.grouping import UNKNOWN
from nocwatch.moments import rfc3339
from nocwatch.registry.places import Place, Places, Scope
from nocwatch.reports.book import Book
from nocwatch.sentences import likely
from nocwatch.store.key_figures import place_of, sockets_of
from nocwatch.store.key_figures import stations_of as stations_in
from nocwatch.store.reading import every_session
from nocwatch.store.values import SessionFilter

NAMED_MAX = 12
"""Of so few things all are named to whoever named none of them."""


def stations_of(book: Book, seen: Collection[str], asked: dict[str, str | None]) -> tuple[str, ...] | None:
    """The stations that all filters name; None where none is given. Fields are those of a place.

    Raises:
        NocwatchError: there is none.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    if not given:
        return None
    found = book.stations_of(seen, **given)
    if not found:
        raise NocwatchError(_why_none(book, seen, given))
    return tuple(found)


def heed(reader: sqlite3.Connection, places: Places, scope: Scope, upstream: str | None = None) -> None:
    """Nothing where a station is in the scope.

    Raises:
        NocwatchError: none is, with the word that none is known by, and what was likely meant.
    """
    place = place_of(reader, places)
    asked = scope.model_dump(exclude_none=True)
    if stations_in(reader, place, scope) == []:
        seen = stations_in(reader, place, Scope(station="*")) or []
        known = sorted({*seen, *places.stations()})
        # What a station ran or has for sockets is told apart by sums and not by its place.
        by_place = {name: asked[name] for name in asked if name not in ("firmware", "current")}
        if any(Scope(**by_place).covers(place(each)) for each in known):
            return  # the registry has such stations, and none of them was ever seen
        raise NocwatchError(_why_not(place, known, by_place))
    if (current := asked.get("current")) is not None and not sockets_of(reader, place, scope):
        raise NocwatchError(
            f"--current {current}: no connector is known to be that; it is told by the registry as ac or dc"
        )
    if upstream is not None and upstream != UNKNOWN:
        there = {
            row[0] for row in reader.execute("SELECT DISTINCT upstream FROM sessions WHERE upstream <> ''")
        }
        if not any(fnmatchcase(each, upstream) for each in there):
            raise NocwatchError(
                f"--upstream {upstream}: no session went to such a CSMS{likely(upstream, there)}"
            )


def _why_not(place: Callable[[str], Place], every: Sequence[str], asked: Mapping[str, str]) -> str:
    for name, value in asked.items():
        there = {str(getattr(place(each), name)) for each in every} - {""}
        if value != UNKNOWN and not any(fnmatchcase(each, value) for each in there):
            return _none_is(name, value, there, map(place, every))
    words = " ".join(f"--{name} {value}" for name, value in asked.items())
    return f"{words}: no station that was seen or is in the registry is all of that"


def nothing_found(reader: sqlite3.Connection) -> str:
    """From when to when there are sessions, for who asked for a time or a thing that has none."""
    ends = [next(every_session(reader, SessionFilter(order=order)), None) for order in ("oldest", "newest")]
    if ends[0] is None or ends[1] is None:
        return "there is no session in the store yet"
    first, last = (rfc3339(each.started_at_ns)[:19] + "Z" for each in ends if each is not None)
    return f"no session is such a one; those in the store began from {first} to {last}"


def _why_none(book: Book, seen: Collection[str], given: dict[str, str]) -> str:
    known = {*seen, *book.places.stations()}
    for name, value in given.items():
        if book.stations_of(seen, **{name: value}):
            continue
        places = [book.places.place(each) for each in sorted(known)]
        return _none_is(name, value, {str(getattr(each, name)) for each in places} - {""}, places)
    words = " ".join(f"--{name} {value}" for name, value in given.items())
    return f"{words}: no station that was seen or is in the registry is all of that"


def named_so(value: str, field: str, places: Iterable[Place]) -> str:
    """``; that is the name of x`` for who wrote the name that pages show, and not the id of a station, site, operator or team."""
    shown = {"station": "name"}.get(field, f"{field}_name")
    wanted = value.casefold()
    ids = {str(getattr(each, field)) for each in places if str(getattr(each, shown, "")).casefold() == wanted}
    return f"; that is the name of {' and '.join(sorted(ids))}" if 0 < len(ids) <= NAMED_MAX else ""


def evses_of(book: Book, evse: str) -> frozenset[str]:
    """The EVSE-IDs of the registry that are meant: the one that is just so, else all by the glob.

    In EVSE-IDs ``*`` parts the parts: as a glob ``DE*ACM*E1*1`` would be ``DE*ACM*E12*1`` too.

    Raises:
        NocwatchError: it has none, with the one that was likely meant.
    """
    there = {each for name in book.places.stations() for each in book.places.place(name).evse_ids.values()}
    there.discard("")
    if meant := {evse} & there or {each for each in there if fnmatchcase(each, evse)}:
        return frozenset(meant)
    if not there:
        raise NocwatchError(
            f"--evse {evse}: no station has any EVSE-ID; that is told by the registry (--set registry=FOLDER)"
        )
    raise NocwatchError(f"--evse {evse}: no EVSE of the registry has such an EVSE-ID{likely(evse, there)}")


def _none_is(name: str, value: str, there: Collection[str], places: Iterable[Place]) -> str:
    if name != "station" and not there:
        return f"--{name} {value}: no station has any {name}; that is told by the registry (--set registry=FOLDER)"
    what = "is such a one" if name == "station" else f"has such a {name}"
    near = named_so(value, name, places) or likely(value, there)
    if not near and 0 < len(there) <= NAMED_MAX:
        near = f"; there {'are' if len(there) > 1 else 'is'} {', '.join(sorted(there))}"
    return f"--{name} {value}: no station that was seen or is in the registry {what}{near}"
