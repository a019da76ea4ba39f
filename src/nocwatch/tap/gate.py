"""The gate: secrets and personal data stop here, between the raw journal and everything that people can see.

Tokens and what names a vehicle or a driver are key-hashed, so that one token can still be followed; passwords, keys,
certificates and free data are redacted. Pure; it never raises, whatever the text.

How it stays cheap: a message without one of the tell-tale ``NEEDLES`` passes untouched, byte for byte. The search is made
on the *skeleton*: lower case, without digits, blanks, ``_`` and ``-``. Deleting characters can only make a needle appear,
never vanish; and as messages of one station differ in digits alone, a skeleton's verdict is found in a small cache.
Only on a hit is the text decoded, walked, and, where something changed, encoded again.

What it cannot do: recognise a bare token in free text that does not name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from nocwatch.keyhash import digest, key_hash
from nocwatch.tap.prefixes import Prefixes

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

TOKENS_REMEMBERED_MAX = 65_536
"""Hashes kept so that a fleet's tokens are not hashed anew at each message: about 10 MiB. Dropped as a whole when full."""
SKELETONS_REMEMBERED_MAX = 4096
"""Harmless shapes; a station has a dozen or two. Dropped as a whole when full."""
SKELETON_BYTES_MAX = 2048
"""Longer ones are rare and would only fill the memory."""
NAMES_REMEMBERED_MAX = 4096

REDACTED = "[redacted]"
_REDACTED_OPENING = "[redacted"
_HASHED = re.compile(r"h:[0-9a-f]{16}")

TOKEN_NAMES = frozenset({
    "idtag", "idtoken", "parentidtag", "groupidtoken", "additionalidtoken", "additionalinfo", "emaid", "vin", "evccid",
    "vehicleid", "iccid", "imsi", "customeridentifier", "contractid", "masterpassgroupid",
})  # fmt: skip
"""Keys (lower case, without digits, blanks, ``_`` and ``-``) whose text is key-hashed."""
SECRET_NAMES = frozenset({
    "password", "passwd", "passphrase", "authorizationkey", "basicauthpassword", "apnpassword", "apnusername", "simpin", "vpnuser",
    "vpnpassword", "vpnkey", "secret", "privatekey", "certificateprivatekey",
})  # fmt: skip
"""Keys whose value is redacted, its length too."""
CONTENT_NAMES = frozenset({
    "csr", "certificate", "certificatechain", "signingcertificate", "exirequest", "exiresponse", "data", "personalmessage",
})  # fmt: skip
"""Keys whose value is redacted, its length kept."""
_SECRET_WORDS = (
    "passw",
    "passphrase",
    "secret",
    "authorizationkey",
    "privatekey",
    "apikey",
    "credential",
    "simpin",
    "wifikey",
    "psk",
)
"""A setting whose name has one of these is a secret, whoever named it."""
_SETTING_VALUES = frozenset({"value", "attributevalue", "actualvalue"})
_ATTRIBUTES = "variableattribute"
_PLAIN_IN_TOKEN = frozenset({
    "type", "status", "expirydate", "cacheexpirydatetime", "format", "language", "chargingpriority", "evseid", "vendorid",
})  # fmt: skip
_VPN_OPEN = frozenset({"server", "type"})

NEEDLES = (
    b"@", b"\\u", b"idt", b"certificate", b"csr", b"ccid", b"imsi", b"emaid", b'"vin', b"vehicleid", b"vpn", b"apn", b"simpin",
    b"pass", b"secret", b"rizationkey", b"privatekey", b"credential", b"exire", b'"data"', b"additionali", b"customeri",
    b"contractid", b"personalm", b'"key"', b'"variable"',
)  # fmt: skip
"""Each name above holds one of these (a test sees to it); so does each way to hide one: escapes and named settings."""

_DROPPED = "0123456789_- "
_LOWER = bytes(range(256)).lower()
_DROPPED_BYTES = _DROPPED.encode() + b"\t\r\n"
_DROPPED_TEXT = str.maketrans("", "", _DROPPED)

