"""Charges with a plan, for the console: real frames through the fleet into the store, as the watch puts them there.

CP-AC charged under a limit that moved, was paid for and reserved; CP-DC asks for energy and charges with priority; CP-SHUT was allowed nothing.
"""

from __future__ import annotations

from typing import Any

from tests.support.console_data import Network
from tests.support.play import T0_NS, Play

from nocwatch.frames import Direction, Sighting
from nocwatch.moments import SECOND_NS
from nocwatch.registry.model import Tariff
from nocwatch.registry.places import House, Place, Places
from nocwatch.state.fleet import Fleet, Moved

TARIFF = Tariff.model_validate({"id": "standard", "currency": "EUR", "per_kwh": 0.45})


class Story:
    """Plays of several stations into one network; ``done`` hands over what became of them."""

    def __init__(self, network: Network) -> None:
        self.network, self.fleet, self.clock = network, Fleet(), [0.0]
        self.plays = 0

    def play(self, station: str, version: str) -> Play:
        play = Play(station, version, fleet=self.fleet, feed=self._feed, clock=self.clock)
        # Plays of one network share no number: connections and frames are known by theirs.
        self.plays += 1
        play.connection, play._ids = -1, 100_000 * self.plays
        return play

    def _feed(self, sighting: Sighting) -> Moved:
        moved = self.fleet.feed(sighting)
        self.network.batch.add_step(sighting, moved.events, moved.changes)
        return moved

    def done(self) -> None:
        network = self.network
        network.store.apply(network.batch)
        network.stations = dict(self.fleet.stations)
        network.misfitting = {name: self.fleet.misfits(name) for name in network.stations}
        network.now = T0_NS + round(self.clock[0] * SECOND_NS)
        network.places = Places(
            {
                "CP-AC": Place(station="CP-AC", known=True, name="Rathaus 1", vendor="Keba", model="P30 x", current="ac", tariff="standard", kinds={"1/1": "type2", "2/1": "type2"}),
                "CP-DC": Place(station="CP-DC", known=True, name="Hafen 4", current="dc"),
            },
            house=House(tariffs={"standard": TARIFF}),
        )  # fmt: skip


def schedule(*steps: tuple[float, float], unit: str = "A") -> dict[str, Any]:
    periods = [{"startPeriod": at, "limit": limit} for at, limit in steps]
    return {"id": 1, "chargingRateUnit": unit, "chargingSchedulePeriod": periods}


def profile(
    number: int, purpose: str, *steps: tuple[float, float], unit: str = "A", kind: str = "Absolute"
) -> dict[str, Any]:
    return {"id": number, "stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": kind, "chargingSchedule": [schedule(*steps, unit=unit)]}  # fmt: skip


def charges_with_plans(network: Network) -> None:
    """Three stations, each with one charge."""
    story = Story(network)
    under_a_limit(story.play("CP-AC", "2.0.1").begin(1, 2))
    _shut(story.play("CP-SHUT", "1.6").begin())
    _with_needs(story.play("CP-DC", "2.1").begin())
    story.done()


def _moment(
    play: Play, register: float, power_w: float, transaction: str, kind: str = "Updated", **more: Any
) -> None:
    number = play._sequence[transaction] = play._sequence.get(transaction, -1) + 1
    samples = [
        {"value": register, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}},
        {"value": power_w, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}},
    ]
    payload = {
        "eventType": kind, "timestamp": play.stamp(), "triggerReason": "MeterValuePeriodic", "seqNo": number,
        "transactionInfo": {"transactionId": transaction, "chargingState": "Charging", **more.pop("info", {})},
        "meterValue": [{"timestamp": play.stamp(), "sampledValue": samples}],
    }  # fmt: skip
    answer = more.pop("answer", {})
    play.ask("TransactionEvent", payload | more, answer)


def _cost(play: Play, amount: float, transaction: str) -> None:
    message_id = play.call(
        "CostUpdated", {"totalCost": amount, "transactionId": transaction}, by=Direction.FROM_CSMS
    )
    play.answer(message_id, {}, by=Direction.FROM_STATION)


