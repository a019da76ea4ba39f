"""Actions that are known by name alone: each is kept, found by its name with its answer, and no mistake of anyone's."""

from __future__ import annotations

import pytest
from tests.support.play import Play

from nocwatch.frames import Direction
from nocwatch.ocpp.versions import TABLES
from nocwatch.store import Batch, FrameFilter, Store


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_each_action_is_found_by_its_name_with_its_answer(store: Store, version: str) -> None:
    play, batch = Play(version=version), Batch()

    def keep(sighting):
        moved = play.fleet.feed(sighting)
        batch.add_step(sighting, moved.events, moved.changes)
        return moved

    play._feed = keep
    play.open()
    table = TABLES[version]
    named = sorted(table.actions - table.calls.keys() - table.answers.keys())
    assert len(named) > 5
    for action in named:
        # Whose call it is does not matter here: the table does not say it of what it does not read.
        message_id = play.call(action, {}, by=Direction.FROM_CSMS)
        play.answer(message_id, {}, by=Direction.FROM_STATION)
    store.apply(batch)
    for action in named:
        call, answer = store.frames(FrameFilter(actions=(action,), order="oldest")).items
        assert (call.type, answer.type, answer.call, call.answer) == (2, 3, call.ref, answer.ref)
        assert call.version == version
        assert not call.unanswered
        # Empty payloads do not fit most schemas, and that is all there is to say of them.
        assert {call.oddity, answer.oddity} <= {"", "against_schema"}
