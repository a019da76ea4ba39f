"""Rules and registry are taken over as soon as they are saved, and only when nothing is wrong with them.

A mistake changes nothing: the former ones stay in force, and the mistake is told in the log and on the System page until it is
mended. What a reload does to flags under way is the engine's business (``Engine.set_rules``, ``set_places``).
"""

from __future__ import annotations

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

Take = Callable[[list[Rule], Places], None]


class Reloader:
    """Follows the folders of rules and registry.

    Attributes:
        trouble: a sentence while what is on disk cannot be used, empty while it can.
        counters: ``reloads_total``, ``reload_failures_total``.
    """

    def __init__(self, configuration: Configuration, gate: Gate, take: Take) -> None:
        self._configuration, self._gate, self._take = configuration, gate, take
        self.trouble = ""
        self.counters = {"reloads_total": 0, "reload_failures_total": 0}

    async def run(self) -> None:
        """Until cancelled. A folder that is not there when the watch starts is not followed."""
        folders = [
            path
            for path in (Path(self._configuration.rules), Path(self._configuration.registry))
            if path.exists()
        ]
        if not folders:
            await trio.sleep_forever()
        async for _ in watchfiles.awatch(*folders, watch_filter=watchfiles.DefaultFilter()):
            await self.reload()

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
            self.trouble = f"Rules or registry cannot be used, the former ones stay in force: {first}{more}"
            log.error(
                "rules or registry cannot be used; the former ones stay in force",
                problems=[str(each) for each in error.problems],
            )
            return
        self._take(rules, places)
        self.counters["reloads_total"] += 1
        self.trouble = ""
        log.info("rules and registry are taken over", rules=len(rules), stations=len(places.stations()))
