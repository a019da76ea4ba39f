"""What every channel must keep: no part of an address anywhere, and an answer for whatever a peer does."""

from __future__ import annotations

import logging

import pytest
from tests.support.alerts import alert_settings
from tests.support.hooks import hook

from nocwatch.alerts.channels import AppriseChannel, build
from nocwatch.alerts.channels import apprise as apprise_channel
from nocwatch.alerts.notification import Notification, Retry
from nocwatch.alerts.rendering import Renderer, samples
from nocwatch.alerts.settings import AlertSettings
from nocwatch.documents import parse
from nocwatch.errors import ConfigurationError

SECRET = "s3cr3tt0k3nthatmustnotshow"


@pytest.fixture
def notification() -> Notification:
    return Renderer(None, "https://noc.example").render(*samples()[0])


@pytest.fixture
def root_log():
    """All that reaches the root logger, at the most talkative (pytest's own handlers sit on every logger)."""
    records: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    root, handler, level = logging.getLogger(), Handler(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield records
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    "url",
    [
        "json://user:{secret}@127.0.0.1:{port}/{secret}?+X-Key={secret}",
        "json://127.0.0.1:{port}/{secret}/",
        "xml://{secret}:{secret}@127.0.0.1:{port}/",
        "form://127.0.0.1:{port}/{secret}",
        "json://127.0.0.1:1/{secret}",
        "mailto://user:{secret}@127.0.0.1:1/?from=a@example.org&to=b@example.org&smtp=127.0.0.1",
        "json://no-such-host.invalid/{secret}",
    ],
)
@pytest.mark.parametrize("status", [500, 401, 302])
def test_no_channel_tells_its_secret(url, status, notification, root_log, capfd):
    with hook() as web:
        web.status = status
        settings = alert_settings(
            receivers={"noc": {"apprise": url.format(secret=SECRET, port=web.port), "timeout": "5s"}},
            file=None,
        )
        channel = build(settings)["noc"]
        sent = channel.send(notification)
    assert isinstance(sent, Retry)
    out, err = capfd.readouterr()
    for where in (
        sent.reason,
        repr(channel),
        repr(settings),
        str(settings),
        out,
        err,
        repr(vars(apprise_channel)),
    ):
        assert SECRET not in where
    assert SECRET not in settings.model_dump_json()
    assert SECRET not in " ".join(record.getMessage() for record in root_log)
    assert [record for record in root_log if record.name.startswith("apprise")] == []


@pytest.mark.parametrize(
    "text",
    [
        f"receivers: {{noc: {{apprise: nonsense-{SECRET}}}}}",
        f"receivers: {{noc: {{apprise: {{url: 'json://{SECRET}'}}}}}}",
        f"receivers: {{noc: {{apprise: 'json://h/{SECRET}', nope: 1}}}}",
        f"receivers: {{noc: {{apprise: ['json://h/{SECRET}', 5]}}}}",
        f"receivers: {{noc: {{apprise: 'json://h/{SECRET}', file: x}}}}",
        f"receivers: {{noc: {{apprise: 'json://h/{SECRET}', timeout: soon}}}}",
        f"receivers: [{{apprise: 'json://h/{SECRET}'}}]",
        f"receivers: {{noc: 'json://h/{SECRET}'}}",
    ],
)
def test_mistakes_in_the_configuration_do_not_repeat_the_address(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "nocwatch.yaml").validated(AlertSettings)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_address_that_apprise_does_not_know_is_told_by_its_number():
    settings = alert_settings(receivers={"noc": {"apprise": ["json://127.0.0.1", f"nosuch://{SECRET}"]}})
    with pytest.raises(ConfigurationError) as caught:
        build(settings)
    assert "alerts.receivers.noc.apprise: address 2 is none that apprise knows" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_pager_gets_one_key_for_the_whole_life_of_an_alert():
    url = f"pagerduty://{'i' * 32}@{'a' * 20}"
    plugin = apprise_channel._plugin(url, "4e3140c4426a8bd8")
    assert (plugin.dedup, plugin.action) == ("4e3140c4426a8bd8", "map")


def test_key_that_the_operator_chose_stays():
    plugin = apprise_channel._plugin(f"pagerduty://{'i' * 32}@{'a' * 20}?dedup=mine&action=trigger", "4e31")
    assert (plugin.dedup, plugin.action) == ("mine", "trigger")


def test_receiver_without_a_listener_could_not_be_reached(notification):
    assert AppriseChannel(["json://127.0.0.1:1/x"]).send(notification) == Retry("JSON could not be reached.")


def test_everyone_is_on_the_way_out_by_name():
    channels = build(alert_settings(receivers={"noc": {"apprise": "json://h"}, "log": {"file": "x.jsonl"}}))
    assert [(name, channel.kind) for name, channel in channels.items()] == [
        ("file", "file"),
        ("noc", "apprise"),
        ("log", "file"),
    ]
