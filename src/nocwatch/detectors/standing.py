"""The flags of one rule: those that are raised, those that wait, those that ended. The manners that all rules share are here.

Between what a detector says and a flag stand, in this order: a person who has resolved it, cooldown, maintenance, ``for``.
What is held back waits as *pending* and becomes a flag when nothing holds it any more, unless the detector takes it back
first; an event (a thing without a state) that falls into cooldown or maintenance is dropped. Whatever is withheld is counted.

Not here: the states of the detector, and the rule's scope (``running.py``).

What always holds: a flag is raised once and cleared once under its id; the same trouble later has another id.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from nocwatch.detectors.board import Board, TimerKind
from nocwatch.detectors.rules import Rule
from nocwatch.flags import Flag, FlagState, derived_id
from nocwatch.registry.places import Place

FLAGS_MAX = 50_000
"""Raised and pending flags of a rule: each connector of a big fleet at once. Beyond it new ones are dropped, and counted."""
ENDED_MAX = 10_000
"""Ids of ended flags that are remembered, so that none is raised twice; beyond it the oldest is forgotten."""
EVIDENCE_MAX = 20
"""Evidence on one flag: more than a person reads. The first ones stay; what comes later is counted."""


class Found(msgspec.Struct):
    """A flag with what the engine must know of it. ``ready_ns``: when its ``for`` is over; ``told``: reasons counted."""

    flag: Flag
    event: bool
    below: str
    ready_ns: int
    numbers: dict[str, float | int | str] = {}
    told: list[str] = []


class Standing:
    """The flags of a rule.

    Attributes:
        raised, pending: key → what stands, and what waits.
        ended: id → its key where a person ended it, else empty.
        cooldown: key → until when nothing more is raised.
        counters: the rule's own; what becomes of flags is counted there.
    """

    def __init__(self, rule: Rule, board: Board, counters: Counter[str]) -> None:
        self.rule = rule
        self.board = board
        self.counters = counters
        self.pending: dict[str, Found] = {}
        self.raised: dict[str, Found] = {}
        self.ended: dict[str, str] = {}
        self.cooldown: dict[str, int] = {}

    def found(self, found: Found) -> None:
        """The detector says that something is wrong."""
        key = found.flag.key
        if (standing := self.raised.get(key)) is not None:
            self._take_over(standing, found, emit=True)
        elif (waiting := self.pending.get(key)) is not None:
            self._take_over(waiting, found, emit=False)
        elif self._fresh(found):
            self._consider(found)

    def clear(self, key: str, because: str) -> None:
        """The detector says that it is well again."""
        if self.pending.pop(key, None) is not None:
            self.board.timers.cancel((self.rule.name, TimerKind.PENDING, key))
            self.counters["not_held"] += 1
        self.end(key, because)

    def due(self, kind: TimerKind, key: str) -> None:
        """A moment of a flag's has come."""
        if kind is TimerKind.PENDING:
            if (found := self.pending.pop(key, None)) is not None:
                self._consider(found)
        elif kind is TimerKind.CLEAR:
            self.end(key, f"{_span(self.rule.clear_after_ns)} have passed since it was raised")
        else:
            self.cooldown.pop(key, None)

    def end(self, key: str, because: str, *, by_person: bool = False) -> None:
        """Clears the key's flag if one is raised."""
        found = self.raised.pop(key, None)
        if found is None:
            return
        board, rule = self.board, self.rule
        board.timers.cancel((rule.name, TimerKind.CLEAR, key))
        flag = msgspec.structs.replace(
            found.flag, state=FlagState.CLEARED, at_ns=board.now_ns, cleared_because=because
        )
        board.out.append(flag)
        self.counters["cleared"] += 1
        self.ended[flag.id] = key if by_person else ""
        if len(self.ended) > ENDED_MAX:
            del self.ended[next(iter(self.ended))]
        if not found.event:
            self._cool_down(found)
        # A person who resolves the site's flag does not want its stations' flags back one by one.
        if not by_person:
            for child in self.raised.values():
                if child.below == key:
                    self._take_over(child, msgspec.structs.replace(child, below=""), emit=True)

    def end_all(self, because: str, station: str | None = None) -> None:
        """Clears every flag, raised or waiting, or those of one station."""
        for waiting in [key for key, each in self.pending.items() if station in (None, each.flag.station)]:
            self.clear(waiting, because)
        for standing in [key for key, each in self.raised.items() if station in (None, each.flag.station)]:
            self.end(standing, because)

    # --- between a detector's word and a flag -----------------------------------------------------------------------

    def _fresh(self, found: Found) -> bool:
        """Whether it may become a flag under its id; a person's word holds until the trouble has another onset."""
        ended = self.ended.get(found.flag.id)
        if ended:
            self.counters["resolved_by_person"] += 1
            return False
        if ended is not None:
            now_ns = self.board.now_ns
            found.flag = msgspec.structs.replace(
                found.flag, id=derived_id(self.rule.name, found.flag.key, now_ns), onset_at_ns=now_ns
            )
        if len(self.raised) + len(self.pending) >= FLAGS_MAX:
            self.counters["flags_dropped"] += 1
            return False
        return True

    def _consider(self, found: Found) -> None:
        key, now_ns = found.flag.key, self.board.now_ns
        due_ns = found.ready_ns
        for reason, until_ns in self._obstacles(found):
            if reason not in found.told:
                found.told = [*found.told, reason]
                self.counters[reason] += 1
            if found.event:
                return
            due_ns = max(due_ns, until_ns)
        if due_ns > now_ns:
            self.pending[key] = found
            self.board.timers.set((self.rule.name, TimerKind.PENDING, key), due_ns)
        else:
            self._raise(found)

    def _obstacles(self, found: Found) -> list[tuple[str, int]]:
        held: list[tuple[str, int]] = []
        now_ns, station = self.board.now_ns, found.flag.station
        if self.cooldown and (until_ns := self.cooldown.get(_cooldown_key(found.flag), 0)) > now_ns:
            held.append(("cooldown", until_ns))
        if station is not None and self.rule.detector.quiet_in_maintenance and self.board.places.maintenance:
            window = self.board.places.in_maintenance(self.board.place(station), now_ns)
            if window is not None:
                held.append(("maintenance", window.until_ns))
        return held

    def _raise(self, found: Found) -> None:
        board, rule, key = self.board, self.rule, found.flag.key
        found.flag = msgspec.structs.replace(
            found.flag,
            at_ns=board.now_ns,
            summary=self._summary(found),
            inhibited_by=self._id_of(found.below),
        )
        self.raised[key] = found
        self.counters["raised"] += 1
        board.out.append(found.flag)
        if found.event:
            board.timers.set((rule.name, TimerKind.CLEAR, key), board.now_ns + rule.clear_after_ns)
            self._cool_down(found)

    def _take_over(self, standing: Found, news: Found, *, emit: bool) -> None:
        """A higher severity, new evidence, other advice, another place in the hierarchy: into the flag that stands."""
        old, new = standing.flag, news.flag
        fresh = tuple(each for each in new.evidence if each not in old.evidence)
        room = EVIDENCE_MAX - len(old.evidence)
        self.counters["evidence_dropped"] += max(0, len(fresh) - room)
        fresh = fresh[:room]
        worse = new.severity.rank > old.severity.rank
        flag = msgspec.structs.replace(
            old,
            severity=new.severity if worse else old.severity,
            evidence=old.evidence + fresh,
            advice=new.advice,
        )
        if worse or fresh:
            standing.numbers = news.numbers
            flag = msgspec.structs.replace(flag, summary=new.summary, blame=new.blame)
        standing.below = news.below
        flag = msgspec.structs.replace(
            flag, late=old.late and new.late, inhibited_by=self._id_of(news.below) if emit else ""
        )
        standing.flag = flag
        if emit and flag != old:
            if worse or fresh:
                flag = msgspec.structs.replace(flag, summary=self._summary(standing))
            standing.flag = msgspec.structs.replace(flag, at_ns=self.board.now_ns)
            self.board.out.append(standing.flag)

    def _summary(self, found: Found) -> str:
        flag, template = found.flag, self.rule.summary
        if template is None:
            return flag.summary
        session = self.board.session(flag.session)
        place, station = Place(station=flag.subject), None
        if flag.station is not None:
            place, station = self.board.place(flag.station), self.board.fleet.stations.get(flag.station)
        try:
            return template.fill(flag, place, station, session, found.numbers)
        except Exception as error:  # noqa: BLE001 - an operator's template must not cost the flag: its own sentence stands
            self.counters["template_failures"] += 1
            self.board.report(self.rule.name, error)
            return flag.summary

    def _cool_down(self, found: Found) -> None:
        if self.rule.cooldown_ns > 0:
            key, until_ns = _cooldown_key(found.flag), self.board.now_ns + self.rule.cooldown_ns
            self.cooldown[key] = until_ns
            self.board.timers.set((self.rule.name, TimerKind.COOLDOWN, key), until_ns)

    def _id_of(self, key: str) -> str:
        if not key:
            return ""
        if (found := self.raised.get(key)) is not None:
            return found.flag.id
        # A person has resolved it, and what hangs below it is known as well.
        return next((id_ for id_, ended in reversed(self.ended.items()) if ended == key), "")


def _cooldown_key(flag: Flag) -> str:
    # A flag about a session has the session's key, which never comes again: what must cool down is the connector.
    return flag.key if flag.session is None else f"{flag.station}/{flag.evse}/{flag.connector}"


def _span(span_ns: int) -> str:
    hours, seconds = divmod(span_ns // 1_000_000_000, 3600)
    return f"{hours} h" if not seconds else f"{span_ns // 1_000_000_000} s"
