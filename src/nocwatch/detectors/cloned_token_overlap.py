"""One token in two places at once: a card was copied. What is known to be shared, or to be over, is left out."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings, Stage
from nocwatch.detectors.reading import connector_of, start_frames
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.network import ConnectorStatus
from nocwatch.ocpp.events import AuthorizeAnswered
from nocwatch.sessions import Session, StartSource
from nocwatch.state.changes import SessionChanged

LIVE_MAX = 64
"""Live transactions remembered for one token; the oldest is forgotten. A token with more is shared, whatever the registry says."""


class ClonedTokenSettings(Settings):
    """What a rule can set of ``cloned_token_overlap``."""

    distance_km_min: float = Field(
        default=1.0, ge=0, description="Sites nearer to each other than this are one place."
    )


class Live(msgspec.Struct):
    """A live transaction of the token."""

    session: str
    station: str
    evse: int | None
    connector: int | None
    started_at_ns: int
    remote: bool
    frames: tuple[str, ...] = ()
    transaction: int | str | None = None


class Use(msgspec.Struct):
    """Of one token (key: its hash): its live transactions; ``parent``: it was seen as the parent of other tokens."""

    live: dict[str, Live] = {}
    parent: bool = False


class ClonedTokenOverlap(Detector[ClonedTokenSettings, Use]):
    """One token in two places.

    Sees one token in two transactions that are live at the same time, at sites more than `distance_km_min` apart by the registry's
    coordinates. One flag a token, an event; a third place is added to its evidence.

    Stays quiet for tokens that the registry calls shared (fleet cards, virtual ids), for parent (group) tokens, where the CSMS started both
    remotely (a virtual id of its own), where a coordinate is not known, and where one of the two cannot be live: its station has no socket, or its
    connector is free and the stop was lost.
    """

    name = "cloned_token_overlap"
    stage = Stage.FLEET
    category = Category.FRAUD
    severity = Severity.CRITICAL
    hears: ClassVar[Hears] = (SessionChanged, AuthorizeAnswered)
    Settings = ClonedTokenSettings
    State = Use
    title = "One token in two places"
    advice = (
        "Block the token in the CSMS and ask its owner which of the two is theirs. If it is meant to be used by several people, say so in the "
        "registry (tokens: shared: true)."
    )
    quiet_in_maintenance = False
    numbers: ClassVar[dict[str, str]] = {"distance_km": "between the two sites, km"}

    def on(self, event: Any, context: Context[Use]) -> None:
        if isinstance(event, AuthorizeAnswered):
            if event.parent and event.parent != event.token:
                context.state(event.parent).parent = True
            return
        session: Session = event.now
        if not session.token:
            return
        use = context.peek(session.token)
        if session.over or session.transaction is None:
            if (
                use is not None
                and use.live.pop(session.id, None) is not None
                and not use.live
                and not use.parent
            ):
                context.forget(session.token)
            return
        if use is None:
            use = context.state(session.token)
        if session.id not in use.live:
            use.live[session.id] = Live(
                session=session.id,
                station=session.station,
                evse=session.evse,
                connector=session.connector,
                started_at_ns=session.started_at_ns,
                remote=session.start_source is StartSource.REMOTE,
                frames=start_frames(session) or event.frames,
                transaction=session.transaction,
            )
            if len(use.live) > LIVE_MAX:
                del use.live[next(iter(use.live))]
        else:
            use.live[session.id].remote = session.start_source is StartSource.REMOTE
        if len(use.live) > 1:
            self._compare(session.token, use, use.live[session.id], context)

    def _compare(self, token: str, use: Use, mine: Live, context: Context[Use]) -> None:
        facts = context.places.token(token)
        if use.parent or facts.shared or facts.parent == token or not _can_be_live(mine, context):
            return
        here = context.place(mine.station)
        for other in list(use.live.values()):
            if other.station == mine.station or (other.remote and mine.remote):
                continue
            distance_km = here.distance_km(context.place(other.station))
            if (
                distance_km is None
                or distance_km <= self.settings.distance_km_min
                or not _can_be_live(other, context)
            ):
                continue
            self._tell(token, other, mine, distance_km, context)

    def _tell(self, token: str, other: Live, mine: Live, distance_km: float, context: Context[Use]) -> None:
        first, second = sorted((other, mine), key=lambda each: (each.started_at_ns, each.session))
        places = [context.place(each.station) for each in (first, second)]
        names = [place.site_name or place.site or place.name or place.station for place in places]
        context.raise_flag(
            token,
            f"Token {token} charges at {names[0]} and at {names[1]} at the same time, {distance_km:,.1f} km apart.",
            station=None,
            session=second.session,
            subject=token,
            onset_ns=second.started_at_ns,
            blame=Blame.DRIVER,
            advice=f"Block token {token} in the CSMS and ask its owner which of the two is theirs; then stop the other one remotely "
            f"({first.transaction} at {wording.named(places[0])}, or {second.transaction} at {wording.named(places[1])}). The second began "
            f"{wording.span(second.started_at_ns - first.started_at_ns)} after the first, {distance_km:,.1f} km away. If the token is meant to be used "
            "by several people, say so in the registry (tokens: shared: true).",
            evidence=tuple(
                Evidence(
                    text=f"Transaction {each.transaction} at {wording.named(context.place(each.station))}, {wording.socket(each.evse, each.connector)}, since {wording.moment(each.started_at_ns)}.",
                    at_ns=each.started_at_ns,
                    frames=each.frames,
                    session=each.session,
                    stations=(each.station,),
                )
                for each in (first, second)
            ),
            event=True,
            numbers={"distance_km": round(distance_km, 1)},
        )


def _can_be_live(live: Live, context: Context[Use]) -> bool:
    station = context.station(live.station)
    if station is None:
        return True
    connector = connector_of(station, live.evse, live.connector)
    return station.online and (connector is None or connector.reported is not ConnectorStatus.AVAILABLE)
