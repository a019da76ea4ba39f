"""A replay for reading: each line says what happened and, where it ended, why."""

from __future__ import annotations

import msgspec
from tests.support.alerts import NOON, PLACES, a_flag, alert_settings, cleared

from nocwatch.alerts.lifecycle import AlertBook
from nocwatch.trace.results import result_json, text_line, text_words


def test_a_cleared_flag_says_why_it_ended() -> None:
    flag = a_flag(summary="CP1 has had no socket for 3 min.")
    assert text_words(flag).endswith("CP1 has had no socket for 3 min.")
    assert text_words(cleared(flag, NOON + 9)).endswith(
        "CP1 has had no socket for 3 min. cleared: The station is back."
    )


def test_an_alert_says_its_sentence_and_who_hears_it() -> None:
    book = AlertBook(alert_settings(), PLACES)
    (alert,) = book.feed(a_flag(summary="CP1 has had no socket for 3 min."))
    assert text_line(alert).startswith("2025-11-21 12:00:00  alert    firing  ")
    assert text_words(alert).endswith("→ file: CP1 has had no socket for 3 min.")
    below = msgspec.structs.replace(alert, inhibited_by="other")
    assert "→ nobody, it is below another alert: CP1" in text_words(below)
    silent = msgspec.structs.replace(alert, silenced_by="act")
    assert "→ nobody, it is silenced: CP1" in text_words(silent)
    assert "summary" not in result_json(alert)
