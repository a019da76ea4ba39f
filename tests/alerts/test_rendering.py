"""What whoever is woken reads, and what an operator's templates may do."""

from __future__ import annotations

import msgspec
import pytest
from structlog.testing import capture_logs

from nocwatch.alerts.alert import AlertState, Notice
from nocwatch.alerts.rendering import Renderer, samples
from nocwatch.alerts.settings import AlertSettings
from nocwatch.alerts.words import span
from nocwatch.documents import parse
from nocwatch.errors import ConfigurationError

HOUR = 3_600_000_000_000


def test_own_templates_hold_for_every_sample():
    Renderer().check()
    Renderer(None, "https://noc.example/").check()


def test_first_lines_hold_what_where_since_fault_and_what_to_do():
    alert, flags = samples()[0]
    told = Renderer(None, "https://noc.example").render(alert, flags)
    assert told.subject == "Warning, Depot 1: CP1 has had no link for 3 min."
    first_screen = "\n".join(told.text.splitlines()[:8])
    for part in (
        "no link for 3 min",
        "Depot 1 (CP1), Depot Nord (depot)",
        "21 Nov 2025 12:57:07 (Europe/Berlin)",
        "network",
        "has power",
    ):
        assert part in first_screen
    assert (
        told.text.index("Ask the site")
        < told.text.index("What shows it")
        < told.text.index("https://noc.example/alerts/")
    )
    assert told.console_url == "https://noc.example/alerts/0000000000000000"


@pytest.mark.parametrize(
    ("notice", "opening"),
    [
        (Notice.WORSE, "Now warning"),
        (Notice.REOPENED, "Again warning"),
        (Notice.REPEAT, "Still warning"),
        (Notice.FIRING, "Warning"),
    ],
)
def test_subject_says_what_is_new(notice, opening):
    alert, flags = samples()[0]
    assert (
        Renderer()
        .render(msgspec.structs.replace(alert, notice=notice), flags)
        .subject.startswith(f"{opening}, ")
    )


def test_end_says_why_and_how_long():
    alert = msgspec.structs.replace(
        samples()[0][0], state=AlertState.RESOLVED, resolved_because="The station is back."
    )
    told = Renderer().render(alert, [])
    assert told.subject.startswith("Over, Depot 1")
    assert "The station is back. It lasted 3 min." in told.text
    assert "What to do" not in told.text


def test_what_the_watch_forgot_is_not_said_to_be_over():
    alert = msgspec.structs.replace(
        samples()[0][0], state=AlertState.RESOLVED, resolved_because="It may not be over.", forgotten=True
    )
    told = Renderer().render(alert, [])
    assert told.subject.startswith("Not watched any more, Depot 1")
    assert "It may not be over.\n" in told.text
    assert "lasted" not in told.text
    assert "after" not in told.html


def test_station_with_a_hostile_name_breaks_neither_subject_nor_page():
    name = "CP1\r\nBcc: all@example.org <script>alert(1)</script>"
    alert, flags = samples()[0]
    alert = msgspec.structs.replace(
        alert, station=name, summary=f"{name} is gone", labels={}, runbook="javascript:alert(1)"
    )
    told = Renderer(None, "https://noc.example").render(alert, flags)
    assert "\n" not in told.subject
    assert "\r" not in told.subject
    assert "<script>" not in told.html
    assert "javascript:" not in told.html
    assert "javascript:" not in told.text


def test_template_of_the_operator_takes_the_place_of_ours(tmp_path):
    (tmp_path / "subject.txt").write_text("[{{ severity }}] {{ site }}: {{ what }}")
    renderer = Renderer(tmp_path)
    renderer.check()
    told = renderer.render(*samples()[0])
    assert told.subject == "[warning] depot: CP1 has had no link for 3 min."
    assert "What to do" in told.text


@pytest.mark.parametrize(
    ("template", "line", "sentence"),
    [
        ("fine\n{{ nothing_of_that_name }}", 2, "nothing_of_that_name"),
        ("{% if %}", 1, "Expected an expression"),
        ("fine\n\n{{ ''.__class__.__mro__ }}", 3, "unsafe"),
        ("{{ labels.update({'a': 1}) }}", 1, "is unsafe"),
    ],
)
def test_mistake_in_a_template_is_found_before_the_night(tmp_path, template, line, sentence):
    (tmp_path / "body.txt").write_text(template)
    with pytest.raises(ConfigurationError) as caught:
        Renderer(tmp_path).check()
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "body.txt"), line)
    assert sentence in problem.message


def test_template_that_fails_at_night_is_replaced_by_ours_and_told(tmp_path):
    (tmp_path / "subject.txt").write_text("{{ 1 // (count - 7) }}")
    alert, flags = samples()[0]
    with capture_logs() as logs:
        told = Renderer(tmp_path).render(msgspec.structs.replace(alert, flag_count=7), flags)
    assert told.subject.startswith("Warning, Depot 1")
    assert [log["event"] for log in logs] == ["template_failed"]


def test_folder_of_templates_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        Renderer(tmp_path / "nowhere").check()


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0 s"),
        (HOUR // 60, "1 min"),
        (HOUR, "1 h"),
        (HOUR + HOUR // 12, "1 h 5 min"),
        (97 * HOUR, "4 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_lengths_of_time(length, text):
    assert span(length) == text


@pytest.mark.parametrize(
    ("text", "line", "key", "sentence"),
    [
        (
            "routes:\n  - {receivers: [nox]}",
            2,
            "routes.0.receivers",
            "there is no receiver 'nox'; there are none under alerts.receivers",
        ),
        (
            "receivers: {noc: {file: x}}\nroutes: [{receivers: nox}]",
            2,
            "routes.0.receivers",
            "there is no receiver 'nox'; did you mean noc?",
        ),
        ("receivers: {file: {file: x}}", 1, "", "is taken; set its path with alerts.file"),
        ("receivers: {noc: {}}", 1, "receivers.noc", "a receiver has either apprise"),
        ("routes: [{match: {severity: fatal}}]", 1, "routes.0.match", "there are info, warning, critical"),
        (
            "routes: [{match: {sight: x}}]",
            1,
            "routes.0.match",
            "'sight' cannot be matched; did you mean site?",
        ),
        ("routes: [{group_by: [sight]}]", 1, "routes.0.group_by", "'sight' is nothing to group by"),
        ("routes: [{group_wait: 5}]", 1, "routes.0.group_wait", "write a number with its unit"),
        (
            "inhibit: [{by: {rule: a}, quiet: {rule: b}, equal: [x]}]",
            1,
            "inhibit.0.equal",
            "'x' cannot be compared",
        ),
    ],
)
def test_mistake_in_the_configuration_says_what_is_right(text, line, key, sentence):
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "nocwatch.yaml").validated(AlertSettings)
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (line, key)
    assert sentence in problem.message
