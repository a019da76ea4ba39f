"""Limits, costs and reservations as points: written when they have come to be, once, and never ahead of their time."""

from __future__ import annotations

import re
from decimal import Decimal

from tests.support.play import Play

from nocwatch.frames import Tick
from nocwatch.pipeline import Step
from nocwatch.registry.places import Place
from nocwatch.sinks.lines import LineMaker
from nocwatch.state.fleet import Fleet


class Written:
    """The lines that a play makes, by measurement."""

    def __init__(self, version: str = "1.6") -> None:
        self.fleet = Fleet()
        self.lines: list[str] = []
        self.maker = LineMaker(lambda station: Place(station=station, site="depot"))
        self.play = Play(version=version, fleet=self.fleet, feed=self._feed).begin()

    def _feed(self, sighting):
        moved = self.fleet.feed(sighting)
        if not isinstance(sighting, Tick):
            step = Step(sighting, sighting.received_at_ns, moved.events, moved.changes)
        else:
            step = Step(None, sighting.received_at_ns, moved.events, moved.changes)
        self.lines += self.maker.lines(step)
        return moved

    def of(self, measurement: str) -> list[str]:
        return [each for each in self.lines if each.startswith(measurement + ",")]

    def points(self, measurement: str) -> dict[tuple[str, int], str]:
        """As the server keeps them: equal series and equal time overwrite."""
        found = {}
        for line in self.of(measurement):
            series, fields, at_ns = re.fullmatch(r"(\S+) (.*) (\d+)", line).groups()
            found[series, int(at_ns)] = fields
        return found


def profile(*steps: tuple[int, float]) -> dict[str, object]:
    periods = [{"startPeriod": at, "limit": limit} for at, limit in steps]
    return {"connectorId": 1, "csChargingProfiles": {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods}}}  # fmt: skip


def test_a_limit_is_written_when_its_time_has_come() -> None:
    written = Written()
    transaction = written.play.start()
    written.play.command("SetChargingProfile", profile((0, 16), (600, 8), (7200, 32)))
    assert len(written.points("limits")) == 1, "what is to come is not written"
    for minute in range(15):
        written.play.wait(60)
        written.play.meter(1, 2000 + 100 * minute, transaction)
    assert len(written.of("limits")) == 2, "and each once"
    written.play.stop(transaction, 6000)
    points = written.points("limits")
    said = [re.search(r"limit_a=([\d.]+)", fields) for fields in points.values()]
    assert [each and each.group(1) for each in said] == ["16.0", "8.0", None]
    (series, _), fields = next(iter(points.items()))
    assert series == "limits,site=depot,station=CP1,connector=1"
    assert "limited=1i" in fields
    assert 'purpose="TxProfile",by="csms"' in fields
    assert "limited=0i" in list(points.values())[-1], "after the stop nothing limits any more"
    assert 'limited="limited"' in written.of("sessions")[-1]


def test_costs_as_they_were_said_and_with_the_session() -> None:
    written = Written("2.0.1")
    play = written.play
    play.transaction("Started", trigger="Authorized", evse=1, state="Charging", token="T", register=0)
    for amount in (1.5, 2.25):
        play.wait(60)
        play.command("CostUpdated", {"totalCost": amount, "transactionId": "T1"})
    play.transaction("Ended", trigger="StopAuthorized", reason="Local", register=9000)
    assert [
        Decimal(re.search(r"cost=([\d.]+)", fields).group(1)) for fields in written.points("costs").values()
    ] == [Decimal("1.5"), Decimal("2.25")]
    assert len(written.of("costs")) == 2
    assert "cost=2.25," in written.of("sessions")[-1]


def test_a_reservation_from_its_making_to_its_use() -> None:
    written = Written()
    play = written.play
    play.command(
        "ReserveNow",
        {"connectorId": 1, "expiryDate": play.stamp(play.now_s + 600), "idTag": "T", "reservationId": 5},
    )
    payload = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": play.stamp(), "reservationId": 5}
    play.ask("StartTransaction", payload, {"transactionId": 9, "idTagInfo": {"status": "Accepted"}})
    made, used = written.points("reservations").values()
    assert made == 'reservation=5i,state="standing",standing=1i'
    assert used.startswith('reservation=5i,state="used",standing=0i,session="')
