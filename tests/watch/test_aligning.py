"""What the store has and a rebuilt watch has no memory of: it is ended once, told once, and comes back where it is found again."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import trio
from tests.support.deployment import REPOSITORY, until
from tests.support.desk import Desk

from nocwatch import clock
from nocwatch.alerts.acts import Act, ActKind
from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.alerts.channels import FileChannel
from nocwatch.alerts.dispatcher import Dispatcher
from nocwatch.alerts.rendering import Renderer
from nocwatch.flags import Blame, FlagState
from nocwatch.journal.cursor import Cursor
from nocwatch.kpis.grouping import Query
from nocwatch.registry.places import Places
from nocwatch.sessions import Outcome, Reason
from nocwatch.store.batch import Batch
from nocwatch.store.key_figures import key_figures
from nocwatch.store.values import FlagFilter
from nocwatch.trace.writing import import_traces
from nocwatch.watch.aligning import BECAUSE, reached

FAULTED = REPOSITORY / "rules" / "tests" / "faulted_fires.jsonl"
OTHER_STORY = REPOSITORY / "rules" / "tests" / "faulted_quiet.jsonl"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def lose_memory(desk: Desk, journal_too: bool = True) -> None:
    """No snapshot; and what the journal holds begins after the trouble did."""
    desk.snapshot.unlink(missing_ok=True)
    if journal_too:
        shutil.rmtree(desk.folder / "journal")
        import_traces([OTHER_STORY], desk.folder / "journal")


async def restarted(desk: Desk, rules: str = "flapping") -> Alert:
    """Reads all and settles; the alert as the store has it then."""
    desk.rules = rules
    async with desk.following() as follower:
        await until(lambda: follower.settled, "it is settled")
    (alert,) = desk.store.alerts().items
    return alert


def told(desk: Desk) -> list[tuple[int, str]]:
    """Revision and notice of all that went, or is to go, to anybody."""
    with desk.store.database.reading() as reader:
        return reader.execute("SELECT revision, notice FROM outbox ORDER BY revision").fetchall()


def raised(desk: Desk) -> list[str]:
    return [flag.id for flag in desk.store.flags(FlagFilter(state=FlagState.RAISED)).items]


async def test_a_trouble_from_before_the_journal_is_ended_and_people_are_told_once(desk: Desk) -> None:
    before = await restarted(desk)
    (flag,) = raised(desk)
    lose_memory(desk)
    after = await restarted(desk)
    assert (before.state, after.state) == (AlertState.FIRING, AlertState.RESOLVED)
    assert (after.resolved_because, after.revision) == (BECAUSE, before.revision + 1)
    assert raised(desk) == []
    assert desk.store.flag(flag).cleared_because == BECAUSE
    assert told(desk) == [(1, "firing"), (2, "resolved")]
    assert {entry.subject for entry in desk.store.audit_entries().items} == {flag, after.id}
    assert [moment.state for moment in desk.store.alert_history(after.id)] == ["firing", "resolved"]
    lose_memory(desk)
    assert await restarted(desk) == after
    assert len(told(desk)) == 2
    assert len(desk.store.audit_entries().items) == 2


async def test_a_flag_of_rules_that_were_edited_before_a_kill_comes_back_with_them(desk: Desk) -> None:
    before = await restarted(desk)
    flags = raised(desk)
    lose_memory(desk, journal_too=False)
    ended = await restarted(desk, rules="faulted")
    assert (ended.state, raised(desk)) == (AlertState.RESOLVED, [])
    lose_memory(desk, journal_too=False)
    again = await restarted(desk)
    assert (again.id, again.state, again.notice) == (before.id, AlertState.FIRING, Notice.REOPENED)
    assert raised(desk) == flags
    assert told(desk) == [(1, "firing"), (2, "resolved"), (3, "reopened")]
    lose_memory(desk, journal_too=False)
    assert await restarted(desk) == again
    assert len(told(desk)) == 3


async def test_rules_that_find_it_again_while_the_watch_runs_raise_it_above_its_end(desk: Desk) -> None:
    """The book begins such an alert at the store's revision: at its own first one, everybody would take it for old."""
    await restarted(desk)
    lose_memory(desk)
    ended = await restarted(desk)
    (flag,) = desk.store.flags().items
    desk.rules = "flapping"
    async with desk.following() as follower:
        book = follower.pipeline.book
        now_ns = follower.pipeline.now_ns
        anew = msgspec.structs.replace(
            flag, state=FlagState.RAISED, at_ns=now_ns, forgotten=False, cleared_because=""
        )
        batch = Batch()
        batch.add_step(None, flags=[anew], alerts=book.feed(anew))
        desk.store.apply(batch)
    (alert,) = desk.store.alerts().items
    assert (alert.id, alert.state, alert.revision) == (ended.id, AlertState.FIRING, ended.revision + 1)
    assert raised(desk) == [flag.id]
    assert told(desk)[-1] == (3, "firing")


