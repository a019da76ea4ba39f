"""Times that are taken off outages: the registry's exclusions and closed hours, within the limits of each regulation. Pure.

What holds of all ports of a site alike is reckoned once: a year of closed nights is hundreds of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Self

from nocwatch.kpis.regulations import CLOSED, Regulation, cause_of
from nocwatch.kpis.spans import Span, both, merged, without
from nocwatch.moments import SECOND_NS


class Exclusion(NamedTuple):
    """A time that the operator's registry excludes, with its cause."""

    from_ns: int
    until_ns: int
    cause: str
    note: str = ""


class Excused(tuple[Exclusion, ...]):
    """Exclusions made ready for the ports that they are about."""

    _by_cause: dict[str, list[Span]]
    _noted: list[tuple[str, Exclusion]]
    _fixed: dict[str, tuple[dict[str, list[Span]], list[Span]]]
    _open: dict[tuple[int, int], list[Span]]

    def __new__(cls, exclusions: Iterable[Exclusion] = ()) -> Self:
        made = super().__new__(cls, exclusions)
        spans: dict[str, list[Span]] = {}
        words: dict[str, str] = {}
        made._noted = []
        for each in made:
            cause = words.setdefault(each.cause, cause_of(each.cause))
            spans.setdefault(cause, []).append((each.from_ns, each.until_ns))
            if each.note:
                made._noted.append((cause, each))
        made._by_cause = {cause: merged(found) for cause, found in spans.items()}
        made._fixed, made._open = {}, {}
        return made

    def open_time(self, from_ns: int, until_ns: int) -> list[Span]:
        """Without closed hours."""
        key = (from_ns, until_ns)
        if key not in self._open:
            self._open[key] = without([key], self._by_cause.get(CLOSED, ()))
        return self._open[key]

    def allowances(self, regulation: Regulation, down: Sequence[Span]) -> Mapping[str, list[Span]]:
        """By cause, the times that the regulation lets be taken off: cut to its limits for each event and each calendar year."""
        fixed, _ = self._limited(regulation)
        if not regulation.yearly_ns:
            return fixed
        # A yearly allowance is used up by time that was down, not by the window that was announced.
        yearly = {
            cause: _within_years(both(fixed[cause], down), longest)
            for cause, longest in regulation.yearly_ns.items()
        }
        return {**fixed, **yearly}

    def allowed(self, regulation: Regulation, off: Mapping[str, Sequence[Span]]) -> list[Span]:
        """All of the allowances together."""
        _, together = self._limited(regulation)
        if not regulation.yearly_ns:
            return together
        return merged([*together, *(span for cause in regulation.yearly_ns for span in off[cause])])

    def note(self, cause: str, from_ns: int, until_ns: int) -> str:
        """What the registry says of an exclusion of that time and cause; empty where it says nothing."""
        found = (
            each.note
            for own, each in self._noted
            if own == cause and each.from_ns < until_ns and each.until_ns > from_ns
        )
        return next(found, "")

    def _limited(self, regulation: Regulation) -> tuple[dict[str, list[Span]], list[Span]]:
        """By cause, cut to the limit of each event; and those without a yearly limit together."""
        if regulation.name not in self._fixed:
            fixed = {}
            for cause, longest_ns in regulation.excluded.items():
                windows = self._by_cause.get(cause, [])
                if longest_ns is not None:
                    windows = [(start, min(end, start + longest_ns)) for start, end in windows]
                fixed[cause] = windows
            whole = (fixed[cause] for cause in fixed if cause not in regulation.yearly_ns)
            self._fixed[regulation.name] = fixed, merged(span for spans in whole for span in spans)
        return self._fixed[regulation.name]


def _within_years(spans: Sequence[Span], yearly_ns: int) -> list[Span]:
    found: list[Span] = []
    left: dict[int, int] = {}
    for start_ns, end_ns in spans:
        at_ns = start_ns
        while at_ns < end_ns:
            year = year_of(at_ns)
            next_ns = year_of(at_ns, 1)
            until_ns = min(end_ns, next_ns)
            used = min(until_ns - at_ns, left.setdefault(year, yearly_ns))
            left[year] -= used
            found.append((at_ns, at_ns + used))
            at_ns = until_ns
    return merged(found)


def year_of(at_ns: int, years: int = 0) -> int:
    """The beginning of the calendar year (UTC), or of one after it."""
    year = datetime.fromtimestamp(at_ns // SECOND_NS, UTC).year + years
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND_NS
