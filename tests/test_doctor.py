"""What the doctor says of certificates, and of a CSMS behind TLS: it looks with the relay's own eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from tests.support.certificates import Authority
from tests.support.deployment import REPOSITORY
from tests.support.relaying import Csms, listening_csms
from tests.support.secured import behind_tls

from nocwatch.config import Configuration
from nocwatch.doctor import Finding, examine
from nocwatch.trace.writing import import_traces


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def findings(folder: Path, relay: dict[str, Any], what: str) -> list[Finding]:
    given = {
        "relay": {"status": None, **relay},
        "metrics": {"listen": None},
        "journal": {"path": folder / "journal"},
        "store": {"url": f"sqlite:///{folder}/store.db"},
    }
    configuration = Configuration.model_validate(given)
    return [each for each in await examine(configuration, folder) if each.what == what]


@pytest.mark.parametrize(
    ("days", "state", "says"),
    [
        ((-1, 300.5), "good", "300 days left"),
        ((-300, 5.5), "warning", "5 days left"),
        ((-9, -1), "bad", "has expired"),
    ],
)
async def test_a_listeners_certificate_is_told_with_the_days_it_has_left(
    authority: Authority, tmp_path: Path, days: tuple[float, float], state: str, says: str
) -> None:
    certificate, key = authority.issue("relay.example", days=days)
    listen = [{"address": "127.0.0.1:0", "name": "depot", "tls": {"certificate": certificate, "key": key}}]
    (found,) = await findings(tmp_path, {"listen": listen}, "certificate")
    assert (found.state, found.found.endswith(says)) == (state, True)


async def test_a_certificate_that_cannot_be_read_is_told_before_the_relay_is_started(tmp_path: Path) -> None:
    listen = [
        {"address": "127.0.0.1:0", "tls": {"certificate": tmp_path / "a.pem", "key": tmp_path / "b.pem"}}
    ]
    (found,) = await findings(tmp_path, {"listen": listen}, "certificate")
    assert found.state == "bad"
    assert "a.pem cannot be read" in found.found


async def csms_told(csms: Csms, authority: Authority, folder: Path, tls: dict[str, Any]) -> Finding:
    async def answer() -> None:
        try:
            await behind_tls(csms, authority.server_context())
        except (trio.BrokenResourceError, AssertionError):
            return  # the doctor has seen enough

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        to = [{"name": "main", "url": f"wss://127.0.0.1:{csms.port}", "tls": tls}]
        (found,) = await findings(folder, {"upstreams": to}, "CSMS main")
        nursery.cancel_scope.cancel()
    return found


async def test_a_csms_is_looked_at_as_the_relay_is_told_to(authority: Authority, tmp_path: Path) -> None:
    """A CSMS of an authority of its own is not ill, one with a wrong pin is not well."""
    ca = authority.certificate
    async with listening_csms() as csms:
        trusted = await csms_told(csms, authority, tmp_path, {"ca": ca})
        stranger = await csms_told(csms, authority, tmp_path, {})
        pinned = await csms_told(csms, authority, tmp_path, {"ca": ca, "pins": ["ab" * 32]})
        unchecked = await csms_told(csms, authority, tmp_path, {"verify": "none"})
    assert (trusted.state, stranger.state, pinned.state, unchecked.state) == ("good", "bad", "bad", "warning")
    assert "not a pinned one" in pinned.found
    assert "not verified" in unchecked.found


async def test_each_place_of_a_csms_is_looked_at(tmp_path: Path) -> None:
    async with listening_csms() as csms:
        to = [{"name": "main", "url": "ws://127.0.0.1:1", "fallbacks": [f"ws://127.0.0.1:{csms.port}"]}]
        first, second = await findings(tmp_path, {"upstreams": to}, "CSMS main")
    assert (first.state, second.state) == ("bad", "good")


async def test_a_recording_wants_no_relay(tmp_path: Path) -> None:
    import_traces([REPOSITORY / "rules" / "tests" / "flapping_fires.jsonl"], tmp_path / "journal")
    (found,) = await findings(tmp_path, {}, "journal")
    assert found.state == "good"
    assert found.found.endswith("made by trace import, no relay is wanted")
    (tmp_path / "journal" / "recorded.json").unlink()
    (found,) = await findings(tmp_path, {}, "journal")
    assert (found.state, found.remedy) == ("warning", "Is the relay running?")