_RUN = re.compile(r"[^\s\"'<>]+")
_SCHEME = re.compile(r"[A-Za-z][0-9+.-]*:(?:\\?/){2}")
"""The end of a scheme, from its last letter on. What is before that letter need not be looked at, and so no search begins
at each letter of a long word: a message of 1 MiB that is one word with an ``@`` once cost a quarter of an hour."""
_INLINE = re.compile(
    r"""((?:id[ _-]?t(?:ag|oken)|e?maid|iccid|imsi|evcc[ _-]?id|\bvin\b|pass(?:word|wd|phrase)|(?:authorization|private|api)[ _-]?key|secret|sim[ _-]?pin)"""
    r"""[\\"'\s]*[:=][\\"'\s]*)([^\\"'\s,;}\])]+)""",
    re.IGNORECASE,
)
"""A secret named inside a text: an error description that echoes the request it is about."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')

_PLAIN, _TOKEN, _SECRET, _CONTENT, _VPN = range(5)

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Gate:
    """Redaction under one key.

    Args:
        key: of the operator's installation; tokens hashed under another key cannot be compared with these.

    Attributes:
        prefixes: which of the operator's prefixes tokens begin with.
    """

    __slots__ = ("_harmless", "_key", "_names", "_tokens", "prefixes")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.prefixes = Prefixes()
        self._tokens: dict[str, str] = {}
        self._harmless: set[bytes] = set()
        self._names: dict[str, int] = {}

    def token(self, raw: str) -> str:
        """``h:`` and 16 hex digits. The same for any case of letters, as OCPP compares tokens; empty stays empty."""
        known = self._tokens.get(raw)
        if known is not None:
            return known
        if not raw or _HASHED.fullmatch(raw):
            return raw
        if len(self._tokens) >= TOKENS_REMEMBERED_MAX:
            self._tokens.clear()
        hashed = key_hash(self._key, raw)
        self._tokens[raw] = hashed
        self.prefixes.note(raw, hashed)
        return hashed

    def name(self, raw: str) -> str:
        """A user's or a station's, hashed as tokens are, and none of them: no prefix of the operator's is looked for."""
        return raw if not raw or _HASHED.fullmatch(raw) else key_hash(self._key, raw)

    def heed(self, prefixes: Iterable[str]) -> None:
        """From now on notes which tokens begin with these, of those too that were hashed before."""
        if self.prefixes.heed(prefixes):
            self._tokens.clear()

    def text(self, payload: bytes) -> bytes:
        """The message without secrets: ``payload`` itself where it has none.

        What has a needle and is no JSON is withheld as a whole; its length and a hash are kept, to tell repeats.
        """
        # The id of a message is no place for a key, and the one part that never repeats: leave it out of the skeleton.
        cut = payload.find(b'",', 4, 64) if payload[2:4] == b',"' and payload[:1] == b"[" else -1
        named = cut > 0 and payload.find(b'"', 4, cut) < 0
        skeleton = (payload[cut:] if named else payload).translate(_LOWER, _DROPPED_BYTES)
        if skeleton in self._harmless:
            return payload
        if not any(needle in skeleton for needle in NEEDLES):
            if named and len(skeleton) <= SKELETON_BYTES_MAX:
                if len(self._harmless) >= SKELETONS_REMEMBERED_MAX:
                    self._harmless.clear()
                self._harmless.add(skeleton)
            return payload
        try:
            message = _decode(payload)
            return self._message(message, payload)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError):
            return self._withheld(payload)

    def binary(self, payload: bytes) -> bytes:
        """As ``text`` where it is UTF-8 text, else withheld: nobody can tell what it holds."""
        try:
            payload.decode()
        except UnicodeDecodeError:
            return self._withheld(payload)
        return self.text(payload)

    def words(self, text: str) -> str:
        """A short text in passing, such as a close reason."""
        return self.text(text.encode("utf-8", "replace")).decode() if text else text

    def _digest(self, data: bytes) -> str:
        return digest(self._key, data)

    def _withheld(self, payload: bytes) -> bytes:
        return f"[withheld: {len(payload)} bytes, h:{self._digest(payload)}]".encode()

    def _message(self, message: Json, payload: bytes) -> bytes:
        # Type 6 (SEND, 2.1) streams numbers under the key ``data``; anywhere else ``data`` is anybody's.
        streams = isinstance(message, list) and message[:1] == [6]
        walked = self._walk(message, _PLAIN, streams)
        return payload if walked == message and not _hides(payload, message) else _encode(walked)

    def _walk(self, value: Json, mode: int, streams: bool = False) -> Json:
        """A copy of ``value`` without what must not pass; ``mode`` is what its key says about it."""
        if isinstance(value, dict | list) and mode in {_SECRET, _CONTENT}:
            return _redacted(_encode(value).decode(), mode) if value else value
        if isinstance(value, dict):
            return self._object(value, mode, streams)
        if isinstance(value, list):
            return [self._walk(item, mode, streams) for item in value]
        if mode == _PLAIN:
            return _clean(value) if isinstance(value, str) else value
        if value is None or isinstance(value, bool) or value == "":
            return value
        text = value if isinstance(value, str) else _encode(value).decode()
        if mode == _TOKEN:
            return self.token(text)
        return _redacted(text, mode)

    def _object(self, value: dict[str, Json], mode: int, streams: bool) -> Json:
        setting = self._setting_mode(value)
        explains = (
            "reasonCode" in value
        )  # StatusInfoType.additionalInfo is a remark on a status, and no token
        walked: dict[str, Json] = {}
        for key, item in value.items():
            own = self._mode(key)
            name = _normal(key)
            if mode == _TOKEN:
                own = own or (_PLAIN if name in _PLAIN_IN_TOKEN else _TOKEN)
            elif mode == _VPN:
                own = _PLAIN if name in _VPN_OPEN else _SECRET
            elif mode:
                own = mode
            elif (streams and name == "data") or (explains and name == "additionalinfo"):
                own = _PLAIN
            if setting and name == _ATTRIBUTES:
                walked[key] = self._attributes(item, setting)
            elif setting and name in _SETTING_VALUES:
                walked[key] = self._walk(item, setting)
            else:
                walked[key] = self._walk(item, own, streams)
        return walked

    def _setting_mode(self, value: dict[str, Json]) -> int:
        """What the name of a setting says about its value: 1.6 ``key``, 2.x ``variable.name``."""
        name = value.get("key")
        variable = value.get("variable")
        if isinstance(variable, dict):
            name = variable.get("name")
        if not isinstance(name, str):
            return _PLAIN
        mode = self._mode(name)
        if not mode and any(word in _normal(name) for word in _SECRET_WORDS):
            return _SECRET
        return mode

    def _attributes(self, item: Json, mode: int) -> Json:
        """2.x variableAttribute: of each, the value alone is the secret."""
        if isinstance(item, list):
            return [self._attributes(each, mode) for each in item]
        if isinstance(item, dict):
            return {
                key: self._walk(each, mode if _normal(key) == "value" else _PLAIN)
                for key, each in item.items()
            }
        return self._walk(item, mode)

    def _mode(self, key: str) -> int:
        mode = self._names.get(key)
        if mode is None:
            if len(self._names) >= NAMES_REMEMBERED_MAX:
                self._names.clear()
            mode = self._names[key] = _mode_of(_normal(key))
        return mode


