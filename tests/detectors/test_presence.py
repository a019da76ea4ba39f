"""Detectors about sockets: offline, flapping, gaps in the picture."""

from __future__ import annotations

import pytest
from tests.support.play import Play
from tests.support.watched import Watched, place, places, window

from nocwatch.detectors.engine import Engine
from nocwatch.flags import Blame, Flag, FlagState, Severity
from nocwatch.frames import LinkEvent
from nocwatch.moments import SECOND_NS
from nocwatch.state.fleet import Fleet

DEPOT = [place(f"CP{number}", "depot", site_name="Depot Nord") for number in (1, 2, 3)]
HARBOUR = [place(f"CP{number}", "harbour") for number in (4, 5)]


def fleet(watched: Watched, *numbers: int) -> dict[str, Play]:
    return {f"CP{number}": watched.play(f"CP{number}").begin() for number in numbers}


def latest(watched: Watched) -> dict[str, Flag]:
    """Flag key → its last state."""
    return {flag.key: flag for flag in watched.flags}


# --- station_offline, one station ----------------------------------------------------------------------------------------


def test_offline_is_told_at_3_min_and_critical_at_15() -> None:
    watched = Watched("station_offline")
    fleet(watched, 1, 2)["CP1"].close(by="relay", reason="timeout")
    lost_ns = watched.now_ns
    watched.wait(179)
    assert not watched.raised
    watched.wait(2)
    assert (watched.only.severity, watched.only.at_ns) == (Severity.WARNING, lost_ns + 180 * SECOND_NS)
    assert watched.only.onset_at_ns == lost_ns
    watched.wait(718)
    assert watched.standing[0].severity is Severity.WARNING
    watched.wait(2)
    assert watched.standing[0].severity is Severity.CRITICAL
    assert len(watched.raised) == 1


def test_back_in_time_and_a_second_socket_are_no_absence() -> None:
    watched = Watched("station_offline")
    cp1 = fleet(watched, 1, 2)["CP1"]
    old = cp1.connection
    cp1.open()
    cp1.close(connection=old)
    watched.wait(600)
    cp1.close()
    watched.wait(170)
    cp1.open()
    watched.wait(600)
    assert not watched.flags


def test_it_clears_with_the_socket_and_says_how_long_it_took() -> None:
    watched = Watched("station_offline")
    cp1 = fleet(watched, 1, 2)["CP1"]
    cp1.close()
    watched.wait(600)
    cp1.open()
    assert watched.cleared[0].cleared_because == "it has a socket again, after 10 min"
    assert not watched.standing


def test_advice_tells_a_lonely_loss_from_one_that_the_whole_site_shares() -> None:
    watched = Watched("station_offline", places=places(*DEPOT))
    plays = fleet(watched, 1, 2, 3)
    plays["CP1"].close(by="station", reason="timeout")
    watched.wait(200)
    assert "2 of 2 other stations of its site are online: it is this station." in watched.only.advice
    assert "its power and its modem" in watched.only.advice


def test_below_a_csms_that_is_gone_nobody_is_sent_to_a_stations_modem() -> None:
    watched = Watched("station_offline", places=places(*DEPOT))
    plays = fleet(watched, 1, 2)
    watched.upstream("main", up=False)
    for play in plays.values():
        play.close(by="csms", reason="reset")
    watched.wait(400)
    station = latest(watched)["CP1"]
    assert station.inhibited_by == latest(watched)["upstream main"].id
    assert "nothing is to be done at this station while that lasts" in station.advice
    assert "CSMS main" in station.advice


def test_registered_station_that_is_refused_counts_and_a_stranger_does_not() -> None:
    watched = Watched("station_offline", places=places(place("CP9")))
    fleet(watched, 1)
    for name in ("CP9", "scanner"):
        play = watched.play(name)
        for _ in range(5):
            play.link(LinkEvent.REFUSED, upstream="main", http_status=401)
            watched.wait(60)
    assert watched.only.station == "CP9"
    assert watched.only.blame is Blame.CSMS
    assert "HTTP status 401" in watched.only.evidence[0].text
    assert "Its power and its modem are well" in watched.only.advice