def under_a_limit(play: Play) -> None:
    """A charge of two hours that was reserved, limited by two profiles, and told its cost; and a reservation after it."""
    play.command(
        "SetChargingProfile", {"evseId": 0, "chargingProfile": profile(9, "TxDefaultProfile", (0, 20))}
    )
    token = {"idToken": "CARD", "type": "ISO14443"}
    play.command(
        "ReserveNow",
        {"id": 31, "evseId": 1, "expiryDateTime": play.stamp(play.now_s + 1800), "idToken": token},
    )
    play.wait(420)
    register = 10_000.0
    _moment(
        play,
        register,
        0,
        "T-AC",
        "Started",
        evse={"id": 1, "connectorId": 1},
        idToken=token,
        reservationId=31,
    )
    for minute in range(1, 121):
        play.wait(60)
        if minute == 40:
            tx = profile(1, "TxProfile", (0, 10), (1800, 0), (2700, 16), kind="Relative") | {
                "transactionId": "T-AC"
            }
            tx["chargingSchedule"][0]["startSchedule"] = play.stamp()
            tx["chargingProfileKind"] = "Absolute"
            play.command("SetChargingProfile", {"evseId": 1, "chargingProfile": tx})
        allowed = 20 if minute <= 40 else 10 if minute <= 70 else 0 if minute <= 85 else 16
        power_w = min(allowed * 3 * 230, 11_000) * (0.97 if minute % 7 else 0.93)
        register += power_w / 60
        _moment(play, register, power_w, "T-AC")
        if minute % 20 == 0:
            _cost(play, round((register - 10_000) / 1000 * 0.49, 2), "T-AC")
    play.wait(20)
    final = {"totalCost": round((register - 10_000) / 1000 * 0.49, 2)}
    _moment(
        play, register, 0, "T-AC", "Ended", info={"stoppedReason": "Local"}, answer=final, reservationId=31
    )
    play.command(
        "ReserveNow",
        {"id": 32, "evseId": 2, "expiryDateTime": play.stamp(play.now_s + 36_000), "idToken": token},
    )


def _shut(play: Play) -> None:
    transaction = play.start(1, "CARD", 5000)
    limits = schedule((0, 0))
    del limits["id"]
    shut = {"chargingProfileId": 4, "stackLevel": 1, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative", "chargingSchedule": limits}  # fmt: skip
    play.command("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": shut})
    play.status(1, "SuspendedEVSE")
    play.wait(900)
    play.stop(transaction, 5000)
    play.status(1, "Available")


def _with_needs(play: Play) -> None:
    play.status(1, "Occupied", serialNumber="surplus")
    register = 0.0
    _moment(
        play,
        register,
        0,
        "T-DC",
        "Started",
        evse={"id": 1, "connectorId": 1},
        idToken={"idToken": "APP", "type": "Central"},
    )
    needs = {"requestedEnergyTransfer": "DC", "departureTime": play.stamp(play.now_s + 5400),
             "dcChargingParameters": {"evMaxCurrent": 400, "evMaxVoltage": 900, "evMaxPower": 150_000, "stateOfCharge": 18, "fullSoC": 80,
                                      "evEnergyCapacity": 77_000, "energyAmount": 46_000}}  # fmt: skip
    play.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}, {"status": "Accepted"})
    play.command(
        "SetChargingProfile",
        {
            "evseId": 1,
            "chargingProfile": profile(3, "TxProfile", (0, 60_000), (5400, 20_000), unit="W", kind="Relative")
            | {"transactionId": "T-DC"},
        },
    )
    play.command(
        "SetChargingProfile",
        {"evseId": 1, "chargingProfile": profile(4, "ChargingStationMaxProfile", (0, 90_000), unit="W")},
        "Rejected",
    )
    play.ask(
        "NotifyEVChargingSchedule",
        {
            "evseId": 1,
            "timeBase": play.stamp(),
            "chargingSchedule": schedule((0, 55_000), (2400, 30_000), unit="W"),
        },
        {"status": "Accepted"},
    )
    for minute in range(1, 31):
        play.wait(60)
        power_w = 58_000 - 300 * minute
        register += power_w / 60
        _moment(
            play,
            register,
            power_w,
            "T-DC",
            answer={"transactionLimit": {"maxCost": 40}} if minute == 2 else {},
        )
        if minute % 10 == 0:
            _cost(play, round(register / 1000 * 0.59, 2), "T-DC")
    play.ask("NotifyPriorityCharging", {"transactionId": "T-DC", "activated": True}, {})
    play.ask(
        "NotifyDERAlarm",
        {"controlType": "FreqDroop", "gridEventFault": "OverFrequency", "timestamp": play.stamp()},
        {},
    )
