"""Tables that people open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.tables import FORMULA_STARTS, csv_lines, defused, text_lines


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x")',
        "+49 40 1",
        "-2+3",
        "@SUM(A1)",
        "\tcmd",
        "\r=1",
        " =1",
        "\uff0d1+1",
        "--1",
        "-1e5",
    ],
)
def test_a_token_that_is_a_formula_is_shown_and_not_run(text: str) -> None:
    assert defused(text) == "'" + text


@pytest.mark.parametrize("text", ["%", "-3.5", "-12", "0", "CP-1", "a=b", "", "2026-05-01T00:00:00Z"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert defused(text) == text


def test_numbers_stay_numbers_and_have_no_exponent() -> None:
    lines = list(csv_lines(["a"] * 8, [[-3, -2.5, 1e-7, 1e22, Decimal("-1.50"), None, True, float("nan")]]))
    assert lines[1] == "-3,-2.5,0.0000001,10000000000000000000000,-1.50,,true,\r\n"


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=5))
def test_every_cell_comes_back_as_one_cell_and_none_is_a_formula(rows: list[list[str]]) -> None:
    text = "".join(csv_lines(["one", "two"], rows))
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert len(found) == len(rows) + 1
    for row, (one, two) in zip(found[1:], rows, strict=True):
        assert [cell.removeprefix("'") for cell in row] == [one.removeprefix("'"), two.removeprefix("'")]
        assert not any(
            cell.startswith(FORMULA_STARTS) and not cell[1:].replace(".", "").isdigit() for cell in row
        )


def test_a_table_for_a_terminal_lines_numbers_up_and_takes_no_escapes() -> None:
    lines = list(text_lines(["station", "n"], [["CP1\x1b[2J", 7], ["C", -12], ["D", None]]))
    assert lines == ["station    n", "CP1�[2J    7", "C        -12", "D          -"]
