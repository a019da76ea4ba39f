"""A rule's own ``summary``: a Jinja2 template that operators write, compiled once, tried when the rule is loaded.

It is not trusted: it runs in Jinja's immutable sandbox, sees values only, and a name that does not exist is an error and not
an empty word. Where it fails on a flag all the same, the detector's own sentence stands and the failure is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jinja2
import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nocwatch.flags import Category, Flag, Severity
from nocwatch.network import Station
from nocwatch.registry.places import Place
from nocwatch.sessions import Session

LENGTH_MAX = 1000
"""Characters of a summary: it is a line on a screen and the body of a message to a phone; what is longer is cut."""


class StationWords(msgspec.Struct, frozen=True, kw_only=True):
    """``station`` in a template: the link's facts and the registry's under one name. ``name`` is never empty."""

    id: str
    name: str
    site: str = ""
    operator: str = ""
    team: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    version: str = ""
    upstream: str = ""
    online: bool = False


class Summary:
    """One compiled template."""

    def __init__(self, text: str) -> None:
        """Compiles it.

        Raises:
            ValueError: with what is wrong with it.
        """
        try:
            self._template = _environment().from_string(text)
        except jinja2.TemplateSyntaxError as error:
            raise ValueError(f"no valid template: {error.message}") from None

    def try_out(self, numbers: Mapping[str, str]) -> None:
        """Fills it in for a made-up flag that has those numbers, so that a misspelt name shows before the first flag.

        Raises:
            ValueError: with what is wrong with it.
        """
        flag = _SAMPLE_FLAG
        try:
            self.fill(flag, Place(station="CP1"), None, _SAMPLE_SESSION, dict.fromkeys(numbers, 1))
        except jinja2.UndefinedError as error:
            raise ValueError(f"{error.message}; {_names(numbers)}") from None
        except Exception as error:  # noqa: BLE001 - whatever an operator's template can do wrong is told as its mistake
            raise ValueError(f"the template fails: {error}") from None

    def fill(
        self,
        flag: Flag,
        place: Place,
        station: Station | None,
        session: Session | None,
        numbers: Mapping[str, float | int | str],
    ) -> str:
        """The sentence for one flag; raises whatever the template raises.

        Of a flag about the fleet, ``station`` and ``place`` have the flag's subject as their name.
        """
        names: dict[str, Any] = {
            "rule": flag.rule,
            "key": flag.key,
            "summary": flag.summary,
            "severity": str(flag.severity),
            "subject": flag.subject,
            "evse": flag.evse,
            "connector": flag.connector,
            "numbers": numbers,
            "place": place,
            "station": _words(place, station),
        }
        if session is not None:
            names["session"] = session
        return self._template.render(names)[:LENGTH_MAX]


def _words(place: Place, station: Station | None) -> StationWords:
    return StationWords(
        id=place.station,
        name=place.name or place.station,
        site=place.site,
        operator=place.operator,
        team=place.team,
        vendor=place.vendor,
        model=place.model,
        firmware=place.firmware,
        serial=station.serial if station else "",
        version=station.version if station else "",
        upstream=station.upstream if station else "",
        online=station.online if station else False,
    )


def _names(numbers: Mapping[str, str]) -> str:
    known = "a template knows station, place, session, key, summary, rule, severity, subject, evse, connector and numbers"
    return known + (f" (numbers.{', numbers.'.join(numbers)})" if numbers else "")


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)


_SAMPLE_FLAG = Flag(
    id="0" * 16,
    rule="sample",
    detector="sample",
    category=Category.HARDWARE,
    severity=Severity.WARNING,
    key="CP1",
    station="CP1",
    evse=1,
    connector=1,
    onset_at_ns=0,
    at_ns=0,
    summary="A sample.",
)
_SAMPLE_SESSION = Session(
    id="0" * 16,
    station="CP1",
    evse=1,
    connector=1,
    transaction=1,
    started_at_ns=0,
    changed_at_ns=0,
    stopped_at_ns=0,
    energy_wh=0.0,
    meter_start_wh=0.0,
    meter_stop_wh=0.0,
    power_w=0.0,
    power_w_max=0.0,
    soc_percent=0.0,
)
