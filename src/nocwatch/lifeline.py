"""So that no process outlives whoever started it: a pipe whose one end the starter holds and whose other end its children read.

When the starter is gone, however it went (SIGKILL, no memory, a crash), the kernel closes its end, and each child ends as by
SIGTERM: the relay gives its links their grace. Without it a supervisor that was killed would leave a relay behind that
holds the ports, and nobody who starts it again or ends it. The kernel's own signal for the death of a parent will not do:
it is sent when the *thread* ends that started the child.

What always holds: nothing is ever written to the pipe. Only the starter has the writing end: children get the reading one,
and do not hand it on. A process that was started alone (by systemd, in a container) has no lifeline and needs none.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
from types import TracebackType
from typing import Self

import structlog

VARIABLE = "LIFELINE_FD"
"""Names the reading end to a child. Not ``NOCWATCH_…``: those are keys of the configuration."""

log = structlog.get_logger("nocwatch.lifeline")


class Lifeline:
    """The starter's side. Close it when the children have ended: before, it would end them.

    Attributes:
        reader: the descriptor that each child is started with (``pass_fds``), beside ``environment``.
    """

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()  # neither is inherited unless somebody says so

    @property
    def environment(self) -> dict[str, str]:
        return {VARIABLE: str(self.reader)}

    def close(self) -> None:
        os.close(self._writer)
        os.close(self.reader)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def heed() -> None:
    """The child's side: from now on this process ends with whoever started it. Does nothing where nobody left a lifeline."""
    named = os.environ.pop(VARIABLE, "")  # it was said to us, and to none of our own children
    try:
        reader = int(named)
        is_pipe = stat.S_ISFIFO(os.fstat(reader).st_mode)
    except (ValueError, OverflowError, OSError):
        return
    if not is_pipe:
        return
    os.set_inheritable(reader, False)
    threading.Thread(target=_wait, args=(reader,), name="lifeline", daemon=True).start()


def _wait(reader: int) -> None:
    while os.read(reader, 1):  # nothing is ever written: what comes is the end
        pass
    try:
        log.warning("whoever started this process is gone; ending")
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
