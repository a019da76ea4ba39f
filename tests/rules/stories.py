"""The stories behind ``rules/tests/*.jsonl``: for each rule one in which it speaks and one in which it must not.

``python -m tests.rules.stories`` writes the traces anew; a test holds that they are what the stories say.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.play import Play
from tests.support.watched import Watched

from nocwatch.frames import Frame, Link
from nocwatch.trace.lines import frame_line, link_line

FOLDER = Path(__file__).parents[2] / "rules" / "tests"
Story = Callable[[Watched], None]


def zero_energy_session_fires(watched: Watched) -> None:
    """The card is taken, the contactor never closes, the driver gives up after six minutes."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    cp1.authorize("04A1B2C3")
    transaction = cp1.start(1, "04A1B2C3", 15000)
    watched.wait(360)
    cp1.stop(transaction, 15000)
    cp1.status(1, "Available")


def zero_energy_session_quiet(watched: Watched) -> None:
    """The CSMS holds the energy back with a charging profile, and the station says SuspendedEVSE."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1, "04A1B2C3", 15000)
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    cp1.command("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    cp1.status(1, "SuspendedEVSE")
    watched.wait(360)
    cp1.stop(transaction, 15000)
    cp1.status(1, "Available")


def remote_start_no_transaction_fires(watched: Watched) -> None:
    """The app starts a session, the car is plugged in, the station accepts and does nothing."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    cp1.remote_start("APP-7", 1)


def remote_start_no_transaction_quiet(watched: Watched) -> None:
    """The station gives the driver five minutes to plug in, and the driver needs four."""
    cp1 = watched.play("CP1").begin()
    cp1.configuration("ConnectionTimeOut", "300")
    cp1.remote_start("APP-7", 1)
    watched.wait(240)
    cp1.status(1, "Preparing")
    cp1.start(1, "APP-7", 15000)


def lost_stop_fires(watched: Watched) -> None:
    """The driver has gone, the connector is free, and the transaction stays open."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1, "04A1B2C3", 15000)
    cp1.status(1, "Charging")
    watched.wait(900)
    cp1.meter(1, 22000, transaction)
    cp1.status(1, "Finishing")
    cp1.status(1, "Available")


def lost_stop_quiet(watched: Watched) -> None:
    """The station was offline when the driver left: the Stop waits in its queue, and comes 8 min after the socket."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1, "04A1B2C3", 15000)
    cp1.status(1, "Charging")
    watched.wait(300)
    cp1.status(1, "Available")
    watched.wait(5)
    cp1.close()
    watched.wait(1200)
    cp1.open()
    watched.wait(480)
    cp1.stop(transaction, 18000, at=335.0)


def station_offline_fires(watched: Watched) -> None:
    """One of two stations drops and stays away."""
    cp1, cp2 = (watched.play(name).begin() for name in ("CP1", "CP2"))
    cp1.close(by="station", reason="reset")
    watched.wait(120)
    cp2.heartbeat()


def station_offline_quiet(watched: Watched) -> None:
    """A reboot: the socket is back after two minutes."""
    cp1 = watched.play("CP1").begin()
    cp1.close(by="station", code=1001)
    watched.wait(120)
    cp1.open()
    cp1.boot()
    watched.wait(600)
    cp1.heartbeat()


def flapping_fires(watched: Watched) -> None:
    """A bad modem: six new sockets in half an hour, while the neighbours stay."""
    plays = [watched.play(name).begin() for name in ("CP1", "CP2", "CP3")]
    _reconnect(watched, plays[:1], times=6, every=300)


def flapping_quiet(watched: Watched) -> None:
    """The CSMS restarts six times: everybody comes back within a minute each time."""
    plays = [watched.play(name).begin() for name in ("CP1", "CP2", "CP3")]
    _reconnect(watched, plays, times=6, every=300)


def socket_state_gap_fires(watched: Watched) -> None:
    """A meter value a minute, and then, still Charging, none."""
    cp1 = watched.play("CP1").begin()
    cp1.configuration("MeterValueSampleInterval", "60")
    transaction = _charge(watched, cp1, minutes=3)
    watched.wait(400)
    cp1.heartbeat()
    cp1.stop(transaction, 20000)


