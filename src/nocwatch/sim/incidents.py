"""What happens in a scenario: steps at a station at a time, and faults by chance. Models of the file; ``steps.py`` plays them.

What always holds: a step has exactly one verb. Times are offsets from the start in unscaled seconds.
"""

# Pydantic copies defaults.

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nocwatch.quantities import Duration
from nocwatch.sim.population import Start, Weight
from nocwatch.sim.settings import Model


class VisitStep(Model):
    """A driver who comes, with what is known of him."""

    connector: int = Field(default=1, ge=1)
    start: Start = "rfid"
    token: str | None = None
    charge: Duration = 120.0
    linger: Duration = 5.0
    stop: Literal["Local", "EVDisconnected", "EmergencyStop", "PowerLoss", "Other"] = "Local"
    error_code: str = ""
    late_values: bool = False


class ZeroEnergy(Model):
    """A session that is stopped in good order and gave nothing."""

    connector: int = Field(default=1, ge=1)
    token: str | None = None
    lasting: Duration = 150.0


class LostStop(Model):
    """A transaction that ends without a word: the connector is simply free."""

    connector: int = Field(default=1, ge=1)
    token: str | None = None
    charge: Duration = 60.0


class Rollback(Model):
    """The register falls within a session, by ``drop_wh``, and stays down."""

    connector: int = Field(default=1, ge=1)
    token: str | None = None
    drop_wh: float = Field(default=500.0, gt=0)
    after: Duration = 60.0
    charge: Duration = 150.0


class OddMeter(Model):
    """``dip``: one reading of 0 in mid-session. ``minus_one``: the stop says -1."""

    connector: int = Field(default=1, ge=1)
    kind: Literal["dip", "minus_one"] = "dip"
    charge: Duration = 120.0


class Offline(Model):
    """No socket for that long. ``abruptly``: without a Close frame."""

    lasting: Duration = 240.0
    abruptly: bool = True
    reboot: bool = False


class Flap(Model):
    """The socket comes and goes."""

    times: int = Field(default=6, ge=1, le=1000)
    every: Duration = 25.0
    reboot: bool = False


class SilentBoot(Model):
    """A boot after which no status is told for that long."""

    lasting: Duration = 120.0


class Faulted(Model):
    """A connector breaks, and heals after ``lasting``."""

    connector: int = Field(default=1, ge=1)
    error_code: str = "GroundFailure"
    info: str = ""
    vendor_error: str = ""
    lasting: Duration = 240.0
    status: Literal["Faulted", "Available"] = "Faulted"


class BruteForce(Model):
    """Someone tries cards, each another one."""

    cards: int = Field(default=12, ge=1, le=10_000)
    every: Duration = 6.0


class IgnoreRemoteStart(Model):
    """For that long remote starts are accepted and nothing comes of them."""

    connector: int = Field(default=1, ge=1)
    lasting: Duration = 300.0


class Reboot(Model):
    """A crash and a restart: what was charging is stopped with that reason."""

    reason: Literal["PowerLoss", "Reboot", "HardReset", "SoftReset"] = "PowerLoss"
    off: Duration = 20.0


class Wire(Model):
    """An oddity of one moment on the wire; see ``quirks``."""

    kind: Literal[
        "invalid_json", "other_id", "duplicate_answer", "late_answer", "same_id_again", "retried_start", "stop_without_start",
        "retried_stop", "several_stops", "values_without_transaction", "backlog_flood", "second_socket", "old_status",
    ]  # fmt: skip
    connector: int = Field(default=1, ge=1)
    times: int = Field(default=3, ge=1, le=10_000)


VERBS = (
    "visit", "zero_energy", "lost_stop", "register_rollback", "odd_meter", "offline", "flap", "silent_boot", "faulted",
    "brute_force", "ignore_remote_start", "reboot", "wire", "life",
)  # fmt: skip


class Step(Model):
    """What happens at a station at a time; exactly one verb.

    Attributes:
        at: after the start; ``every`` repeats it.
        wall: the step's own durations are real seconds at any speed, so that time limits of detectors are reached.
        life: the name of the life that drivers lead there from now on.
    """

    at: Duration
    station: str
    every: Duration | None = Field(default=None, gt=0)
    wall: bool = False
    visit: VisitStep | None = None
    zero_energy: ZeroEnergy | None = None
    lost_stop: LostStop | None = None
    register_rollback: Rollback | None = None
    odd_meter: OddMeter | None = None
    offline: Offline | None = None
    flap: Flap | None = None
    silent_boot: SilentBoot | None = None
    faulted: Faulted | None = None
    brute_force: BruteForce | None = None
    ignore_remote_start: IgnoreRemoteStart | None = None
    reboot: Reboot | None = None
    wire: Wire | None = None
    life: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Step:
        if sum(getattr(self, verb) is not None for verb in VERBS) != 1:
            raise ValueError(f"give exactly one of {', '.join(VERBS)}")
        return self

    @property
    def verb(self) -> str:
        return next(verb for verb in VERBS if getattr(self, verb) is not None)


RandomVerb = Literal[
    "zero_energy",
    "lost_stop",
    "register_rollback",
    "offline",
    "flap",
    "silent_boot",
    "faulted",
    "brute_force",
    "reboot",
]


class RandomFaults(Model):
    """Faults that go on for ever: the next one after ``every`` on average, at a station drawn from all."""

    after: Duration = 0.0
    every: Annotated[Duration, Field(gt=0)] = 600.0
    kinds: dict[RandomVerb, Weight] = {
        "faulted": 3,
        "offline": 3,
        "zero_energy": 2,
        "reboot": 2,
        "flap": 1,
        "lost_stop": 1,
    }
