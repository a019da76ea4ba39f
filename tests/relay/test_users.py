"""The user names of handshakes: hashed with the installation's key in the journal on disk, whoever carries the link."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import trio
from tests.support.relaying import REQUEST, listening_csms, paired, settings_for

from nocwatch.cli.processes import _key_for_users
from nocwatch.config import privacy_key
from nocwatch.journal.reader import Reader
from nocwatch.journal.settings import JournalSettings
from nocwatch.records import RecordKind
from nocwatch.relay import Relay, serve
from nocwatch.tap.gate import Gate

KEY = b"k" * 32
WITH_PASSWORD = REQUEST.replace(b"Upgrade: w", b"Authorization: Basic Q1AxOmh1bnRlcjI=\r\nUpgrade: w", 1)


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_journal_on_disk_has_the_users_hash_and_not_a_byte_of_the_password(
    tmp_path: Path, workers: int
) -> None:
    journal = JournalSettings(path=tmp_path / "journal")
    async with listening_csms() as csms:
        async with trio.open_nursery() as nursery:
            settings = settings_for(csms.port, workers=workers)
            relay: Relay = await nursery.start(
                lambda task_status: serve(
                    settings, journal, signals=False, privacy_key=KEY, task_status=task_status
                )
            )
            await paired(relay, csms, WITH_PASSWORD)
            relay.stop()
    events = []
    reader = Reader(journal.path)
    while batch := reader.read():
        events += [msgspec.json.decode(each.data) for each in batch if each.kind is RecordKind.LINK]
    (opened,) = [each for each in events if each["event"] == "open"]
    assert (opened["authorization"], opened["user"]) == ("basic", Gate(KEY).token("CP1"))
    for file in journal.path.rglob("*"):
        if file.is_file():
            written = file.read_bytes()
            assert b"hunter2" not in written
            assert b"Q1AxOmh1bnRlcjI" not in written


def test_the_relay_makes_the_key_where_it_starts_first_and_carries_on_where_it_cannot(tmp_path: Path) -> None:
    file = tmp_path / "data" / "privacy.key"
    assert _key_for_users(str(file)) == privacy_key(file)
    file.write_bytes(b"short")
    assert _key_for_users(str(file)) == b""
    (tmp_path / "file").write_text("no folder")
    assert _key_for_users(str(tmp_path / "file" / "privacy.key")) == b""
