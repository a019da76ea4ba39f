"""Rules and registry are taken over as soon as they are saved, and only when nothing is wrong with them.

A mistake changes nothing: the former ones stay in force, and the mistake is told in the log and on the System page until it is
mended. What a reload does to flags under way is the engine's business (``Engine.set_rules``, ``set_places``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import structlog
import trio
import watchfiles

from nocwatch.config import Configuration
from nocwatch.detectors.rules import Rule
from nocwatch.errors import ConfigurationError
from nocwatch.registry.places import Places
from nocwatch.tap.gate import Gate
from nocwatch.watch.files import load_operators_files

log = structlog.get_logger("nocwatch.watch")

LOOK_EVERY_S = 5.0

Take = Callable[[list[Rule], Places], None]


class Reloader:
    """Follows the folders of rules and registry.

    Attributes:
        counters: ``reloads_total``, ``reload_failures_total``.
    """

    def __init__(self, configuration: Configuration, gate: Gate, take: Take) -> None:
        self._configuration, self._gate, self._take = configuration, gate, take
        self._mistake = self._blind = ""
        self.counters = {"reloads_total": 0, "reload_failures_total": 0}

    @property
    def trouble(self) -> str:
        """A sentence while what is on disk cannot be used or not be followed, empty while it can."""
        return self._mistake or self._blind

    async def run(self) -> None:
        """Until cancelled. A folder that comes, goes or is put in another's place is noticed within ``LOOK_EVERY_S``."""
        while True:
            watched = self._folders()
            try:
                if watched:
                    await self._follow(watched)
                else:
                    await trio.sleep(LOOK_EVERY_S)
            except* (OSError, RuntimeError) as group:
                # The kernel's limit of watches, most often: no reason to end the watch.
                reason = str(_first(group))
                if not self._blind:
                    log.error("changes of rules and registry cannot be followed", error=reason)
                self._blind = f"Changes of rules and registry are not noticed: {reason}"
                await trio.sleep(LOOK_EVERY_S)
            if self._folders() != watched:
                await self.reload()

    async def _follow(self, watched: dict[Path, int]) -> None:
        looks = watchfiles.awatch(*watched, rust_timeout=round(LOOK_EVERY_S * 1000), yield_on_timeout=True)
        async with contextlib.aclosing(looks):
            async for changes in looks:
                self._blind = ""
                if changes:
                    await self.reload()
                if self._folders() != watched:
                    return

    def _folders(self) -> dict[Path, int]:
        """Those that are there, each with its number on the disk; beside a registry that is one file the calendars that it may name."""
        rules, registry = Path(self._configuration.rules), Path(self._configuration.registry)
        calendars = sorted(registry.parent.glob("*.ics")) if registry.is_file() else []
        found = {}
        for path in (rules, registry, *calendars):
            with contextlib.suppress(OSError):
                found[path] = path.stat().st_ino
        return found

    async def reload(self) -> None:
        """Reads all again; takes it over, or tells what is wrong."""
        try:
            rules, places = await trio.to_thread.run_sync(
                load_operators_files, self._configuration, self._gate
            )
        except ConfigurationError as error:
            self.counters["reload_failures_total"] += 1
            first = error.problems[0]
            more = f" and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
            self._mistake = f"Rules or registry cannot be used, the former ones stay in force: {first}{more}"
            log.error(
                "rules or registry cannot be used; the former ones stay in force",
                problems=[str(each) for each in error.problems],
            )
            return
        self._take(rules, places)
        self.counters["reloads_total"] += 1
        self._mistake = ""
        log.info("rules and registry are taken over", rules=len(rules), stations=len(places.stations()))


def _first(group: BaseExceptionGroup[OSError | RuntimeError]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
