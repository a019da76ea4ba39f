"""Rows that the store counts for a report about one station (``reads/dossier.py``). Values alone: nothing here reads or writes."""

from __future__ import annotations

import msgspec


class Tally(msgspec.Struct, frozen=True):
    """So many sessions of a station had this outcome, for this reason; empty where none."""

    station: str
    outcome: str
    reason: str
    number: int


class Era(msgspec.Struct, frozen=True):
    """From when a station ran a firmware. Empty: not known."""

    from_ns: int
    firmware: str


class Ended(msgspec.Struct, frozen=True):
    """So many link events of one kind, with one reason; ``event`` as of ``frames.LinkEvent``."""

    event: str
    reason: str
    number: int


class Complaint(msgspec.Struct, frozen=True):
    """So many errors answered (``code``), or calls left unanswered (no code). ``by``: ``station`` or ``csms``: who answered, or should have."""

    by: str
    action: str
    code: str
    number: int