def test_maintenance_keeps_it_quiet_and_its_end_does_not_forget_it() -> None:
    watched = Watched("station_offline", places=places(maintenance=[window(0, 3600, station="CP1")]))
    fleet(watched, 1, 2)["CP1"].close()
    watched.wait(3500)
    assert not watched.raised
    assert watched.engine.counters["station_offline"]["maintenance"] == 1
    watched.wait(200)
    assert watched.only.station == "CP1"
    assert watched.only.at_ns == window(0, 3600).until_ns


# --- station_offline, groups ---------------------------------------------------------------------------------------------


def test_site_that_is_gone_is_one_flag_and_its_stations_hang_below() -> None:
    watched = Watched("station_offline", places=places(*DEPOT, *HARBOUR))
    plays = fleet(watched, 1, 2, 3, 4, 5)
    for name in ("CP1", "CP2", "CP3"):
        plays[name].close(by="relay", reason="timeout")
        watched.wait(10)
    watched.wait(240)
    site = watched.raised[0]
    assert (site.key, site.station, site.subject) == ("site depot", None, "depot")
    assert site.summary.startswith("Site Depot Nord is gone: 3 stations of 3 without a socket")
    assert {flag.station: flag.inhibited_by for flag in watched.raised[1:]} == dict.fromkeys(
        ("CP1", "CP2", "CP3"), site.id
    )


def test_site_comes_back_and_only_what_stays_away_stands_for_itself() -> None:
    watched = Watched("station_offline", places=places(*DEPOT, *HARBOUR))
    plays = fleet(watched, 1, 2, 3, 4, 5)
    for name in ("CP1", "CP2", "CP3"):
        plays[name].close()
    watched.wait(240)
    plays["CP1"].open()
    watched.wait(60)
    plays["CP2"].open()
    assert latest(watched)["site depot"].state is FlagState.RAISED
    assert latest(watched)["CP3"].inhibited_by
    watched.wait(180)
    assert latest(watched)["site depot"].state is FlagState.CLEARED
    assert (latest(watched)["CP3"].state, latest(watched)["CP3"].inhibited_by) == (FlagState.RAISED, "")


def test_site_that_is_back_at_once_clears_at_once() -> None:
    watched = Watched("station_offline", places=places(*DEPOT, *HARBOUR))
    plays = fleet(watched, 1, 2, 3, 4, 5)
    for name in ("CP1", "CP2", "CP3"):
        plays[name].close()
    watched.wait(240)
    for name in ("CP1", "CP2", "CP3"):
        plays[name].open()
    assert not watched.standing


def test_one_station_that_has_been_gone_for_a_day_is_not_the_sites_trouble() -> None:
    watched = Watched("station_offline", places=places(*HARBOUR, *DEPOT))
    plays = fleet(watched, 1, 4, 5)
    plays["CP4"].close()
    watched.wait(86_400)
    plays["CP5"].close()
    watched.wait(300)
    assert {flag.key for flag in watched.raised} == {"CP4", "CP5"}
    assert not any(flag.inhibited_by for flag in watched.flags)


def test_slow_half_open_sockets_join_the_sites_flag_later() -> None:
    """The first station is told alone; when the last one's socket has died too, it goes below the site's flag."""
    watched = Watched("station_offline", places=places(*DEPOT, *HARBOUR))
    plays = fleet(watched, 1, 2, 3, 4, 5)
    for name, after in (("CP1", 200), ("CP2", 200), ("CP3", 0)):
        plays[name].close()
        watched.wait(after)
    assert watched.raised[0].key == "CP1"
    assert latest(watched)["CP1"].inhibited_by == latest(watched)["site depot"].id


def test_upstream_that_serves_several_sites_is_one_flag_above_all() -> None:
    watched = Watched("station_offline", places=places(*DEPOT, *HARBOUR))
    for play in fleet(watched, 1, 2, 3, 4, 5).values():
        play.close(by="csms", code=1001)
    watched.wait(240)
    assert [flag.key for flag in watched.raised if not flag.inhibited_by] == ["upstream main"]
    assert len(watched.raised) == 6


