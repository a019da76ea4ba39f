"""What people do to alerts, as values: acknowledge, resolve, silence; and the one act of the watch itself. Pure.

Acts do not come from the journal. They are kept in the store with the pipeline time at which they were made, and handed to
the book again after a restart, so that a restored book passes through the same revisions as the one that died.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ActKind(StrEnum):
    """What a person can do."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    CLEAR_FLAG = "clear_flag"
    """A person says that a flag is over; it is the engine's to do, not the book's."""
    ALIGN = "align"
    """The watch's own, once after a start: what the store has and the pipeline has no memory of (``watch/aligning.py``)."""


class Stored(msgspec.Struct, frozen=True):
    """How far the store is with an alert. ``told``: whether people believe that it fires."""

    revision: int
    told: bool


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that one person did.

    Attributes:
        id: unique; doing the same act twice changes nothing.
        at_ns: pipeline time at which it was done.
        after: lane and sequence of the journal's record that had been taken in last; None where there was none yet.
        alert: id, of acknowledge and resolve; of unsilence the id of the silence.
        flag: id, of clear_flag.
        matchers: of a silence: label → exact value or glob; all must match (see ``lifecycle.labels_of``).
        until_ns: of a silence: when it ends.
        flags, alerts: of align: flags that were ended in the store; id → where the store is with alerts.
    """

    id: str
    kind: ActKind
    at_ns: int
    by: str
    alert: str = ""
    flag: str = ""
    note: str = ""
    matchers: dict[str, str] = {}
    until_ns: int = 0
    after: tuple[int, int] | None = None
    flags: tuple[str, ...] = ()
    alerts: dict[str, Stored] = {}


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that match are kept and shown, and nobody is told until it ends. ``alert``: id of the one it was made from."""

    id: str
    matchers: dict[str, str]
    from_ns: int
    until_ns: int
    by: str
    note: str = ""
    alert: str = ""
