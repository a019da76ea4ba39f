"""Somebody tries token after token at a station until one is taken."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings, Stage
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.ocpp.events import AuthorizeAnswered
from nocwatch.quantities import Duration
from nocwatch.sessions import Outcome
from nocwatch.state.changes import SessionChanged

TOKENS_MAX = 256
"""Refused tokens remembered for one station within the window: far above any threshold. The oldest is forgotten."""
STATIONS_MAX = 4096
"""Stations remembered for one provider's refusals; more than that is an outage anyway."""
_NOT_REFUSED = frozenset({"Accepted", ""})


class TokenBruteForceSettings(Settings):
    """What a rule can set of ``token_brute_force``."""

    tokens_min: int = Field(
        default=10, ge=2, description="So many different refused tokens, or more, within `within`."
    )
    within: Duration = Field(default=600.0, gt=0, description="The window.")
    outage_stations_min: int = Field(
        default=3,
        ge=2,
        description="Refusals of one provider's tokens on so many stations within the window are its outage.",
    )


class Refused(msgspec.Struct):
    """One refused token."""

    at_ns: int
    provider: str
    status: str
    frame: str = ""


class Refusals(msgspec.Struct):
    """Of a station (key: ``station <id>``): token hash → its last refusal. Of a provider (key: ``provider <id>``): station → its last one."""

    tokens: dict[str, Refused] = {}
    stations: dict[str, int] = {}


class TokenBruteForce(Detector[TokenBruteForceSettings, Refusals]):
    """Tokens tried one after another.

    Sees `tokens_min` different tokens refused on one station `within` 10 minutes, in Authorize as in the answer to a start. One flag a
    station, an event.

    A provider's outage is none: refusals of one provider's tokens on `outage_stations_min` stations or more within the window do not count.
    Tokens of no known provider count as an outage only where most of them were refused elsewhere. The same token again and again
    is one token.
    """

    name = "token_brute_force"
    stage = Stage.FLEET
    category = Category.FRAUD
    severity = Severity.CRITICAL
    hears: ClassVar[Hears] = (AuthorizeAnswered, SessionChanged)
    Settings = TokenBruteForceSettings
    State = Refusals
    title = "Tokens tried one after another"
    advice = (
        "Look at the site's camera or send someone: a person stands there with a reader, or the station's reader is broken and invents numbers. Check in the "
        "CSMS whether one of the tokens was accepted in the end, and block it."
    )
    quiet_in_maintenance = False
    numbers: ClassVar[dict[str, str]] = {"tokens": "different refused tokens within the window"}

    def on(self, event: Any, context: Context[Refusals]) -> None:
        if isinstance(event, AuthorizeAnswered):
            if event.status not in _NOT_REFUSED and event.token:
                self._refused(event.station, event.token, event.status, event.at_ns, event.frame, context)
            return
        session = event.now
        if event.ended and session.outcome is Outcome.REJECTED and session.token:
            state = context.peek(f"station {session.station}")
            if state is not None and session.token in state.tokens:
                return
            frame = event.frames[0] if event.frames else ""
            self._refused(session.station, session.token, "refused", session.started_at_ns, frame, context)

    def due(self, key: str, context: Context[Refusals]) -> None:
        """The window of the latest refusal is over: the key is of no more use."""
        context.forget(key)

    def _refused(
        self, station: str, token: str, status: str, at_ns: int, frame: str, context: Context[Refusals]
    ) -> None:
        begin_ns = context.now_ns - round(self.settings.within * SECOND_NS)
        if at_ns <= begin_ns:
            return
        provider = context.places.token(token).provider
        here, there = context.state(f"station {station}"), context.state(f"provider {provider}")
        here.tokens.pop(token, None)
        here.tokens[token] = Refused(at_ns, provider, status, frame)
        there.stations.pop(station, None)
        there.stations[station] = at_ns
        here.tokens = {
            name: each for name, each in list(here.tokens.items())[-TOKENS_MAX:] if each.at_ns > begin_ns
        }
        while there.stations and (
            ((first := next(iter(there.stations))) and there.stations[first] <= begin_ns)
            or len(there.stations) > STATIONS_MAX
        ):
            del there.stations[first]
        for key in (f"station {station}", f"provider {provider}"):
            context.wake(key, context.now_ns + round(self.settings.within * SECOND_NS))
        if len(here.tokens) >= self.settings.tokens_min:
            self._judge(station, here, begin_ns, context)

    def _judge(self, station: str, here: Refusals, begin_ns: int, context: Context[Refusals]) -> None:
        if context.raised(station):
            return
        counted = {
            token: each
            for token, each in here.tokens.items()
            if not self._outage(station, each.provider, begin_ns, context)
        }
        if len(counted) < self.settings.tokens_min:
            return
        first = min(each.at_ns for each in counted.values())
        last = max(each.at_ns for each in counted.values())
        statuses = sorted({each.status for each in counted.values()})
        context.raise_flag(
            station,
            f"{context.place(station).name or station}: {len(counted)} different tokens were refused within {wording.span(last - first)}.",
            station=station,
            onset_ns=first,
            blame=Blame.DRIVER,
            evidence=tuple(
                Evidence(
                    text=f"Token {token} refused ({each.status}) at {wording.moment(each.at_ns)}.",
                    at_ns=each.at_ns,
                    frames=(each.frame,) if each.frame else (),
                )
                for token, each in counted.items()
            ),
            event=True,
            numbers={"tokens": len(counted), "statuses": ", ".join(statuses)},
        )

    def _outage(self, station: str, provider: str, begin_ns: int, context: Context[Refusals]) -> bool:
        there = context.peek(f"provider {provider}")
        if there is None:
            return False
        stations = [name for name, at_ns in there.stations.items() if at_ns > begin_ns]
        if len(stations) < self.settings.outage_stations_min:
            return False
        if provider:
            return True
        shares = {name: self._number(name, begin_ns, context) for name in stations}
        return 2 * shares.get(station, 0) < sum(shares.values())

    def _number(self, station: str, begin_ns: int, context: Context[Refusals]) -> int:
        state = context.peek(f"station {station}")
        return (
            0
            if state is None
            else sum(1 for each in state.tokens.values() if each.at_ns > begin_ns and not each.provider)
        )