def test_an_upstream_that_never_answered_is_told_though_no_station_ever_got_through() -> None:
    """A mistyped address: everybody is answered 502, and no station is known whose absence could speak."""
    watched = Watched("station_offline")
    watched.wait(1)
    watched.upstream("main", up=False)
    watched.wait(178)
    assert not watched.raised
    watched.wait(3)
    flag = watched.only
    assert (flag.key, flag.severity, flag.blame) == ("upstream main", Severity.CRITICAL, Blame.CSMS)
    assert flag.summary == "Upstream main cannot be reached: no station has got through to it for 3 min."
    watched.upstream("main", up=True)
    watched.wait(200)
    assert latest(watched)["upstream main"].cleared_because == "it can be reached again"


def test_upstream_with_one_site_alone_is_the_sites_trouble() -> None:
    watched = Watched("station_offline", places=places(*DEPOT))
    for play in fleet(watched, 1, 2, 3).values():
        play.close()
    watched.wait(240)
    assert [flag.key for flag in watched.raised if not flag.inhibited_by] == ["site depot"]


def test_upstream_that_the_relay_cannot_reach_is_the_csmss_fault() -> None:
    watched = Watched("station_offline")
    plays = fleet(watched, 1, 2, 3)
    watched.upstream("main", up=False)
    plays["CP1"].close(by="csms")
    plays["CP2"].close(by="csms")
    watched.wait(240)
    upstream = latest(watched)["upstream main"]
    assert (upstream.blame, upstream.subject) == (Blame.CSMS, "main")
    assert upstream.severity is Severity.CRITICAL  # at once: it pages before 15 min are over
    assert latest(watched)["CP1"].inhibited_by == upstream.id
    watched.upstream("main", up=True)
    plays["CP1"].open()
    watched.wait(200)
    assert latest(watched)["upstream main"].state is FlagState.CLEARED
    assert latest(watched)["CP2"].inhibited_by == ""


def test_group_that_is_gone_for_15_min_is_critical() -> None:
    watched = Watched("station_offline", places=places(*DEPOT, *HARBOUR))
    plays = fleet(watched, 1, 2, 3, 4)
    for name in ("CP1", "CP2", "CP3"):
        plays[name].close()
    watched.wait(901)
    assert latest(watched)["site depot"].severity is Severity.CRITICAL


def test_station_in_maintenance_does_not_count_in_its_site() -> None:
    watched = Watched(
        "station_offline", places=places(*DEPOT, *HARBOUR, maintenance=[window(0, 9000, station="CP3")])
    )
    plays = fleet(watched, 1, 2, 3, 4)
    plays["CP1"].close()
    plays["CP2"].close()
    watched.wait(240)
    assert "site depot" in latest(watched)


# --- flapping ------------------------------------------------------------------------------------------------------------


def bounce(watched: Watched, *plays: Play, every: float = 120) -> None:
    for play in plays:
        play.close(by="station", code=1006)
    watched.wait(10)
    for play in plays:
        play.open()
    watched.wait(every)


@pytest.mark.parametrize(("times", "every", "flags"), [(4, 120, 0), (5, 120, 1), (9, 120, 1), (8, 1200, 0)])
def test_five_reconnects_in_an_hour(times: int, every: float, flags: int) -> None:
    watched = Watched("flapping")
    plays = fleet(watched, 1, 2, 3)
    for _ in range(times):
        bounce(watched, plays["CP1"], every=every)
    assert len(watched.raised) == flags


def test_quiet_hour_clears_it() -> None:
    watched = Watched("flapping")
    cp1 = fleet(watched, 1)["CP1"]
    for _ in range(5):
        bounce(watched, cp1)
    assert watched.only.blame is Blame.CHARGER
    assert len(watched.only.evidence) == 5
    watched.wait(3600)
    assert watched.cleared


