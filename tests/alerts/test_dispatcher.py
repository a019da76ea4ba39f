"""Notifications on their way, with a real store and real web hooks that fail, hang and recover."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from structlog.testing import capture_logs
from tests.support.alerts import MINUTE, PLACES, SECOND, a_flag, alert_settings, cleared
from tests.support.hooks import hook

from nocwatch import clock
from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.alerts.channels import AppriseChannel, Channel, FileChannel
from nocwatch.alerts.dispatcher import Dispatcher, retry_delay_s
from nocwatch.alerts.lifecycle import AlertBook
from nocwatch.alerts.notification import Delivered, Retry
from nocwatch.alerts.rendering import Renderer
from nocwatch.flags import Flag, Severity
from nocwatch.store import Batch, Store


@pytest.fixture
def store(tmp_path):
    opened = Store.open(f"sqlite:///{tmp_path}/nocwatch.db")
    yield opened
    opened.close()


RECEIVERS = {"hook": {"apprise": "json://127.0.0.1"}, "other": {"apprise": "json://127.0.0.1"}}


class Night:
    """A book whose revisions go into a store as the watch would put them."""

    def __init__(self, store: Store, receivers: tuple[str, ...] = ("hook",)) -> None:
        self.store = store
        settings = alert_settings(
            receivers=RECEIVERS, routes=[{"receivers": list(receivers)}], file=None, reopen_for=0
        )
        self.book = AlertBook(settings, PLACES)
        self.now_ns = clock.now_ns() - MINUTE

    def raised(self, name: str = "f1", severity: Severity = Severity.WARNING) -> Flag:
        self.now_ns += SECOND
        flag = a_flag(name, key=name, at_ns=self.now_ns, onset_at_ns=self.now_ns, severity=severity)
        self.keep([flag], self.book.feed(flag))
        return flag

    def cleared(self, flag: Flag) -> None:
        self.now_ns += SECOND
        over = cleared(flag, self.now_ns)
        self.keep([over], self.book.feed(over))

    def keep(self, flags: list[Flag], alerts: list[Alert]) -> None:
        batch = Batch()
        batch.add_step(None, flags=flags, alerts=alerts)
        self.store.apply(batch)


def dispatcher(
    store: Store, channels: dict[str, Channel], first_retry_s: float = 0.05, **others: Any
) -> Dispatcher:
    renderer = Renderer(None, "https://noc.example")
    return Dispatcher(store, channels, renderer, first_retry_s=first_retry_s, **others)


async def until(condition) -> None:
    with trio.fail_after(20):
        while not condition():
            await trio.sleep(0.01)


def status(store: Store) -> dict[str, tuple[int, int, int, int]]:
    return {
        each.receiver: (each.waiting, each.delivered, each.given_up, each.superseded)
        for each in store.outbox_counts()
    }


async def test_alert_reaches_the_web_hook_with_its_words(store):
    with hook() as web:
        night = Night(store)
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])})
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            flag = night.raised(severity=Severity.CRITICAL)
            sending.wake()
            await until(lambda: web.heard)
            night.cleared(flag)
            sending.wake()
            await until(lambda: status(store) == {"hook": (0, 2, 0, 0)})
            nursery.cancel_scope.cancel()
    fired, over = web.heard
    assert fired["title"] == "Critical, Depot 1: CP1 has had no link for 3 min."
    assert "Ask the site whether it has power." in fired["message"]
    assert "The socket was reset after 41 s of silence." in fired["message"]
    assert "https://noc.example/alerts/" in fired["message"]
    assert (fired["type"], over["type"]) == ("failure", "success")
    assert over["title"].startswith("Over, Depot 1")


async def test_receiver_that_fails_gets_it_once_it_recovers(store):
    with hook() as web:
        web.status = 500
        night = Night(store)
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])})
        night.raised()
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: web.attempts >= 3)
            assert sending.troubles == {"hook": "JSON answered 500."}
            web.status = 200
            await until(lambda: status(store) == {"hook": (0, 1, 0, 0)})
            nursery.cancel_scope.cancel()
    assert len(web.heard) == 1
    assert sending.troubles == {}
    assert sending.counters["hook"]["sent"] == 1


async def test_receiver_that_hangs_holds_up_nobody_else(store):
    with hook() as stuck, hook() as web:
        stuck.status = None
        night = Night(store, ("hook", "other"))
        sending = dispatcher(
            store,
            {"hook": AppriseChannel([stuck.url()], timeout_s=0.2), "other": AppriseChannel([web.url()])},
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            for number in range(5):
                night.raised(f"f{number}")
            sending.wake()
            await until(lambda: len(web.heard) == 5)
            # However often it is tried, a hanging receiver binds no more than its two threads.
            await until(lambda: sending.counters["hook"]["retried"] >= 6)
            assert stuck.attempts <= 2
            assert sending.troubles["hook"] == "There was no answer within 0.2 s."
            stuck.status = 200
            stuck.release.set()
            await until(lambda: len(stuck.heard) >= 5)
            nursery.cancel_scope.cancel()


async def test_given_up_after_its_time_with_a_line_in_the_log(store):
    with hook() as web, capture_logs() as logs:
        web.status = 503
        night = Night(store)
        night.raised()
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()], give_up_after_s=59.2)})
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: status(store) == {"hook": (0, 0, 1, 0)})
            nursery.cancel_scope.cancel()
    (line,) = [log for log in logs if log["event"] == "notification_given_up"]
    assert (line["receiver"], line["category"], line["reason"]) == ("hook", "ourselves", "JSON answered 503.")
    assert sending.counters["hook"]["given_up"] == 1


async def test_what_is_over_before_it_could_be_told_wakes_nobody(store):
    with hook() as web:
        web.status = 500
        night = Night(store)
        flag = night.raised()
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])}, first_retry_s=0.3)
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: sending.counters["hook"]["retried"] == 1)
            night.cleared(flag)
            web.status = 200
            await until(lambda: status(store) == {"hook": (0, 0, 0, 2)})
            nursery.cancel_scope.cancel()
    assert web.heard == []


async def test_only_the_newest_word_is_told_after_an_outage(store):
    with hook() as web:
        web.status = 500
        night = Night(store)
        night.raised()
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])}, first_retry_s=0.3)
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: sending.counters["hook"]["retried"] == 1)
            night.raised(severity=Severity.CRITICAL)
            web.status = 200
            await until(lambda: status(store) == {"hook": (0, 1, 0, 1)})
            nursery.cancel_scope.cancel()
    assert [heard["title"].split(",")[0] for heard in web.heard] == ["Now critical"]


async def test_a_backlog_does_not_tell_what_came_and_went_hours_ago(store):
    """A store made anew from a fortnight of journal would wake everybody for everything that ever was."""
    with hook() as web:
        night = Night(store)
        night.now_ns -= 60 * MINUTE
        night.cleared(night.raised("long over"))
        night.raised("still so", severity=Severity.WARNING)
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])})
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: status(store) == {"hook": (0, 1, 0, 2)})
            nursery.cancel_scope.cancel()
    assert len(web.heard) == 1
    assert sending.counters["hook"]["sent"] == 1


async def test_nothing_is_said_while_a_backlog_is_read_and_then_what_still_stands(store):
    """The watch was down for ten minutes: what came and went meanwhile wakes nobody, whoever waited before hears of it."""
    with hook() as web:
        night = Night(store)
        night.now_ns -= 10 * MINUTE
        night.raised("queued before the kill")
        settled = False
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])}, settled=lambda: settled)
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            night.cleared(night.raised("came and went"))
            night.raised("still so")
            sending.wake()
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert status(store) == {"hook": (4, 0, 0, 0)}
            settled = True
            sending.wake()
            await until(lambda: status(store) == {"hook": (0, 2, 0, 2)})
            nursery.cancel_scope.cancel()
    assert web.attempts == 2


async def test_a_watch_that_never_catches_up_speaks_all_the_same(store):
    """Silence is the worst that a watch can do: what is old is told after a while."""
    with hook() as web:
        Night(store).raised()
        channels = {"hook": AppriseChannel([web.url()])}
        sending = dispatcher(store, channels, settled=lambda: False, hold_s_max=0.2)
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: web.heard)
            nursery.cancel_scope.cancel()


async def test_who_heard_the_last_end_does_not_hear_of_the_next_that_came_and_went(store):
    with hook() as web:
        night = Night(store)
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])})
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            flag = night.raised()
            alert = night.book.alert(night.book.open[0].id)
            night.cleared(flag)
            sending.wake()
            await until(lambda: status(store) == {"hook": (0, 2, 0, 0)})
            nursery.cancel_scope.cancel()
        again = msgspec.structs.replace(
            alert, revision=3, notice=Notice.REOPENED, at_ns=night.now_ns - 10 * MINUTE
        )
        over = msgspec.structs.replace(
            again, revision=4, state=AlertState.RESOLVED, notice=Notice.RESOLVED, at_ns=night.now_ns
        )
        night.keep([], [again, over])
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: status(store) == {"hook": (0, 2, 0, 2)})
            nursery.cancel_scope.cancel()
    assert len(web.heard) == 2


async def test_what_nobody_heard_and_the_watch_forgot_is_told_with_its_beginning(store):
    """Its end is not known: dropping both words would lose a trouble that may still stand."""
    with hook() as web:
        night = Night(store)
        night.now_ns -= 10 * MINUTE
        night.raised()
        (alert,) = night.book.open
        lost = msgspec.structs.replace(
            alert,
            revision=2,
            state=AlertState.RESOLVED,
            notice=Notice.RESOLVED,
            resolved_because="nocwatch has no memory of it.",
            forgotten=True,
        )
        night.keep([], [lost])
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])})
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: status(store) == {"hook": (0, 2, 0, 0)})
            nursery.cancel_scope.cancel()
    assert [heard["title"].split(",")[0] for heard in web.heard] == ["Warning", "Not watched any more"]


async def test_retry_goes_only_to_the_address_that_has_not_taken_it(store):
    with hook() as good, hook() as bad:
        bad.status = 500
        channel = AppriseChannel([good.url(), bad.url()])
        night = Night(store)
        night.raised()
        sending = dispatcher(store, {"hook": channel})
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: bad.attempts >= 2)
            bad.status = 200
            await until(lambda: status(store) == {"hook": (0, 1, 0, 0)})
            nursery.cancel_scope.cancel()
    assert (len(good.heard), good.attempts, len(bad.heard)) == (1, 1, 1)


async def test_receiver_that_does_not_want_to_hear_of_ends(store):
    with hook() as web:
        night = Night(store)
        night.cleared(night.raised())
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()], tells_resolved=False)})
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: status(store) == {"hook": (0, 2, 0, 0)})
            nursery.cancel_scope.cancel()
    assert len(web.heard) == 1


async def test_receiver_that_is_no_more_leaves_nothing_waiting(store):
    night = Night(store, ("hook", "other"))
    night.raised()
    with hook() as web, capture_logs() as logs:
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])})
        async with trio.open_nursery() as nursery:
            await nursery.start(sending.run)
            await until(lambda: web.heard)
            nursery.cancel_scope.cancel()
    assert status(store)["other"] == (0, 0, 1, 0)
    assert "notifications_without_receiver" in [log["event"] for log in logs]


async def test_two_alerts_reach_the_file_as_two_whole_lines(store, tmp_path):
    night = Night(store)
    flag = night.raised()
    night.cleared(flag)
    path = tmp_path / "out" / "alerts.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"cut off by a full di')
    sending = dispatcher(store, {"hook": FileChannel(str(path))})
    async with trio.open_nursery() as nursery:
        await nursery.start(sending.run)
        await until(lambda: status(store) == {"hook": (0, 2, 0, 0)})
        nursery.cancel_scope.cancel()
    _, *lines = path.read_text().splitlines()
    fired, over = map(json.loads, lines)
    assert (fired["state"], over["state"]) == ("firing", "resolved")
    assert (fired["id"], fired["flags"], fired["station"]) == (over["id"], [flag.id], "CP1")
    assert fired["evidence"] == ["The socket was reset after 41 s of silence."]


async def test_file_that_cannot_be_written_is_tried_again(tmp_path, store):
    blocked = tmp_path / "file"
    blocked.write_text("")
    night = Night(store)
    night.raised()
    sending = dispatcher(store, {"hook": FileChannel(str(blocked / "alerts.jsonl"))})
    async with trio.open_nursery() as nursery:
        await nursery.start(sending.run)
        await until(lambda: sending.counters["hook"]["retried"] >= 2)
        blocked.unlink()
        await until(lambda: status(store) == {"hook": (0, 1, 0, 0)})
        nursery.cancel_scope.cancel()


async def test_receiver_can_be_tried_by_hand(store):
    with hook() as web:
        sending = dispatcher(store, {"hook": AppriseChannel([web.url()])})
        assert await sending.try_out("hook") == Delivered()
        web.status = 404
        assert await sending.try_out("hook") == Retry(
            "JSON answered 404: the address or its key is not accepted."
        )
    assert web.heard[0]["title"] == "Warning, Depot 1: CP1 has had no link for 3 min."


def test_retries_follow_a_fixed_schedule():
    assert [retry_delay_s(attempts) for attempts in (1, 2, 3, 4, 8, 100)] == [5, 10, 20, 40, 600, 600]


SENDER = textwrap.dedent(
    """
    import sys, trio
    from nocwatch.alerts.channels import AppriseChannel
    from nocwatch.alerts.dispatcher import Dispatcher
    from nocwatch.alerts.rendering import Renderer
    from nocwatch.store import Store
    sending = Dispatcher(Store.open(sys.argv[1]), {"hook": AppriseChannel([sys.argv[2]])}, Renderer(), first_retry_s=0.1)
    trio.run(sending.run)
    """
)


@contextmanager
def sender(tmp_path, url):
    """A dispatcher in a process of its own, killed at the end."""
    command = [sys.executable, "-c", SENDER, f"sqlite:///{tmp_path}/nocwatch.db", url]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


async def test_kill_between_two_attempts_loses_and_repeats_nothing(store, tmp_path):
    with hook() as web:
        web.status = 500
        Night(store).raised()
        with sender(tmp_path, web.url()):
            await trio.to_thread.run_sync(web.wait, 2, 60.0)
        assert status(store) == {"hook": (1, 0, 0, 0)}
        web.status = 200
        with sender(tmp_path, web.url()):
            await until(lambda: status(store) == {"hook": (0, 1, 0, 0)})
        with sender(tmp_path, web.url()):
            await trio.sleep(1.0)
    assert len(web.heard) == 1