async def test_a_kill_in_between_leaves_the_rest_to_the_next_start(desk: Desk) -> None:
    await restarted(desk)
    lose_memory(desk)
    applied = []

    def power_fails(name: str) -> None:
        if desk.store.flags(FlagFilter(state=FlagState.RAISED)).items:
            return
        applied.append(name)  # the flag is ended, the alert not yet
        raise KeyboardInterrupt

    desk.store.before = power_fails
    with pytest.raises(BaseExceptionGroup):
        await restarted(desk)
    assert applied
    assert raised(desk) == []
    assert desk.alert_state() is AlertState.FIRING
    desk.store.before = lambda _: None
    assert (await restarted(desk)).state is AlertState.RESOLVED
    assert told(desk) == [(1, "firing"), (2, "resolved")]


async def test_an_alert_that_a_person_took_says_so_after_its_end(desk: Desk) -> None:
    async with desk.following() as follower:
        await follower.do(desk.acknowledgement())
    lose_memory(desk)
    after = await restarted(desk)
    assert (after.state, after.acknowledged_by) == (AlertState.RESOLVED, "jo")


async def test_what_a_person_ended_is_left_as_it_is(desk: Desk) -> None:
    async with desk.following() as follower:
        (alert,) = follower.pipeline.book.open
        await follower.do(Act(id="a", kind=ActKind.RESOLVE, at_ns=0, by="jo", alert=alert.id, note="a test"))
    (ended,) = desk.store.alerts().items
    lose_memory(desk)
    assert await restarted(desk) == ended
    assert len(told(desk)) == 2


async def test_an_alert_that_the_store_is_ahead_with_goes_on_after_it(desk: Desk) -> None:
    """A book that is rebuilt from half a journal counts fewer revisions: its next word would be taken for an old one."""
    before = await restarted(desk)
    repeated = msgspec.structs.replace(before, revision=9, notice=Notice.REPEAT)
    batch = Batch()
    batch.add_step(None, alerts=[repeated])
    desk.store.apply(batch)
    lose_memory(desk, journal_too=False)
    (flag,) = raised(desk)
    async with desk.following() as follower:
        await until(lambda: follower.settled, "it is settled")
        assert [alert.revision for alert in follower.pipeline.book.open] == [10]
        await follower.do(Act(id="a", kind=ActKind.CLEAR_FLAG, at_ns=0, by="jo", flag=flag, note="a test"))
    (alert,) = desk.store.alerts().items
    assert (alert.revision, alert.state) == (11, AlertState.RESOLVED)
    assert told(desk) == [(1, "firing"), (9, "repeat"), (11, "resolved")]


async def test_a_watch_without_a_journal_ends_nothing(desk: Desk) -> None:
    """A disk that is not mounted is no news of the network."""
    await restarted(desk)
    desk.snapshot.unlink()
    shutil.rmtree(desk.folder / "journal")
    (desk.folder / "journal").mkdir()
    assert (await restarted(desk)).state is AlertState.FIRING


def test_all_is_read_again_only_where_each_lane_is_where_the_store_was() -> None:
    store = b'{"lanes":{"0":6,"1":4},"identities":{"0":1,"1":2}}'
    assert not reached(Cursor(lanes={0: 5, 1: 9}, identities={0: 1, 1: 2}), store)
    assert reached(Cursor(lanes={0: 6, 1: 4}, identities={0: 1, 1: 2}), store)
    assert reached(Cursor(lanes={0: 1}, identities={0: 8}), store)
    assert reached(Cursor(), None)


async def test_nobody_is_told_of_a_backlog_before_its_end(desk: Desk) -> None:
    """Hours of journal: alerts come into the outbox long before it is known whether they are over."""
    follower = desk.follower()
    settled: list[bool] = []
    desk.store.before = lambda _: settled.append(follower.settled)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        await until(lambda: follower.settled, "it is settled")
        nursery.cancel_scope.cancel()
    assert settled
    assert not any(settled)


def faults(folder: Path, ended_s_ago: int) -> Path:
    """The shipped story of a faulted connector, of two stations; the first is well again after a minute."""
    lines = [json.loads(line) for line in FAULTED.read_text().splitlines()]
    fault = next(line for line in lines if '"Faulted"' in line.get("raw", ""))
    other = [json.loads(json.dumps(line).replace("CP1", "CP2")) for line in lines]
    well = dict(fault, raw=fault["raw"].replace("Faulted", "Available").replace(fault["messageId"], "m1"))
    well |= {"messageId": "m1", "timestamp": "2026-09-21T14:15:30.000000Z"}
    ended = datetime.fromisoformat(well["timestamp"])
    shift = datetime.fromtimestamp(clock.now_ns() / 1e9, UTC) - timedelta(seconds=ended_s_ago) - ended
    story = sorted([*lines, *other, well], key=lambda line: line["timestamp"])
    for line in story:
        line["timestamp"] = (datetime.fromisoformat(line["timestamp"]) + shift).isoformat()
    path = folder / "faults.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in story))
    return path


