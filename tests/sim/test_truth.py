"""The verdict follows the rules of sessions, table by table."""

from __future__ import annotations

import pytest

from nocwatch.sessions import Outcome, Reason
from nocwatch.sim.tokens import card, contract, status_of
from nocwatch.sim.truth import Course, verdict


@pytest.mark.parametrize(
    ("energy_wh", "duration_s", "stop", "options", "outcome", "reason"),
    [
        (100.0, 600, "Local", {}, Outcome.SUCCESS, None),
        (99.9, 600, "Local", {}, Outcome.FAILED, Reason.ZERO_ENERGY),
        (0.0, 119, "Local", {}, Outcome.CANCELLED, Reason.ENDED_BY_DRIVER),
        (0.0, 121, None, {}, Outcome.FAILED, Reason.ZERO_ENERGY),
        (5000.0, 600, "Remote", {}, Outcome.SUCCESS, None),
        (5000.0, 600, "PowerLoss", {}, Outcome.FAILED, Reason.POWER_LOSS),
        (5000.0, 600, "EmergencyStop", {}, Outcome.FAILED, Reason.EMERGENCY_STOP),
        (5000.0, 600, "HardReset", {}, Outcome.FAILED, Reason.REBOOT),
        (5000.0, 600, "Other", {}, Outcome.FAILED, Reason.UNKNOWN),
        (5000.0, 600, "Other", {"error_code": "GroundFailure"}, Outcome.FAILED, Reason.ELECTRICAL_SAFETY),
        (0.0, 30, "Other", {"error_code": "EVCommunicationError"}, Outcome.FAILED, Reason.EV_COMM),
        (0.0, 5, "DeAuthorized", {"refused": True}, Outcome.REJECTED, Reason.AUTH_REJECTED),
        (0.0, 60, "Timeout", {}, Outcome.CANCELLED, Reason.NO_PLUG_TIMEOUT),
        (3000.0, 300, "DeAuthorized", {}, Outcome.FAILED, Reason.DEAUTHORISED),
    ],
)
def test_verdict(energy_wh, duration_s, stop, options, outcome, reason):
    assert verdict(energy_wh, duration_s, stop, Course(**options))[:2] == (outcome, reason)


def test_cards_are_accepted_blocked_expired_or_unknown():
    assert status_of(card(0)) == status_of(contract(17)) == status_of("APP00000001") == "Accepted"
    assert status_of(card(48)) == "Blocked"
    assert status_of(card(99)) == "Expired"
    assert status_of("DEADBEEF") == "Invalid"
