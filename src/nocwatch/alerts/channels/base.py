"""What a channel is: something that takes a notification away, and says by name how that went.

A channel never raises for what a peer does, and nothing that it says holds a secret of its address. It may block: the
dispatcher calls it in a thread, with a limit of time.
"""

from __future__ import annotations

from typing import Protocol

from nocwatch.alerts.notification import Notification, Sent


class Channel(Protocol):
    """One receiver's way out."""

    kind: str
    """``apprise`` or ``file``; for the system page."""
    tells_resolved: bool
    """Whether the receiver wants to hear that an alert is over."""
    timeout_s: float
    """How long one attempt may take."""
    give_up_after_s: float
    """How long one notification is worth trying."""

    def send(self, notification: Notification) -> Sent:
        """Takes it away, or says why not."""
