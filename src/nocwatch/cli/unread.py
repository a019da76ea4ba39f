"""What becomes of a command whose output nobody reads any more (``nocwatch journal tail | head -1``): it ends, quietly.

Its status is 141, as that of any tool that the shell sees ended by SIGPIPE: not 0, since the command did not get to its end
(``journal verify | head -1`` must not say that all is whole), and not 1, which means that something was found.

Output into a file whose disk is full is another matter: that is told, since what stands there is not whole.

SIGPIPE itself stays ignored: a command that speaks to others over sockets must outlive a peer that hangs up. So a broken pipe
is taken for the reader's leave only where it is standard output's.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup

from nocwatch.errors import NocwatchError

STATUS = 141
"""128 and the number of SIGPIPE, as shells count."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class NobodyReads(Exception):  # noqa: N818 - nothing is wrong
    """Whoever read standard output has seen enough."""


class NoRoomError(NocwatchError):
    """What standard output leads to takes no more."""


class Commands(TyperGroup):
    """Typer's own, which would take a reader that left for a finding (status 1)."""

    def invoke(self, ctx: Any) -> Any:
        with noticed():
            return super().invoke(ctx)


@contextmanager
def noticed() -> Iterator[None]:
    """Tells a reader that left from other broken pipes.

    Raises:
        NobodyReads, NoRoomError: in place of the error that the write to standard output gave.
    """
    try:
        yield
    except BrokenPipeError:
        if not is_unread():
            raise
        raise NobodyReads from None
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        raise NoRoomError(f"what was to be written is not whole: {error.strerror}") from None
    except BaseExceptionGroup as group:
        if group.split(BrokenPipeError)[1] is not None or not is_unread():
            raise
        raise NobodyReads from None


def is_unread() -> bool:
    """Whether standard output is a pipe whose reader has left."""
    look = select.poll()
    try:
        look.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(event & select.POLLERR for _, event in look.poll(0))


def _is_full() -> bool:
    """Whether what still waits to be written to standard output is not taken."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def let_go() -> None:
    """What still waits to be written goes nowhere, so that the interpreter's end does not complain of it."""
    if not is_unread() and not _is_full():
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
