"""The key-hash: how a name that must not be shown is still followed from place to place.

The same text under the same key is the same hash, wherever it was made: a token in a frame, the user name of a handshake.
Nobody without the key can try names out. Pure.
"""

from __future__ import annotations

import hashlib
import hmac


def digest(key: bytes, data: bytes) -> str:
    """16 hex digits of HMAC-SHA-256."""
    return hmac.digest(key, data, hashlib.sha256).hex()[:16]


def key_hash(key: bytes, text: str) -> str:
    """``h:`` and 16 hex digits; the same for any case of letters, as OCPP compares tokens."""
    return "h:" + digest(key, text.casefold().encode("utf-8", "surrogatepass"))
