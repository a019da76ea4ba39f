"""A demo that is started again begins anew: with the former run's journal everything that was cut off would be flagged."""

from __future__ import annotations

from pathlib import Path

import pytest

from nocwatch.demo import MARK, begin_anew
from nocwatch.errors import NocwatchError
from nocwatch.journal.settings import JournalSettings
from nocwatch.journal.writer import Writer


def test_a_second_demo_knows_nothing_of_the_first_whose_data_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert begin_anew(folder) is None
    for run in ("first", "second", "third"):
        (folder / "nocwatch.db").write_text(run)
        previous = begin_anew(folder)
        assert previous is not None
        assert [each.name for each in folder.iterdir()] == [MARK]
        assert (previous / "nocwatch.db").read_text() == run
    assert sorted(each.name for each in tmp_path.iterdir()) == ["demo", "demo.previous"]


def test_what_is_no_demos_is_left_alone(tmp_path: Path) -> None:
    """``nocwatch demo --data data`` before a real CSMS's journal."""
    (tmp_path / "nocwatch.db").write_text("real")
    with pytest.raises(NocwatchError, match="is no demo's"):
        begin_anew(tmp_path)
    assert (tmp_path / "nocwatch.db").read_text() == "real"


def test_a_previous_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    begin_anew(tmp_path / "demo")
    (tmp_path / "demo.previous").mkdir()
    with pytest.raises(NocwatchError, match="in the way"):
        begin_anew(tmp_path / "demo")


def test_a_demo_that_runs_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    begin_anew(folder)
    with (
        Writer(folder / "journal", 0, JournalSettings(path=folder / "journal")),
        pytest.raises(NocwatchError, match="a demo runs there"),
    ):
        begin_anew(folder)
    assert begin_anew(folder) is not None
