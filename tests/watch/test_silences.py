"""A silence from button to button: kept, audited, over restarts, and ended by a person with a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.desk import Desk

from nocwatch.console.live import Hub
from nocwatch.errors import NocwatchError
from nocwatch.flags import FlagState
from nocwatch.moments import HOUR_NS, rfc3339
from nocwatch.registry.places import Places
from nocwatch.watch import services as watched
from nocwatch.watch.follow import Follower
from nocwatch.watch.services import WatchServices


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def buttons(desk: Desk, follower: Follower) -> WatchServices:
    return WatchServices(follower, desk.store, Hub(), None, [], Places())  # type: ignore[arg-type]


async def test_a_silence_and_its_end_are_kept_over_restarts_and_audited(desk: Desk) -> None:
    async with desk.following() as follower:
        (alert,) = desk.store.alerts().items
        until_ns = follower.pipeline.now_ns + HOUR_NS
        await buttons(desk, follower).silence(alert.id, "jo", "fitter", until_ns)
    async with desk.following() as follower:
        (silence,) = buttons(desk, follower).silences()
        assert (silence.by, silence.until_ns, silence.alert) == ("jo", until_ns, alert.id)
    desk.snapshot.unlink()  # read anew from the journal: the act is done again at its place
    async with desk.following() as follower:
        (silence,) = buttons(desk, follower).silences()
        ended = await buttons(desk, follower).end_silence(silence.id, "kim", "he left")
        assert ended == silence
        assert await buttons(desk, follower).end_silence(silence.id, "kim", "") is None
    desk.snapshot.unlink()
    async with desk.following() as follower:
        assert buttons(desk, follower).silences() == ()
    (after,) = desk.store.alerts().items
    assert after.silenced_by == ""
    told = [moment.text for moment in desk.store.alert_history(alert.id)]
    assert f"Silenced by jo until {rfc3339(until_ns)}: flapping at {alert.station} (fitter)" in told
    assert "Silence ended by kim: he left" in told
    kept = [(each.action, each.by, each.details) for each in desk.store.audit_entries().items]
    what = f"flapping at {alert.station} until {rfc3339(until_ns)}"
    assert kept == [("unsilence", "kim", f"{what}: he left"), ("silence", "jo", f"{what}: fitter")]


async def test_one_silence_too_many_is_refused_with_a_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nocwatch.alerts.quiet.SILENCES_MAX", 0)
    async with desk.following() as follower:
        (alert,) = desk.store.alerts().items
        with pytest.raises(NocwatchError, match=f"{watched.SILENCES_MAX} silences already"):
            await buttons(desk, follower).silence(alert.id, "jo", "", follower.pipeline.now_ns + HOUR_NS)
    assert desk.store.audit_entries().items == []


async def test_resolving_with_its_flags_leaves_nothing_raised(desk: Desk) -> None:
    async with desk.following() as follower:
        (alert,) = desk.store.alerts().items
        done = await buttons(desk, follower).resolve(alert.id, "jo", "new antenna", clear_flags=True)
        assert done is not None
        assert (done.raised_count, done.resolved_by) == (0, "jo")
    (flag,) = desk.store.flags_by_id(alert.flags)
    assert (flag.state, flag.cleared_because) == (FlagState.CLEARED, "jo: new antenna")
