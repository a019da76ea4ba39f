"""station_offline at a whole upstream or site: whose it is to mend, by what the relay itself has seen."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.play import T0_NS, Play
from tests.support.watched import Watched, place, places

from nocwatch.detectors.station_offline.advice import advise, unreached
from nocwatch.detectors.station_offline.diagnosis import Situation, diagnose
from nocwatch.flags import Blame, Flag
from nocwatch.frames import LinkEvent
from nocwatch.moments import SECOND_NS
from nocwatch.refusal_reasons import REASONS, Cause

TWO_SITES = places(
    *(place(f"CP{number}", "depot", site_name="Depot Nord") for number in (1, 2)),
    *(place(f"CP{number}", "harbour") for number in (3, 4)),
)
SHUTDOWN = {("relay", "shutdown"): 4}
RESET = {("station", "reset"): 4}


# --- the table -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "cause", "blame", "words"),
    [
        ({"down": True}, "unreachable", Blame.CSMS, "address answers"),
        (
            {"down": True, "down_reason": "upstream_refused"},
            "unreachable upstream_refused",
            Blame.CSMS,
            "address answers",
        ),
        (
            {"down": True, "down_reason": "upstream_unknown_host"},
            "unreachable upstream_unknown_host",
            Blame.NETWORK,
            "name server",
        ),
        ({"down": True, "down_reason": "upstream_tls"}, "unreachable upstream_tls", Blame.CSMS, "tls.ca"),
        (
            {"down": True, "endings": SHUTDOWN},
            "unreachable",
            Blame.UNKNOWN,
            "since nocwatch's relay was restarted",
        ),
        ({"endings": SHUTDOWN}, "restarted", Blame.NOCWATCH, "relay.listen"),
        ({"endings": {("relay", "relay_lost"): 3, ("csms", "fin"): 1}}, "restarted", Blame.NOCWATCH, "DNS|name"),
        (
            {"endings": SHUTDOWN, "refused": {"station_tls_distrusts_us": 12}},
            "refused station_tls_distrusts_us",
            Blame.NOCWATCH,
            "intermediate certificate",
        ),
        (
            {"endings": SHUTDOWN, "refused": {"station_tls_left": 9, "empty": 400}},
            "refused station_tls_left",
            Blame.NOCWATCH,
            "chain",
        ),
        (
            {"endings": SHUTDOWN, "refused": {"handshake_rate": 30}},
            "refused handshake_rate",
            Blame.NOCWATCH,
            "relay.admission.handshakes_per_second",
        ),
        (
            {"endings": RESET, "refused": {"address_connections_max": 30}},
            "refused address_connections_max",
            Blame.NOCWATCH,
            "uncapped",
        ),
        (
            {"endings": SHUTDOWN, "refused": {"network_not_allowed": 8}},
            "refused network_not_allowed",
            Blame.NOCWATCH,
            "relay.admission",
        ),
        ({"endings": RESET, "refused": {"proxy_header_missing": 8}}, "refused proxy_header_missing", Blame.NOCWATCH, "proxy_protocol"),
        ({"endings": RESET, "own": {"no_route": 4}}, "refused no_route", Blame.NOCWATCH, "match"),
        ({"endings": SHUTDOWN, "own": {"answer_401": 4}}, "refused answer_401", Blame.CSMS, "HTTP 401"),
        ({"endings": SHUTDOWN, "own": {"answer_503": 2}}, "refused answer_503", Blame.CSMS, "overloaded"),
        ({"endings": RESET, "own": {"upstream_silent": 4}}, "refused upstream_silent", Blame.CSMS, "team"),
        ({"endings": RESET, "own": {"word_of_tomorrow": 4}}, "refused word_of_tomorrow", Blame.UNKNOWN, "documentation"),
        # What the stations themselves were told counts before what strangers were.
        (
            {"endings": SHUTDOWN, "own": {"answer_403": 3}, "refused": {"station_tls_absent": 900}},
            "refused answer_403",
            Blame.CSMS,
            "HTTP 403",
        ),
        ({"endings": {("csms", "fin"): 4}}, "ended_by_csms", Blame.CSMS, "what it did"),
        ({"endings": RESET}, "silent", Blame.NETWORK, "no station dials"),
        # Two scanners explain no group; nor do probes, refusals of other upstreams' stations, or stations that left.
        ({"endings": RESET, "refused": {"station_tls_absent": 1}}, "silent", Blame.NETWORK, "no station dials"),
        ({"endings": RESET, "refused": {"empty": 500, "station_left": 9}}, "silent", Blame.NETWORK, "no station dials"),
        ({"endings": RESET, "refused": {"answer_401": 9, "station_denied": 9}}, "silent", Blame.NETWORK, "no station dials"),
    ],
)  # fmt: skip
def test_each_cause_has_its_blame_and_its_advice(
    seen: dict[str, Any], cause: str, blame: Blame, words: str
) -> None:
    found = diagnose(Situation("upstream", "main", 4, **seen))
    assert (found.cause, found.blame) == (cause, blame)
    assert any(word in found.advice for word in words.split("|"))


def test_the_csms_is_not_blamed_while_the_relay_reaches_it_and_it_said_no_to_nobody() -> None:
    for endings in (SHUTDOWN, RESET, {("relay", "relay_lost"): 4}, {("", ""): 4}):
        for refused in (
            {},
            *({reason: 50} for reason, each in REASONS.items() if each.cause is not Cause.CSMS),
        ):
            found = diagnose(Situation("upstream", "main", 4, endings=endings, refused=refused))
            assert found.blame is not Blame.CSMS


@pytest.mark.parametrize("reason", [*REASONS, "answer_401", "answer_418", "of_another_version"])
def test_each_reason_has_advice_that_ends_as_a_sentence(reason: str) -> None:
    for _, advice in (advise(reason)[1:], unreached(reason)):
        assert advice.endswith(".")
        assert "{" not in advice


# --- as it happens --------------------------------------------------------------------------------------------------------


class Story:
    """Four stations of two sites on one upstream, and the relay's ticks."""

    def __init__(self, **relay: int) -> None:
        self.watched = Watched("station_offline", places=TWO_SITES)
        self.watched.relay = {
            "start_time_seconds": T0_NS // SECOND_NS - 3600,
            "workers": 1,
            "upstream_up_main": 1,
            **relay,
        }
        self.plays: list[Play] = [self.watched.play(f"CP{number}").begin() for number in (1, 2, 3, 4)]
        self.watched.wait(60)

    def restart(self, *, by: str = "relay", reason: str = "shutdown", away_s: float = 9) -> None:
        for play in self.plays:
            play.close(by=by, reason=reason)
        self.watched.clock[0] += away_s
        self.watched.relay = {**self.watched.relay, "start_time_seconds": self.watched.now_ns // SECOND_NS}
        self.watched.relay = {
            name: value for name, value in self.watched.relay.items() if not name.startswith("refused_")
        }

    def upstream(self) -> Flag:
        """The one flag that pages."""
        (flag,) = (each for each in self.watched.standing if not each.inhibited_by)
        assert flag.key == "upstream main"
        return flag

    def said(self) -> str:
        return " ".join(each.text for each in self.upstream().evidence)


def test_a_restart_with_a_broken_chain_is_the_listeners_certificate_and_not_the_csms() -> None:
    story = Story()
    story.restart()
    for refused in range(1, 200):
        story.watched.relay["refused_station_tls_distrusts_us"] = refused
        story.watched.wait(1)
    flag = story.upstream()
    assert (flag.blame, flag.severity.value) == (Blame.NOCWATCH, "critical")
    assert flag.summary.startswith(
        "Upstream main has lost its stations: 4 stations of 4 without a socket for 3 min"
    )
    assert flag.summary.endswith("; the relay turns them away (station_tls_distrusts_us).")
    assert "does not believe *our* certificate" in story.said()
    assert "The relay reports no failed dial of upstream main." in story.said()
    assert "put back" in flag.advice


def test_a_restart_after_which_nobody_dials_says_who_ended_the_links_and_that_it_runs_again() -> None:
    story = Story()
    story.restart()
    story.watched.wait(200)
    flag = story.upstream()
    assert flag.blame is Blame.NOCWATCH
    assert "nocwatch's relay ended the links of 4 of 4 stations at" in story.said()
    assert "at its shutdown" in story.said()
    assert "It runs again since" in story.said()
    assert "It has turned nobody away since." in story.said()


def test_a_relay_that_was_killed_is_told_as_killed() -> None:
    story = Story()
    story.watched.clock[0] += 9
    story.restart(reason="relay_lost", away_s=0)
    story.watched.wait(200)
    assert "without a word: it was killed" in story.said()
    assert story.upstream().blame is Blame.NOCWATCH


def test_stations_that_come_back_late_clear_it() -> None:
    story = Story()
    story.restart()
    story.watched.wait(200)
    assert story.upstream()
    for play in story.plays:
        play.open()
    assert not story.watched.standing


def test_refusals_that_begin_later_change_what_the_standing_flag_says() -> None:
    story = Story()
    story.restart()
    story.watched.wait(200)
    assert story.upstream().blame is Blame.NOCWATCH
    assert "restart" in story.upstream().advice
    for play in story.plays:
        play.link(LinkEvent.REFUSED, upstream="main", http_status=401, reason="answer")
    story.watched.relay["refused_answer_401"] = 4
    story.watched.wait(20)
    flag = story.upstream()
    assert flag.blame is Blame.CSMS
    assert "HTTP 401" in flag.advice
    assert "the CSMS answered HTTP 401" in story.said()
    assert (
        story.watched.said(next(each.frames[0] for each in flag.evidence if "401" in each.text)) == "refused"
    )
    told = len(flag.evidence)
    story.watched.relay["refused_answer_401"] = 90
    story.watched.wait(60)
    assert len(story.upstream().evidence) == told  # the same cause is told once


def test_a_csms_that_was_down_before_the_restart_is_no_longer_blamed_by_the_new_relay() -> None:
    """No station gets as far as a dial, so no link event takes the former relay's word back; the tick does."""
    story = Story()
    story.watched.upstream("main", up=False, reason="upstream_refused")
    story.watched.relay["upstream_up_main"] = 0
    for play in story.plays:
        play.close(by="csms", reason="reset")
    story.watched.wait(200)
    assert story.upstream().blame is Blame.CSMS
    assert "nobody listens at the CSMS's address (upstream_refused)" in story.said()
    story.watched.relay = {
        **story.watched.relay,
        "start_time_seconds": story.watched.now_ns // SECOND_NS,
        "upstream_up_main": 1,
    }
    for refused in range(1, 260):
        story.watched.relay["refused_station_tls_absent"] = refused
        story.watched.wait(1)
    assert story.upstream().blame is Blame.NOCWATCH
    assert "station_tls_absent" in story.upstream().summary


def test_stations_behind_a_cap_after_a_restart_are_told_of_the_cap() -> None:
    story = Story()
    story.restart()
    for refused in range(1, 200):
        story.watched.relay["refused_handshake_rate"] = 3 * refused
        story.watched.wait(1)
    assert story.upstream().blame is Blame.NOCWATCH
    assert "relay.admission.handshakes_per_second" in story.upstream().advice


def test_the_network_is_blamed_where_the_relay_runs_and_nobody_dials() -> None:
    story = Story()
    for play in story.plays:
        play.close(by="station", reason="timeout")
    story.watched.wait(200)
    flag = story.upstream()
    assert flag.blame is Blame.NETWORK
    assert flag.summary.endswith("; no station dials.")


def test_a_csms_that_ended_all_links_is_blamed_though_it_can_be_reached() -> None:
    story = Story()
    for play in story.plays:
        play.close(by="csms", code=1001)
    story.watched.wait(200)
    assert story.upstream().blame is Blame.CSMS


def test_refusals_of_yesterday_explain_nothing() -> None:
    story = Story(refused_station_tls_distrusts_us=9_000)
    story.watched.relay["refused_station_tls_distrusts_us"] = 9_500
    story.watched.wait(600)
    for play in story.plays:
        play.close(by="station", reason="timeout")
    story.watched.wait(200)
    assert story.upstream().blame is Blame.NETWORK


def test_one_site_on_one_upstream_that_the_relay_dropped_is_not_sent_to_its_fuse_box() -> None:
    watched = Watched("station_offline", places=places(place("CP1", "depot"), place("CP2", "depot")))
    plays = [watched.play(name).begin() for name in ("CP1", "CP2")]
    for play in plays:
        play.close(by="relay", reason="shutdown")
    watched.wait(200)
    (flag,) = (each for each in watched.standing if not each.inhibited_by)
    assert (flag.key, flag.blame) == ("site depot", Blame.NOCWATCH)
    assert "restart of nocwatch's relay" in flag.advice


@pytest.mark.parametrize(
    ("reason", "status", "blame", "words"),
    [
        ("answer", 403, Blame.CSMS, "the CSMS answers HTTP 403"),
        ("", 404, Blame.CSMS, "the CSMS answers HTTP 404"),
        ("answer", 500, Blame.CSMS, "the CSMS turns it away (HTTP 500)"),
        (
            "station_not_allowed",
            403,
            Blame.NOCWATCH,
            "nocwatch's relay has no link for it (station_not_allowed)",
        ),
        ("certificate_of_another", 403, Blame.NOCWATCH, "client_name"),
        ("no_route", 502, Blame.NOCWATCH, "`match`"),
        ("upstream_silent", 504, Blame.CSMS, "ask the team that runs it"),
    ],
)
def test_one_station_that_is_refused_is_told_by_whom(
    reason: str, status: int, blame: Blame, words: str
) -> None:
    watched = Watched("station_offline", places=places(place("CP9")))
    play = watched.play("CP9")
    for _ in range(5):
        play.link(LinkEvent.REFUSED, upstream="main", http_status=status, reason=reason)
        watched.wait(60)
    assert watched.standing[0].blame is blame
    assert words in watched.standing[0].advice
    assert "Its power and its modem are well" in watched.standing[0].advice


def test_one_station_that_did_not_come_back_after_a_restart_is_not_sent_to_its_modem_first() -> None:
    story = Story()
    story.restart()
    for play in story.plays[1:]:
        play.open()
    story.watched.wait(200)
    (flag,) = story.watched.standing
    assert flag.station == "CP1"
    assert "nocwatch's relay ended its connection" in flag.advice


def test_snapshot_in_between_says_the_same() -> None:
    def story(*, snapshot: bool) -> list[Flag]:
        told = Story()
        told.restart()
        told.watched.wait(100)
        if snapshot:
            engine, fleet = told.watched.engine.snapshot(), told.watched.fleet.snapshot()
            told.watched.fleet.restore(fleet)
            told.watched.engine.restore(engine)
        told.watched.relay["refused_handshake_rate"] = 30
        told.watched.wait(200)
        return told.watched.flags

    assert story(snapshot=True) == story(snapshot=False)
