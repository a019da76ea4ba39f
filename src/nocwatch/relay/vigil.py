"""Whether the pump lives: the proof without which systemd's watchdog hears nothing from us.

A clock that ticks proves only that the loop turns; a relay whose pump is stuck carries not one byte and ticks on. So the
proof is the pump's own: it has turned since the last look, or there is nothing for it to do.
"""

from __future__ import annotations

import select

import structlog

from nocwatch.proxy.pump import Pump

_log = structlog.get_logger("nocwatch.relay")


class Vigil:
    """Looks at one pump, once a tick."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._turns = pump.turns
        self._waited = False

    def lives(self) -> bool:
        """Whether bytes that wait are carried. False from the second look on at which the same ones still wait."""
        waits = self._something_waits()
        turned = self._pump.turns != self._turns
        stuck = waits and self._waited and not turned
        if stuck:
            _log.error("the pump does not turn although there is something to carry")
        self._turns, self._waited = self._pump.turns, waits
        return not stuck

    def _something_waits(self) -> bool:
        poll = select.poll()
        poll.register(self._pump.fileno(), select.POLLIN)
        return bool(poll.poll(0))
