"""What keeps alerts quiet: silences of people, and inhibitions of alerts by others. Pure.

Both are looked up by what an alert is known by (``labels.matched_by``). Inhibitions are indexed by the values that have to
agree, so that an alert storm costs each alert its own few neighbours and not all others.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from nocwatch.alerts.acts import Silence
from nocwatch.alerts.alert import Alert, AlertState
from nocwatch.alerts.labels import matched_by
from nocwatch.alerts.settings import InhibitionSettings
from nocwatch.moments import rfc3339

SILENCES_MAX = 1000
"""Each is tried on each revision of an alert. One more is refused, and who asked is told."""

_Key = tuple[int, tuple[str, ...]]


class Silences:
    """Those in force. Of several that cover an alert the one that lasts longest holds: it is what people can rely on."""

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self._silences = {silence.id: silence for silence in silences}

    def add(self, silence: Silence) -> bool:
        """Puts it in force; replaces one of the same id. Whether there was room."""
        if silence.id not in self._silences and self.full:
            return False
        self._silences[silence.id] = silence
        return True

    @property
    def full(self) -> bool:
        return len(self._silences) >= SILENCES_MAX

    def alike(self, matchers: Mapping[str, str]) -> list[str]:
        """Ids of those that say the same: a new word on it takes their place."""
        return [each.id for each in self._silences.values() if each.matchers == matchers]

    def get(self, silence_id: str) -> Silence | None:
        return self._silences.get(silence_id)

    def remove(self, silence_id: str) -> Silence | None:
        return self._silences.pop(silence_id, None)

    def all(self) -> tuple[Silence, ...]:
        return tuple(self._silences.values())

    def covering(self, alert: Alert, now_ns: int) -> str:
        """Id of the silence that covers the alert now; empty where none does."""
        if not self._silences:
            return ""
        facts = matched_by(alert)
        covering = [
            (silence.until_ns, silence.id)
            for silence in self._silences.values()
            if silence.from_ns <= now_ns < silence.until_ns and _fits(silence, facts)
        ]
        return max(covering, default=(0, ""))[1]


def _fits(silence: Silence, facts: Mapping[str, str]) -> bool:
    return all(
        fnmatch.fnmatchcase(facts.get(name, ""), pattern) for name, pattern in silence.matchers.items()
    )


_NAMED = ("rule", "station", "site", "subject")
_LITERAL = re.compile(r"\[([*?\[])\]")


def covered(matchers: Mapping[str, str], name: Callable[[str, str], str] = lambda _, value: value) -> str:
    """What a silence covers, in words: ``faulted at Hafen 3``. ``name`` gives what people call a rule, station or site."""
    facts = {key: _LITERAL.sub(r"\1", value) for key, value in matchers.items()}
    rule = name("rule", facts["rule"]) if facts.get("rule") else "everything"
    where = [name(key, facts[key]) for key in _NAMED[1:] if facts.get(key)]
    others = [f"{key} {value}" for key, value in facts.items() if key not in _NAMED]
    return " ".join(
        [
            rule.replace("_", " "),
            *(["at " + ", ".join(where)] if where else []),
            *[f"with {each}" for each in others],
        ]
    )


def told_of(silence: Silence, alert: Alert) -> str:
    """A line of the alert's history. The time is RFC 3339: pages show it in their own zone."""

    def name(key: str, value: str) -> str:
        mine = {"station": alert.station, "site": alert.site}
        return (value == mine.get(key) and alert.labels.get(f"{key}_name")) or value

    note = f" ({silence.note})" if silence.note else ""
    return (
        f"Silenced by {silence.by} until {rfc3339(silence.until_ns)}: {covered(silence.matchers, name)}{note}"
    )


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
