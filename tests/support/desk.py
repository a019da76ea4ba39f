"""A data folder with a story in its journal, a store that can be disturbed, and followers over both: a watch without its servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from tests.support.deployment import REPOSITORY, until

from nocwatch.alerts.acts import Act, ActKind
from nocwatch.alerts.alert import AlertState
from nocwatch.alerts.settings import AlertSettings
from nocwatch.console.live import Hub
from nocwatch.detectors.rules import load_rules
from nocwatch.pipeline import Pipeline
from nocwatch.registry.places import Places
from nocwatch.store.batch import Batch
from nocwatch.store.database import Database
from nocwatch.store.errors import StoreUnavailableError
from nocwatch.store.settings import StoreSettings
from nocwatch.store.store import Store
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap
from nocwatch.trace.writing import import_traces
from nocwatch.watch.follow import Follower


class Disturbed(Store):
    """A real store; ``before`` is called with the name of each write, in the write's own thread."""

    before: Callable[[str], None] = staticmethod(lambda _: None)

    def apply(self, batch: Batch) -> None:
        self.before("apply")
        super().apply(batch)

    def keep_act(self, act: Act) -> None:
        self.before("keep_act")
        super().keep_act(act)


class Desk:
    """A data folder with a story in its journal, and followers over it, one after the other."""

    def __init__(self, folder: Path, *stories: Path) -> None:
        self.folder, self.rules = folder, "flapping"
        told = stories or (REPOSITORY / "rules" / "tests" / "flapping_fires.jsonl",)
        import_traces(list(told), folder / "journal")
        self.store = Disturbed(Database(folder / "nocwatch.db", 1.0), StoreSettings())

    def follower(self, pipeline: type[Pipeline] = Pipeline) -> Follower:
        rules = load_rules(REPOSITORY / "rules" / f"{self.rules}.yaml")
        made = Follower(
            self.folder / "journal",
            self.folder / "watch.snapshot",
            Tap(Gate(bytes(32))),
            pipeline(rules, Places(), AlertSettings()),
            self.store,
            None,
            Hub(),
            lambda: None,
        )
        made.restore()
        return made

    @asynccontextmanager
    async def following(self) -> AsyncIterator[Follower]:
        """A follower that has read all."""
        follower = self.follower()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.run)
            await until(lambda: follower.caught_up, "all is read")
            yield follower
            nursery.cancel_scope.cancel()

    @property
    def snapshot(self) -> Path:
        return self.folder / "watch.snapshot"

    def acknowledgement(self, name: str = "a1") -> Act:
        (alert,) = self.store.alerts().items
        return Act(id=name, kind=ActKind.ACKNOWLEDGE, at_ns=0, by="jo", alert=alert.id)

    def alert_state(self) -> AlertState:
        (alert,) = self.store.alerts().items
        return alert.state


def refused(write: str) -> Callable[[str], None]:
    def before(name: str) -> None:
        if name == write:
            raise StoreUnavailableError("full", "the disk is full")

    return before
