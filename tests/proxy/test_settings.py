"""What an operator may write under ``relay:``, and what is said when it is wrong."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nocwatch.proxy.settings import RelaySettings, UpstreamSettings, split_address


def test_nothing_at_all_is_a_good_configuration() -> None:
    settings = RelaySettings()
    assert settings.listen[0].address == "127.0.0.1:9000"
    assert settings.limits.head_size_max == 65536
    assert settings.upstreams == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        ("[::1]:0", ("::1", 0)),
        ("relay.example:443", ("relay.example", 443)),
    ],
)
def test_addresses(text: str, parts: tuple[str, int]) -> None:
    assert split_address(text) == parts


@pytest.mark.parametrize("text", ["9000", ":9000", "a:70000", "a b:1", "::1:80", "http://a:1"])
def test_what_is_no_address_says_what_would_be_right(text: str) -> None:
    with pytest.raises(ValidationError, match="write host:port"):
        RelaySettings.model_validate({"listen": [{"address": text}]})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://csms", "ws://host"),
        ("csms:80", "ws://host"),
        ("ws://user:secret@csms", "credentials"),
        ("ws://csms/?a=b", "no query"),
        ("ws://csms:99999", "[Pp]ort"),
        ("ws://csms/a b", "percent-encoded"),
        ("ws://cs\r\nms", "percent-encoded"),
    ],
)
def test_an_upstream_that_cannot_be_dialled_is_refused(url: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        UpstreamSettings.model_validate({"name": "main", "url": url})


def test_an_upstreams_url_is_taken_apart() -> None:
    upstream = UpstreamSettings(name="main", url="wss://csms.example/steve/ws/")
    assert upstream.targets == [("csms.example", 443, b"csms.example", b"/steve/ws")]
    assert UpstreamSettings(name="x", url="ws://[::1]:81").targets == [("::1", 81, b"[::1]:81", b"")]


@pytest.mark.parametrize("workers", [0, 17])
def test_there_are_no_more_workers_than_lanes(workers: int) -> None:
    assert RelaySettings(workers=16).workers == 16
    with pytest.raises(ValidationError, match="workers"):
        RelaySettings.model_validate({"workers": workers})


def test_two_upstreams_of_one_name_are_refused() -> None:
    upstream = {"name": "main", "url": "ws://csms"}
    with pytest.raises(ValidationError, match="called main already"):
        RelaySettings.model_validate({"upstreams": [upstream, upstream]})