@pytest.mark.parametrize(
    ("by", "code", "reason", "blame", "said"),
    [
        ("station", None, "fin", Blame.CHARGER, "ended by the station (without a close frame)"),
        ("station", None, "reset", Blame.NETWORK, "idle time-out"),
        ("relay", None, "timeout", Blame.NETWORK, "idle time-out"),
        ("csms", 1001, "", Blame.CSMS, "have its team read its log"),
    ],
)
def test_who_closes_a_flapping_link_is_shown_by_its_ends_and_blame_and_advice_agree(
    by: str, code: int | None, reason: str, blame: Blame, said: str
) -> None:
    watched = Watched("flapping")
    cp1 = fleet(watched, 1, 2, 3)["CP1"]
    for _ in range(5):
        cp1.close(by=by, code=code, reason=reason)
        watched.wait(10)
        cp1.open()
        watched.wait(100)
    flag = watched.only
    assert flag.blame is blame
    assert said in flag.advice
    assert ("modem's signal" in flag.advice) == (blame is Blame.NETWORK)
    assert all([watched.said(ref) for ref in each.frames] == ["closed", "open"] for each in flag.evidence)


def test_restarts_of_the_csms_are_not_the_stations() -> None:
    watched = Watched("flapping")
    plays = list(fleet(watched, 1, 2, 3).values())
    for _ in range(8):
        bounce(watched, *plays)
    assert not watched.raised


def test_restart_does_not_hide_the_one_that_flaps_besides() -> None:
    watched = Watched("flapping")
    plays = list(fleet(watched, 1, 2, 3).values())
    for _ in range(4):
        bounce(watched, plays[0])
    bounce(watched, *plays)
    assert not watched.raised
    bounce(watched, plays[0])
    assert watched.only.station == "CP1"


def test_reconnect_that_turns_out_to_be_the_restarts_first_is_taken_back() -> None:
    watched = Watched("flapping")
    plays = list(fleet(watched, 1, 2, 3).values())
    watched.wait(120)
    for _ in range(4):
        bounce(watched, plays[0])
    bounce(watched, plays[0], every=5)
    assert watched.only.station == "CP1"
    bounce(watched, plays[1], every=5)
    assert watched.cleared[0].cleared_because == "the last reconnect was the restart of upstream main"


def test_probe_in_another_version_is_the_same_reconnect() -> None:
    watched = Watched("flapping")
    cp1 = fleet(watched, 1)["CP1"]
    for _ in range(4):
        cp1.close()
        watched.wait(10)
        cp1.open(subprotocol="ocpp1.6")
        cp1.close()
        cp1.clock[0] += 0.5
        cp1.open()
        watched.wait(60)
    assert not watched.raised


# --- socket_state_gap ----------------------------------------------------------------------------------------------------


def test_no_status_in_the_minute_after_an_accepted_boot() -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1")
    cp1.open()
    cp1.boot()
    watched.wait(59)
    assert not watched.raised
    watched.wait(2)
    assert watched.only.key == "CP1/boot"
    cp1.status(1, "Available")
    assert watched.cleared


def test_boot_that_is_pending_owes_no_status() -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1")
    cp1.open()
    cp1.boot("Pending")
    watched.wait(600)
    assert not watched.raised


def test_boot_that_the_csms_asked_for_owes_no_status() -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1").begin()
    cp1.command("TriggerMessage", {"requestedMessage": "BootNotification"})
    cp1.boot()
    watched.wait(600)
    assert not watched.raised


def meters(watched: Watched, play: Play, *, minutes: int, configured: bool) -> int:
    if configured:
        play.configuration("MeterValueSampleInterval", "60")
    play.status(1, "Preparing")
    transaction = play.start(1)
    play.status(1, "Charging")
    for minute in range(1, minutes + 1):
        watched.wait(60)
        play.meter(1, 1000 + 100 * minute, transaction)
    return transaction


@pytest.mark.parametrize(
    ("configured", "minutes", "flags"), [(True, 2, 1), (False, 5, 1), (False, 2, 0), (True, 0, 1)]
)
def test_charging_and_no_meter_value_for_three_intervals(configured: bool, minutes: int, flags: int) -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1").begin()
    transaction = meters(watched, cp1, minutes=minutes, configured=configured)
    watched.wait(175)
    assert not watched.raised
    watched.wait(10)
    assert len(watched.raised) == flags
    cp1.meter(1, 3000, transaction)
    assert len(watched.cleared) == flags


@pytest.mark.parametrize("status", ["SuspendedEV", "Finishing", "Available"])
def test_connector_that_does_not_charge_owes_no_meter_value(status: str) -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1").begin()
    meters(watched, cp1, minutes=2, configured=True)
    cp1.status(1, status)
    watched.wait(600)
    assert not watched.raised


