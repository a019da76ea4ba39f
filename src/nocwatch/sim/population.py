"""Who is there in a scenario: stations with their hardware and oddities, and how drivers use them. Models of the file, nothing else.

What happens to a station at a time is in ``incidents.py``, the whole file in ``scenario.py``.
"""

# Pydantic copies defaults.

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from nocwatch.quantities import Duration
from nocwatch.sim.hardware import CATALOGUE
from nocwatch.sim.settings import Model

QUIRKS: dict[str, str] = {
    "clock_1970": "its clock starts in 1970 and is never set",
    "clock_local_as_z": "local time labelled Z until its first boot",
    "clock_year_1": "it has no clock: all its times are 0001-01-01T00:00:00Z",
    "offset_02": "writes its times with the offset +02",
    "offset_0200": "writes its times with the offset +0200",
    "no_subprotocol": "offers no subprotocol",
    "odd_path": "connects to ///<identity>",
    "v16_on_201": "says 1.6 messages over ocpp2.0.1",
    "kwh": "reports energy in kWh (legal)",
    "kwh_labelled_wh": "its samples are kWh labelled Wh; start and stop are right",
    "no_unit": "says no unit; its energy is in Wh",
    "bare_values": "its samples are the energy register's number and nothing else",
    "phases_only": "its meter has a register for each phase and no overall one",
    "inlet_too": "tells the meter of its inlet, too, and first",
    "register_32_bit": "its register passes 2^32 Wh in its first session",
    "register_wraps": "its register begins anew in mid-session, at 2^32 Wh, a tenth of that or 100 MWh",
    "register_signed": "its register has a sign in the last of 32 bits, and is negative from its first sessions on",
    "register_per_session": "its register begins anew with each transaction",
    "register_per_boot": "its register begins anew with each boot, also in mid-session",
    "samples_relative": "its samples count from the session's start; start and stop are of the lifetime",
    "ends_relative": "its start and stop count from the session's start; its samples are of the lifetime",
    "drop_after_start": "loses its socket 0.8 s after each start's answer",
    "retries_stop_for_ever": "repeats a Stop that is answered with an error without end",
    "probes_16_first": "opens a short 1.6 connection before its 2.0.1 one",
    "wordy": "its 1.6 status messages say more than OCPP has room for",
    "values_without_id": "its samples name a connector (2.x: an EVSE) and no transaction",
    "loops_on_early_call": "begins anew when it is called before its boot was accepted",
    "iso15118": "2.x: its vehicles say what they need, and choose the schedule that they are offered",
    "payment_terminal": "2.1: its drivers pay at a terminal, which settles when they have left",
    "no_boot_on_reconnect": "never boots again after its first boot",
}
"""Lasting oddities of a station → what they are."""


def _known_quirk(name: str) -> str:
    if name not in QUIRKS:
        raise ValueError(f"there is no quirk {name!r}; known are {', '.join(QUIRKS)}")
    return name


def _known_hardware(name: str) -> str:
    if name not in CATALOGUE:
        raise ValueError(f"there is no hardware {name!r}; known are {', '.join(CATALOGUE)}")
    return name


Quirk = Annotated[str, AfterValidator(_known_quirk)]
HardwareName = Annotated[str, AfterValidator(_known_hardware)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Start = Literal["rfid", "plug_first", "app", "plug_and_charge", "free"]
Failure = Literal[
    "ev_comm",
    "connector_lock",
    "ground_failure",
    "high_temperature",
    "emergency_stop",
    "zero_energy",
    "lost_stop",
    "no_plug",
    "unknown_card",
    "short",
]


class Span(Model):
    """A duration drawn evenly between two."""

    min: Duration
    max: Duration

    @model_validator(mode="after")
    def _ordered(self) -> Span:
        if self.max < self.min:
            raise ValueError("max is below min")
        return self


def _span(shortest_s: float, longest_s: float) -> Span:
    """For defaults: a file writes durations with their unit, and validation insists on it."""
    return Span.model_construct(min=shortest_s, max=longest_s)


class Life(Model):
    """How drivers use a station. ``failures``: share of visits that go wrong in that way; the rest go well."""

    first_within: Duration = 60.0
    gap: Span = _span(600.0, 5400.0)
    charge: Span = _span(900.0, 3600.0)
    linger: Span = _span(5.0, 120.0)
    starts: dict[Start, Weight] = {"rfid": 5, "plug_first": 3, "app": 2, "plug_and_charge": 1}
    stops: dict[Literal["Local", "EVDisconnected"], Weight] = {"Local": 4, "EVDisconnected": 1}
    suspended: Share = 0.15
    failures: dict[Failure, Share] = {}


class StationSpec(Model):
    """One station. What is not given is drawn from the seed.

    Attributes:
        life: name of a life; None for a station at which nobody charges by itself.
        life_after: when its drivers begin to come.
        start_after: when it is switched on.
    """

    id: str = Field(min_length=1, max_length=48)
    hardware: HardwareName = "hpc150"
    version: Literal["1.6", "2.0.1", "2.1"] | None = None
    firmware: str | None = None
    life: str | None = None
    life_after: Duration = 0.0
    start_after: Duration = 0.0
    quirks: tuple[Quirk, ...] = ()
    password: str | None = None
    meter_interval: Duration = 60.0
    connection_timeout: Duration = 60.0


class Generated(Model):
    """Stations made up when more are asked for than the file names: ``<prefix>0001`` and on."""

    count: int = Field(default=0, ge=0)
    prefix: str = "SIM"
    hardware: dict[HardwareName, Weight] = {
        "hpc150": 3,
        "hpc300": 2,
        "dc50": 2,
        "ac22duo": 5,
        "ac22": 4,
        "ac11": 3,
    }
    life: str | None = None
    start_within: Duration = 10.0
    meter_interval: Duration = 60.0
