"""How the simulated CSMS behaves and misbehaves, as a scenario file's ``csms`` section has it."""

from __future__ import annotations

import fnmatch
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nocwatch.quantities import Duration


class Model(BaseModel):
    """Base of all that stands in a scenario file: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CsmsFault(Model):
    """What the CSMS does wrong, to whom and when. Exactly one of refuse, delay, error, silent, transaction_id, other_id, copies.

    Attributes:
        station: glob over identities; ``action`` glob over the stations' calls.
        after: unscaled seconds since the CSMS's start; ``until`` alike, None for ever.
        share: in how many of the cases.
        refuse: HTTP status for the handshake.
        transaction_id: what every StartTransaction gets (0 is a classic).
        other_id: the result carries an id that nobody used.
        copies: how often the result is sent.
    """

    station: str = "*"
    action: str = "*"
    after: Duration = 0.0
    until: Duration | None = None
    share: float = Field(default=1.0, ge=0, le=1)
    refuse: Literal[401, 403, 404, 503] | None = None
    delay: Duration | None = None
    error: str | None = None
    silent: bool | None = None
    transaction_id: int | None = None
    other_id: bool | None = None
    copies: int | None = Field(default=None, ge=2, le=10)

    @model_validator(mode="after")
    def _one(self) -> CsmsFault:
        kinds = ("refuse", "delay", "error", "silent", "transaction_id", "other_id", "copies")
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"give exactly one of {', '.join(kinds)}")
        return self

    def applies(self, station: str, action: str, at_s: float) -> bool:
        return (
            self.after <= at_s
            and (self.until is None or at_s < self.until)
            and fnmatch.fnmatchcase(station, self.station)
            and fnmatch.fnmatchcase(action, self.action)
        )


class CsmsStep(Model):
    """One thing that the CSMS does at a time of its own. Exactly one of the verbs.

    Attributes:
        at: unscaled seconds since the station's first boot.
        every: repeat after that time; None for once.
        connector: of 1.6, or the EVSE.
        remote_start: the token; ``reserve`` the token that the connector is kept for, for a quarter of an hour; ``reset`` Soft, Hard, or Resume (2.1); ``trigger`` the message's name; ``limit_w`` a charging profile; ``priority`` (2.1) for what charges there, or no longer; ``close`` a close code.
    """

    at: Duration
    station: str
    every: Duration | None = None
    connector: int = Field(default=1, ge=1)
    remote_start: str | None = None
    reserve: str | None = None
    remote_stop: bool | None = None
    reset: Literal["Soft", "Hard", "Resume"] | None = None
    trigger: str | None = None
    limit_w: float | None = Field(default=None, ge=0)
    priority: bool | None = None
    close: int | None = Field(default=None, ge=1000, le=4999)

    @model_validator(mode="after")
    def _one(self) -> CsmsStep:
        kinds = (
            "remote_start",
            "reserve",
            "remote_stop",
            "reset",
            "trigger",
            "limit_w",
            "priority",
            "close",
        )
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"give exactly one of {', '.join(kinds)}")
        return self


class CsmsPrice(Model):
    """What the CSMS says that energy costs, to stations of 2.x that this fits: while they charge, and in all at the end.

    Attributes:
        station: glob over identities.
        every: unscaled seconds between two running costs.
    """

    station: str = "*"
    per_kwh: float = Field(ge=0)
    every: Annotated[Duration, Field(gt=0)] = 60.0


class CsmsSettings(Model):
    """The CSMS as a whole.

    Attributes:
        heartbeat_interval: what boots are told, unscaled.
        passwords: identity → Basic password; a station that is named here is refused with 401 without it.
        app_delay: a connector that is taken and for which no card was shown gets a remote start after that; None for never.
        app_stops: share of sessions begun in the app that are ended in the app.
        chores_every: mean time between a trigger, a profile or a look at the configuration of one station; None for never.
        read_configuration: ask each station for its intervals after its boot.
        prices: the first that fits a station counts; one that none fits is told no cost.
        asks_early: share of connections on which the CSMS asks for the configuration at once, before any boot.
        ping_every: WebSocket pings; a station that does not answer is dropped.
    """

    heartbeat_interval: Duration = 60.0
    passwords: dict[str, str] = {}
    app_delay: Duration | None = 12.0
    app_stops: float = Field(default=0.5, ge=0, le=1)
    app_stops_after: Duration = 60.0
    chores_every: Duration | None = 600.0
    read_configuration: bool = True
    asks_early: float = Field(default=0.0, ge=0, le=1)
    ping_every: Duration | None = 30.0
    prices: tuple[CsmsPrice, ...] = ()
    faults: tuple[CsmsFault, ...] = ()
    steps: tuple[CsmsStep, ...] = ()
    seed: int = 0
    speed: float = Field(default=1.0, gt=0)

    def price_of(self, station: str) -> CsmsPrice | None:
        return next((each for each in self.prices if fnmatch.fnmatchcase(station, each.station)), None)