def test_station_without_a_socket_owes_no_meter_value() -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1").begin()
    meters(watched, cp1, minutes=2, configured=True)
    cp1.close()
    watched.wait(600)
    assert not watched.raised


def hole(watched: Watched, play: Play, length: float) -> None:
    """The transaction ends while the station has no socket, and the Stop is replayed."""
    play.status(1, "Preparing")
    transaction = play.start(1)
    play.status(1, "Charging")
    watched.wait(60)
    play.close()
    watched.wait(length)
    play.open()
    play.stop(transaction, 5000, at=play.now_s - length / 2)


def test_change_in_a_hole_that_is_never_told() -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1").begin()
    hole(watched, cp1, 600)
    watched.wait(59)
    assert not watched.raised
    watched.wait(3)
    assert watched.only.key == "CP1/-/1/hole"
    assert len(watched.only.evidence) == 2
    cp1.status(1, "Available")
    assert watched.cleared


def test_change_in_a_hole_that_is_told_soon_after() -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1").begin()
    hole(watched, cp1, 600)
    watched.wait(20)
    cp1.status(1, "Available")
    watched.wait(600)
    assert not watched.raised


def test_hole_shorter_than_the_offline_threshold_is_none() -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1", "2.0.1").begin()
    cp1.configuration("OCPPCommCtrlr.OfflineThreshold", "900")
    cp1.status(1, "Occupied")
    cp1.transaction("Started", "T1", "Authorized", evse=1, state="Charging", token="TAG", register=1000)
    watched.wait(60)
    cp1.close()
    watched.wait(600)
    cp1.open()
    cp1.transaction(
        "Ended", "T1", "StopAuthorized", reason="Local", offline=True, register=5000, at=cp1.now_s - 300
    )
    watched.wait(600)
    assert not watched.raised


@pytest.mark.parametrize("said", ["99999999999", "1e30", "1e308", "inf", "nan", "-1"])
def test_an_interval_that_cannot_be_is_not_waited_for_and_ends_no_watch(said: str) -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1").begin()
    for name in ("MeterValueSampleInterval", "HeartbeatInterval", "ConnectionTimeOut"):
        cp1.configuration(name, said)
    meters(watched, cp1, minutes=3, configured=False)
    cp2 = watched.play("CP2", "2.0.1").begin()
    cp2.configuration("OCPPCommCtrlr.OfflineThreshold", said)
    hole(watched, cp2, 600)
    watched.wait(60)
    assert "socket_state_gap" not in watched.engine._board.failing
    restarted = Fleet()
    restarted.restore(watched.fleet.snapshot())
    Engine(watched.rules, places(), restarted).restore(watched.engine.snapshot())


def test_hole_in_which_nothing_changed_is_none() -> None:
    watched = Watched("socket_state_gap")
    cp1 = watched.play("CP1").begin()
    cp1.close()
    watched.wait(3600)
    cp1.open()
    watched.wait(600)
    assert not watched.raised


def test_site_that_a_person_has_resolved_takes_its_stations_along() -> None:
    watched = Watched("station_offline", places=places(*DEPOT, *HARBOUR))
    plays = fleet(watched, 1, 2, 3, 4, 5)
    for name in ("CP1", "CP2", "CP3"):
        plays[name].close()
    watched.wait(240)
    site = latest(watched)["site depot"]
    watched.flags += watched.engine.resolve(site.id, watched.now_ns, "grid work")
    watched.wait(900)
    assert latest(watched)["CP1"].severity is Severity.CRITICAL
    assert {latest(watched)[name].inhibited_by for name in ("CP1", "CP2", "CP3")} == {site.id}
    assert latest(watched)["site depot"].state is FlagState.CLEARED
    for name in ("CP1", "CP2", "CP3"):
        plays[name].open()
    assert not watched.standing


def test_how_the_last_connection_ended_is_told_in_words() -> None:
    watched = Watched("station_offline")
    cp1 = watched.play("CP1").begin()
    cp1.close(by="station", reason="fin")
    watched.wait(200)
    assert watched.only.evidence[0].text.startswith(
        "The last connection was ended by the station (without a close frame) at 20"
    )
