"""What keeps alerts quiet: silences of people, and inhibitions of alerts by others. Pure.

Both are looked up by what an alert is known by (``labels.matched_by``). Inhibitions are indexed by the values that have to
agree, so that an alert storm costs each alert its own few neighbours and not all others.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

from nocwatch.alerts.acts import Silence
from nocwatch.alerts.alert import Alert, AlertState
from nocwatch.alerts.labels import matched_by
from nocwatch.alerts.settings import InhibitionSettings

SILENCES_MAX = 1000
"""Each is tried on each revision of an alert. One more is refused, and who asked is told."""

_Key = tuple[int, tuple[str, ...]]


class Silences:
    """Those in force."""

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self._silences = {silence.id: silence for silence in silences}

    def add(self, silence: Silence) -> bool:
        """Puts it in force; replaces one of the same id. Whether there was room."""
        if silence.id not in self._silences and len(self._silences) >= SILENCES_MAX:
            return False
        self._silences[silence.id] = silence
        return True

    def remove(self, silence_id: str) -> bool:
        return self._silences.pop(silence_id, None) is not None

    def all(self) -> tuple[Silence, ...]:
        return tuple(self._silences.values())

    def covering(self, alert: Alert, now_ns: int) -> str:
        """Id of the first silence that covers the alert now; empty where none does."""
        if not self._silences:
            return ""
        facts = matched_by(alert)
        for silence in self._silences.values():
            if silence.from_ns <= now_ns < silence.until_ns and all(
                fnmatch.fnmatchcase(facts.get(name, ""), pattern)
                for name, pattern in silence.matchers.items()
            ):
                return silence.id
        return ""


class Inhibitions:
    """Which open alerts keep which others quiet."""

    def __init__(self, rules: Sequence[InhibitionSettings]) -> None:
        self._rules = rules
        self._sources: dict[_Key, dict[str, None]] = {}
        self._targets: dict[_Key, dict[str, None]] = {}
        self._places: dict[str, tuple[list[_Key], list[_Key]]] = {}

    def note(self, alert: Alert) -> list[str]:
        """Takes in the alert as it stands; ids of alerts that may become quiet by it, or loud again."""
        if not self._rules:
            return []
        before = self._places.pop(alert.id, ([], []))
        sources: list[_Key] = []
        targets: list[_Key] = []
        if alert.state is not AlertState.RESOLVED:
            facts = matched_by(alert)
            for number, rule in enumerate(self._rules):
                key = number, tuple(facts.get(name, "") for name in rule.equal)
                quiet = rule.quiet.fits(facts)
                if quiet:
                    targets.append(key)
                elif rule.by.fits(facts):
                    # What can be kept quiet by a rule keeps nothing quiet by it: two alerts never silence each other.
                    sources.append(key)
            self._places[alert.id] = sources, targets
        _move(self._sources, alert.id, before[0], sources)
        _move(self._targets, alert.id, before[1], targets)
        changed = [key for key in (*before[0], *sources) if (key in before[0]) != (key in sources)]
        return [target for key in changed for target in self._targets.get(key, ()) if target != alert.id]

    def of(self, alert: Alert) -> str:
        """Id of an open alert that keeps this one quiet; empty where none does."""
        for key in self._places.get(alert.id, ([], []))[1]:
            for source in self._sources.get(key, ()):
                return source
        return ""


def _move(index: dict[_Key, dict[str, None]], alert_id: str, before: list[_Key], now: list[_Key]) -> None:
    for key in before:
        if key not in now:
            index[key].pop(alert_id, None)
            if not index[key]:
                del index[key]
    for key in now:
        index.setdefault(key, {})[alert_id] = None
