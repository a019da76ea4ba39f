"""Every action of every version is known by name, and what none has is not."""

from __future__ import annotations

from importlib.resources import files

import pytest
from tests.support.talking import Talk, oddities, only

from nocwatch.ocpp import versions
from nocwatch.ocpp.events import Command, Commanded, Oddity, Spoke

PACKAGES = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}


def published(version: str) -> set[str]:
    """The actions for which the ``ocpp`` package has a schema."""
    folder = files("ocpp").joinpath(PACKAGES[version], "schemas")
    return {
        entry.name.removesuffix(".json").removesuffix("Request").removesuffix("Response")
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    }


@pytest.mark.parametrize("version", PACKAGES)
def test_a_table_has_all_the_actions_of_its_version_and_no_other(version):
    assert versions.TABLES[version].actions == published(version)


@pytest.mark.parametrize("version", PACKAGES)
def test_what_is_read_is_an_action(version):
    table = versions.TABLES[version]
    assert (
        table.calls.keys() | table.answers.keys() | table.csms_actions | table.shapes.keys() <= table.actions
    )


@pytest.mark.parametrize("version", PACKAGES)
def test_each_action_is_named_and_none_is_odd_for_its_name(version):
    table = versions.TABLES[version]
    for number, action in enumerate(sorted(table.actions)):
        talk = Talk(f"ocpp{version}")
        line = talk.hears if action in table.csms_actions else talk.says
        events = line(2, str(number), action, {})
        spoke = only(events, Spoke)
        assert (spoke.action, spoke.version, spoke.known) == (action, version, True)
        assert set(oddities(events)) <= {Oddity.BAD_PAYLOAD}


def test_an_action_of_2_1_on_a_connection_of_2_0_1_is_known_and_read():
    talk = Talk("ocpp2.0.1")
    events = talk.hears(2, "1", "UsePriorityCharging", {"transactionId": "t", "activate": True})
    assert (only(events, Spoke).version, only(events, Spoke).known) == ("2.1", True)
    assert only(events, Commanded).command is Command.PRIORITY
    assert talk.conversation.version == "2.0.1"  # negotiated: one message does not change it


def test_a_station_without_a_subprotocol_shows_that_it_speaks_2_1_as_it_goes():
    talk = Talk(None)
    talk.says(
        2,
        "1",
        "BootNotification",
        {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}},
    )
    assert talk.conversation.version == "2.0.1"
    talk.says(2, "2", "NotifyPriorityCharging", {"transactionId": "t", "activated": True})
    assert talk.conversation.version == "2.1"
