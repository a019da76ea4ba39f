"""The watch's loop when something comes between: people's acts, a store that refuses, a bug, an end in mid-batch."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import trio
import trio.testing
from tests.support.deployment import until
from tests.support.desk import Desk, refused

from nocwatch.alerts.acts import Act, ActKind
from nocwatch.alerts.alert import AlertState
from nocwatch.frames import Frame, Sighting
from nocwatch.pipeline import Pipeline, Step
from nocwatch.registry.places import Places
from nocwatch.store.errors import StoreUnavailableError
from nocwatch.watch import follow
from nocwatch.watch.keeping import is_past


class Fragile(Pipeline):
    """With a bug that one station brings out."""

    def feed(self, sighting: Sighting) -> Step:
        if isinstance(sighting, Frame) and b"BootNotification" in sighting.payload:
            raise KeyError("vendor")
        return super().feed(sighting)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_what_the_store_cannot_keep_is_not_done(desk: Desk) -> None:
    async with desk.following() as follower:
        desk.store.before = refused("keep_act")
        with pytest.raises(StoreUnavailableError, match="nothing was done"):
            await follower.do(desk.acknowledgement())
        assert [alert.state for alert in follower.pipeline.book.open] == [AlertState.FIRING]


async def test_a_person_is_told_in_time_that_the_store_does_not_take_the_batch_before_theirs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button was pressed just before the disk was full: a page that hangs says less than one that says why."""
    async with desk.following():
        act = desk.acknowledgement()
    desk.snapshot.unlink()
    monkeypatch.setattr(follow, "ACT_PATIENCE_S", 0.05)
    follower = desk.follower()
    told: list[str] = []

    async def press() -> None:
        with pytest.raises(StoreUnavailableError) as caught:
            await follower.do(act)
        told.append(str(caught.value))

    async with trio.open_nursery() as nursery:

        def before(name: str) -> None:
            if follower.trouble or name != "apply":
                raise StoreUnavailableError("full", "the disk is full")
            trio.from_thread.run_sync(nursery.start_soon, press)
            trio.from_thread.run(trio.testing.wait_all_tasks_blocked, 0.01)
            raise StoreUnavailableError("full", "the disk is full")

        desk.store.before = before
        nursery.start_soon(follower.run)
        await until(lambda: told, "the person has an answer")
        nursery.cancel_scope.cancel()
    assert "nothing was done" in told[0]
    assert desk.alert_state() is AlertState.FIRING


async def test_an_act_that_was_kept_when_the_disk_filled_is_shown_once_there_is_room(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "ACT_PATIENCE_S", 0.05)
    async with desk.following() as follower:
        desk.store.before = refused("apply")
        with pytest.raises(StoreUnavailableError, match="is kept"):
            await follower.do(desk.acknowledgement())
        with pytest.raises(StoreUnavailableError, match="nothing was done"):
            await follower.do(desk.acknowledgement("a2"))
        assert desk.alert_state() is AlertState.FIRING
        desk.store.before = lambda _: None
        await until(lambda: desk.alert_state() is AlertState.ACKNOWLEDGED, "it shows")
        await until(lambda: not follower.trouble, "the store works again")
    async with desk.following():
        assert desk.alert_state() is AlertState.ACKNOWLEDGED


async def test_a_watch_is_stopped_while_an_act_waits_for_the_disk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "ACT_PATIENCE_S", 0.05)
    with trio.fail_after(20):
        async with desk.following() as follower:
            desk.store.before = refused("apply")
            with pytest.raises(StoreUnavailableError, match="is kept"):
                await follower.do(desk.acknowledgement())
    assert not desk.snapshot.exists()
    desk.store.before = lambda _: None
    async with desk.following():
        await until(lambda: desk.alert_state() is AlertState.ACKNOWLEDGED, "done again after the restart")


async def test_an_act_whose_person_closes_the_browser_is_done_whole(desk: Desk) -> None:
    async with desk.following() as follower:
        with trio.CancelScope() as browser:
            desk.store.before = lambda name: (
                trio.from_thread.run_sync(browser.cancel) if name == "keep_act" else None
            )
            await follower.do(desk.acknowledgement())
        assert browser.cancel_called
        assert desk.alert_state() is AlertState.ACKNOWLEDGED


