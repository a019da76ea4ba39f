"""Work for a thread, where the system may have no thread to give: told apart from whatever the work itself does.

What always holds: where ``NoThreadError`` is raised the work has not begun, so it can be tried again as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class NoThreadError(Exception):
    """The system gives no thread now: a limit of tasks is reached, or there is no memory for its stack."""


async def in_thread(work: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
    """As ``trio.to_thread.run_sync``, abandoned on cancellation.

    Raises:
        NoThreadError: see there.
    """
    begun = False

    def begin() -> T:
        nonlocal begun
        begun = True
        return work()

    try:
        return await trio.to_thread.run_sync(begin, abandon_on_cancel=True, limiter=limiter)
    except (RuntimeError, MemoryError) as error:
        if begun:
            raise
        raise NoThreadError(str(error) or "out of memory") from error
