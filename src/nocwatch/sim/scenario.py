"""Scenario files: which stations there are, how drivers live, what breaks when. Models and loading; playing is ``fleet``'s.

YAML, strict, every mistake with file:line:key. Times are offsets from the start in unscaled seconds: ``speed`` divides them.
"""

# Pydantic copies defaults.

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from nocwatch import documents
from nocwatch.errors import ConfigurationError
from nocwatch.quantities import Duration
from nocwatch.sim.hardware import CATALOGUE
from nocwatch.sim.settings import CsmsSettings, Model

QUIRKS: dict[str, str] = {
    "clock_1970": "its clock starts in 1970 and is never set",
    "clock_local_as_z": "local time labelled Z until its first boot",
    "no_subprotocol": "offers no subprotocol",
    "odd_path": "connects to ///<identity>",
    "v16_on_201": "says 1.6 messages over ocpp2.0.1",
    "kwh": "reports energy in kWh (legal)",
    "kwh_labelled_wh": "reports kWh labelled Wh",
    "register_32_bit": "its register passes 2^32 Wh in its first session",
    "drop_after_start": "loses its socket 0.8 s after each start's answer",
    "retries_stop_for_ever": "repeats a Stop that is answered with an error without end",
    "probes_16_first": "opens a short 1.6 connection before its 2.0.1 one",
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
    version: Literal["1.6", "2.0.1"] | None = None
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
        "retried_stop", "values_without_transaction", "backlog_flood", "second_socket", "old_status",
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


class Scenario(Model):
    """A whole file."""

    scenario: str
    description: str = ""
    stations: tuple[StationSpec, ...] = ()
    generated: Generated = Generated()
    lives: dict[str, Life] = {}
    steps: tuple[Step, ...] = ()
    random_faults: RandomFaults | None = None
    csms: CsmsSettings = CsmsSettings()


def load(source: str | Path) -> Scenario:
    """A shipped scenario by its name, or a file by its path.

    Raises:
        ConfigurationError: with every mistake, file:line:key each.
    """
    path = Path(source)
    if isinstance(source, str) and source in shipped():
        path = Path(str(resources.files("nocwatch.sim") / "scenarios" / f"{source}.yaml"))
    document = documents.read(path)
    scenario = document.validated(Scenario)
    _check_references(document, scenario)
    return scenario


def shipped() -> tuple[str, ...]:
    """Names of the scenarios that come with nocwatch."""
    folder = resources.files("nocwatch.sim") / "scenarios"
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    )


def _check_references(document: documents.Document, scenario: Scenario) -> None:
    sockets = {spec.id: len(CATALOGUE[spec.hardware].sockets) for spec in scenario.stations}
    problems = []
    seen: set[str] = set()
    for n, spec in enumerate(scenario.stations):
        if spec.id in seen:
            problems.append(document.problem(("stations", n, "id"), f"station {spec.id!r} stands here twice"))
        seen.add(spec.id)
        if spec.life is not None and spec.life not in scenario.lives:
            problems.append(document.problem(("stations", n, "life"), f"there is no life {spec.life!r}"))
    if scenario.generated.life is not None and scenario.generated.life not in scenario.lives:
        problems.append(
            document.problem(("generated", "life"), f"there is no life {scenario.generated.life!r}")
        )
    for n, step in enumerate(scenario.steps):
        if step.station not in sockets and not step.station.startswith(scenario.generated.prefix):
            problems.append(
                document.problem(("steps", n, "station"), f"there is no station {step.station!r}")
            )
        if step.life is not None and step.life not in scenario.lives:
            problems.append(document.problem(("steps", n, "life"), f"there is no life {step.life!r}"))
        connector = getattr(getattr(step, step.verb), "connector", 1)
        if connector > sockets.get(step.station, connector):
            problems.append(
                document.problem(
                    ("steps", n, step.verb, "connector"),
                    f"station {step.station!r} has {sockets[step.station]} connector(s)",
                )
            )
    if problems:
        raise ConfigurationError(problems)
