"""The registry as reports ask it: who owns, who drove, which plug. Pure look-ups, made once for each report.

What always holds: an answer that the registry does not give is None, so that a report leaves it empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from nocwatch.registry.model import RegistryFile
from nocwatch.registry.places import Place, Places
from nocwatch.reports.billed import Billed, billed
from nocwatch.sessions import Session


class Book:
    """A registry, by what a session names.

    Args:
        files: as they were read.
        places: the same registry as the pipeline sees it.

    Attributes:
        starts_ns: of a session: when those of its station with its transaction's number began; only asked where records name it.
    """

    def __init__(self, files: Iterable[RegistryFile] = (), places: Places | None = None) -> None:
        self.places = places or Places()
        self.starts_ns: Callable[[Session], Sequence[int]] = lambda session: (session.started_at_ns,)
        self._last: tuple[Session, Billed] | None = None
        self._parties = {each.id: each.country_code_party for file in files for each in file.operators}

    def place(self, session: Session) -> Place:
        return self.places.place(session.station)

    def cpo_name(self, session: Session) -> str | None:
        """Who owns the site."""
        place = self.place(session)
        return place.operator_name or place.operator or None

    def party(self, session: Session) -> str | None:
        """By which roaming partners know them."""
        return self._parties.get(self.place(session).operator) or None

    def team(self, session: Session) -> str | None:
        place = self.place(session)
        return place.team_name or place.team or None

    def team_plan(self, session: Session) -> str | None:
        return self.place(session).team_plan or None

    def site(self, session: Session) -> str | None:
        place = self.place(session)
        return place.site_name or place.site or None

    def evse_id(self, session: Session) -> str | None:
        return self.place(session).evse_id(session.evse, session.connector) or None

    def current(self, session: Session) -> str | None:
        """``ac`` or ``dc`` where the plugs in question are of one kind."""
        return self.place(session).current_of(session.evse, session.connector) or None

    def driver(self, session: Session) -> str | None:
        found = self.places.people.driver(session.token)
        return (found.name or found.id) if found else None

    def contact(self, session: Session) -> str | None:
        found = self.places.people.driver(session.token)
        return found.contact or None if found else None

    def vehicle(self, session: Session) -> str | None:
        """That said who it is, or the driver's only one. Of a driver with several nobody can tell which it was."""
        found = self.places.people.vehicle(session.token)
        return (found.name or found.id) if found else None

    def provider(self, session: Session) -> str | None:
        """Of the token itself, or of the prefix that it begins with."""
        return self.places.token(session.token).provider or None

    def roaming(self, session: Session) -> bool | None:
        """Whether the token begins as a roaming partner's do; None where nothing is said of that."""
        return self.places.token(session.token).roaming or None

    def billed(self, session: Session) -> Billed:
        """What other systems know of it. Many columns ask for one row: the last is remembered."""
        if self._last is None or self._last[0] is not session:
            imports = self.places.imports
            starts_ns = self.starts_ns(session) if imports.of_number(session) else ()
            self._last = (session, billed(session, imports, starts_ns))
        return self._last[1]

    def stations_of(self, names: Iterable[str], **wanted: str) -> list[str]:
        """Those of the stations whose place matches every field that is given, exactly or as a glob; fields as of ``Place``."""
        return [
            name
            for name in sorted({*names, *self.places.stations()})
            if all(
                fnmatchcase(getattr(self.places.place(name), field), pattern)
                for field, pattern in wanted.items()
            )
        ]
