"""What a detector is: a pure thing that hears events, keeps a little state for each key, and raises and clears flags.

A detector is no task and has no clock. The engine (``engine.py``) hands it the events it named, already within the rule's
scope, and the moments it asked for; it answers through its ``Context``. Common settings (``for``, cooldown, severity,
maintenance, labels) are the engine's business and not a detector's.

What always holds: the state of a detector is ``msgspec.Struct`` values in ``Context.state``, nothing else, so that a
snapshot of it is complete and a replay gives the same flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict

from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.network import Station
from nocwatch.ocpp.events import Event
from nocwatch.registry.places import Place, Places
from nocwatch.sessions import LastReading, Session
from nocwatch.state.changes import Change


class Stage(StrEnum):
    """Where a detector runs: beside one station's state, or over the changes of all stations."""

    STATION = "station"
    FLEET = "fleet"


class Settings(BaseModel):
    """A detector's own settings; a subclass names them, units last, with their defaults and a line of help each."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Hears: TypeAlias = tuple[type[Event | Change], ...]
SettingsT = TypeVar("SettingsT", bound=Settings)
StateT = TypeVar("StateT", bound=msgspec.Struct)
StateT_co = TypeVar("StateT_co", bound=msgspec.Struct, covariant=True)


class Context(Protocol[StateT_co]):
    """The engine's side of the talk, for one rule at one moment."""

    @property
    def now_ns(self) -> int:
        """Pipeline time: the record's, or the moment's that came due."""

    @property
    def places(self) -> Places:
        """The registry's facts: sites, tokens, exclusions."""

    def state(self, key: str) -> StateT_co:
        """The state of ``key``, made on first use. ``forget`` it when it is of no more use."""

    def peek(self, key: str) -> StateT_co | None:
        """The state of ``key`` if there is one."""

    def forget(self, key: str) -> None: ...

    def wake(self, key: str, due_ns: int) -> None:
        """Have ``due(key)`` called at that moment; replaces the key's former one."""

    def calm(self, key: str) -> None:
        """Cancel the key's moment."""

    def station(self, station: str) -> Station | None:
        """The station's record as it stands. In the fleet stage this too: a read-only view that the changes have told of."""

    def place(self, station: str) -> Place:
        """The registry's facts of a station, filled up with what its boot said."""

    def in_maintenance(self, station: str) -> bool:
        """Whether the station is being worked on now.

        The engine keeps the station's own flags quiet then; a detector that counts over many stations leaves it out by this.
        """

    def sessions(self, station: str) -> tuple[Session, ...]:
        """The station's sessions under way."""

    def last_reading(self, session: str) -> LastReading | None:
        """The last energy register of a session, by its id; None where none counts, or the session is remembered no more."""

    def raise_flag(  # noqa: PLR0913, D417 - what a flag has, by name
        self,
        key: str,
        summary: str,
        *,
        station: str | None,
        onset_ns: int | None = None,
        evidence: tuple[Evidence, ...] = (),
        evse: int | None = None,
        connector: int | None = None,
        session: str | None = None,
        subject: str = "",
        severity: Severity | None = None,
        blame: Blame = Blame.UNKNOWN,
        advice: str = "",
        event: bool = False,
        below: str = "",
        numbers: Mapping[str, float | int | str] | None = None,
    ) -> None:
        """Something is wrong with ``key``.

        Nothing happens where the key has a raised flag, but a higher severity or new evidence is taken over into it.

        Args:
            station: identity, None for a flag about the fleet; then ``subject`` says about what.
            evidence, evse, connector, session, subject, blame: as in ``Flag``.
            key: what it is about, within the rule.
            summary: a sentence with its numbers and units; a rule's own ``summary`` template takes precedence.
            onset_ns: when it began (default now); with the rule and the key it makes the flag's id.
            severity: where it differs from the rule's.
            advice: what to do next, where it is more specific than the detector's own.
            event: it has no state to clear: the engine clears it after the rule's ``clear_after``.
            below: key of a flag of the same rule that explains this one: the flag hangs below it and pages nobody
                (``Flag.inhibited_by``). A later call without it lets the flag stand for itself again.
            numbers: what the rule's own ``summary`` template may name; which ones is ``Detector.numbers``.
        """

    def clear_flag(self, key: str, because: str) -> None:
        """It is well again. Nothing happens where no flag of the key is raised (or waiting for its ``for``)."""

    def raised(self, key: str) -> bool:
        """Whether a flag of the key is raised or waiting."""


class Detector(Generic[SettingsT, StateT]):
    """Base of all detectors. A module each, or a folder where one has several parts, and a line in ``catalogue.py``.

    Subclasses set the class variables, and ``on`` for the events they name. ``due`` where they ask for moments.
    """

    name: ClassVar[str]
    stage: ClassVar[Stage] = Stage.STATION
    category: ClassVar[Category]
    severity: ClassVar[Severity]
    hears: ClassVar[Hears]
    Settings: ClassVar[Any]
    """A subclass of ``Settings``."""
    State: ClassVar[Any]
    """A ``msgspec.Struct`` that can be made without arguments."""
    title: ClassVar[str]
    """A few words for a heading: ``Station offline``."""
    advice: ClassVar[str]
    """What a person does about it, a sentence or two."""
    quiet_in_maintenance: ClassVar[bool] = True
    """Registry's ``maintenance`` keeps its flags quiet; never so for metering fraud, tokens and security."""
    numbers: ClassVar[dict[str, str]] = {}
    """What each of its flags gives to a ``summary`` template: name → what it is, with its unit."""

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    def on(self, event: Any, context: Context[StateT]) -> None:  # noqa: ARG002
        """An event of a type in ``hears``."""
        raise AssertionError(f"{self.name} hears nothing")

    def begin(self, station: Station, context: Context[StateT]) -> None:
        """The rule comes new to a fleet that is under way: rules were reloaded, or a station came into scope.

        Take up what has a state now, such as a connector that is faulted. By default it begins with what happens next.
        """

    def due(self, key: str, context: Context[StateT]) -> None:  # noqa: ARG002
        """A moment that ``wake`` asked for has come; ``context.now_ns`` is that moment."""
        raise AssertionError(f"{self.name} asked for no moment")
