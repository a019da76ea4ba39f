"""What the console needs of the process that serves it: the watch implements it, tests do so with made-up data.

It is a seam and nothing else. Reads of the fleet are of values in memory; the store is read in threads (``archive.py``);
what a person does to an alert or a flag goes through the watch, so that it enters the pipeline's order and the audit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from nocwatch.alerts.acts import Silence
from nocwatch.alerts.alert import Alert
from nocwatch.console.live import Hub
from nocwatch.flags import Flag
from nocwatch.network import Station
from nocwatch.registry.places import Places
from nocwatch.sessions import Session
from nocwatch.store.store import Store


class RuleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One loaded rule, as the Rules page shows it.

    Attributes:
        title, about, advice: the detector's own words; ``about`` says what it sees and when it keeps quiet.
        scope, settings: names and values as text; only what the rule narrows or what the detector takes.
        hold: its ``for``, as written; ``cooldown`` alike.
        file: where it stands, empty for a built-in default.
    """

    rule: str
    detector: str
    title: str = ""
    about: str = ""
    severity: str = ""
    category: str = ""
    stage: str = ""
    scope: dict[str, str] = {}
    settings: dict[str, str] = {}
    hold: str = ""
    cooldown: str = ""
    advice: str = ""
    runbook: str = ""
    labels: dict[str, str] = {}
    enabled: bool = True
    file: str = ""


class Health(NamedTuple):
    """How nocwatch itself is: why it cannot do its job (empty: it can), and what an operator should know besides."""

    reasons: list[str]
    remarks: list[str]

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Self:
        """As ``Services.status`` tells it."""
        return cls(
            [str(reason) for reason in status.get("reasons", ())],
            [str(remark) for remark in status.get("remarks", ())],
        )


class Services(Protocol):
    """The watch, as seen from the console. All of it is called in the watch's trio thread."""

    @property
    def places(self) -> Places:
        """The registry as it stands; a reload puts another one here."""

    @property
    def store(self) -> Store: ...

    @property
    def hub(self) -> Hub: ...

    def fleet(self) -> Mapping[str, Station]:
        """Every station ever heard of, as it stands; not copied, so not to be kept across an await."""

    def lately(self, sessions: Sequence[Session]) -> list[Session]:
        """The same; of those that go on energy and power as they are at this moment: the store hears of them once a minute."""

    def misfits(self, station: str) -> Mapping[str, int]:
        """How often messages of the station, or to it, did not fit their schemas, by ``action keyword path``."""

    def rules(self) -> Sequence[RuleFacts]: ...

    def now_ns(self) -> int:
        """The present moment of all pages; over a recorded folder the recording's end."""

    def windows_end_ns(self) -> int:
        """From where "the last 24 h" look back: now, or the end of what was read where nothing has come for long."""

    def stands_still(self) -> bool:
        """Whether ``now_ns`` does: over a recording no clock of a page runs."""

    def status(self) -> Mapping[str, Any]:
        """How nocwatch itself is, for the System page, ``/readyz`` and the band across the pages.

        ``reasons`` and ``remarks``: sentences (``Health``), none when all is well; ``remedies``: sentence → what to do;
        ``meanings``: name of a figure → what it counts. Every other key is a section of the page: a mapping of name →
        number, text, bool or None, or a list of such mappings (one a line, ``name`` first). Units stand last in a name:
        ``lag_s``, ``written_bytes``, ``seen_at_ns``; they are shown as durations, sizes and times.
        """

    async def acknowledge(self, alert: str, by: str, note: str) -> Alert | None:
        """Someone takes the alert. None where there is no such alert.

        Raises:
            NocwatchError: it cannot be done, with a sentence why (it is resolved already).
        """

    async def resolve(self, alert: str, by: str, note: str, clear_flags: bool = False) -> Alert | None:
        """Someone says that it is over, and with ``clear_flags`` so are its flags; raises as ``acknowledge``."""

    async def silence(self, alert: str, by: str, note: str, until_ns: int) -> Alert | None:
        """Alerts like this one tell nobody until then; raises as ``acknowledge``."""

    def silences(self) -> Sequence[Silence]:
        """Those in force, the oldest first."""

    async def end_silence(self, silence: str, by: str, note: str) -> Silence | None:
        """Someone ends a silence before its time. None where none of that id is in force; raises as ``acknowledge``."""

    async def clear_flag(self, flag: str, by: str, because: str) -> Flag | None:
        """Someone clears a flag with a reason; raises as ``acknowledge``."""
