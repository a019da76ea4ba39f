"""What the console may ask of the watch, and have it do. Implements ``console.services.Services``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import trio

from nocwatch import clock
from nocwatch.alerts.acts import Act, ActKind, Silence
from nocwatch.alerts.alert import Alert
from nocwatch.alerts.labels import matchers_like
from nocwatch.alerts.quiet import SILENCES_MAX, covered
from nocwatch.console.live import Hub
from nocwatch.console.services import RuleFacts
from nocwatch.detectors.rules import Rule
from nocwatch.errors import NocwatchError
from nocwatch.flags import Flag, FlagState
from nocwatch.moments import rfc3339
from nocwatch.network import Station
from nocwatch.registry.places import Places
from nocwatch.sessions import Session
from nocwatch.store.errors import StoreError
from nocwatch.store.store import Store
from nocwatch.store.values import AuditEntry
from nocwatch.watch.follow import Follower
from nocwatch.watch.rulewords import facts_of
from nocwatch.watch.status import Status


class WatchServices:
    """The watch, as the console sees it."""

    def __init__(
        self,
        follower: Follower,
        store: Store,
        hub: Hub,
        status: Status,
        rules: Sequence[Rule],
        places: Places,
    ) -> None:
        self._follower, self._status = follower, status
        self.store, self.hub = store, hub
        self.take(rules, places)

    def take(self, rules: Sequence[Rule], places: Places) -> None:
        """Rules and registry, at the start and after each reload."""
        self._rules = [facts_of(rule) for rule in rules]
        self.places = places

    def fleet(self) -> Mapping[str, Station]:
        return self._follower.pipeline.stations

    def lately(self, sessions: Sequence[Session]) -> list[Session]:
        return [each if each.over else self._lately(each) for each in sessions]

    def _lately(self, session: Session) -> Session:
        known = self._follower.pipeline.fleet.session_by_id(session.id)
        # Of a backlog the store may be ahead for a while: after an older snapshot was put back.
        return session if known is None or known.revision < session.revision else known

    def misfits(self, station: str) -> Mapping[str, int]:
        return self._follower.pipeline.fleet.misfits(station)

    def rules(self) -> Sequence[RuleFacts]:
        return self._rules

    def now_ns(self) -> int:
        recorded_until_ns = self._status.recorded_until_ns
        return clock.now_ns() if recorded_until_ns is None else recorded_until_ns

    def windows_end_ns(self) -> int:
        now_ns = self.now_ns()
        over_ns = self._status.over_since_ns(now_ns)
        return now_ns if over_ns is None else over_ns

    def stands_still(self) -> bool:
        return self._status.recorded_until_ns is not None

    def forgetting_ns(self) -> int | None:
        """The time for what is kept so long and no longer; None over a recording.

        That does not grow, and who imported traces that lie years apart wants to see all of them.
        """
        return None if self.stands_still() else clock.now_ns()

    def status(self) -> Mapping[str, Any]:
        return self._status.as_sections()

    async def acknowledge(self, alert: str, by: str, note: str) -> Alert | None:
        return await self._to_alert(ActKind.ACKNOWLEDGE, alert, by, note)

    async def resolve(self, alert: str, by: str, note: str, clear_flags: bool = False) -> Alert | None:
        done = await self._to_alert(ActKind.RESOLVE, alert, by, note)
        if done is None or not clear_flags:
            return done
        for flag in await trio.to_thread.run_sync(self.store.flags_by_id, done.flags):
            if flag.state is FlagState.RAISED:
                try:
                    await self.clear_flag(flag.id, by, note or "cleared with its alert")
                except StoreError:
                    raise
                except NocwatchError:
                    continue  # it has cleared by itself meanwhile, which is what was wanted
        return await trio.to_thread.run_sync(self.store.alert, alert)

    async def silence(self, alert: str, by: str, note: str, until_ns: int) -> Alert | None:
        kept = await trio.to_thread.run_sync(self.store.alert, alert)
        if kept is None:
            return None
        matchers = matchers_like(kept)
        if self._follower.pipeline.book.silences_full and not any(
            each.matchers == matchers for each in self.silences()
        ):
            raise NocwatchError(f"There are {SILENCES_MAX} silences already. End one of them first.")
        return await self._to_alert(ActKind.SILENCE, alert, by, note, until_ns, matchers)

    def silences(self) -> Sequence[Silence]:
        return self._follower.pipeline.book.silences

    async def end_silence(self, silence: str, by: str, note: str) -> Silence | None:
        found = next((each for each in self.silences() if each.id == silence), None)
        if found is None:
            return None
        act = Act(id=_act_id(), kind=ActKind.UNSILENCE, at_ns=0, by=by, alert=silence, note=note)
        await self._follower.do(act)
        await self._audit(act, silence, _in_short(found.matchers, found.until_ns))
        return found

    async def clear_flag(self, flag: str, by: str, because: str) -> Flag | None:
        if await trio.to_thread.run_sync(self.store.flag, flag) is None:
            return None
        act = Act(id=_act_id(), kind=ActKind.CLEAR_FLAG, at_ns=0, by=by, flag=flag, note=because)
        await self._follower.do(act)
        await self._audit(act, flag)
        return await trio.to_thread.run_sync(self.store.flag, flag)

    async def _to_alert(
        self,
        kind: ActKind,
        alert: str,
        by: str,
        note: str,
        until_ns: int = 0,
        matchers: dict[str, str] | None = None,
    ) -> Alert | None:
        if await trio.to_thread.run_sync(self.store.alert, alert) is None:
            return None
        act = Act(
            id=_act_id(),
            kind=kind,
            at_ns=0,
            by=by,
            alert=alert,
            note=note,
            until_ns=until_ns,
            matchers=matchers or {},
        )
        await self._follower.do(act)
        await self._audit(act, alert, _in_short(act.matchers, until_ns) if act.matchers else "")
        return await trio.to_thread.run_sync(self.store.alert, alert)

    async def _audit(self, act: Act, subject: str, what: str = "") -> None:
        details = ": ".join(part for part in (what, act.note) if part)
        entry = AuditEntry(
            id=0, at_ns=clock.now_ns(), by=act.by, action=act.kind.value, subject=subject, details=details
        )
        await trio.to_thread.run_sync(self.store.audit, entry)


def _in_short(matchers: Mapping[str, str], until_ns: int) -> str:
    return f"{covered(matchers)} until {rfc3339(until_ns)}"


def _act_id() -> str:
    """Unique, and in order: of two acts at one moment of the journal the former comes first again after a restart."""
    return f"{clock.now_ns():016x}{uuid.uuid4().hex[:16]}"
