"""How a station proved who it is comes from the journal to whoever looks, and nothing secret with it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from nocwatch.access import Certificate
from nocwatch.frames import Link
from nocwatch.keyhash import key_hash
from nocwatch.records import Record, RecordKind
from nocwatch.tap.gate import Gate
from nocwatch.tap.tap import Tap

KEY = b"key"
SHOWN = {
    "name": "CP1",
    "names": ["cp1.chargers.example"],
    "issuer": "stations' authority",
    "serial": "0a1b",
    "sha256": "ab" * 32,
    "not_after_s": 1_800_000_000,
}


def seen(event: str = "open", **fields: Any) -> Link:
    data = json.dumps({"event": event, "station": "CP1", "by": "", "reason": "", **fields}).encode()
    (link,) = Tap(Gate(KEY)).feed(Record(0, 1, 10, RecordKind.LINK, 1 << 32 | 1, 0, data))
    assert isinstance(link, Link)
    return link


@pytest.mark.parametrize("event", ["open", "live", "refused"])
def test_profile_scheme_user_and_certificate_come_through(event: str) -> None:
    link = seen(
        event,
        tls="TLSv1.3",
        security_profile=3,
        authorization="basic",
        user=key_hash(KEY, "CP1"),
        certificate=SHOWN,
    )
    access = link.access
    assert (access.tls, access.security_profile, access.authorization) == ("TLSv1.3", 3, "basic")
    assert (access.user, access.own_name) == (key_hash(KEY, "CP1"), True)
    assert access.certificate == msgspec.convert(SHOWN, Certificate)


def test_a_station_that_comes_with_its_neighbours_name_is_told_from_one_with_its_own() -> None:
    assert (
        seen(user=key_hash(KEY, "cp1")).own_name is True
    )  # upper and lower case are the same in OCPP's identities
    assert seen(user=key_hash(KEY, "CP2")).own_name is False
    assert seen().own_name is None


def test_whatever_a_journal_holds_no_secret_passes() -> None:
    """One that another program wrote: a user name in the open, a password where the scheme belongs."""
    link = seen(
        user="jo@operator.example",
        authorization="Basic am86czNjcjN0",
        certificate={
            **SHOWN,
            "name": "password=s3cr3t",
            "names": ["idTag: 04A1B2C3"],
            "issuer": "idToken=04A1B2C3",
        },
    )
    told = repr(link)
    for secret in ("jo@", "am86czNjcjN0", "s3cr3t", "04A1B2C3"):
        assert secret not in told
    assert link.authorization == "other"
    assert link.user.startswith("h:")


def test_a_journal_from_before_tells_what_it_has() -> None:
    assert seen(security_profile=1).access.certificate is None
    assert seen(certificate=None, user=None, authorization=None).access.authorization == ""
