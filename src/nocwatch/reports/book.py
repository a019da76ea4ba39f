"""The registry as reports ask it: who owns, who drove, which plug. Pure look-ups, made once for each report.

What always holds: an answer that the registry does not give is None, so that a report leaves it empty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase

from nocwatch.registry.model import (
    ConnectorRecord,
    Driver,
    EvseRecord,
    Operator,
    RegistryFile,
    StationRecord,
    Team,
    Vehicle,
)
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import Session


class Book:
    """All files of a registry, by what a session names.

    Args:
        files: as they were read.
        places: the same registry as the pipeline sees it.
    """

    def __init__(self, files: Iterable[RegistryFile], places: Places) -> None:
        self.places = places
        self.operators: dict[str, Operator] = {}
        self.teams: dict[str, Team] = {}
        self._stations: dict[str, StationRecord] = {}
        self._drivers: dict[str, Driver] = {}
        self._vehicles: defaultdict[str, list[Vehicle]] = defaultdict(list)
        for file in files:
            self.operators.update((each.id, each) for each in file.operators)
            self.teams.update((each.id, each) for each in file.teams)
            self._stations.update((each.id, each) for each in file.stations)
            self._drivers.update((each.id, each) for each in file.drivers)
            for vehicle in file.vehicles:
                if vehicle.driver:
                    self._vehicles[vehicle.driver].append(vehicle)

    def place(self, session: Session) -> Place:
        return self.places.place(session.station)

    def operator(self, session: Session) -> Operator | None:
        """Who owns the site."""
        return self.operators.get(self.place(session).operator)

    def team(self, session: Session) -> str | None:
        team = self.place(session).team
        return (self.teams[team].name or team) if team in self.teams else team or None

    def evse(self, session: Session) -> EvseRecord | None:
        """OCPP 1.6 has no EVSEs: its connector n is EVSE n of the registry."""
        record = self._stations.get(session.station)
        number = session.connector if session.evse is None else session.evse
        evses = record.evses if record else ()
        return next((each for each in evses if each.id == number), None)

    def evse_id(self, session: Session) -> str | None:
        evse = self.evse(session)
        return (evse.evse_id or None) if evse else None

    def connectors(self, session: Session) -> tuple[ConnectorRecord, ...]:
        """The connector; of a 1.6 station, which does not tell its plugs apart, all of the EVSE."""
        evse = self.evse(session)
        if evse is None:
            return ()
        if session.evse is None or session.connector is None:
            return evse.connectors
        return tuple(each for each in evse.connectors if each.id == session.connector)

    def current(self, session: Session) -> str | None:
        """``ac`` or ``dc`` where the plugs in question are of one kind."""
        kinds = {each.current for each in self.connectors(session)}
        return (kinds.pop() if len(kinds) == 1 else None) or self.place(session).current or None

    def driver(self, session: Session) -> Driver | None:
        return self._drivers.get(self.places.token(session.token).driver)

    def driver_name(self, session: Session) -> str | None:
        driver = self.driver(session)
        return (driver.name or driver.id) if driver else None

    def vehicle_name(self, session: Session) -> str | None:
        """Of a driver who has one vehicle. Of one who has several, frames do not tell which it was."""
        driver = self.driver(session)
        vehicles = self._vehicles.get(driver.id, []) if driver else []
        return (vehicles[0].name or vehicles[0].id) if len(vehicles) == 1 else None

    def provider(self, session: Session) -> str | None:
        return self.places.token(session.token).provider or None

    def known(self, session: Session) -> bool:
        """Whether the registry has the station at all."""
        return self.place(session).known

    def stations_of(self, names: Iterable[str], **wanted: str | None) -> list[str]:
        """Those of the stations whose place matches every field that is given, exactly or as a glob; fields as of ``Place``."""
        given = [(field, pattern) for field, pattern in wanted.items() if pattern is not None]
        return [
            name
            for name in sorted({*names, *self.places.stations()})
            if all(fnmatchcase(getattr(self.places.place(name), field), pattern) for field, pattern in given)
        ]
