"""With which of the operator's prefixes a token begins, noted at the gate: behind it there is only its hash. Pure.

A prefix such as ``NL-TNM`` names a roaming provider and no person. What always holds: of a token only its hash and the operator's
own word are kept.
"""

from __future__ import annotations

from collections.abc import Iterable

TOKENS_MAX = 131_072
"""Hashes that are known at a time: about 20 MiB. Dropped as a whole when full, and noted again when seen again; the store has all."""


class Prefixes:
    """Notes tokens as they are hashed.

    Attributes:
        known: hash → prefix, lower case; whoever looks tokens up reads it as it grows.
    """

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self._fresh: dict[str, str] = {}
        self._heeded: tuple[str, ...] = ()

    def heed(self, prefixes: Iterable[str]) -> bool:
        """From now on these; whether they are others than before."""
        wanted = tuple(sorted({each.casefold() for each in prefixes}, key=lambda each: (-len(each), each)))
        changed, self._heeded = wanted != self._heeded, wanted
        return changed

    def note(self, raw: str, hashed: str) -> None:
        """A token that is being hashed, in any case of letters."""
        if not self._heeded:
            return
        text = raw.casefold()
        found = next((each for each in self._heeded if text.startswith(each)), "")
        if found and self.known.get(hashed) != found:
            self.remember([(hashed, found)])
            self._fresh[hashed] = found

    def remember(self, pairs: Iterable[tuple[str, str]]) -> None:
        """What was noted before."""
        for hashed, prefix in pairs:
            if len(self.known) >= TOKENS_MAX:
                self.known.clear()
            self.known[hashed] = prefix

    def take(self) -> list[tuple[str, str]]:
        """What was noted since the last time, to be kept."""
        fresh, self._fresh = list(self._fresh.items()), {}
        return fresh
