"""Which route a flag takes: how it is grouped and timed, and who is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nocwatch.alerts.entry import Timing
from nocwatch.alerts.labels import group_of
from nocwatch.alerts.settings import FILE_RECEIVER, AlertSettings, RouteSettings
from nocwatch.flags import Flag, derived_id
from nocwatch.moments import SECOND_NS


class Routes:
    """The settings' routes, each known by an id made of what it matches and groups by: edits elsewhere do not change it."""

    def __init__(self, settings: AlertSettings) -> None:
        self._routes = [(_route_id(route), route) for route in settings.routes_in_force]
        # Of two routes that match and group alike only the first is ever reached: its times hold.
        self._timings = {route_id: _timing(route, settings) for route_id, route in reversed(self._routes)}
        self._always = () if settings.file is None else (FILE_RECEIVER,)

    def of(self, flag: Flag, facts: Mapping[str, str]) -> tuple[str, str, tuple[str, ...]]:
        """Route id, name of the group, and receivers: of the first route that fits, and of those that add theirs."""
        chosen: tuple[str, RouteSettings] | None = None
        receivers = list(self._always)
        for route_id, route in self._routes:
            if route.match.fits(facts):
                chosen = chosen or (route_id, route)
                receivers += route.receivers
                if not route.continue_:
                    break
        # The last of the routes in force fits everything.
        route_id, route = chosen or self._routes[-1]
        return route_id, group_of(flag, route.group_by, facts), tuple(dict.fromkeys(receivers))

    def timing(self, route_id: str) -> Timing:
        return self._timings.get(route_id) or self._timings[self._routes[-1][0]]


def _route_id(route: RouteSettings) -> str:
    patterns = msgspec.json.encode(dict(sorted(route.match.patterns.items()))).decode()
    return derived_id("route", patterns, *route.group_by)[:8]


def _timing(route: RouteSettings, settings: AlertSettings) -> Timing:
    times_s = (route.group_wait, route.group_interval, route.repeat_interval, settings.reopen_for)
    return Timing(*(int(time_s * SECOND_NS) for time_s in times_s))
