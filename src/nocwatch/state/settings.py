"""What an operator may set about the rebuilding of sessions, and the limits of what is remembered, with their reasons."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from nocwatch.quantities import Duration


class StateSettings(BaseModel):
    """Durations are seconds. The defaults are those of the session rules; change them and old verdicts stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    replay_after: Duration = Field(
        default=60.0,
        description="A time stamp this much older than its reception, from before the connection, is a replay of offline data.",
    )
    lost_stop_after: Duration = Field(
        default=600.0, description="A connector free for so long has lost the stop of its transaction."
    )
    remote_start_patience: Duration = Field(
        default=120.0,
        description="Least wait for a transaction after an accepted remote start; ConnectionTimeOut where that is longer.",
    )
    join_window: Duration = Field(
        default=300.0,
        description="An Authorize or remote start leads to a transaction within this time, or to none.",
    )
    answer_slow: Duration = Field(
        default=10.0, description="An authorisation answered later than this came too late for the driver."
    )
    cancelled_within: Duration = Field(
        default=120.0,
        description="A transaction without energy that the driver ended within this time was cancelled.",
    )
    energy_wh_min: float = Field(default=100.0, gt=0, description="Energy from which a session is a success.")
    charging_wh_min: float = Field(
        default=50.0, ge=0, description="Energy above which a session is charging, where no status says so."
    )
    power_w_max: float = Field(
        default=1_000_000.0,
        gt=0,
        description="A register that rises faster than this is not believed: twice the strongest CCS charger.",
    )
    abandon_after: Duration = Field(
        default=86_400.0,
        description="A session of a station that has been offline for so long is closed; a late stop opens it again.",
    )
    unknown_after: Duration = Field(
        default=3600.0,
        description="Least silence after which nothing is known of a station whose connections nobody saw; two heartbeats where they are longer.",
    )
    progress_every: Duration = Field(
        default=60.0, description="How often the record of a session is renewed while only its meter moves."
    )

    stations_max: int = Field(
        default=100_000,
        ge=1,
        description="Stations known at once, about 4 KiB each; the longest offline give way, a hundredth at once, and where none is offline a new one is not followed.",
    )
    connectors_max: int = Field(
        default=128,
        ge=1,
        description="Connectors of a station: hubs have some dozens; a fuzzed number must not make more.",
    )
    links_max: int = Field(
        default=16,
        ge=1,
        description="Live connections of a station: more than two are half-open leftovers; the oldest is forgotten.",
    )
    open_sessions_max: int = Field(
        default=4,
        ge=1,
        description="Sessions under way on one connector: replayed and current ones overlap; the oldest is closed as a lost stop.",
    )
    transactions_max: int = Field(
        default=256,
        ge=1,
        description="Transactions under way at one station, wherever they are: twice the connectors that it may have. The one that was heard of longest ago is closed as a lost stop.",
    )
    attempts_max: int = Field(
        default=16,
        ge=1,
        description="Attempts waiting for their transaction at one station; the oldest is closed early.",
    )
    closed_sessions_max: int = Field(
        default=32,
        ge=0,
        description="Closed sessions a station remembers for late stops: a day's worth of a busy one.",
    )
    closed_for: Duration = Field(
        default=604_800.0, description="How long they are remembered: stations keep a queue for days."
    )
    profiles_max: int = Field(
        default=32,
        ge=1,
        description="Charging profiles of a station that are remembered; stations have room for some ten (ChargingProfileMaxStackLevel).",
    )
    bookings_max: int = Field(
        default=32,
        ge=1,
        description="Reservations of a station that are remembered, one a connector and those that have ended; the oldest of these give way first.",
    )
    steps_max: int = Field(
        default=200,
        ge=16,
        description="Entries of a session's timeline; later micro-transitions are counted, milestones always kept.",
    )
