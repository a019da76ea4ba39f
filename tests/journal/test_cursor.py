"""Cursors last."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.support.journal import files_no_larger_than

from nocwatch.journal.cursor import Cursor, load_cursor, save_cursor
from nocwatch.journal.errors import JournalError

CURSOR = Cursor(lanes={0: 5, 11: 1 << 46}, identities={0: (1 << 62) + 1})


def test_a_cursor_is_found_again_as_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "influx.cursor"
    assert load_cursor(path) == Cursor()
    save_cursor(path, CURSOR)
    assert load_cursor(path) == CURSOR
    save_cursor(path, Cursor(lanes={0: 6}))
    assert load_cursor(path) == Cursor(lanes={0: 6})
    assert [each.name for each in path.parent.iterdir()] == ["influx.cursor"]


def test_a_full_disk_leaves_the_old_cursor(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    save_cursor(path, CURSOR)
    with files_no_larger_than(10), pytest.raises(OSError, match="too large"):
        save_cursor(path, Cursor(lanes={0: 6}))
    assert load_cursor(path) == CURSOR


@pytest.mark.parametrize("content", [b"", b"{", b'{"lanes": {"x": 1}}', b"\xff\xfe"])
def test_a_file_that_is_no_cursor_is_said_and_not_taken_for_the_beginning(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "cursor"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="cursor: this is no cursor"):
        load_cursor(path)


def test_kill_9_while_saving_leaves_a_whole_cursor(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from nocwatch.journal.cursor import Cursor, save_cursor
        n = 0
        while True:
            n += 1
            save_cursor(Path(sys.argv[1]), Cursor(lanes={lane: n for lane in range(500)}))
            print(n, flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    saved = 0
    for line in process.stdout:
        saved = int(line)
        if saved == 20:
            break
    process.kill()
    process.wait()
    process.stdout.close()
    assert set(load_cursor(path).lanes.values()) <= set(range(saved, saved + 1000))
    assert len(set(load_cursor(path).lanes.values())) == 1
