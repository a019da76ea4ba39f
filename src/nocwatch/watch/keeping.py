"""Putting batches into the store, one after the other, for as long as it takes: a store that refuses is waited for.

What always holds: nothing is passed over. Whoever waits may be cancelled between two attempts, never within one; then the batch
is not in the store, and ``whole`` or the caller's own list says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog
import trio

from nocwatch.alerts.acts import Act
from nocwatch.store.batch import Batch
from nocwatch.store.errors import StoreUnavailableError
from nocwatch.store.store import Store

STORE_PAUSE_S = 1.0

log = structlog.get_logger("nocwatch.watch")


class Keeping:
    """The watch's way into the store.

    Attributes:
        trouble: a sentence while the store cannot take anything, empty while it can.
        whole: false where the watch was stopped with a batch that the store did not take: no snapshot may pass it.
    """

    def __init__(self, store: Store, wake_dispatcher: Callable[[], None], counters: Counter[str]) -> None:
        self._store, self._wake_dispatcher, self._counters = store, wake_dispatcher, counters
        self.trouble = ""
        self.whole = True

    async def keep(self, batch: Batch, shield: trio.CancelScope | None = None) -> None:
        """Until the store has it, or, where a shield is given, until the watch is being stopped."""
        while True:
            try:
                await trio.to_thread.run_sync(self._store.apply, batch)
            except StoreUnavailableError as error:
                self._counters["store_retries_total"] += 1
                if self.trouble != str(error):
                    log.error(
                        "the store cannot take anything; the journal keeps what comes", error=str(error)
                    )
                self.trouble = str(error)
                await self._pause(shield)
            else:
                self.trouble = ""
                if batch.alerts:
                    self._wake_dispatcher()
                return

    async def _pause(self, shield: trio.CancelScope | None) -> None:
        if shield is None:
            await trio.sleep(STORE_PAUSE_S)
            return
        # A watch that is stopped meanwhile must not wait for the disk; what it could not keep is read again.
        shield.shield = self.whole = False
        await trio.sleep(STORE_PAUSE_S)
        shield.shield = self.whole = True


def refused(reason: str) -> StoreUnavailableError:
    """What a person is told whose act the store did not take."""
    return StoreUnavailableError(
        "io", f"The store cannot take anything now ({reason}), so nothing was done. Try again when it can."
    )


def is_past(act: Act, lane: int, sequence: int, at_ns: int) -> bool:
    """Whether that place in the journal is behind the act: by sequence, or by time where the lane is another."""
    if act.after is not None and act.after[0] == lane and sequence > act.after[1]:
        return True
    return act.at_ns < at_ns
