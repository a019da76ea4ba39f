"""What is recorded of a handshake's ``Authorization``: its scheme, and who it says it is, as a key-hash. Nothing else of it.

PURE. In OCPP the user name is the station's identity, so the hash tells whether a station comes with its own name, with a
neighbour's, or with another one than yesterday: the usual reasons for a 401. It is made under the installation's privacy
key as tokens are (``keyhash.py``), so that it compares with the hash of an identity.
"""

from __future__ import annotations

import base64
import binascii

from nocwatch.keyhash import key_hash

SCHEME_LENGTH_MAX = 16
"""Characters. Real ones are Basic, Bearer and Digest; a credential without a scheme is cut before it says much, and shown as
``other``."""

SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "hoba", "mutual", "vapid"})
"""Schemes that are recorded by name. Where a header begins with anything else, that may be the secret itself."""

USER_BYTES_MAX = 1024
"""Of a user name that is hashed. Longer ones are no user names."""


def scheme_of(value: bytes) -> str:
    """The scheme in lower case, ``other`` for one that is not known; empty for an empty value."""
    # Blank and tab only: what else Python takes for space is part of a word here.
    scheme = value.replace(b"\t", b" ").strip(b" ").partition(b" ")[0].decode("latin-1").lower()
    return scheme if scheme in SCHEMES or not scheme else "other"


def user_of(value: bytes) -> str | None:
    """The user name of Basic credentials; None where there is none to be read.

    What has no colon names nobody: it may be a password alone.
    """
    _, _, encoded = value.partition(b" ")
    encoded = encoded.strip()
    try:
        decoded = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, _ = decoded.partition(b":")
    if not colon or not user or len(user) > USER_BYTES_MAX:
        return None
    try:
        return user.decode("utf-8")
    except UnicodeDecodeError:
        return user.decode("latin-1")


def hashed_user(value: bytes, key: bytes) -> str:
    """The user name's key-hash; empty where there is no user name or no key to hash it with."""
    user = user_of(value) if key else None
    return key_hash(key, user) if user else ""
