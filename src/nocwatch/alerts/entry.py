"""One alert inside the book: its flags, what people were last told, and what they should be told now. Pure.

What always holds:
- Notices of one alert alternate: after a RESOLVED comes nothing but FIRING or REOPENED, and RESOLVED is told only to people who
  were told that it fires. So each page has at most one end.
- An acknowledged alert is quiet until its severity rises, which makes it fire again, or until it is over.
- The same trouble within ``reopen_for`` after the end reopens the alert. The first time people hear of it; from then on, ends
  are told only once they have lasted for ``reopen_for``, and what comes back before that is not told at all. So a station that
  comes and goes all night costs four notices (and one for each ``repeat_interval``), and the last one is true.
"""

from __future__ import annotations

from itertools import islice

import msgspec

from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.flags import Blame, Flag, Severity

MEMBERS_MAX = 10_000
"""Flags of one alert: a fleet's worth of stations. Beyond it those that were cleared are forgotten; then more are only counted."""
LISTED_MAX = 200
"""Of these, those that an alert names: more than a person reads, and what bounds the size of each of its revisions."""


class Member(msgspec.Struct):
    """What the alert keeps of one of its flags.

    Attributes:
        raised: the flag's own state.
        open: raised, and no person has ended the alert since it was.
    """

    id: str
    severity: Severity
    onset_at_ns: int
    summary: str
    advice: str
    runbook: str
    blame: Blame
    session: str | None
    inhibited_by: str
    raised: bool = True
    open: bool = True

    @property
    def place(self) -> tuple[bool, int, int, str]:
        """The least place leads: an open one before others, the worst of them, the oldest."""
        return not self.open, -self.severity.rank, self.onset_at_ns, self.id

    @property
    def stands(self) -> bool:
        """Open, and nothing else explains it."""
        return self.open and not self.inhibited_by


class Timing(msgspec.Struct, frozen=True):
    """A route's times, in nanoseconds; ``repeat_ns`` 0: never."""

    wait_ns: int
    interval_ns: int
    repeat_ns: int
    reopen_ns: int


class Entry(msgspec.Struct):
    """An alert with what its revisions are made from.

    Attributes:
        key: route and group; one entry of a key is open at a time.
        route: id of its route.
        members: id → flag, in order of joining.
        leader: id of the flag whose sentence stands for the alert.
        joined, open_count, raised_count, standing: numbers of members; ``standing`` those that nothing else explains.
        told_firing: whether people believe that it fires; ``told_rank`` the worst severity they heard of since it began.
        resolved_at_ns: when it was last over.
        reopened: how often it came back.
    """

    alert: Alert
    key: str
    route: str
    members: dict[str, Member]
    leader: str = ""
    joined: int = 0
    open_count: int = 0
    raised_count: int = 0
    standing: int = 0
    born_at_ns: int = 0
    told_firing: bool = False
    told_before: bool = False
    told_rank: int = -1
    told_at_ns: int = 0
    told_joined: int = 0
    resolved_at_ns: int = 0
    reopened: int = 0

    @property
    def open(self) -> bool:
        return self.alert.state is not AlertState.RESOLVED

    def join(self, flag: Flag) -> bool:
        """Takes in a raised flag, new or known; whether there was room for it."""
        member = self.members.get(flag.id)
        if member is None:
            if not self._room():
                self.joined += 1
                return False
            self.joined += 1
            member = Member(
                flag.id,
                flag.severity,
                flag.onset_at_ns,
                flag.summary,
                flag.advice,
                flag.runbook,
                flag.blame,
                flag.session,
                flag.inhibited_by,
            )
            self.members[flag.id] = member
            self._count(member, 1)
        else:
            self._count(member, -1)
            member.raised = member.open = True
            member.severity = max(member.severity, flag.severity, key=lambda severity: severity.rank)
            member.summary, member.advice, member.runbook = flag.summary, flag.advice, flag.runbook
            member.blame, member.session, member.inhibited_by = flag.blame, flag.session, flag.inhibited_by
            self._count(member, 1)
        if not self.leader or member.place < self.members[self.leader].place:
            self.leader = member.id
        elif self.leader == member.id:
            self._lead_anew()
        return True

    def leave(self, flag_id: str) -> bool:
        """A flag was cleared; whether it had been open here."""
        member = self.members.get(flag_id)
        if member is None or not member.raised:
            return False
        was_open = member.open
        self._count(member, -1)
        member.raised = member.open = False
        if flag_id == self.leader and self.open_count:
            self._lead_anew()
        return was_open

    def leave_all(self) -> None:
        """A person says that it is over; the flags may be raised all the same."""
        for member in self.members.values():
            member.open = False
        self.open_count = self.standing = 0

    @property
    def inhibited_by(self) -> str:
        """A flag that explains all that is open here; empty where one of them stands for itself."""
        return self.members[self.leader].inhibited_by if self.open_count and not self.standing else ""

    def listed(self) -> tuple[str, ...]:
        return tuple(islice(self.members, LISTED_MAX))

    def _lead_anew(self) -> None:
        self.leader = min(self.members.values(), key=lambda member: member.place).id

    def _count(self, member: Member, sign: int) -> None:
        self.raised_count += sign * member.raised
        self.open_count += sign * member.open
        self.standing += sign * member.stands

    def _room(self) -> bool:
        if len(self.members) >= MEMBERS_MAX:
            for flag_id in [
                each.id for each in self.members.values() if not each.raised and each.id != self.leader
            ]:
                del self.members[flag_id]
        return len(self.members) < MEMBERS_MAX