async def test_a_watch_that_was_down_tells_what_still_stands_and_not_what_came_and_went(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, faults(tmp_path, ended_s_ago=600))
    desk.rules = "faulted"
    follower = desk.follower()
    file = tmp_path / "alerts.jsonl"
    sending = Dispatcher(
        desk.store, {"file": FileChannel(str(file))}, Renderer(), settled=lambda: follower.settled
    )

    def all_is_said() -> bool:
        return all(not each.waiting for each in desk.store.outbox_counts())

    async with trio.open_nursery() as nursery:
        await nursery.start(sending.run)
        nursery.start_soon(follower.run)
        await until(lambda: follower.settled and all_is_said(), "all is said")
        nursery.cancel_scope.cancel()
    states = {alert.station: alert.state for alert in desk.store.alerts().items}
    assert states == {"CP1": AlertState.RESOLVED, "CP2": AlertState.FIRING}
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(each["station"], each["state"]) for each in told] == [("CP2", "firing")]


CHARGING = Path(__file__).parents[1] / "trace" / "foreign" / "csms_log_16_raw.jsonl"


@pytest.fixture
def charging(tmp_path: Path) -> Desk:
    """A vehicle that charges at the journal's end, after 10 400 Wh; the driver before it is done."""
    lines = CHARGING.read_text().splitlines()
    story = tmp_path / "charging.jsonl"
    story.write_text(
        "\n".join(line for line in lines if msgspec.json.decode(line)["timestamp"] < "2025-03-03T07:45")
    )
    return Desk(tmp_path, story)


def figure(desk: Desk, name: str) -> tuple[float | None, float | None]:
    query = Query(from_ns=0, until_ns=4 * 10**18)
    with desk.store.database.snapshot() as reader:
        (group,) = key_figures(reader, Places(), query, 4 * 10**18).groups
    return next((each.numerator, each.denominator) for each in group.figures if each.name == name)


async def test_a_session_that_nobody_remembers_ends_where_it_was_last_heard_of(charging: Desk) -> None:
    async with charging.following() as follower:
        await until(lambda: follower.settled, "it is settled")
    (before,) = charging.store.sessions().items
    assert (before.outcome, before.energy_wh) == (Outcome.ONGOING, 10_400)
    lose_memory(charging)
    async with charging.following() as follower:
        await until(lambda: follower.settled, "it is settled")
        assert follower.counters["forgotten_total"] == 1
    after = charging.store.session(before.id)
    assert after is not None
    assert (after.outcome, after.reason, after.blame) == (Outcome.FAILED, Reason.UNKNOWN, Blame.UNKNOWN)
    assert (after.energy_wh, after.stopped_at_ns) == (10_400, before.changed_at_ns)
    assert "without its memory" in after.blame_evidence[0].text
    assert [entry.subject for entry in charging.store.audit_entries().items] == [before.id]
    # Of how the charger did its end says nothing: it is no try.
    assert figure(charging, "session_success") == (0, 0)
    async with charging.following() as again:
        await until(lambda: again.settled, "it is settled")
        assert again.counters["forgotten_total"] == 0


async def test_a_session_that_is_remembered_goes_on(charging: Desk) -> None:
    for _ in range(2):
        async with charging.following() as follower:
            await until(lambda: follower.settled, "it is settled")
        charging.snapshot.unlink()
    (session,) = charging.store.sessions().items
    assert session.outcome is Outcome.ONGOING
    assert charging.store.audit_entries().items == []


async def test_a_session_that_comes_to_be_known_again_has_the_pipelines_word(charging: Desk) -> None:
    """The journal was not mounted, and is there again at the next start."""
    async with charging.following() as follower:
        await until(lambda: follower.settled, "it is settled")
    shutil.copytree(charging.folder / "journal", charging.folder / "kept")
    lose_memory(charging)
    async with charging.following() as follower:
        await until(lambda: follower.settled, "it is settled")
    lose_memory(charging)
    shutil.rmtree(charging.folder / "journal")
    shutil.copytree(charging.folder / "kept", charging.folder / "journal")
    async with charging.following() as follower:
        await until(lambda: follower.settled, "it is settled")
    (session,) = charging.store.sessions().items
    assert (session.outcome, session.reason) == (Outcome.ONGOING, None)
