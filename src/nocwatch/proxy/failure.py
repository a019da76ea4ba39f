"""Why a station gets no link: a value that says what it hears, what is counted, and what its log will show.

PURE. Made wherever something stands in the way of a handshake (the dial, the CSMS's silence, a list, a cap) and spoken
in one place, ``pairing.py``.
"""

from __future__ import annotations

import msgspec


class Failure(msgspec.Struct, frozen=True):
    """Why a station gets an answer of the relay's own.

    Attributes:
        status: of that answer; None where nobody is there to read one.
        reason: bounded word for counters and the journal.
        sentence: what the station's log will say.
        retry_after_s: when it may try again; None where trying again is not what helps, or nobody knows when.
    """

    status: int | None
    reason: str
    sentence: str = ""
    retry_after_s: int | None = None
