"""Taking the relay's addresses, and what it means where one cannot be had: most often only "not now".

An address that the machine does not have yet, a port that the former relay still holds, a name that nobody resolves yet:
each passes without anybody touching the configuration, so whoever started the relay shall try again. What is not allowed
to the relay stays so however often it asks.
"""

from __future__ import annotations

import errno
import socket

from nocwatch.errors import NocwatchError, NotNowError
from nocwatch.proxy import listener

_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM})


def bind(address: str, key: str, *, shared: bool = False) -> socket.socket:
    """As ``proxy.listener.bind``.

    Raises:
        NotNowError: the address is taken, or not ours yet.
        NocwatchError: it is not allowed, or no address.
    """
    try:
        return listener.bind(address, key, shared=shared)
    except NocwatchError as error:
        why = error.__context__
        if not isinstance(why, OSError) or why.errno in _NOT_ALLOWED:
            raise
        raise NotNowError(str(error)) from None
