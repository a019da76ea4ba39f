"""Tokens that simulated drivers hold and the simulated CSMS knows: both derive them, so that nobody has to be told.

A pool of RFID cards and one of contracts (eMAID). Of fifty cards one is blocked and one has expired. Tokens outside the
pools are unknown to the CSMS.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

POOL_SIZE = 4096
"""Eight cards for each of 500 stations, which is what one core simulates."""
CARDS_PER_STATION = 8
APP_PREFIX = "APP"
"""Virtual tokens that the CSMS makes for starts from its app."""


def card(number: int) -> str:
    """A 7-byte RFID UID in upper-case hexadecimal."""
    return "04" + hashlib.blake2b(f"card {number}".encode(), digest_size=6).hexdigest().upper()


def contract(number: int) -> str:
    """An eMAID of an invented provider (ISO 15118-1 annex H: country, provider, C, instance, check character)."""
    return f"DENOWC{number % 10**8:08d}X"


def cards_of(index: int) -> tuple[str, ...]:
    """The cards of the drivers who come to station ``index``."""
    return tuple(card((index * CARDS_PER_STATION + n) % POOL_SIZE) for n in range(CARDS_PER_STATION))


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    statuses = {48: "Blocked", 49: "Expired"}
    known = {card(number): statuses.get(number % 50, "Accepted") for number in range(POOL_SIZE)}
    known |= {contract(number): "Accepted" for number in range(POOL_SIZE)}
    return known


def status_of(token: str) -> str:
    """``Accepted``, ``Blocked``, ``Expired`` or, for a token that nobody issued, ``Invalid``."""
    if token.startswith(APP_PREFIX):
        return "Accepted"
    return _known().get(token, "Invalid")
