"""Sentences of evidence: plain words, numbers with units."""

from __future__ import annotations

import pytest

from nocwatch.moments import SECOND_NS
from nocwatch.state.evidence import how_closed, seconds_text


@pytest.mark.parametrize(
    ("by", "code", "reason", "said"),
    [
        ("station", None, "fin", "ended by the station (without a close frame)"),
        ("csms", 1001, "fin", "ended by the CSMS (close code 1001)"),
        ("", None, "reset", "ended by neither side (connection reset)"),
        ("relay", None, "shutdown", "ended by nocwatch (shutdown)"),
        ("", None, "", "ended by neither side (without a close frame)"),
    ],
)
def test_the_end_of_a_connection_in_words(by: str, code: int | None, reason: str, said: str) -> None:
    assert how_closed(by, code, reason) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.84, "0.8 s"),
        (59.9, "59.9 s"),
        (300.1, "5 min"),
        (287.8, "4 min 47 s"),
        (7500, "2 h 5 min"),
        (None, "an unknown time"),
    ],
)
def test_spans_have_units_that_people_read(seconds: float | None, said: str) -> None:
    assert seconds_text(None if seconds is None else round(seconds * SECOND_NS), 0) == said
