"""What a watch goes on from after a restart, when something happened to its files meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.deployment import REPOSITORY, Deployment, until

from nocwatch.journal.cursor import Cursor
from nocwatch.trace.writing import import_traces
from nocwatch.watch import snapshot as snapshots


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(tmp_path)
    yield made
    made.end()


async def told(deployment: Deployment) -> dict[str, set[str]]:
    """Ids of all that the store has."""
    return {
        kind: {each["id"] for each in await deployment.all(kind)} for kind in ("sessions", "flags", "alerts")
    }


async def test_a_new_store_is_filled_from_the_journal(deployment: Deployment) -> None:
    """As the watch itself advises where the database is damaged: move it away."""
    import_traces([REPOSITORY / "rules" / "tests" / "flapping_fires.jsonl"], deployment.data / "journal")
    await deployment.watch()
    await until(lambda: flagged(deployment), "a flag of the journal's story")
    before = await told(deployment)
    await deployment.stop("watch")
    for file in deployment.data.glob("nocwatch.db*"):
        file.unlink()
    await deployment.watch()
    await until(lambda: flagged(deployment), "the flag in the new store")
    assert await told(deployment) == before
    await deployment.stop("watch")
    assert (deployment.data / "watch.snapshot.unusable").exists()


async def flagged(deployment: Deployment) -> bool:
    return bool(await deployment.all("flags"))


@pytest.mark.parametrize("place", [0, 20, 40, 60, -1])
def test_a_snapshot_with_one_flipped_bit_is_not_believed(tmp_path: Path, place: int) -> None:
    file = tmp_path / "watch.snapshot"
    kept = snapshots.Snapshot(cursor=Cursor(lanes={0: 7}), tap=bytes(50), pipeline=bytes(50), usage=bytes(50))
    snapshots.save(file, kept)
    assert snapshots.load(file) == kept
    damaged = bytearray(file.read_bytes())
    damaged[place] ^= 4
    file.write_bytes(damaged)
    assert snapshots.load(file) is None
    assert (tmp_path / "watch.snapshot.unusable").read_bytes() == damaged


@pytest.mark.parametrize(
    ("store", "ahead"),
    [
        (None, True),
        (b"no cursor", True),
        (b'{"lanes":{"0":6},"identities":{"0":1}}', True),
        (b'{"lanes":{"0":9},"identities":{"0":2}}', True),
        (b'{"lanes":{"0":7},"identities":{"0":1}}', False),
        (b'{"lanes":{"0":9,"1":3},"identities":{"0":1,"1":5}}', False),
    ],
)
def test_a_snapshot_that_saw_more_than_the_store_kept_is_ahead(store: bytes | None, ahead: bool) -> None:
    assert snapshots.ahead(Cursor(lanes={0: 7}, identities={0: 1}), store) is ahead
    assert not snapshots.ahead(Cursor(), store) or store == b"no cursor"