def socket_state_gap_quiet(watched: Watched) -> None:
    """The values stop because the car is full."""
    cp1 = watched.play("CP1").begin()
    cp1.configuration("MeterValueSampleInterval", "60")
    transaction = _charge(watched, cp1, minutes=3)
    cp1.status(1, "SuspendedEV")
    watched.wait(400)
    cp1.stop(transaction, 20000)


def success_rate_drop_fires(watched: Watched) -> None:
    """Twenty sessions, six of which end on a ground fault."""
    cp1 = watched.play("CP1").begin()
    for number in range(20):
        _session(watched, cp1, good=number % 10 >= 3)


def success_rate_drop_quiet(watched: Watched) -> None:
    """Nineteen sessions, one of which fails: 94.7 %, and chance explains it; and too few to judge."""
    cp1 = watched.play("CP1").begin()
    for number in range(19):
        _session(watched, cp1, good=number != 7)


def stuck_state_fires(watched: Watched) -> None:
    """A vehicle is plugged in, and nobody shows a card."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    watched.wait(60)
    cp1.heartbeat()


def stuck_state_quiet(watched: Watched) -> None:
    """The same, and the driver comes back after twenty-five minutes."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    watched.wait(1500)
    cp1.start(1, "04A1B2C3", 15000)
    cp1.status(1, "Charging")