async def test_an_act_waits_for_the_batch_that_is_being_taken(desk: Desk) -> None:
    """Else an alert's newer revision would be in the store, and told, before the older one."""
    async with desk.following():
        act = desk.acknowledgement()
    desk.snapshot.unlink()
    order: list[str] = []
    follower = desk.follower()
    async with trio.open_nursery() as nursery:

        def before(name: str) -> None:
            order.append(f"{name} begins")
            if len(order) == 1:  # the batch is half kept when the person presses the button
                trio.from_thread.run_sync(nursery.start_soon, follower.do, act)
                trio.from_thread.run(trio.testing.wait_all_tasks_blocked, 0.02)
                order.append(f"{name} goes on")

        desk.store.before = before
        nursery.start_soon(follower.run)
        await until(lambda: desk.alert_state() is AlertState.ACKNOWLEDGED, "it is acknowledged")
        nursery.cancel_scope.cancel()
    assert order[:3] == ["apply begins", "apply goes on", "keep_act begins"]


async def test_acts_after_a_kill_are_done_again_in_their_order(desk: Desk) -> None:
    async with desk.following() as follower:
        await follower.do(desk.acknowledgement())
        (alert,) = follower.pipeline.book.open
        await follower.do(Act(id="a2", kind=ActKind.RESOLVE, at_ns=0, by="jo", alert=alert.id))
        moments = desk.store.alert_history(alert.id)
        ended = follower.pipeline.book.alert(alert.id)
    desk.snapshot.unlink()
    async with desk.following() as again:
        assert again.pipeline.book.alert(alert.id) == ended
        assert desk.store.alert_history(alert.id) == moments


def test_an_act_is_done_again_behind_the_record_it_came_after() -> None:
    """Chunks of one poll have one time: the time alone does not say between which of them it was."""
    act = Act(id="a", kind=ActKind.RESOLVE, at_ns=50, by="jo", after=(0, 7))
    assert is_past(act, lane=0, sequence=8, at_ns=50)
    assert not is_past(act, lane=0, sequence=7, at_ns=50)
    assert not is_past(act, lane=1, sequence=9, at_ns=50)
    assert is_past(act, lane=1, sequence=9, at_ns=51)


async def test_a_fault_leaves_the_snapshot_where_the_store_is(desk: Desk) -> None:
    """A snapshot that went past a batch that was not kept would lose it for ever."""

    def broken(_: str) -> None:
        raise sqlite3.IntegrityError("no such column")

    desk.store.before = broken
    with pytest.RaisesGroup(sqlite3.IntegrityError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(desk.follower().run)
    assert not desk.snapshot.exists()


async def test_a_watch_that_is_stopped_does_not_wait_for_a_full_disk(desk: Desk) -> None:
    follower = desk.follower()
    desk.store.before = refused("apply")
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.run)
            await until(lambda: follower.trouble, "the store refuses")
            nursery.cancel_scope.cancel()
    assert not desk.snapshot.exists()
    desk.store.before = lambda _: None
    async with desk.following():
        assert desk.alert_state() is AlertState.FIRING


async def test_a_record_that_a_bug_stumbles_over_is_passed_and_counted(desk: Desk) -> None:
    follower = desk.follower(Fragile)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        await until(lambda: follower.caught_up, "all is read")
        nursery.cancel_scope.cancel()
    assert follower.counters["record_failures_total"] > 0
    assert desk.alert_state() is AlertState.FIRING


class Forgetful(Pipeline):
    """With a bug in its memory."""

    def snapshot(self) -> bytes:
        raise OverflowError("can't serialize")


async def test_a_snapshot_that_a_bug_stumbles_over_is_counted_and_the_watch_goes_on(desk: Desk) -> None:
    follower = desk.follower(Forgetful)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        await until(lambda: follower.caught_up, "all is read")
        await follower.save()
        nursery.cancel_scope.cancel()
    assert follower.counters["snapshot_errors_total"] > 0
    assert not desk.snapshot.exists()
    assert desk.alert_state() is AlertState.FIRING


async def test_changed_rules_are_followed_by_a_snapshot(desk: Desk) -> None:
    """Flags that the former rules raised are in it: read again under the new ones, nobody would ever clear them."""
    async with desk.following() as follower:
        assert not desk.snapshot.exists()
        follower.take_over([], Places())
        await until(desk.snapshot.exists, "a snapshot", patience_s=5)