def due_notice(entry: Entry, timing: Timing, now_ns: int) -> tuple[Notice, int | None]:
    """What people should be told now, and when to ask again (None: when something happens)."""
    alert = entry.alert
    if alert.state is AlertState.RESOLVED:
        return _when_over(entry, timing, now_ns)
    if alert.state is AlertState.ACKNOWLEDGED or alert.silenced_by or alert.inhibited_by:
        return Notice.NONE, None
    if not entry.told_firing:
        if entry.told_before:
            return Notice.REOPENED, None
        wait_until_ns = entry.born_at_ns + timing.wait_ns
        return (Notice.FIRING, None) if now_ns >= wait_until_ns else (Notice.NONE, wait_until_ns)
    if alert.severity.rank > entry.told_rank:
        return Notice.WORSE, None
    again: list[int] = []
    if entry.joined > entry.told_joined:
        join_at_ns = entry.told_at_ns + timing.interval_ns
        if now_ns >= join_at_ns:
            return Notice.JOINED, None
        again.append(join_at_ns)
    if timing.repeat_ns:
        repeat_at_ns = entry.told_at_ns + timing.repeat_ns
        if now_ns >= repeat_at_ns:
            return Notice.REPEAT, None
        again.append(repeat_at_ns)
    return Notice.NONE, min(again, default=None)


def _when_over(entry: Entry, timing: Timing, now_ns: int) -> tuple[Notice, int | None]:
    forget_at_ns = entry.resolved_at_ns + timing.reopen_ns
    if not entry.told_firing:
        return Notice.NONE, forget_at_ns
    tell_at_ns = forget_at_ns if entry.reopened else entry.resolved_at_ns
    return (Notice.RESOLVED, None) if now_ns >= tell_at_ns else (Notice.NONE, tell_at_ns)


def told(entry: Entry, notice: Notice, now_ns: int) -> None:
    """Notes that people are told."""
    if notice is Notice.RESOLVED:
        entry.told_firing = False
        entry.told_rank = -1
    else:
        entry.told_firing = entry.told_before = True
        entry.told_rank = entry.alert.severity.rank
    entry.told_at_ns = now_ns
    entry.told_joined = entry.joined
