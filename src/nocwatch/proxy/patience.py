"""How long a handshake may still take, and what becomes of it when that is over.

One cancel scope goes through all its phases (the station's head, the dial, the CSMS's answer): with one for each,
they were a third of what a handshake costs.
"""

from __future__ import annotations

from collections.abc import Callable

import trio


class Patience:
    """Of one handshake.

    Attributes:
        scope: what the handshake runs in.
        then: what to do when the scope was cancelled because time was up, or nobody waits any more.
    """

    __slots__ = ("scope", "then")

    def __init__(self, seconds: float, then: Callable[[], None]) -> None:
        self.scope = trio.CancelScope(deadline=trio.current_time() + seconds)
        self.then = then

    def begins(self, seconds: float, then: Callable[[], None]) -> None:
        """A phase with its own time and its own end."""
        self.scope.deadline = trio.current_time() + seconds
        self.then = then

    def over(self, then: Callable[[], None]) -> None:
        """Nobody waits any more: no more time for it."""
        self.then = then
        self.scope.cancel()
