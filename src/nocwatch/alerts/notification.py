"""What goes to a receiver, and what comes back from it, as values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from nocwatch.alerts.alert import Alert
from nocwatch.flags import Flag


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A revision of an alert that waits to be told to a receiver. ``attempts``: how often that was tried in vain."""

    number: int
    alert_id: str
    receiver: str
    revision: int
    attempts: int
    at_ns: int
    alert: Alert


class OutboxCounts(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver's rows by what became of them."""

    receiver: str
    waiting: int = 0
    delivered: int = 0
    given_up: int = 0
    superseded: int = 0


class Outbox(Protocol):
    """The store's side of sending; every call may block for a moment and raise the store's errors."""

    def outbox_due(self, receiver: str, now_ns: int, limit: int = 16) -> list[OutboxRow]: ...
    def outbox_next_ns(self, receiver: str) -> int | None: ...
    def outbox_delivered(self, number: int, at_ns: int) -> None: ...
    def outbox_retry(self, number: int, next_attempt_ns: int, error: str) -> None: ...
    def outbox_given_up(self, number: int, at_ns: int, error: str) -> None: ...
    def outbox_supersede(self, number: int, at_ns: int) -> bool: ...
    def outbox_abandon(self, known: Sequence[str], at_ns: int) -> int: ...
    def flags_by_id(self, ids: Sequence[str]) -> list[Flag]: ...


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """An alert in words, for one receiver.

    Attributes:
        subject: one line.
        text, html: the body twice.
        alert: what the words are about.
        flags: those of the alert, with their evidence; the worst first, of a large group only some.
        console_url: page of the alert; empty where no address of the console is known.
    """

    subject: str
    text: str
    html: str
    alert: Alert
    flags: tuple[Flag, ...] = ()
    console_url: str = ""


class Delivered(msgspec.Struct, frozen=True):
    """The receiver took it."""


class Retry(msgspec.Struct, frozen=True):
    """It may work later. ``reason`` is fit for the store and the screen: no secret is in it."""

    reason: str


class Failed(msgspec.Struct, frozen=True):
    """It will not work however often it is tried."""

    reason: str


Sent = Delivered | Retry | Failed
