"""Who is told what, and when: stories of a night shift."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.alerts import HOUR, MINUTE, NOON, PLACES, SECOND, a_flag, alert_settings, cleared

from nocwatch.alerts.acts import Act, ActKind, Silence
from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.alerts.labels import matchers_like
from nocwatch.alerts.lifecycle import AlertBook
from nocwatch.flags import Category, Flag, Severity
from nocwatch.moments import rfc3339
from nocwatch.store.apply import moment_text

PHONE = {"phone": {"apprise": "json://127.0.0.1/x"}, "mail": {"apprise": "json://127.0.0.1/y"}}


def book(**keys: object) -> AlertBook:
    return AlertBook(alert_settings(**keys), PLACES)


def notices(alerts: list[Alert]) -> list[Notice]:
    return [alert.notice for alert in alerts if alert.notice]


def test_offline_station_fires_once_and_is_over_once():
    alerts = book()
    flag = a_flag()
    (fired,) = alerts.feed(flag)
    assert (fired.state, fired.notice, fired.receivers) == (AlertState.FIRING, Notice.FIRING, ("file",))
    assert (fired.station, fired.site, fired.labels["site_name"]) == ("CP1", "depot", "Depot Nord")
    assert alerts.feed(flag) == []
    (over,) = alerts.feed(cleared(flag, NOON + MINUTE))
    assert (over.id, over.state, over.notice) == (fired.id, AlertState.RESOLVED, Notice.RESOLVED)
    assert over.resolved_because == "The station is back."
    assert over.revision == fired.revision + 1
    assert alerts.open == ()


def test_late_flag_pages_nobody():
    alerts = book()
    assert alerts.feed(a_flag(late=True)) == []
    assert alerts.open == ()
    assert alerts.counters["flags_late"] == 1


def test_critical_after_fifteen_minutes_is_told_again():
    alerts = book()
    alerts.feed(a_flag())
    (worse,) = alerts.feed(a_flag(at_ns=NOON + 15 * MINUTE, onset_at_ns=NOON, severity=Severity.CRITICAL))
    assert (worse.notice, worse.severity, worse.started_at_ns) == (Notice.WORSE, Severity.CRITICAL, NOON)


def test_acknowledged_alert_is_quiet_until_it_is_worse():
    alerts = book()
    (fired,) = alerts.feed(a_flag())
    (taken,) = alerts.acknowledge(fired.id, "jo", NOON + MINUTE, "on my way")
    assert (taken.state, taken.acknowledged_by, taken.notice) == (AlertState.ACKNOWLEDGED, "jo", Notice.NONE)
    assert alerts.advance(NOON + 12 * HOUR) == []
    (worse,) = alerts.feed(a_flag(at_ns=NOON + 13 * HOUR, onset_at_ns=NOON, severity=Severity.CRITICAL))
    assert (worse.state, worse.notice, worse.acknowledged_by) == (AlertState.FIRING, Notice.WORSE, "")


def test_end_of_an_acknowledged_alert_is_told():
    alerts = book()
    (fired,) = alerts.feed(a_flag())
    alerts.acknowledge(fired.id, "jo", NOON)
    assert notices(alerts.feed(cleared(a_flag(), NOON + HOUR))) == [Notice.RESOLVED]


def test_firing_alert_that_nobody_takes_is_repeated():
    alerts = book()
    alerts.feed(a_flag())
    assert alerts.advance(NOON + 4 * HOUR - 1) == []
    told = alerts.advance(NOON + 9 * HOUR)
    assert [(alert.notice, alert.at_ns) for alert in told] == [
        (Notice.REPEAT, NOON + 4 * HOUR),
        (Notice.REPEAT, NOON + 8 * HOUR),
    ]


def test_repeat_can_be_switched_off():
    alerts = book(routes=[{"repeat_interval": 0}])
    alerts.feed(a_flag())
    assert alerts.advance(NOON + 100 * HOUR) == []


def test_station_that_comes_and_goes_all_night_costs_four_notices():
    alerts = book()
    told: list[Notice] = []
    now = NOON
    for number in range(40):
        flag = a_flag(f"f{number}", at_ns=now)
        told += notices(alerts.advance(now) + alerts.feed(flag))
        now += 2 * MINUTE
        told += notices(alerts.advance(now) + alerts.feed(cleared(flag, now)))
        now += 3 * MINUTE
    told += notices(alerts.advance(now + HOUR))
    assert told == [Notice.FIRING, Notice.RESOLVED, Notice.REOPENED, Notice.RESOLVED]


def test_same_trouble_the_next_day_is_another_alert():
    alerts = book()
    (first,) = alerts.feed(a_flag("f1"))
    alerts.feed(cleared(a_flag("f1"), NOON + MINUTE))
    alerts.advance(NOON + 24 * HOUR)
    (second,) = alerts.feed(a_flag("f2", at_ns=NOON + 24 * HOUR))
    assert second.id != first.id
    assert second.notice is Notice.FIRING


def test_stations_of_a_site_share_one_alert_when_grouped():
    alerts = book(
        receivers=PHONE,
        routes=[
            {
                "receivers": ["phone"],
                "group_by": ["site", "rule"],
                "group_wait": "30s",
                "group_interval": "5m",
            }
        ],
    )
    (made,) = alerts.feed(a_flag("f1", station="CP1"))
    assert made.notice is Notice.NONE
    alerts.feed(a_flag("f2", station="CP2", at_ns=NOON + SECOND))
    (told,) = alerts.advance(NOON + 31 * SECOND)
    assert (told.notice, told.flags, told.station, told.site) == (Notice.FIRING, ("f1", "f2"), None, "depot")
    assert told.group == "site=depot,rule=station_offline"
    assert told.receivers == ("file", "phone")
    assert notices(alerts.feed(a_flag("f3", station="CP3", at_ns=NOON + MINUTE))) == []
    (joined,) = alerts.advance(NOON + 31 * SECOND + 5 * MINUTE)
    assert (joined.notice, joined.flag_count) == (Notice.JOINED, 3)
    (other,) = alerts.feed(a_flag("f4", station="HB1", at_ns=NOON + 6 * MINUTE))
    assert other.id != told.id
    for number in (1, 2):
        assert (
            notices(alerts.feed(cleared(a_flag(f"f{number}", station=f"CP{number}"), NOON + 7 * MINUTE)))
            == []
        )
    assert notices(alerts.feed(cleared(a_flag("f3", station="CP3"), NOON + 8 * MINUTE))) == [Notice.RESOLVED]


def test_trouble_that_is_over_within_the_group_wait_is_never_told():
    alerts = book(routes=[{"group_wait": "30s"}])
    alerts.feed(a_flag())
    (over,) = alerts.feed(cleared(a_flag(), NOON + 10 * SECOND))
    assert (over.state, over.notice) == (AlertState.RESOLVED, Notice.NONE)
    assert notices(alerts.advance(NOON + HOUR)) == []


def test_stations_below_a_site_flag_are_quiet_until_it_no_longer_explains_them():
    alerts = book()
    (site,) = alerts.feed(a_flag("site", station=None, subject="site=depot", severity=Severity.CRITICAL))
    (below,) = alerts.feed(a_flag("f1", inhibited_by="site"))
    assert (site.site, below.notice, below.inhibited_by) == ("depot", Notice.NONE, site.id)
    assert site.labels["site_name"] == "Depot Nord", (
        "people are told of a site by its name, and not by its id"
    )
    assert alerts.advance(NOON + 10 * HOUR)[0].id == site.id
    alerts.feed(cleared(a_flag("site", station=None, subject="site=depot"), NOON + 11 * HOUR))
    (loud,) = alerts.feed(a_flag("f1", at_ns=NOON + 11 * HOUR, onset_at_ns=NOON))
    assert (loud.notice, loud.inhibited_by) == (Notice.FIRING, "")


def test_station_told_before_its_site_went_is_told_to_be_back():
    alerts = book()
    alerts.feed(a_flag("f1"))
    alerts.feed(a_flag("site", station=None, subject="site=depot", at_ns=NOON + MINUTE))
    (quiet,) = alerts.feed(a_flag("f1", at_ns=NOON + MINUTE, onset_at_ns=NOON, inhibited_by="site"))
    assert quiet.notice is Notice.NONE
    assert notices(alerts.feed(cleared(a_flag("f1"), NOON + 2 * MINUTE))) == [Notice.RESOLVED]


def test_station_below_its_site_comes_back_without_a_word():
    alerts = book()
    alerts.feed(a_flag("site", station=None, subject="site=depot"))
    alerts.feed(a_flag("f1", inhibited_by="site"))
    (over,) = alerts.feed(cleared(a_flag("f1"), NOON + MINUTE))
    assert (over.state, over.notice) == (AlertState.RESOLVED, Notice.NONE)


def test_configured_inhibition_quiets_what_a_larger_alert_explains():
    alerts = book(
        inhibit=[{"by": {"rule": "csms_slow"}, "quiet": {"rule": "success_rate_drop"}, "equal": ["site"]}]
    )
    slow = a_flag("slow", rule="csms_slow")
    (first,) = alerts.feed(slow)
    (quiet,) = alerts.feed(a_flag("rate", rule="success_rate_drop", station="CP2"))
    assert (quiet.inhibited_by, quiet.notice) == (first.id, Notice.NONE)
    (loud,) = alerts.feed(a_flag("rate2", rule="success_rate_drop", station="HB1"))
    assert loud.notice is Notice.FIRING
    told = alerts.feed(cleared(slow, NOON + MINUTE))
    assert [(alert.id, alert.notice) for alert in told] == [
        (first.id, Notice.RESOLVED),
        (quiet.id, Notice.FIRING),
    ]


def test_two_alerts_never_inhibit_each_other():
    alerts = book(inhibit=[{"by": {"category": "connectivity"}, "quiet": {"category": "connectivity"}}])
    assert (
        notices(alerts.feed(a_flag("f1")) + alerts.feed(a_flag("f2", rule="flapping"))) == [Notice.FIRING] * 2
    )


def test_silence_over_the_works_and_what_is_still_wrong_after_it():
    alerts = book()
    alerts.silence(Silence(id="s", matchers={"site": "depot"}, from_ns=NOON, until_ns=NOON + HOUR, by="jo"))
    (quiet,) = alerts.feed(a_flag("f1", at_ns=NOON + MINUTE))
    assert (quiet.silenced_by, quiet.notice) == ("s", Notice.NONE)
    assert notices(alerts.feed(a_flag("f2", station="HB1", at_ns=NOON + MINUTE))) == [Notice.FIRING]
    (loud,) = alerts.advance(NOON + HOUR)
    assert (loud.id, loud.notice, loud.silenced_by) == (quiet.id, Notice.FIRING, "")
    assert alerts.silences == ()


def test_unsilenced_alert_is_told_at_once():
    alerts = book()
    alerts.silence(
        Silence(id="s", matchers={"rule": "station_*"}, from_ns=NOON, until_ns=NOON + HOUR, by="jo")
    )
    alerts.feed(a_flag())
    assert notices(alerts.unsilence("s", NOON + MINUTE)) == [Notice.FIRING]


def test_history_says_who_silenced_what_until_when_and_who_ended_it():
    alerts = book()
    alerts.feed(a_flag("f1", rule="faulted"))
    matchers = {"rule": "faulted", "station": "CP1"}
    (quiet,) = alerts.silence(
        Silence(id="s", matchers=matchers, from_ns=NOON, until_ns=NOON + HOUR, by="jo", note="fitter on site")
    )
    assert quiet.said == f"Silenced by jo until {rfc3339(NOON + HOUR)}: faulted at Depot 1 (fitter on site)"
    assert moment_text(quiet) == quiet.said
    (loud,) = alerts.unsilence("s", NOON + MINUTE, "kim", "he left")
    assert (loud.said, loud.silenced_by) == ("Silence ended by kim: he left", "")
    alerts.silence(Silence(id="t", matchers=matchers, from_ns=NOON, until_ns=NOON + HOUR, by="jo"))
    assert "The silence by jo is over." in [each.said for each in alerts.advance(NOON + HOUR)]


def test_of_two_silences_the_longer_holds_and_the_same_one_again_gives_way_to_the_newer():
    alerts = book()
    alerts.feed(a_flag("f1", rule="faulted"))
    here = {"rule": "faulted", "station": "CP1"}
    alerts.silence(
        Silence(id="all", matchers={"station": "CP1"}, from_ns=NOON, until_ns=NOON + HOUR, by="jo")
    )
    (longer,) = alerts.silence(
        Silence(id="here", matchers=here, from_ns=NOON, until_ns=NOON + 2 * HOUR, by="kim")
    )
    assert longer.silenced_by == "here"
    (shorter,) = alerts.silence(
        Silence(id="short", matchers=here, from_ns=NOON, until_ns=NOON + MINUTE, by="kim")
    )
    assert shorter.silenced_by == "all"
    assert {each.id for each in alerts.silences} == {"all", "short"}
    assert alerts.advance(NOON + MINUTE) == []
    assert [each.id for each in alerts.silences] == ["all"]


def test_a_flag_that_outlives_its_resolved_alert_is_still_counted_as_raised():
    alerts = book()
    (fired,) = alerts.feed(a_flag())
    (over,) = alerts.resolve(fired.id, "jo", NOON + MINUTE)
    assert (over.open_count, over.raised_count, over.flag_count) == (0, 1, 1)
    (gone,) = alerts.feed(cleared(a_flag(), NOON + HOUR))
    assert (gone.raised_count, gone.said, gone.notice) == (0, "0 of 1 still raised.", Notice.NONE)


def test_person_ends_an_alert_whose_flag_is_still_raised():
    alerts = book()
    (fired,) = alerts.feed(a_flag())
    (over,) = alerts.resolve(fired.id, "jo", NOON + MINUTE, "known, being replaced")
    assert (over.notice, over.resolved_by) == (Notice.RESOLVED, "jo")
    assert over.resolved_because == "Resolved by jo: known, being replaced"
    # New evidence a day later is no news; that it is critical now is.
    assert notices(alerts.advance(NOON + 24 * HOUR)) == []
    assert alerts.feed(a_flag(at_ns=NOON + 24 * HOUR, onset_at_ns=NOON, summary="still off")) == []
    (again,) = alerts.feed(a_flag(at_ns=NOON + 25 * HOUR, onset_at_ns=NOON, severity=Severity.CRITICAL))
    assert (again.id, again.notice, again.resolved_by) == (fired.id, Notice.REOPENED, "")


def test_new_trouble_while_a_person_ended_the_old_one_is_a_new_alert():
    alerts = book(routes=[{"group_by": ["site"]}])
    (fired,) = alerts.feed(a_flag("f1"))
    alerts.resolve(fired.id, "jo", NOON)
    alerts.advance(NOON + HOUR)
    (new,) = alerts.feed(a_flag("f2", station="CP2", at_ns=NOON + HOUR))
    assert (new.id != fired.id, new.notice) == (True, Notice.FIRING)
    alerts.feed(cleared(a_flag("f1"), NOON + 2 * HOUR))
    assert [alert.id for alert in alerts.open] == [new.id]


@pytest.mark.parametrize(
    ("severity", "receivers"),
    [
        (Severity.INFO, ("file",)),
        (Severity.WARNING, ("file", "mail")),
        (Severity.CRITICAL, ("file", "phone", "mail")),
    ],
)
def test_routes_say_who_is_told(severity, receivers):
    alerts = book(
        receivers=PHONE,
        routes=[
            {"match": {"severity": "critical"}, "receivers": "phone", "continue": True},
            {"match": {"severity": ["warning", "critical"], "site": "dep*"}, "receivers": "mail"},
        ],
    )
    (fired,) = alerts.feed(a_flag(severity=severity))
    assert fired.receivers == receivers


def test_without_routes_all_receivers_hear_of_all_but_information():
    alerts = book(receivers=PHONE, file=None)
    assert alerts.feed(a_flag("f1"))[0].receivers == ("phone", "mail")
    assert alerts.feed(a_flag("f2", key="other", severity=Severity.INFO))[0].receivers == ()


def test_group_that_outgrows_its_list_still_ends_with_its_last_flag():
    alerts = book(routes=[{"group_by": ["rule"], "repeat_interval": 0}])
    flags = [a_flag(f"f{n}", station=f"S{n}") for n in range(500)]
    for flag in flags:
        alerts.feed(flag)
    (alert,) = alerts.open
    assert (alert.flag_count, alert.open_count, len(alert.flags)) == (500, 500, 200)
    for flag in flags[:-1]:
        alerts.feed(cleared(flag, NOON + 1))
    assert alerts.open[0].open_count == 1
    assert alerts.feed(cleared(flags[-1], NOON + 2))[0].state is AlertState.RESOLVED


def test_sentence_of_a_group_is_that_of_its_worst_open_flag():
    alerts = book(routes=[{"group_by": ["site"]}])
    alerts.feed(a_flag("f1", summary="one"))
    worst = a_flag(
        "f2",
        station="CP2",
        rule="faulted",
        severity=Severity.CRITICAL,
        summary="two",
        category=Category.HARDWARE,
    )
    assert alerts.feed(worst)[0].summary == "two"
    assert alerts.feed(cleared(worst, NOON + 1))[0].summary == "one"


def test_acts_are_done_again_after_a_restart_at_their_own_time():
    live = book()
    (fired,) = live.feed(a_flag())
    before = live.snapshot()
    act = Act(id="a1", kind=ActKind.ACKNOWLEDGE, at_ns=NOON + MINUTE, by="jo", alert=fired.id)
    expected = live.advance(NOON + MINUTE) + live.act(act) + live.advance(NOON + 5 * HOUR)
    # The watch was killed, and its snapshot is older than the act: it does it again at the same pipeline time.
    restarted = book()
    restarted.restore(before)
    again = restarted.advance(NOON + MINUTE) + restarted.act(act) + restarted.advance(NOON + 5 * HOUR)
    assert again == expected
    # A snapshot that had seen the act does not do it twice.
    restarted = book()
    restarted.restore(live.snapshot())
    assert restarted.act(act) == []
    assert restarted.advance(NOON + 6 * HOUR) == []


def test_silence_that_is_done_again_after_its_end_stays_ended():
    alerts = book()
    silence = Act(
        id="s", kind=ActKind.SILENCE, at_ns=NOON, by="jo", matchers={"site": "depot"}, until_ns=NOON + HOUR
    )
    alerts.act(silence)
    alerts.act(Act(id="u", kind=ActKind.UNSILENCE, at_ns=NOON + 1, by="jo", alert="s"))
    alerts.act(silence)
    assert alerts.silences == ()


def test_silence_for_alerts_like_this_one_takes_names_literally():
    alerts = book()
    (odd,) = alerts.feed(a_flag("f1", station="CP[1]*"))
    alerts.silence(Silence(id="s", matchers=matchers_like(odd), from_ns=NOON, until_ns=NOON + HOUR, by="jo"))
    assert alerts.open[0].silenced_by == "s"
    assert notices(alerts.feed(a_flag("f2", station="CP1x"))) == [Notice.FIRING]


FLAG_COUNT = 6
moves = st.lists(
    st.one_of(
        st.tuples(
            st.just("raise"), st.integers(0, FLAG_COUNT - 1), st.sampled_from(list(Severity)), st.booleans()
        ),
        st.tuples(st.just("clear"), st.integers(0, FLAG_COUNT - 1)),
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 20 * SECOND, 3 * MINUTE, 11 * MINUTE, 5 * HOUR])),
        st.tuples(st.just("take"), st.integers(0, FLAG_COUNT - 1)),
        st.tuples(st.just("end"), st.integers(0, FLAG_COUNT - 1)),
        st.tuples(st.just("silence"), st.sampled_from(["CP1", "CP*", "HB1"])),
        st.tuples(st.just("unsilence")),
        st.tuples(st.just("restart")),
    ),
    max_size=60,
)
ways = st.sampled_from(
    [
        {},
        {
            "routes": [
                {"group_by": ["site"], "group_wait": "30s", "group_interval": "2m", "repeat_interval": "1h"}
            ]
        },
        {"routes": [{"match": {"severity": "critical"}, "group_by": ["rule"]}], "reopen_for": 0},
        {
            "inhibit": [
                {
                    "by": {"severity": "critical"},
                    "quiet": {"severity": ["info", "warning"]},
                    "equal": ["site"],
                }
            ]
        },
    ]
)


def play(way, steps, *, restarts: bool) -> list[Alert]:  # noqa: C901 - one branch a move
    """Plays a night: flags have their own lives (raised once, cleared once), people do what they like."""
    alerts = book(**way)
    out: list[Alert] = []
    now = NOON
    raised: dict[int, Flag] = {}
    made = 0
    for kind, *rest in steps:
        if kind == "wait":
            now += rest[0]
            out += alerts.advance(now)
        elif kind == "raise":
            number, severity, below = rest
            station = "HB1" if number == 5 else f"CP{number + 1}"
            known = raised.get(number)
            if known is None:
                made += 1
                flag = a_flag(
                    f"f{made}",
                    station=station,
                    at_ns=now,
                    severity=severity,
                    inhibited_by="f1" if below else "",
                )
            else:
                worst = max(known.severity, severity, key=lambda each: each.rank)
                flag = msgspec.structs.replace(
                    known, at_ns=now, severity=worst, inhibited_by="f1" if below else ""
                )
            raised[number] = flag
            out += alerts.feed(flag)
        elif kind == "clear" and rest[0] in raised:
            out += alerts.feed(cleared(raised.pop(rest[0]), now))
        elif kind in ("take", "end") and alerts.open:
            alert = alerts.open[rest[0] % len(alerts.open)]
            out += (alerts.acknowledge if kind == "take" else alerts.resolve)(alert.id, "jo", now)
        elif kind == "silence":
            out += alerts.silence(
                Silence(id=rest[0], matchers={"station": rest[0]}, from_ns=now, until_ns=now + HOUR, by="jo")
            )
        elif kind == "unsilence":
            out += alerts.unsilence("CP1", now)
        elif kind == "restart" and restarts:
            fresh = book(**way)
            fresh.restore(alerts.snapshot())
            alerts = fresh
        assert len({alert.id for alert in alerts.open}) == len(alerts.open)
    for flag in raised.values():
        out += alerts.feed(cleared(flag, now))
    out += alerts.advance(now + 24 * HOUR)
    assert alerts.open == ()
    assert alerts._revisions.entries == {}, "nothing of what is over stays in memory"
    assert alerts._revisions.by_key == {}
    assert alerts._revisions.by_flag == {}
    return out


@settings(deadline=None, max_examples=150)
@given(way=ways, steps=moves)
def test_whatever_the_night_brings_each_page_has_at_most_one_end(way, steps):
    told_firing: dict[str, bool] = {}
    revisions: dict[str, int] = {}
    severity_told: dict[str, int] = {}
    for alert in play(way, steps, restarts=False):
        assert alert.revision == revisions.get(alert.id, 0) + 1
        revisions[alert.id] = alert.revision
        if alert.notice is Notice.RESOLVED:
            assert alert.state is AlertState.RESOLVED
            assert told_firing[alert.id], "nobody is told of the end of what they never heard of"
            told_firing[alert.id] = False
        elif alert.notice is not Notice.NONE:
            assert alert.state is AlertState.FIRING
            assert not alert.silenced_by
            assert not alert.inhibited_by
            began = alert.notice in (Notice.FIRING, Notice.REOPENED)
            assert began is not told_firing.get(alert.id, False)
            if alert.notice is Notice.WORSE:
                assert alert.severity.rank > severity_told[alert.id]
            told_firing[alert.id] = True
            severity_told[alert.id] = alert.severity.rank
    assert not any(told_firing.values()), "when all is over, everyone knows"


@settings(deadline=None, max_examples=100)
@given(way=ways, steps=moves)
def test_restart_at_any_moment_changes_nothing(way, steps):
    assert play(way, steps, restarts=True) == play(way, steps, restarts=False)
