"""A new configuration for a relay that runs: read and made whole beside the old one, then put in its place, or not at all.

What always holds: no link is touched. A configuration with a mistake in it changes nothing; the mistake is told in the
log, in a counter and on ``/readyz`` until a reload goes well. What a running relay cannot change is named in the log.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog
import trio

from nocwatch import notify
from nocwatch.errors import ConfigurationError, NocwatchError
from nocwatch.journal.settings import JournalSettings
from nocwatch.proxy.admission import Lists
from nocwatch.proxy.dial import Upstream
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.listener import context_of
from nocwatch.proxy.settings import ListenerSettings, RelaySettings
from nocwatch.proxy.tls import Context

_log = structlog.get_logger("nocwatch.relay")

Reread = Callable[[], tuple[RelaySettings, JournalSettings]]
"""Reads the configuration as the command that started the relay did. May raise NocwatchError; called in a thread."""

UpstreamChanged = Callable[[Upstream, Failure | None], None]


class Reloading:
    """What became of the reloads of one process.

    Attributes:
        counters: ``reloads`` that were taken over, ``reload_failures`` that were not.
    """

    def __init__(self, reread: Reread | None, settings: RelaySettings, journal: JournalSettings) -> None:
        self._reread = reread
        self._first = (settings, journal)
        self._mistake = ""
        self._waiting: list[str] = []
        self._turn = trio.Lock()
        self._over = False
        self.counters = {"reloads": 0, "reload_failures": 0}

    def end(self) -> None:
        """The end has begun. Nobody who is told of it may hear of a beginning after it; what is being read is forgotten."""
        self._over = True

    async def reload(self, take: Callable[[RelaySettings], Awaitable[None]], status: str) -> None:
        """Reads the configuration and has it taken over. Never raises for what is wrong in it.

        Args:
            take: takes all of it, or raises NocwatchError and takes nothing.
            status: for systemd, once it is over.
        """
        async with self._turn:
            if self._over:
                _log.info("SIGHUP: shutting down; nothing is reloaded")
                return
            notify.reloading()
            try:
                await self._reload(take)
            except NocwatchError as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, no link may feel it
                # Its kind and place, and not its text, which may quote the configuration's secrets.
                at = traceback.extract_tb(error.__traceback__)[-1]
                kind = type(error).__name__
                self._failed(
                    NocwatchError(f"a fault of nocwatch's own ({kind} in {at.name}, line {at.lineno})")
                )
            finally:
                if not self._over:
                    notify.ready(status)

    async def _reload(self, take: Callable[[RelaySettings], Awaitable[None]]) -> None:
        if self._reread is None:
            _log.warning("SIGHUP: this relay was not told where its configuration is; nothing is reloaded")
            return
        # Abandoned at the end: a file on a dead network disk may never answer.
        settings, journal = await trio.to_thread.run_sync(self._reread, abandon_on_cancel=True)
        await take(settings)
        self.counters["reloads"] += 1
        self._mistake = ""
        self._waiting = held_back(*self._first, settings, journal)
        _log.info("configuration taken over", upstreams=[each.name for each in settings.upstreams])
        if self._waiting:
            _log.warning("changes that hold from the next start only", keys=self._waiting)

    def _failed(self, error: NocwatchError) -> None:
        self.counters["reload_failures"] += 1
        problems = (
            [str(each) for each in error.problems] if isinstance(error, ConfigurationError) else [str(error)]
        )
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        self._mistake = f"{problems[0]}{more}"
        _log.error("the new configuration cannot be used; the former one stays in force", problems=problems)

    def remarks(self) -> list[str]:
        """What an operator should know of the last reload."""
        said = []
        if self._mistake:
            said.append(
                f"the new configuration cannot be used, the former one stays in force: {self._mistake}"
            )
        if self._waiting:
            said.append(
                f"changed in the configuration, and holds from the next start: {', '.join(self._waiting)}"
            )
        return said


class Prepared(NamedTuple):
    """All that a relay needs to go on with new settings, made before anything is changed.

    Attributes:
        settings: the new ones, with the old ones in place of what must wait.
        upstreams: the new ones; ``carry_over`` says which of the former go on instead.
        contexts: of TLS, one a listener.
        lists: who may come.
    """

    settings: RelaySettings
    upstreams: list[Upstream]
    contexts: list[Context | None]
    lists: Lists


def prepare(old: RelaySettings, new: RelaySettings, changed: UpstreamChanged) -> Prepared:
    """Reads certificates and authorities; to be called in a thread.

    Raises:
        NocwatchError: one of them is of no use.
    """
    listen = tuple(_renewed(each, new.listen) for each in old.listen)
    kept = {"listen": listen, "status": old.status, "workers": old.workers, "limits": old.limits}
    settings = new.model_copy(update=kept)
    return Prepared(
        settings,
        [Upstream(each, settings.limits, changed) for each in settings.upstreams],
        [context_of(each) for each in listen],
        Lists(settings.admission),
    )


def carry_over(former: Sequence[Upstream], fresh: Sequence[Upstream]) -> list[Upstream]:
    """The upstreams to go on with.

    Where the settings are the same it is the former one, with all that its dials have shown (dead addresses, a fallback in
    use, the certificate) and its files read anew; otherwise the fresh one.
    """
    known = {each.name: each for each in former}
    found = []
    for upstream in fresh:
        before = known.get(upstream.name)
        if before is not None and before.settings == upstream.settings:
            before.settings, before.context = upstream.settings, upstream.context
            found.append(before)
            continue
        if before is not None and before.settings.url == upstream.settings.url:
            upstream.up = before.up
        found.append(upstream)
    return found


def held_back(
    old: RelaySettings, old_journal: JournalSettings, new: RelaySettings, new_journal: JournalSettings
) -> list[str]:
    """Keys whose change a running relay cannot take over."""
    keys = [f"relay.{key}" for key in ("status", "workers") if getattr(old, key) != getattr(new, key)]
    if [_place(each) for each in old.listen] != [_place(each) for each in new.listen]:
        keys.insert(0, "relay.listen")
    for section, before, after in (
        ("relay.limits", old.limits, new.limits),
        ("journal", old_journal, new_journal),
    ):
        keys += [
            f"{section}.{key}"
            for key in type(before).model_fields
            if getattr(before, key) != getattr(after, key)
        ]
    return keys


def _place(settings: ListenerSettings) -> tuple[str, bool]:
    """What a bound listener is: where it is, and whether it speaks TLS."""
    return settings.address, settings.tls is not None


def _renewed(settings: ListenerSettings, new: Sequence[ListenerSettings]) -> ListenerSettings:
    return next((each for each in new if _place(each) == _place(settings)), settings)