def faulted_fires(watched: Watched) -> None:
    """A ground fault that stays."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Faulted", "GroundFailure")
    watched.wait(60)
    cp1.heartbeat()


def faulted_quiet(watched: Watched) -> None:
    """A fault that is over in six seconds."""
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Faulted", "OtherError")
    watched.wait(6)
    cp1.status(1, "Available")
    watched.wait(60)
    cp1.heartbeat()


def register_rollback_fires(watched: Watched) -> None:
    """The register falls by 1.2 kWh and goes on from there."""
    _metered(watched, 15000, 15600, 16200, 15000, 15600)


def register_rollback_quiet(watched: Watched) -> None:
    """One sample is 0, one is -1; the next ones are right again."""
    _metered(watched, 15000, 15600, 0, 16800, -1, 17400)


def cloned_token_overlap_fires(watched: Watched) -> None:
    """One card charges in Hamburg and in Berlin at the same time."""
    _two_places(watched, "CP1", "CP2")


def cloned_token_overlap_quiet(watched: Watched) -> None:
    """One card opens two connectors of the same car park."""
    _two_places(watched, "CP1", "CP3")


def token_brute_force_fires(watched: Watched) -> None:
    """Twelve cards refused in four minutes."""
    cp1 = watched.play("CP1").begin()
    for number in range(12):
        cp1.authorize(f"DEADBEEF{number:02d}", "Invalid")
        watched.wait(20)


def token_brute_force_quiet(watched: Watched) -> None:
    """One driver tries the same expired card twelve times."""
    cp1 = watched.play("CP1").begin()
    for _ in range(12):
        cp1.authorize("04A1B2C3", "Expired")
        watched.wait(20)


def _reconnect(watched: Watched, plays: list[Play], *, times: int, every: float) -> None:
    for _ in range(times):
        for play in plays:
            play.close(by="csms" if len(plays) > 1 else "relay", reason="reset")
        watched.wait(20)
        for play in plays:
            play.open()
        watched.wait(every)


def _charge(watched: Watched, play: Play, *, minutes: int) -> int:
    play.status(1, "Preparing")
    transaction = play.start(1, "04A1B2C3", 15000)
    play.status(1, "Charging")
    for minute in range(1, minutes + 1):
        watched.wait(60)
        play.meter(1, 15000 + 200 * minute, transaction)
    return transaction


def _session(watched: Watched, play: Play, *, good: bool) -> None:
    play.status(1, "Preparing")
    transaction = play.start(1, "04A1B2C3", 15000)
    watched.wait(200)
    if good:
        play.stop(transaction, 19000)
    else:
        play.status(1, "Faulted", "GroundFailure")
        play.stop(transaction, 15020, "Other")
    play.status(1, "Available")
    watched.wait(60)


def _metered(watched: Watched, *registers: float) -> None:
    cp1 = watched.play("CP1").begin()
    cp1.status(1, "Preparing")
    transaction = cp1.start(1, "04A1B2C3", 15000)
    cp1.status(1, "Charging")
    for register in registers:
        watched.wait(60)
        cp1.meter(1, register, transaction)
    watched.wait(60)
    cp1.stop(transaction, 17500)


def _two_places(watched: Watched, *stations: str) -> None:
    for station in stations:
        play = watched.play(station).begin()
        play.status(1, "Preparing")
        play.authorize("04A1B2C3")
        play.start(1, "04A1B2C3", 15000)
        play.status(1, "Charging")
        watched.wait(60)


def rebooted(watched: Watched, play: Play, **facts: str) -> None:
    """The station drops, comes back, and says what it is made of now."""
    play.close(by="station", code=1001)
    watched.wait(120)
    play.open()
    play.boot(**facts)
    watched.wait(60)


def identity_drift_fires(watched: Watched) -> None:
    """The same identity and password, from another box."""
    cp1 = watched.play("CP1").begin()
    rebooted(watched, cp1, chargePointSerialNumber="S-1001")
    rebooted(watched, cp1, chargePointSerialNumber="X-77", chargePointModel="Clone 3")


def identity_drift_quiet(watched: Watched) -> None:
    """A restart of the same box, in other letters; and a swap that the registry knows of."""
    cp1, cp2 = (watched.play(name).begin() for name in ("CP1", "CP2"))
    for play in (cp1, cp2):
        rebooted(watched, play, chargePointSerialNumber="S-1001")
    rebooted(watched, cp1, chargePointSerialNumber="s-1001 ", firmwareVersion="1.1")
    rebooted(watched, cp2, chargePointSerialNumber="S-2002")


def unexpected_firmware_fires(watched: Watched) -> None:
    """Another version, eight days after the last order: that one has long been done."""
    cp1 = watched.play("CP1").begin()
    where = {"location": "https://firmware.acme.example/1.1", "retrieveDate": cp1.stamp()}
    cp1.command("UpdateFirmware", where)
    watched.wait(8 * 86_400)
    rebooted(watched, cp1, firmwareVersion="1.1")


def unexpected_firmware_quiet(watched: Watched) -> None:
    """One that was ordered, one whose hardware is swapped, and one that is updated at the site."""
    plays = [watched.play(name).begin() for name in ("CP1", "CP2", "CP3")]
    where = {"location": "https://firmware.acme.example/1.1", "retrieveDate": plays[0].stamp()}
    plays[0].command("UpdateFirmware", where)
    watched.wait(3600)
    for play in plays:
        rebooted(watched, play, firmwareVersion="1.1")


def foreign_update_host_fires(watched: Watched) -> None:
    """Firmware from nobody's host, between two drivers."""
    cp1 = watched.play("CP1").begin()
    transaction = cp1.start(1, "04A1B2C3", 15000)
    watched.wait(600)
    cp1.stop(transaction, 21000)
    address = "ftp://user:secret@203.0.113.66/fw.bin"
    cp1.command("UpdateFirmware", {"location": address, "retrieveDate": cp1.stamp()})


def foreign_update_host_quiet(watched: Watched) -> None:
    """Firmware and logs by the operator's own hosts."""
    cp1 = watched.play("CP1").begin()
    cp1.command(
        "UpdateFirmware", {"location": "https://firmware.acme.example:8443/1.1", "retrieveDate": cp1.stamp()}
    )
    cp1.command("GetDiagnostics", {"location": "ftp://eu.logs.acme.example/in"})


STORIES: dict[str, Story] = {
    name: story
    for name, story in list(globals().items())
    if name.endswith(("_fires", "_quiet")) and callable(story)
}


def trace(story: Story) -> str:
    """The story's trace, JSON Lines."""
    watched = Watched()
    story(watched)
    lines = []
    for sighting in watched.sightings:
        line = None
        if isinstance(sighting, Frame):
            line = frame_line(sighting, "1.6", None)
        elif isinstance(sighting, Link):
            line = link_line(sighting, None)
        if line is not None:
            lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, story in STORIES.items():
        (FOLDER / f"{name}.jsonl").write_text(trace(story), encoding="utf-8")
