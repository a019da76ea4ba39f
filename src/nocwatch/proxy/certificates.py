"""Certificates as time goes by: files that are written anew, and days that run out.

Whoever renews certificates (an ACME client, a script) writes files and tells nobody. So the files are looked at, and a
new context is put in place for the handshakes to come. Links and handshakes under way keep theirs.

Always holds: a file that is of no use changes nothing; what is wrong with it is told, and the former stays in force.
Nothing here is done on the pump's thread that could wait for a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import structlog
import trio

from nocwatch import clock
from nocwatch.errors import NocwatchError
from nocwatch.proxy.dial import Upstream
from nocwatch.proxy.listener import Listener
from nocwatch.proxy.tls import Context
from nocwatch.proxy.x509 import Certificate

_log = structlog.get_logger(__name__)

LOOK_S = 10.0
"""Between two looks at the files. A look is one ``stat`` a file."""

TRIES_SILENT = 1
"""Looks that may fail before anybody hears of it: a certificate and its key are two files, and one is written first."""

_DAY_S = 86_400


class _Holder(Protocol):
    """A listener or an upstream."""

    context: Context | None

    @property
    def settings(self) -> object: ...

    @property
    def label(self) -> str: ...

    def renewed(self) -> Context | None: ...


class Renewals:
    """The files of one process's listeners and upstreams.

    Attributes:
        counters: ``certificate_renewals`` that were taken over, ``certificate_failures`` that could not be.
    """

    def __init__(self, holders: Callable[[], Iterable[_Holder]]) -> None:
        self._holders = holders
        self._failed: dict[str, tuple[int, str]] = {}
        self.counters = {"certificate_renewals": 0, "certificate_failures": 0}

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await trio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Once at all files. Never raises for what is wrong with them."""
        holders = list(self._holders())
        for holder in holders:
            settings = holder.settings
            try:
                # Abandoned at the end: a file on a dead network disk may never answer.
                fresh = await trio.to_thread.run_sync(holder.renewed, abandon_on_cancel=True)
            except NocwatchError as error:
                self._fail(holder.label, str(error))
                continue
            except Exception as error:  # noqa: BLE001 - no memory, no thread: no link may feel it, and it is tried again
                self._fail(holder.label, f"{holder.label}: {error!r}")
                continue
            self._failed.pop(holder.label, None)
            # A configuration that was reloaded meanwhile has brought its own.
            if fresh is not None and holder.settings is settings:
                holder.context = fresh
                self.counters["certificate_renewals"] += 1
                _log.info("new certificates taken over", of=holder.label)
                tell_chains([fresh])
        labels = {each.label for each in holders}
        self._failed = {label: each for label, each in self._failed.items() if label in labels}

    def all_read(self) -> None:
        """A reload has just read all files and found them good: what was said of them before is over."""
        self._failed.clear()

    def remarks(self) -> list[str]:
        """Which new files cannot be used, and why."""
        told = [sentence for tries, sentence in self._failed.values() if tries > TRIES_SILENT]
        return [f"a new certificate cannot be used, the former one stays in force: {each}" for each in told]

    def _fail(self, label: str, sentence: str) -> None:
        tries, former = self._failed.get(label, (0, ""))
        if sentence != former:
            tries = 0
        tries += 1
        self._failed[label] = tries, sentence
        if tries == TRIES_SILENT + 1:
            self.counters["certificate_failures"] += 1
            _log.error("a new certificate cannot be used; the former one stays in force", why=sentence)


def expiries(listeners: Iterable[Listener], upstreams: Iterable[Upstream]) -> dict[str, int]:
    """When each certificate runs out, in seconds since 1970, as a tick has it: ``certificate_expires_<of>_<name>``."""
    return {
        f"certificate_expires_{of}_{name}": min(each.not_after_s for each in found)
        for of, name, found in _known(listeners, upstreams)
    }


def running_out(listeners: Iterable[Listener], upstreams: Iterable[Upstream]) -> list[str]:
    """Which certificates have expired or will soon, in sentences."""
    now_s = clock.now_ns() // 1_000_000_000
    told = []
    for of, name, found in _known(listeners, upstreams):
        each = min(found, key=lambda one: one.not_after_s)
        if each.expires_soon(now_s):
            left_s = each.not_after_s - now_s
            when = f"expires in {left_s // _DAY_S} days" if left_s > 0 else "has expired"
            told.append(f"{_WHOSE[of].format(name)} {when}")
    return told


def broken_chains(listeners: Iterable[Listener]) -> list[str]:
    """Chains that stations cannot follow, in sentences; not those that a private authority may make right."""
    return [
        f"the certificate of the listener {each.settings.label}: {remark.text}"
        for each in listeners
        if each.context is not None
        for remark in each.context.remarks
        if remark.certain
    ]


def tell_chains(contexts: Iterable[Context | None]) -> None:
    """Says in the log what ``check`` would say, of contexts that are taken into use."""
    for context in contexts:
        for remark in context.remarks if context is not None else ():
            tell = _log.warning if remark.certain else _log.info
            tell("a listener's certificate chain", remark=remark.text)


_WHOSE = {
    "listener": "the certificate of the listener {}",
    "csms": "the certificate of the central system {}",
    "client": "our certificate for the central system {}",
}


def _known(
    listeners: Iterable[Listener], upstreams: Iterable[Upstream]
) -> Iterable[tuple[str, str, tuple[Certificate, ...]]]:
    for listener in listeners:
        if listener.context is not None and listener.context.certificates:
            yield "listener", listener.settings.label, listener.context.certificates
    for upstream in upstreams:
        if upstream.certificate is not None:
            yield "csms", upstream.name, (upstream.certificate,)
        if upstream.context is not None and upstream.context.certificates:
            yield "client", upstream.name, upstream.context.certificates
