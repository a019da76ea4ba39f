"""Detectors, channels, metrics, scenarios and the rest: what the code has is documented, and nothing else is."""

from __future__ import annotations

import re
from typing import get_args

import msgspec
from tests.support.reference import DOCS, ROOT, rows

from nocwatch.alerts import channels
from nocwatch.alerts.alert import Notice
from nocwatch.alerts.rendering import TEMPLATES, samples
from nocwatch.alerts.settings import GROUPINGS, MATCHABLE
from nocwatch.alerts.words import words
from nocwatch.console import parameters
from nocwatch.console.views.looks import LOOKS
from nocwatch.detectors.catalogue import BY_NAME
from nocwatch.detectors.manual import manual
from nocwatch.flags import Blame, Category
from nocwatch.network import ConnectorStatus
from nocwatch.registry.model import QUIRKS as HARMLESS
from nocwatch.sessions import Outcome, Reason, Session
from nocwatch.sim import incidents, population, scenario
from nocwatch.sim.hardware import CATALOGUE as HARDWARE
from nocwatch.trace.lines import Line, LinkWord
from nocwatch.trace.results import alert_json, flag_json, session_json


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_detectors_page_is_what_the_code_says() -> None:
    assert page("detectors.md") == manual()


def test_every_shipped_rule_is_told_in_one_line_to_the_noc() -> None:
    told = re.findall(r"^\| \[(\w+)\]\(detectors\.md#\1\) \|", page("noc.md"), re.MULTILINE)
    assert sorted(told) == sorted(BY_NAME) == sorted(file.stem for file in (ROOT / "rules").glob("*.yaml"))


def test_every_state_is_told_to_the_noc_with_its_sign() -> None:
    section = page("noc.md").split("## States and signs")[1].split("\n## ")[0]
    told = {
        state.split(" (")[0].strip(): sign
        for sign, states in re.findall(r"^\| (\S) \| ([^|]+) \|", section, re.MULTILINE)
        for state in states.split(",")
    }
    assert told == {status.value: LOOKS[status].sign for status in ConnectorStatus}
    assert set(re.findall(r"\*(\w+)\*", section)) >= {each.value for each in Outcome}


def test_every_blame_is_told_to_the_noc() -> None:
    told = set(re.findall(r"^   \| (\w[\w ]*) \| ", page("noc.md"), re.MULTILINE)) - {"blame"}
    assert {word.lower().replace("not known", "unknown") for word in told} == {each.value for each in Blame}


def test_every_reason_of_a_session_is_documented() -> None:
    text = page("sessions.md")
    assert [each for each in Reason if each.value not in text] == []
    assert "21 of them" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(Reason) == 21


def test_every_channel_is_documented_and_nothing_else() -> None:
    kinds = {getattr(channels, name).kind for name in channels.__all__ if name not in ("Channel", "build")}
    assert set(rows(page("alerts.md"), "## Receivers")) == kinds


def test_what_alerts_can_be_matched_and_grouped_by_is_documented() -> None:
    assert set(rows(page("alerts.md"), "### Matching")) == set(MATCHABLE)
    told = re.search(r"^Group by: (.+), or `label\.<name>`\.$", page("alerts.md"), re.MULTILINE)
    assert told
    assert set(re.findall(r"`(\w+)`", told[1])) == set(GROUPINGS)
    cells = rows(page("alerts.md"), "### Matching")
    assert cells["category"] == [", ".join(Category)]
    assert cells["blame"] == [", ".join(Blame)]


def test_every_notice_is_documented() -> None:
    section = page("alerts.md").split("## When people are told")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| (\w+) \|", section, re.MULTILINE)) - {"notice"}
    assert told == {each.value for each in Notice if each.value}


def test_templates_and_their_names_are_documented() -> None:
    section = page("alerts.md").split("## Words")[1]
    named = {
        name
        for first in re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", first)
    }
    alert, flags = samples()[0]
    assert named == {*TEMPLATES, *words(alert, flags)}


def test_every_scenario_and_its_words_are_documented() -> None:
    text = page("simulator.md")
    assert set(rows(text, "## Shipped scenarios")) == set(scenario.shipped())
    assert {name: cells[0] for name, cells in rows(text, "## Quirks").items()} == population.QUIRKS
    assert set(rows(text, "## Hardware")) == set(HARDWARE)
    assert set(rows(text, "## Failures")) == set(get_args(population.Failure))
    assert set(rows(text, "## Oddities on the wire")) == set(
        get_args(incidents.Wire.model_fields["kind"].annotation)
    )


def test_every_harmless_oddity_of_the_registry_is_documented() -> None:
    assert set(rows(page("registry.md"), "### quirks")) == set(HARMLESS)


def test_every_address_of_the_api_is_documented_and_nothing_else() -> None:
    told = {name.split(" ", 1)[1]: cells for name, cells in rows(page("api.md"), "## Addresses").items()}
    assert set(told) == set(parameters.PARAMETERS)
    for address, cells in told.items():
        assert set(re.findall(r"`(\w+)`", cells[1])) == set(parameters.PARAMETERS[address]), address


def test_every_decision_is_listed() -> None:
    files = {file.name for file in (DOCS / "decisions").glob("*.md")} - {"README.md"}
    assert files == set(re.findall(r"\(([\w-]+\.md)\)", page("decisions/README.md")))
    numbers = sorted(name[:4] for name in files if name[0].isdigit())
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_fields_of_results_are_documented() -> None:
    """Each field of a replay's lines, and no other."""
    told = {
        kind: re.findall(r"`(\w+)`", fields)
        for kind, fields in re.findall(
            r"^\| (session|flag|alert) \| (.+) \|$", page("trace.md"), re.MULTILINE
        )
    }
    alert, (flag, *_) = samples()[0]
    session = Session(id="s", station="CP1", started_at_ns=0, changed_at_ns=0)
    made = {"session": session_json(session), "flag": flag_json(flag), "alert": alert_json(alert)}
    assert told == {kind: [name for name in result if name != "kind"] for kind, result in made.items()}


def test_lines_of_traces_are_documented() -> None:
    fields = rows(page("trace.md"), "## Message line")
    link_only = {
        "link",
        "remote_address",
        "subprotocol",
        "tls",
        "security_profile",
        "authorization",
        "user",
        "own_name",
        "certificate",
        "upstream",
        "by",
        "reason",
    }
    link_only |= {"http_status", "code", "connection", "extensions"}
    assert set(fields) == {
        field.encode_name for field in msgspec.structs.fields(Line) if field.name not in link_only
    }
    assert set(rows(page("trace.md"), "## Link line")) == set(get_args(LinkWord))


def test_metrics_that_pages_name_in_passing_exist() -> None:
    """``docs/metrics.md`` is held to the code beside the sinks; what others name of it must stand there."""
    known = set(re.findall(r"nocwatch_[a-z0-9_]+", page("metrics.md")))
    named = {
        (file.name, metric)
        for file in [ROOT / "README.md", *DOCS.glob("*.md")]
        for metric in re.findall(
            r"\bnocwatch_(?:relay|watch|seen|station|connector|sessions?|flags|alerts)_[a-z0-9_]+",
            file.read_text("utf-8"),
        )
    }
    assert {(file, metric) for file, metric in named if metric not in known} == set()