def _hides(payload: bytes, message: Json) -> bool:
    """Whether the text says more than was read: of a name that an object has twice, only the last value was looked at."""
    colons = _STRING.sub(b"", payload).count(b":")
    return colons != _names_in(message)


def _names_in(value: Json) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_names_in, value.values()))
    return sum(map(_names_in, value)) if isinstance(value, list) else 0


def _normal(name: str) -> str:
    return name.translate(_DROPPED_TEXT).lower()


def _mode_of(name: str) -> int:
    if name in TOKEN_NAMES:
        return _TOKEN
    if name in SECRET_NAMES:
        return _SECRET
    if name in CONTENT_NAMES:
        return _CONTENT
    return _VPN if name == "vpn" else _PLAIN


def _redacted(text: str, mode: int) -> str:
    if text.startswith(_REDACTED_OPENING):
        return text
    return f"[redacted, {len(text)} characters]" if mode == _CONTENT else REDACTED


def _clean(text: str) -> str:
    """Text that no key marks: URLs lose their userinfo, PEM its content, named secrets their value."""
    if "@" in text:
        text = _RUN.sub(_without_userinfo, text)
    if "-----BEGIN" in text:
        return _redacted(text, _CONTENT)
    if ":" in text or "=" in text:
        text = _INLINE.sub(_inline, text)
    return text


def _without_userinfo(run: re.Match[str]) -> str:
    """From behind the first scheme to the last ``@``: a password may have ``@``, ``/`` and further schemes in it."""
    text = run[0]
    at = text.rfind("@")
    scheme = _SCHEME.search(text, 0, at) if at > 0 else None
    return f"{text[: scheme.end()]}{REDACTED}{text[at:]}" if scheme else text


def _inline(match: re.Match[str]) -> str:
    value = match[2]
    return (
        match[0] if _HASHED.fullmatch(value) or value.startswith(_REDACTED_OPENING) else match[1] + REDACTED
    )
